"""`Trajectory`: what happened in a fit, and `Recording`, which collects it.

Knows torch, and neither fastai nor matplotlib.
"""

from .recording import Recording
from .samples import Samples
from .trajectory import Trajectory

__all__ = ['Recording', 'Samples', 'Trajectory']
