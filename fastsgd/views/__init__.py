"""`View` and the ways to look at a Trajectory. Knows matplotlib and torch, not fastai."""

from .base import View
from .choose import choose_views
from .fit import FitView
from .loss import LossView
from .params import ParamsView
from .steps import LRView

__all__ = ['View', 'FitView', 'LossView', 'LRView', 'ParamsView', 'choose_views']
