"""`RecordParamsCallback`: follows a `Learner` and hands each optimiser step to a `Recording`."""

import copy
import html
import warnings

import torch
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.torch_core import find_bs, get_model, rank_distrib
from fastcore.basics import store_attr
from torch.nn.parameter import is_lazy

from ..trajectory import Recording, Trajectory
from .base import own_names


class _Now:
    "Where the fit is. Not on the callback: fastai looks each assignment there up in Learner and model."
    __slots__ = ('off', 'failed', 'fresh', 'trained', 'losses', 'lr', 'asked')
    def __init__(self):
        self.off, self.failed = True, False # nothing is recorded; nor will be in this fit
        self.fresh, self.trained = True, False # no training yet in this fit; some
        self.losses, self.lr = [], 0. # (loss, targets) of each batch whose gradient goes into the coming step
        self.asked = -1 # the step that the optimiser was asked for, and that may still be cancelled


class RecordParamsCallback(Callback):
    """Record parameters, buffers, raw loss and learning rate at each optimiser step, in `trajectory`

    Raises ValueError for a wrong `max_bytes`; what goes wrong while a fit runs is a warning, and the fit goes on.

    >>> from fastai.basics import Learner, MSELossFlat
    >>> learn = Learner(linear_dls(), LinearModel(), MSELossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(20, lr=0.1)
    >>> learn.record_params.trajectory.params['a'].shape
    torch.Size([21, 2])
    """
    order, run_valid = ProgressCallback.order + 10, False # after all that may still change a batch, the loss or the step
    _stateattrs = ('recording', 'earlier', '_now', '_loss_func')
    def __init__(self,
        max_bytes: int = 2**30, # Bytes that the points may take: past them every other one is dropped, again and again
    ):
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise ValueError(f'max_bytes={max_bytes!r}: expected a number of bytes of at least 1, for instance 2**30')
        store_attr()
        self._init_state()

    def _init_state(self):
        super()._init_state()
        self.recording, self.earlier, self._now, self._loss_func = None, [], _Now(), None

    @property
    def trajectory(self) -> Trajectory | None:
        "What was recorded up to now; None before the first training step"
        self._settle(over=False)
        if self.recording is None or not self.recording.n_steps: return None
        return self.recording.trajectory(loss_func=self._loss_func)

    def __call__(self, event_name):
        # fastai looks up in Learner and model what a callback lacks: dearer than the whole recording
        if not hasattr(type(self), event_name): return
        try: super().__call__(event_name)
        except Exception as e: self._give_up(e)

    def _give_up(self, e):
        "Whatever goes wrong here, memory that ran out for instance, must not cost the run"
        self._now.off = self._now.failed = True
        self._now.asked = -1
        if self.recording is not None: self.recording.stopped = True
        warnings.warn(f'recording stops here, training goes on: {e!r}', stacklevel=4)

    def before_fit(self):
        self._settle() # the last fit may have been interrupted
        now = self._now
        now.fresh, now.trained, now.failed, now.losses = True, False, False, []

    def before_train(self):
        "The first event that training alone fires: `validate` and `get_preds` pass through `before_fit` too"
        now = self._now
        # `lr_find` puts back what it trained; of several processes the first one speaks for all
        now.off = now.failed or hasattr(self.learn, 'lr_finder') or rank_distrib() > 0
        # lazy parameters get their shapes in the first forward pass
        if now.fresh and not now.off and not any(map(is_lazy, self.learn.model.parameters())): self._begin()

    def _begin(self):
        model = get_model(self.learn.model)
        if self.recording is None or not self.recording.n_steps:
            self.recording = Recording(model, self.max_bytes)
            self.recording.expect(self.learn.n_epoch * len(self.learn.dl))
        elif self.recording.stopped or not self.recording.follows(model): self._begin_another(model)
        else: self.recording.resume()
        self._loss_func, self._now.fresh, self._now.trained = self.learn.loss_func, False, True

    def _begin_another(self, model):
        warnings.warn('the model has other parameters than before, or recording had stopped: a new trajectory starts here, '
                      'the one until now is kept in `record_params.earlier`', stacklevel=2)
        # the model's own weights may be gone already
        self.earlier.append(self.recording.trajectory(loss_func=self._loss_func))
        self.recording = Recording(model, self.max_bytes)

    def before_batch(self):
        now, learn, recording = self._now, self.learn, self.recording
        if now.off or now.fresh: return
        if now.asked >= 0: self._settle()
        model = get_model(learn.model)
        if not recording.follows(model):
            self._begin_another(model)
            recording, now.losses = self.recording, []
        recording.point()
        recording.batches.see(recording.n_steps, learn.xb, learn.yb, whole=learn.n_iter == 1)

    def before_backward(self):
        now, learn = self._now, self.learn
        if now.off: return
        if now.fresh: self._begin() # it was lazy
        now.losses.append((self._loss(), learn.yb))

    def _loss(self):
        # fastai's `TensorBase` sends each call through Python, `detach` too: eight times the price
        with torch._C.DisableTorchFunctionSubclass(): return self.learn.loss.detach()

    def after_cancel_backward(self):
        losses = self._now.losses
        if losses and losses[-1][1] is self.learn.yb: losses.pop()

    def before_step(self):
        now = self._now
        if now.off or now.fresh: return
        if not now.losses: now.losses.append((self._loss(), self.learn.yb)) # a step without a gradient
        now.lr = self.learn.opt.hypers[-1]['lr']
        now.asked = self.recording.n_steps

    def after_cancel_step(self): self._now.asked, self._now.losses = -1, []

    def after_step(self):
        "fastai comes here after a cancelled step too"
        if self._now.asked >= 0: self._count()

    def _count(self):
        now = self._now
        if now.asked == self.recording.n_steps: self.recording.step(self._mean(now.losses), now.lr)
        now.asked, now.losses = -1, []

    def _mean(self, losses):
        "With gradient accumulation one step sees several batches"
        if len(losses) == 1: return losses[0][0]
        sizes = [find_bs(yb) for _, yb in losses]
        return sum(loss.mean() * (n / sum(sizes)) for (loss, _), n in zip(losses, sizes))

    def _settle(self, over=True):
        "A step that an error cut off, before fastai told how it ended, counts if it moved the model"
        if self._now.asked < 0: return
        if self._now.asked < self.recording.n_steps or self.recording.moved(): self._count()
        elif over: self._now.asked = -1

    def after_train(self):
        if self._now.off or self._now.fresh: return
        self._settle()
        self.recording.batches.sampling = False

    def after_validate(self):
        recorder = getattr(self.learn, 'recorder', None)
        if not self._now.trained or self._now.off or recorder is None or hasattr(self.learn, 'gather_preds'): return
        if not getattr(recorder, 'cancel_valid', True) and recorder.loss.count:
            self.recording.validated(float(recorder.loss.value))

    def after_fit(self):
        self._settle()
        if self._now.trained and not self._now.off: self.recording.finish()
        self._now.trained, self._now.off = False, True

    def __deepcopy__(self, memo):
        "A copy of a Learner takes its record along and goes on from there; a pickle leaves it out"
        self.trajectory # noqa: B018  transfers from a GPU can't be copied: they end here
        memo[id(self)] = res = type(self).__new__(type(self))
        res.__dict__.update(copy.deepcopy({k: v for k, v in self.__dict__.items() if k != '_state'}, memo), _state={})
        return res

    def __repr__(self): return f'{type(self).__name__}: {self.trajectory or "nothing recorded yet"}'

    def _repr_html_(self):
        return f'<p>{html.escape(repr(self))}</p>' if self.trajectory is None else self.trajectory._repr_html_()

    def __dir__(self): return own_names(self)
