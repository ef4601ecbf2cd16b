"""Synthetic points as fastai `DataLoaders`."""

from .classes import blobs_dls, circles_dls, moons_dls, spiral_dls
from .curves import poly_data, poly_dls, sine_data, sine_dls
from .linear import linear_data, linear_dls
from .tensors import TensorDL, tensor_dls

__all__ = ['TensorDL', 'blobs_dls', 'circles_dls', 'linear_data', 'linear_dls', 'moons_dls', 'poly_data', 'poly_dls',
           'sine_data', 'sine_dls', 'spiral_dls', 'tensor_dls']
