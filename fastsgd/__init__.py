"""Record a fastai fit once, then look at it in as many ways as you like."""

from .animation import FitAnimation, animate
from .callbacks import AnimateFitCallback, LogLossCallback, RecordParamsCallback
from .compare import Comparison, compare_fits
from .data import linear_data, linear_dls, tensor_dls
from .explore import explore
from .learner import LinearModel, linear_learner
from .plane import Plane
from .surface import Surface, loss_surface
from .trajectory import Trajectory
from .views import FitView, LossView, LRView, ParamsView, View

__version__ = '0.1.0'
__all__ = ['AnimateFitCallback', 'Comparison', 'FitAnimation', 'FitView', 'LRView', 'LinearModel', 'LogLossCallback',
           'LossView', 'ParamsView', 'Plane', 'RecordParamsCallback', 'Surface', 'Trajectory', 'View', 'animate',
           'compare_fits', 'explore', 'linear_data', 'linear_dls', 'linear_learner', 'loss_surface', 'tensor_dls']
