"""The lesson: a line that gradient descent finds, and sliders for it."""

from .explore import explore
from .learner import LinearModel, linear_learner
from .minimize import minimize

__all__ = ['LinearModel', 'explore', 'linear_learner', 'minimize']
