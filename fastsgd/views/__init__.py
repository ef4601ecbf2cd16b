"""`View`, the ways to look at a Trajectory, and `animate`. Knows matplotlib and torch, not fastai."""

from .animate import animate
from .boundary import BoundaryView
from .choose import choose_views
from .fit import FitView
from .histogram import HistogramView
from .loss import LossView
from .params import ParamsView
from .path import PathView
from .samples import SamplesView
from .steps import LRView
from .view import View

__all__ = ['BoundaryView', 'FitView', 'HistogramView', 'LRView', 'LossView', 'ParamsView', 'PathView', 'SamplesView',
           'View', 'animate', 'choose_views']
