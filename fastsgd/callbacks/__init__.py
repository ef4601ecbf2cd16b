"""The callbacks: record the parameters of a fit, animate it, log its loss."""

from .animate import AnimateFitCallback
from .log import LogLossCallback, SkipEmptyValidCallback
from .record import RecordParamsCallback

__all__ = ['AnimateFitCallback', 'LogLossCallback', 'RecordParamsCallback', 'SkipEmptyValidCallback']
