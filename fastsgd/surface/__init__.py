"""`loss_surface`: the loss over a plane through a model's parameters.

Knows torch, and neither fastai nor matplotlib.
"""

from .curvature import Sharpness, sharpness
from .plane import Plane
from .surface import Surface, loss_surface

__all__ = ['Plane', 'Sharpness', 'Surface', 'loss_surface', 'sharpness']
