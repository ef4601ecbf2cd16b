"""`Recording`: collects a model's points step by step, within a byte budget, into a `Trajectory`. Torch only."""

import threading
import warnings
from array import array

import torch

from ..checks import check_flag, check_number, check_string, check_type, check_whole
from .batches import Batches
from .columns import Columns
from .hypers import Hypers
from .losses import Losses
from .marks import Marks
from .measures import Measures
from .memory import total_bytes
from .models import unwrapped
from .pace import Pace
from .points import Points
from .slots import Flat, Slots, same, same_values
from .trajectory import Trajectory

LARGE_BYTES = 2**20 # of a point: from here on copying it takes a noticeable part of a step
LARGE_POINTS = 64 # of a large model: enough for a film
LARGE_STRIDE = 16 # steps apart at the most before the budget is full, since a fit may be interrupted early
OTHERS = "the model's parameters are others by now, and recording stopped: make a new Recording of it"
LEAST_POINTS = 3 # of a short fit, whatever they cost
COPIED_BYTES = 12 * 2**20 # for each step, on average: takes some 5 ms, and a step of such a model 100 and more
# Another thread may read the record while the fit goes on. One lock for all: it is never held for long, and can't be
# copied.
_RECORDING = threading.RLock()


class Recording:
    """Follow a training loop: `point()` before each forward pass, `step(loss, lr)` after each optimiser step.

    Every `stride`-th point is kept. Once they take more than `max_bytes` (large ones half of it), the stride doubles
    and every other point is dropped; the first one stays, and the last one is read from the model when it is asked for.
    A tensor that never changes is kept once. A step never waits for a GPU: points are gathered there and fetched in
    chunks. Tensors that are not strided (sparse ones) are left out. `gradients()` right before the optimiser's step
    keeps the norms of gradients. Raises ValueError or TypeError for arguments of another kind.

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> opt = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> x, y = torch.rand(100, 2), torch.rand(100, 1)
    >>> recording = Recording(model)
    >>> for _ in range(20):
    ...     recording.point()
    ...     loss = torch.nn.functional.mse_loss(model(x), y)
    ...     loss.backward()
    ...     recording.gradients()
    ...     opt.step()
    ...     opt.zero_grad()
    ...     recording.step(loss, lr=0.1)
    >>> recording.trajectory(loss_func=torch.nn.functional.mse_loss, data=((x,), (y,)))
    Trajectory: 20 steps, 3 parameters, loss ... to ...
    """
    # An interrupt may strike between any two lines: `n_steps` says what counts, and the next step overwrites the rest.
    def __init__(self,
        model: torch.nn.Module, # The model to follow; of a wrapped or compiled one the module inside
        max_bytes: int = 2**30, # Memory budget for the points; norms take a sixteenth beside, or 4 MiB
        norms: bool = True, # Record the norms of gradients and updates too?
    ):
        check_type('model', model, torch.nn.Module, 'a torch.nn.Module')
        self.max_bytes = check_whole('max_bytes', max_bytes, 1, cap=2**62, example=2**30)
        self.model, self.stride, self.n_steps, self.stopped = unwrapped(model), 1, 0, False
        self.lrs, self._losses, self.valid, self._thread = array('d'), Losses(), [], threading.get_ident()
        self.batches, self.samples, self.sampled, self._slots = Batches(), None, False, Slots(self.model)
        self.measures, self.hypers, self.marks = Measures(), Hypers(), Marks()
        self._pace = Pace(self._slots.params, self.max_bytes) if check_flag('norms', norms) else None
        self._first = {n: t.detach().to('cpu', copy=True) for n, t in self._live().items()}
        self._points, self._tail, self._result = Points(self._first, self.max_bytes), None, None
        self._flat, self._versions, self._context = None, None, {}

    def _live(self): return {name: slot[key] for name, slot, key in self._slots.slots}
    def _live_params(self): return {name: slot[key] for name, slot, key in self._slots.slots[:len(self._slots.params)]}

    @property
    def stored_bytes(self) -> int:
        "Bytes of all points that are kept"
        return self._points.n_bytes

    def follows(self,
        model, # A model, wrapped or not
    ) -> bool:
        "Is this still the model that was followed, with the same names, shapes and types?"
        if model is not self.model and unwrapped(model) is not self.model: return False
        slots = self._slots if self._slots.same_modules() else Slots(self.model)
        if not slots.match(self._first): return False
        if slots is not self._slots: self._slots, self._flat = slots, None
        return True

    # -- recording

    def expect(self,
        steps: int, # Steps of the fit that begins
    ):
        """Announce the number of steps, so that a large model gets a suitable stride.

        Copying then takes a few percent of a fit, and points half of the budget; the stride never falls.
        """
        steps = check_whole('steps', steps, 0, example=1000)
        live = self._live().items()
        size = total_bytes(t for n, t in live if t.requires_grad or n in self._slots.buffers)
        touched = size + (total_bytes(t for _, t in live) - size) // 2 # what stays is read, and not written
        if touched < LARGE_BYTES: return
        enough = min(LARGE_POINTS, (self.max_bytes // 2 - self.stored_bytes) // max(size, LARGE_BYTES))
        while self.stride < LARGE_STRIDE and (steps // self.stride > enough or (
                touched // self.stride > COPIED_BYTES and steps // (2 * self.stride) >= LEAST_POINTS)):
            self.stride *= 2

    def point(self):
        "Keep the point that the coming loss belongs to, if its turn has come; anew where its step never came"
        with _RECORDING:
            if self.stopped: return
            held = self._flat is not None and self._slots.same_modules() and self._flat.hold()
            self.stopped = not (held or self._slots.as_many(self._first) or self.follows(self.model))
            if self.stopped: return warnings.warn(OTHERS, stacklevel=2)
            self._thread, versions = threading.get_ident(), self._slots.versions()
            if versions != self._versions: self.resume()
            if self._points.last != self.n_steps and self.n_steps % self.stride == 0: self._keep(self._snapshot(held))
            self._versions = versions

    def gradients(self):
        "Keep the norms of the gradients that the optimiser is about to see: after clipping and unscaling them"
        if self._pace is not None: self._pace.see_gradients(self.n_steps, self._live_params())

    def step(self,
        loss, # Raw loss that the optimiser saw: a tensor, whose mean counts, or a number
        lr: float, # Learning rate of the step
        hypers: dict | None = None, # Name -> one number for each parameter group, such as 'lr' and 'mom'
        part: str = '', # Whose loss it is where a model has several, such as a GAN's 'generator' and 'critic'
    ):
        "Count an optimiser step. Raises ValueError for a loss or a rate that is no number, TypeError for another part."
        if self.stopped: return
        if type(lr) is not float: lr = check_number('lr', lr, finite=False, example=0.1)
        loss = self._losses.plain(loss)
        if type(part) is not str or part: check_string('part', part)
        with _RECORDING:
            n = self.n_steps
            del self.lrs[n:]
            self._losses.add(n, loss, part)
            self.lrs.append(lr)
            if hypers is not None: self.hypers.add(n, hypers)
            if self._pace is not None: self._pace.step(n)
            if self._pace is not None and self.stride > 1 and self._points.last == n:
                self._pace.see_move(n, self._live_params(), self._points.newest(), self._first)
            self.n_steps, self._tail, self._result = n + 1, None, None
            self._losses.gather(n + 1)

    def validated(self,
        loss: float, # Loss of a validation at the present step
    ):
        "Record a validation. Raises ValueError for a loss that is no number."
        if type(loss) is not float: loss = check_number('loss', loss, finite=False, example=0.5)
        self.valid.append((self.n_steps, loss))
        self._result = None

    def measured(self,
        values: dict, # Name -> number
        epoch_ends: bool = False, # Was the present step the last one of an epoch?
    ):
        "Record what was measured at the present step, metrics for instance"
        with _RECORDING:
            self.measures.add(self.n_steps, values, epoch_ends)
            self._result = None

    def resume(self):
        "After a cancelled batch or fit, re-take a point whose step never happened: the weights may have changed"
        with _RECORDING:
            if self._points.last != self.n_steps or not self.n_steps: return
            self._points.drop_last()
            self._result = None

    def finish(self):
        "At the end of a fit, keep the last point: the model as it stands, whatever becomes of it later"
        with _RECORDING:
            if self.stopped or not self._slots.match(self._first): return
            self.resume()
            self._tail = self._snapshot().cloned() if self._points.last != self.n_steps else None
            self._flat = None
            self._result = None

    def moved(self) -> bool:
        "Has the model changed since the current point? True if that point was not kept."
        with _RECORDING:
            if self._points.last != self.n_steps: return True
            kept = Columns(self._first, self._points.blocks())
            return not all(torch.equal(t.detach().cpu(), kept.row(n, kept.n_points - 1)) for n,
                           t in self._live().items())

    def _snapshot(self, held=False):
        "`Flat` views on what moves in the model"
        changed = self._points.changed
        if not held and (self._flat is None or not self._flat.hold()): self._flat = Flat(self._slots.slots, changed)
        # a GPU would have to be waited for: there the comparison comes after the transfer
        begun = [name for name, t in self._flat.still if not same(t, self._first[name])]
        if begun:
            changed.update(begun)
            self._flat = Flat(self._slots.slots, changed)
        return self._flat

    def _see_points(self, tail): # holds them no longer than this takes
        points = Columns(self._first, self._points.blocks(tail))
        self._pace.see_points(self.n_steps, points.only(self._slots.params))

    def _keep(self, flat):
        large = flat.n_bytes >= LARGE_BYTES
        room = self.max_bytes // 2 if large else self.max_bytes # the picture needs memory as well
        while self.stored_bytes + flat.n_bytes > room and self._points.last > 0:
            if self._pace is not None and self.stride == 1: self._see_points((self.n_steps, flat.layout, flat.parts))
            self._points.thin(2 * self.stride)
            self.stride *= 2
            if self.n_steps % self.stride: return
        self._points.add(self.n_steps, flat.layout, flat.parts)

    # -- the result

    def trajectory(self,
        **context # What else `Trajectory` takes: `loss_func` and `data` for surfaces, a `label`
    ) -> Trajectory:
        """Return the record up to now; what is recorded later does not change it.

        Another thread than the one that trains gets the points that are kept: the model may be in the middle of a step.
        """
        with _RECORDING:
            if self._result is not None and same_values(context, self._context): return self._result
            elsewhere = (self._thread != threading.get_ident()
                         and any(t.ident == self._thread for t in threading.enumerate()))
            result = self._record(context, elsewhere)
            if not elsewhere: self._result, self._context = result, context
            return result

    def _record(self, context, elsewhere):
        n, tail = self.n_steps, self._tail
        known = not self.stopped and self._slots.match(self._first) # else the tensors were replaced by others
        if tail is None and self._points.last != n and known and not elsewhere:
            self._tail = tail = self._snapshot().cloned()
        points = Columns(self._first, self._points.blocks(tail and (n, *tail)))
        valid = list(zip(*self.valid)) or [(), ()]
        given = {**self.batches.known('data' not in context), 'model': self.model, 'samples': self.samples,
                 'metrics': self.measures.series(), 'epochs': self.measures.epochs, 'marks': self.marks.all,
                 'hypers': self.hypers.series(n), 'groups': self.hypers.groups, 'parts': self._losses.parts(n),
                 'valid': (torch.tensor(valid[0], dtype=torch.int64), torch.tensor(valid[1], dtype=torch.float64))}
        if self._pace is not None: given |= self._pace.series(n)
        steps = torch.cat([b.steps for b in points.blocks])
        return Trajectory(points.only(self._slots.params), steps, self._losses.series(n),
                          torch.tensor(self.lrs[:n], dtype=torch.float64), points.only(self._slots.buffers),
                          aliases=dict(self._slots.aliases), persistent=self._slots.persistent, **(given | context))
