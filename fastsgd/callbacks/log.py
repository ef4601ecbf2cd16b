"""What the reader sees while a fit runs: `LogLossCallback`, and no stumbling over an empty validation."""

import math

from fastai.callback.core import Callback, CancelValidException
from fastai.imports import noop
from fastcore.basics import store_attr

from ..checks import check_whole
from ..progress import notebook
from .base import PROGRESS_ORDER, OwnCallback, types_of


class LogLossCallback(OwnCallback):
    """Log the raw loss every few steps, in place of fastai's table with a row per epoch

    Raises ValueError for an invalid `every`.

    >>> from fastai.basics import Learner, MSELossFlat
    >>> learn = Learner(linear_dls(), LinearModel(), MSELossFlat(), cbs=LogLossCallback(every=5))
    >>> learn.fit(20, lr=0.1)
    """
    order, run_valid = PROGRESS_ORDER - 5, False # before ProgressCallback asks whether there is a logger
    def __init__(self,
        every: int = 10, # Steps from one line to the next
    ):
        every = check_whole('every', every, 1, example=10)
        store_attr()
        self.silenced, self.cancelled, self.step = False, False, 0

    @OwnCallback.learn.setter
    def learn(self, learn):
        if learn is None: self._give_back() # taken off, maybe from a fit that was interrupted
        OwnCallback.learn.__set__(self, learn)

    def before_fit(self):
        self._give_back() # the last fit may have been interrupted
        self.old_logger, self.silenced, self.learn.logger = self.learn.logger, True, noop
        recording = getattr(getattr(self.learn, 'record_params', None), 'recording', None)
        self.step, self.shown, self.header = 0 if recording is None else recording.n_steps, True, False

    def before_step(self): self.cancelled = False
    def after_cancel_step(self): self.cancelled = True

    def after_step(self):
        "Write the loss that led to this step, numbered on from an earlier fit where that was recorded"
        if self.cancelled: return # fastai comes here all the same
        step, self.step = self.step, self.step + 1
        if step % self.every or self.old_logger is noop: return
        loss = float(self.learn.loss.detach().mean())
        if self.shown or math.isfinite(loss): self._write(step, loss)
        self.shown = math.isfinite(loss) # the first loss that is no number tells enough

    def _write(self, step, loss):
        text = f'{loss:.4f}' if loss == 0 or 1e-3 <= abs(loss) < 1e4 else f'{loss:.3e}'
        mbar = getattr(getattr(self.learn, 'progress', None), 'mbar', None)
        bar_width = getattr(getattr(mbar, 'child', None), 'max_len', 0) # a terminal's bar, to be written over
        if mbar is None or bar_width or notebook() is None: # fastai takes a terminal's IPython for a notebook
            line = f'step {step:<6} loss {text}'
            return self.old_logger('\r' + line.ljust(bar_width) if bar_width else line)
        if not self.header: mbar.write(['step', 'loss'], table=True)
        self.header = True
        mbar.write([str(step), text], table=True)

    def _give_back(self):
        "Let the Learner have the logger that it had before the fit"
        if not self.silenced: return
        # ProgressCallback and CSVLogger, which come later, would put back the silence that they found
        for cb in self.learn.cbs:
            if cb is not self and getattr(cb, 'old_logger', None) is noop: cb.old_logger = self.old_logger
        self.learn.logger, self.silenced = self.old_logger, False

    def after_fit(self): self._give_back()


class SkipEmptyValidCallback(Callback):
    "Skip a validation without batches, over which fastai's progress bar stumbles"
    order = PROGRESS_ORDER - 5
    def __init__(self,
        any_way: bool = True # Also where there is no bar?
    ): self.any_way = any_way

    def before_validate(self):
        if len(self.learn.dl): return
        if not self.any_way and not any('ProgressCallback' in types_of(cb) for cb in self.learn.cbs): return
        for _ in self.learn.dl: pass # takes the random numbers that a validation would
        raise CancelValidException
