"""The callbacks: record the parameters of a fit, animate it, log its loss."""

from . import import_fastai  # noqa: F401  before anything else of fastai
from .animate import AnimateFitCallback
from .log import LogLossCallback, SkipEmptyValidCallback
from .record import RecordParamsCallback

__all__ = ['AnimateFitCallback', 'LogLossCallback', 'RecordParamsCallback', 'SkipEmptyValidCallback']
