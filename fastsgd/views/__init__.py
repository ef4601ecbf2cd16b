"""`View` and the ways to look at a Trajectory. Knows matplotlib and torch, not fastai."""

from .base import View
from .boundary import BoundaryView
from .choose import choose_views
from .fit import FitView
from .histogram import HistogramView
from .loss import LossView
from .params import ParamsView
from .path import PathView
from .steps import LRView

__all__ = ['View', 'BoundaryView', 'FitView', 'HistogramView', 'LossView', 'LRView', 'ParamsView', 'PathView',
           'choose_views']
