"""`loss_surface`: the loss over a plane through a model's parameters.

Knows torch, and neither fastai nor matplotlib.
"""

from .plane import Plane
from .surface import Surface, loss_surface

__all__ = ['Plane', 'Surface', 'loss_surface']
