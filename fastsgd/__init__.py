"""Record a fastai fit once, then look at it in as many ways as you like."""

from .callbacks import AnimateFitCallback, LogLossCallback, RecordParamsCallback
from .compare import Comparison, compare_fits
from .data import (
           blobs_dls,
           circles_dls,
           linear_data,
           linear_dls,
           moons_dls,
           poly_data,
           poly_dls,
           sine_data,
           sine_dls,
           spiral_dls,
           tensor_dls,
)
from .lesson import LinearModel, explore, linear_learner, minimize
from .player import FitAnimation
from .surface import Plane, Surface, loss_surface, sharpness
from .trajectory import Recording, Samples, Trajectory
from .views import (
           ActivationsView,
           BoundaryView,
           ConfusionView,
           CurveView,
           EmbeddingView,
           FitView,
           HistogramView,
           LayersView,
           LossView,
           LRView,
           MetricsView,
           ParamsView,
           ParityView,
           PathView,
           SamplesView,
           SharpnessView,
           View,
           WeightsView,
           animate,
)

__version__ = '0.1.0'
__all__ = ['ActivationsView', 'AnimateFitCallback', 'BoundaryView', 'Comparison', 'ConfusionView', 'CurveView',
           'EmbeddingView', 'FitAnimation', 'FitView', 'HistogramView', 'LRView', 'LayersView',
           'LinearModel', 'LogLossCallback', 'LossView', 'MetricsView', 'ParamsView', 'ParityView',
           'PathView', 'Plane', 'RecordParamsCallback', 'Recording', 'Samples', 'SamplesView',
           'SharpnessView', 'Surface', 'Trajectory', 'View', 'WeightsView', 'animate', 'blobs_dls',
           'circles_dls', 'compare_fits', 'explore', 'linear_data', 'linear_dls', 'linear_learner',
           'loss_surface', 'minimize', 'moons_dls', 'poly_data', 'poly_dls', 'sharpness', 'sine_data',
           'sine_dls', 'spiral_dls', 'tensor_dls']
