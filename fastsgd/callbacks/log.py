"""What the reader sees while a fit runs: `LogLossCallback`, and no stumbling over an empty validation."""

from fastai.callback.core import Callback, CancelValidException
from fastai.callback.progress import ProgressCallback
from fastai.imports import noop
from fastcore.basics import store_attr


class LogLossCallback(Callback):
    "Log the raw loss every few steps, in place of fastai's table with a row per epoch"
    order, run_valid = ProgressCallback.order - 5, False # before ProgressCallback asks whether there is a logger
    def __init__(self,
        every: int = 10, # Steps from one line to the next
    ):
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f'every={every!r}: expected a whole number of steps of at least 1, for instance 10')
        store_attr()
        self.silenced = False

    def before_fit(self):
        if self.silenced: self.after_fit() # the last fit was interrupted
        self.old_logger, self.step, self.silenced = self.learn.logger, 0, True
        self.learn.logger = noop

    def after_step(self):
        "The loss that led to this step, counted on from an earlier fit where that was recorded"
        recording = getattr(getattr(self.learn, 'record_params', None), 'recording', None)
        step = self.step if recording is None else recording.n_steps
        if step % self.every == 0 and self.old_logger is not noop:
            self._write(f'step {step:<5} loss {float(self.learn.loss.detach().mean()):.4f}')
        self.step += 1

    def _write(self, line):
        mbar = getattr(getattr(self.learn, 'progress', None), 'mbar', None)
        if mbar is None: self.old_logger(line)
        else: mbar.write(line)

    def after_fit(self):
        # ProgressCallback, which comes later, would put back the silence that it found
        if hasattr(self.learn, 'progress'): self.learn.progress.old_logger = self.old_logger
        self.learn.logger, self.silenced = self.old_logger, False


class SkipEmptyValidCallback(Callback):
    "Skip a validation without batches, over which fastai's progress bar stumbles"
    order = ProgressCallback.order - 5
    def before_validate(self):
        if len(self.learn.dl) == 0: raise CancelValidException
