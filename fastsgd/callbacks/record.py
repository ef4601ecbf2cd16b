"""`RecordParamsCallback`: follows a `Learner` and hands each optimiser step to a `Recording`."""

import copy
import warnings

import torch
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.torch_core import get_model
from fastcore.basics import store_attr

from ..recording import Recording
from ..trajectory import Trajectory


class _Batch:
    "Where the recorder is within a batch. Not on the callback: fastai looks each assignment there up in the Learner."
    __slots__ = ('losses', 'lr', 'stepped', 'cancelled', 'mock')
    def __init__(self): self.losses, self.lr, self.stepped, self.cancelled, self.mock = [], 0., False, False, True


class RecordParamsCallback(Callback):
    "Record parameters, buffers, raw loss and learning rate at each optimiser step, in `trajectory`"
    # After all that may still change the weights of a batch
    order, run_valid = ProgressCallback.order + 10, False
    _stateattrs = ('recording', 'earlier', '_batch', '_new_fit', '_trained', '_loss_func')
    def __init__(self,
        max_bytes: int = 2**30, # Budget for the points: past it every other one is dropped, again and again
    ):
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise ValueError(f'max_bytes={max_bytes!r}: expected a number of bytes of at least 1, for instance 2**30')
        store_attr()
        self._init_state()

    def _init_state(self):
        super()._init_state()
        self.recording, self.earlier, self._batch = None, [], _Batch()
        self._new_fit, self._trained, self._loss_func = True, False, None

    @property
    def trajectory(self) -> Trajectory | None:
        "What was recorded up to now; None before the first training step"
        if self.recording is None: return None
        self._take_step() # a fit may have been interrupted between a step and its `after_batch`
        return self.recording.trajectory(loss_func=self._loss_func)

    def before_fit(self): self._new_fit, self._trained = True, False

    def before_train(self):
        "The first event that training alone fires: `validate` and `get_preds` pass through `before_fit` too"
        self._take_step()
        batch = self._batch
        batch.losses, batch.cancelled, batch.mock = [], False, hasattr(self.learn, 'lr_finder')
        if batch.mock: return
        model = get_model(self.learn.model)
        if self.recording is None: self.recording = Recording(model, self.max_bytes)
        elif not self.recording.fits(model):
            warnings.warn('the model has other parameters than before: a new trajectory starts here, the one until now '
                          'is kept in `record_params.earlier`', stacklevel=2)
            self.earlier.append(self.recording.trajectory(loss_func=self._loss_func))
            self.recording = Recording(model, self.max_bytes)
        elif self._new_fit: self.recording.resume()
        if self._new_fit: self._loss_func, self._new_fit, self._trained = self.learn.loss_func, False, True

    def before_batch(self):
        batch, learn = self._batch, self.learn
        if not batch.mock: self.recording.batches.see(self.recording.n_steps, learn.xb, learn.yb, whole=learn.n_iter == 1)

    def after_loss(self):
        # fastai's `TensorBase` sends each call through Python, `detach` too: eight times the price
        with torch._C.DisableTorchFunctionSubclass():
            if not self._batch.mock: self._batch.losses.append(self.learn.loss.detach())

    def before_step(self): self._batch.cancelled = False
    def after_cancel_step(self): self._batch.cancelled = True

    def after_step(self):
        "fastai comes here after a cancelled step too"
        batch = self._batch
        batch.stepped = not (batch.cancelled or batch.mock)
        batch.lr = self.learn.opt.hypers[-1]['lr']

    def after_batch(self):
        if self._batch.stepped: self._take_step()

    def _take_step(self):
        batch = self._batch
        if not batch.stepped: return
        losses, batch.losses, batch.stepped = batch.losses, [], False
        # with gradient accumulation one step sees several batches
        self.recording.step(losses[0] if len(losses) == 1 else torch.stack([x.mean() for x in losses]).mean(), batch.lr)

    def after_train(self):
        if not self._batch.mock: self.recording.batches.sampling = False

    def after_validate(self):
        recorder = getattr(self.learn, 'recorder', None)
        if not self._trained or recorder is None or recorder.cancel_valid or not recorder.loss.count: return
        self.recording.valid.append((self.recording.n_steps, float(recorder.loss.value)))

    def after_fit(self):
        if not self._trained: return
        self._trained = False
        self._take_step()
        self.recording.finish()

    def __deepcopy__(self, memo):
        "A copy of a Learner takes its record along and goes on from there; a pickle leaves it out"
        memo[id(self)] = res = type(self).__new__(type(self))
        res.__dict__.update(copy.deepcopy({k: v for k, v in self.__dict__.items() if k != '_state'}, memo), _state={})
        return res

    def __repr__(self): return f'{type(self).__name__}: {self.trajectory or "nothing recorded yet"}'
