"""`View`, the ways to look at a Trajectory, and `animate`. Knows matplotlib and torch, not fastai."""

from .activations import ActivationsView
from .animate import animate
from .boundary import BoundaryView
from .choose import choose_views
from .confusion import ConfusionView
from .curve import CurveView
from .embedding import EmbeddingView
from .fit import FitView
from .histogram import HistogramView
from .layers import LayersView
from .loss import LossView
from .metrics import MetricsView
from .params import ParamsView
from .parity import ParityView
from .path import PathView
from .samples import SamplesView
from .sharpness import SharpnessView
from .steps import LRView
from .view import View
from .weights import WeightsView

__all__ = ['ActivationsView', 'BoundaryView', 'ConfusionView', 'CurveView', 'EmbeddingView', 'FitView', 'HistogramView',
           'LRView', 'LayersView', 'LossView', 'MetricsView', 'ParamsView', 'ParityView', 'PathView', 'SamplesView',
           'SharpnessView', 'View', 'WeightsView', 'animate', 'choose_views']
