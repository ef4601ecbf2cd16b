"""`RecordParamsCallback`: follows a `Learner` and hands each optimiser step to a `Recording`."""

import warnings

import torch
from fastai.learner import Learner
from fastai.torch_core import find_bs, get_model, rank_distrib
from fastcore.basics import store_attr
from torch.nn.parameter import is_lazy

from ..checks import check_flag, check_whole
from ..surface.loaders import drawn_from
from ..trajectory import Recording, Trajectory
from ..trajectory.answers import PartLoss, adds_up
from .base import PROGRESS_ORDER, ByName, OwnCallback
from .gan import batch_of, part_of, trainer_of
from .groups import frozen_groups, holds, hypers_of, names_of, rate_of, trained
from .metrics import measured_in_training, measured_in_validation
from .now import Counted, Now, Phase
from .parts import Watch
from .samples import draw_samples, own_loss


class RecordParamsCallback(OwnCallback):
    """Record parameters, buffers, raw loss and learning rate at each optimiser step, in `trajectory`

    A second fit continues the record; `reset()` starts a new one. Raises ValueError for an invalid `max_bytes`; what
    goes wrong during a fit is a warning, and training continues.

    >>> from fastai.basics import Learner, MSELossFlat
    >>> learn = Learner(linear_dls(), LinearModel(), MSELossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(20, lr=0.1)
    >>> learn.record_params.trajectory.params['a'].shape
    torch.Size([21, 2])
    """
    order, run_valid = PROGRESS_ORDER + 10, False # after all that may still change a batch or the loss
    _stateattrs = ('recording', 'earlier', '_now', '_loss_func', '_breaks')
    def __init__(self,
        max_bytes: int = 2**30, # Memory budget for points, in bytes; when it is full, every other point is dropped
        samples: int = 36, # Items of the data to look at, drawn from the validation set; 0 for none
        norms: bool = True, # Record the norms of gradients and updates too?
    ):
        max_bytes = check_whole('max_bytes', max_bytes, 1, cap=2**62, example=2**30)
        samples = check_whole('samples', samples, 0, example=36, or_else=' (0: no samples)')
        norms = check_flag('norms', norms)
        store_attr()
        self._init_state()

    def _init_state(self):
        super()._init_state()
        self.recording, self.earlier, self._now, self._loss_func, self._breaks = None, [], Now(), None, []

    @property
    def trajectory(self) -> Trajectory | None:
        "The record up to now; None before the first training step"
        self._count_cut_off(over=False)
        if self.recording is None or not self.recording.n_steps: return None
        return self._trajectory()

    def _trajectory(self):
        recording, known = self.recording, {'loss_func': self._loss_func, 'breaks': self._breaks}
        # of a fit on mixed batches the samples are all the data that there was
        if recording.samples is not None and not recording.batches.sample and recording.batches.unseen:
            known['data'] = recording.samples.xs, recording.samples.ys
        return recording.trajectory(**known)

    def reset(self):
        "Start a new record at the next training step; the present one and the `earlier` ones are dropped"
        self.recording, self.earlier, self._breaks, self._now.losses, self._now.asked = None, [], [], [], -1
        if self._now.phase is Phase.recording: self._now.phase = Phase.idle

    def _call(self, event_name): self._try(super()._call, event_name)

    def _try(self, f, *args):
        "Call `f`. An error, memory that ran out for instance, must not cost the run: recording stops."
        try: return f(*args)
        except Exception as e:
            self._now.phase, self._now.asked = Phase.failed, -1
            if self.recording is not None: self.recording.stopped = True
            warnings.warn(f'recording stopped; training continues: {e!r}', stacklevel=4)

    def before_fit(self):
        self._count_cut_off() # the last fit may have been interrupted
        self._now.phase, self._now.losses = Phase.idle, []

    def _start(self):
        "Begin at a training batch, not in `before_fit`, which `validate` and `get_preds` fire too"
        # `lr_find` restores what it trained; of several processes the first one speaks for all
        if hasattr(self.learn, 'lr_finder') or rank_distrib() > 0: return
        if any(map(is_lazy, self.learn.model.parameters())): self._now.phase = Phase.lazy
        else: self._begin()

    def _begin(self):
        model = get_model(self.learn.model)
        if self.recording is None or not self.recording.n_steps:
            self.recording = Recording(model, self.max_bytes, self.norms)
        elif self.recording.stopped or not self.recording.follows(model): self._begin_another(model)
        else:
            end = self._trajectory().point(-1)
            live = ((n, p.detach().cpu()) for n, p in model.named_parameters() if n in end)
            same = lambda a, b: torch.equal(a, b) or torch.equal(a.nan_to_num(), b.nan_to_num())
            if not all(same(t, end[n]) for n, t in live):
                self._breaks.append(self.recording.n_steps)
            self.recording.resume()
        self.recording.expect(self.learn.n_epoch * len(self.learn.dl))
        self._loss_func, self._now.phase = own_loss(self.learn), Phase.recording
        self.recording.hypers.groups = names_of(self.learn.opt, model)
        self._now.frozen, self._now.gan = frozen_groups(self.learn.opt), trainer_of(self.learn)
        self.recording.marks.begin(self.recording.n_steps, trained(model), self._now.frozen > 0)
        self._leave_model()
        self._now.watch = Watch(self.learn.model)
        self._count_steps()

    def _begin_another(self, model):
        warnings.warn("the model's parameters changed, or recording had stopped: starting a new trajectory; the "
                      'previous one is in `record_params.earlier`', stacklevel=2)
        # the model's own weights may be gone already
        self.earlier.append(self._trajectory())
        self.recording, self._breaks = Recording(model, self.max_bytes, self.norms), []

    def _count_steps(self):
        "Count each step of the Learner's optimiser from now on"
        opt = self.learn.opt
        if self._now.opt is not opt: self._leave_optimiser()
        if 'step' in vars(opt) and isinstance(opt.step, Counted): return
        opt.step, self._now.opt = Counted(opt.step, self), opt
        self._now.held = holds(opt, get_model(self.learn.model))

    def _leave_optimiser(self):
        if self._now.opt is not None and isinstance(self._now.opt.step, Counted): del self._now.opt.step
        self._now.opt = None

    def _leave_model(self):
        if self._now.watch is not None: self._now.watch.leave()
        self._now.watch = None

    def before_batch(self):
        now, learn = self._now, self.learn
        if now.phase is Phase.idle: self._start()
        if now.phase is not Phase.recording: return
        if now.asked >= 0: self._count_cut_off()
        model, opt = get_model(learn.model), learn.opt
        if opt is not now.opt: self._count_steps()
        if not self.recording.follows(model):
            self._begin_another(model)
            now.losses = []
        self.recording.point()
        if not self.recording.sampled: self._draw_samples()
        # MixUp and CutMix have put points that never were in their place, and keep half of the targets to themselves
        if own_loss(learn) is not learn.loss_func: self.recording.batches.unseen = True
        else:
            self.recording.batches.see(self.recording.n_steps, *batch_of(learn, now.gan), whole=learn.n_iter == 1)

    def _draw_samples(self):
        "Once per trajectory, at its first step"
        self.recording.batches.drawn_from = drawn_from(self.learn.dl)
        self.recording.samples = draw_samples(self.learn, self.samples, self._loss_func, self._now.gan)
        self.recording.sampled = True # only now: an interrupt may strike while items are read

    def before_backward(self):
        now, learn = self._now, self.learn
        if now.phase is Phase.lazy:
            self._begin()
            self._draw_samples()
        if now.phase is not Phase.recording: return
        now.losses.append((self._loss(), learn.yb))
        if now.watch is None: return
        keys, now.watch = now.watch.part(learn.pred), None
        if keys: self._loss_func = PartLoss(self._loss_func, keys)

    def _loss(self):
        # fastai's `TensorBase` sends each call through Python, `detach` too: eight times the price
        with torch._C.DisableTorchFunctionSubclass(): return self.learn.loss.detach()

    def after_cancel_backward(self):
        losses = self._now.losses
        if losses and losses[-1][1] is self.learn.yb: losses.pop()

    def after_cancel_step(self): self._now.losses = []
    def after_cancel_batch(self): # it may have changed the weights by itself: the next one begins at its own point
        if self._now.phase is not Phase.recording or self._now.losses: return
        if self.recording.n_steps: self.recording.resume()
        else: self._now.phase = Phase.idle

    def _ask(self):
        "The optimiser is about to step"
        now, recording = self._now, self.recording
        if now.phase is not Phase.recording: return
        recording.point() # a second step of the same batch begins at a point of its own
        if not now.losses: now.losses.append((self._loss(), self.learn.yb)) # no gradient, or a second step
        if (frozen := frozen_groups(now.opt)) != now.frozen: # in the middle of a fit
            now.frozen = frozen
            recording.marks.train(recording.n_steps, trained(get_model(self.learn.model)))
        if now.held: recording.gradients()
        now.lr, now.hypers, now.asked = rate_of(now.opt), hypers_of(now.opt), recording.n_steps

    def _count(self):
        now = self._now
        if now.asked < 0: return
        if now.asked == self.recording.n_steps:
            self.recording.step(self._mean(now.losses), now.lr, now.hypers, part_of(now.gan))
        now.asked, now.losses = -1, []

    def _mean(self, losses):
        "With gradient accumulation one step sees several batches: the loss of them all, as of a single one"
        if len(losses) == 1: return losses[0][0]
        if adds_up(self._loss_func): return sum(loss.mean() for loss, _ in losses)
        sizes = [find_bs(yb) for _, yb in losses]
        return sum(loss.mean() * (n / sum(sizes)) for (loss, _), n in zip(losses, sizes))

    def _count_cut_off(self, over=True):
        "Count a step that an error cut short if it changed the model"
        if self._now.asked < 0: return
        if self._now.asked < self.recording.n_steps or self.recording.moved(): self._count()
        elif over: self._now.asked = -1

    def after_train(self):
        if self._now.phase is not Phase.recording: return
        self._count_cut_off()
        batches = self.recording.batches
        if batches.sample or not batches.unseen: batches.sampling = False
        self.recording.measured(measured_in_training(self.learn), epoch_ends=True)

    def after_validate(self):
        if self._now.phase is not Phase.recording or 'gather_preds' in vars(self.learn): return
        values = measured_in_validation(self.learn)
        # a GAN's is that of its generator: fastai's table has it
        if 'valid_loss' in values and self._now.gan is None: self.recording.validated(values['valid_loss'])
        self.recording.measured(values)

    def after_fit(self):
        self._count_cut_off()
        self._leave_optimiser()
        self._leave_model()
        if self._now.phase is not Phase.recording: return
        self.recording.finish()
        self._now.phase = Phase.idle

    def __deepcopy__(self, memo):
        "A copy of a Learner takes its record along and goes on from there; a pickle leaves it out"
        self.trajectory # noqa: B018  transfers from a GPU can't be copied: they end here
        return super().__deepcopy__(memo)

    def __repr__(self): return f'{type(self).__name__}: {self.trajectory or "nothing recorded yet"}'

    def _repr_html_(self):
        return super()._repr_html_() if self.trajectory is None else self.trajectory._repr_html_()


Learner.record_params = ByName('record_params')
