"""`Recording`: collects a model's points step by step, within a byte budget, into a `Trajectory`. Torch only."""

from array import array

import torch

from .batches import Batches
from .columns import Block, Columns, nbytes
from .measures import Measures
from .models import unwrapped
from .trajectory import Trajectory

BLOCK_ROWS, BLOCK_BYTES = 1024, 2**20 # rows are gathered into blocks of this size
LARGE_POINTS = 64 # of a model whose point is larger than a block: enough for a film


class Tensors:
    """The parameters and buffers of a model, and where to look them up through their modules.

    `model.to(...)` and `module.p = nn.Parameter(...)` put others in their place.
    """
    def __init__(self, model):
        self._modules = [(m._modules, list(m._modules.items())) for m in model.modules()]
        self._counts = [(d, len(d)) for m in model.modules() for d in (m._parameters, m._buffers)]
        self.slots, self.params, self.buffers, self.aliases, seen, passing = [], [], [], {}, {}, set()
        for kind, names in (('_parameters', self.params), ('_buffers', self.buffers)):
            for prefix, module in model.named_modules(remove_duplicate=False):
                for key, t in getattr(module, kind).items():
                    if t is None or t.layout is not torch.strided: continue
                    name = f'{prefix}.{key}' if prefix else key
                    if key in module._non_persistent_buffers_set: passing.add(name)
                    if id(t) in seen: self.aliases[name] = seen[id(t)]
                    else:
                        seen[id(t)] = name
                        names.append(name)
                        self.slots.append((name, getattr(module, kind), key))
        self.persistent = frozenset({*self.params, *self.buffers, *self.aliases} - passing)

    def same_modules(self) -> bool:
        "Are the modules still those, and their tensors under the same keys?"
        for children, items in self._modules:
            if len(children) != len(items): return False
            for key, child in items:
                if children.get(key) is not child: return False
        return all(len(d) == n for d, n in self._counts) and all(slot.get(key) is not None for _, slot, key in self.slots)

    def match(self, first) -> bool:
        "Are there tensors of the shapes and types of `first`, and no others?"
        if len(self.slots) != len(first): return False
        for name, slot, key in self.slots:
            t, like = slot.get(key), first.get(name)
            if t is None or like is None or t.shape != like.shape or t.dtype != like.dtype: return False
        return True


class Recording:
    """What is kept of a fit while it runs: `point()` before each forward pass, `step(loss, lr)` after each optimiser step.

    Every `stride`-th point is kept. Past `max_bytes` the stride doubles and every other point goes, the first one never;
    the last one is read from the model when it is asked for. A tensor that never changes is kept once. A point on a GPU
    is copied there and fetched in chunks: a step never waits. Tensors that are not strided (sparse ones) are left out.

    An interrupt may strike between any two lines: `n_steps` says what counts, and the next step overwrites the rest.
    """
    def __init__(self,
        model: torch.nn.Module, # The model to follow
        max_bytes: int = 2**30, # Budget for the points
    ):
        self.model, self.max_bytes, self.stride, self.n_steps = unwrapped(model), max_bytes, 1, 0
        self.lrs, self._losses, self._loss_chunks, self._n_chunked, self.valid = array('d'), [], [], 0, []
        self.batches, self.stopped = Batches(), False
        self.samples, self.sampled, self.measures = None, False, Measures()
        self._tensors = Tensors(self.model)
        self._first = {n: t.detach().to('cpu', copy=True) for n, t in self._live().items()}
        self._moved, self._tail, self._result = set(), None, None
        self._pending, self._blocks = [], [Block(torch.zeros(1, dtype=torch.int64), {}, {})]
        self._bytes = nbytes(self._first.values()) # without the pending ones

    def _live(self): return {name: slot[key] for name, slot, key in self._tensors.slots}

    def follows(self, model) -> bool:
        "Is this still the model that was followed, with the same names, shapes and types?"
        if unwrapped(model) is not self.model: return False
        tensors = self._tensors if self._tensors.same_modules() else Tensors(self.model)
        if not tensors.match(self._first): return False
        self._tensors = tensors
        return True

    # -- recording

    def expect(self, steps: int):
        """Before the first of so many steps: a large model skips points that would be dropped again, or that nobody needs.

        Copying a point of a million parameters takes a fifth of the time of a step.
        """
        size = nbytes(t for n, t in self._live().items() if t.requires_grad or n in self._tensors.buffers)
        if self.n_steps or size < BLOCK_BYTES: return
        # no more than 16 steps apart, since the fit may be interrupted early
        enough = min(LARGE_POINTS, (self.max_bytes - self._bytes) // size)
        while self.stride < 16 and steps // self.stride > enough: self.stride *= 2

    def point(self):
        "Before the forward pass of a batch: the point that the coming loss belongs to is kept, if its turn has come"
        if self._last != self.n_steps and self.n_steps % self.stride == 0: self._keep(*self._snapshot())

    def step(self, loss, lr: float):
        "After an optimiser step: `loss` is the raw loss that the optimiser saw, a tensor"
        n = self.n_steps
        del self.lrs[n:], self._losses[n - self._n_chunked:]
        self._losses.append(loss)
        self.lrs.append(lr)
        self.n_steps, self._tail, self._result = n + 1, None, None
        if n + 1 - self._n_chunked >= BLOCK_ROWS: self._gather_losses()

    def validated(self, loss: float):
        "After a validation: its loss at the present step"
        self.valid.append((self.n_steps, loss))
        self._result = None

    def measured(self, values: dict, epoch_ends: bool = False):
        "After an epoch or a part of it: name -> what was measured at the present step"
        self.measures.add(self.n_steps, values, epoch_ends)
        self._result = None

    def resume(self):
        "At a start: a point whose step never came is taken anew, since the model may be another by now"
        if self._last != self.n_steps or not self.n_steps: return
        self._gather()
        block = self._blocks[-1].pick(self._blocks[-1].steps < self.n_steps)
        self._blocks, self._result = [*self._blocks[:-1], block], None

    def finish(self):
        "At an end: the last point is the model as it stands, whatever becomes of it later"
        if self.stopped or not self._tensors.match(self._first): return
        self.resume()
        self._tail = self._snapshot() if self._last != self.n_steps else None
        self._result = None

    def moved(self) -> bool:
        "Is the model another than at the point of the present step? True where that point was not kept."
        if self._last != self.n_steps: return True
        kept = self._columns()
        return not all(torch.equal(t.detach().cpu(), kept.row(n, kept.n_points - 1)) for n, t in self._live().items())

    def _snapshot(self):
        "A copy of what moves in the model: layout, and (dtype, device) -> flat tensor"
        groups = {}
        for name, slot, key in self._tensors.slots:
            t = slot[key].detach()
            if name not in self._moved and t.device.type == 'cpu':
                # a GPU would have to be waited for: there the comparison comes after the transfer
                if torch.equal(t, self._first[name]): continue
                self._moved.add(name)
            groups.setdefault((t.dtype, t.device), []).append((name, t.reshape(-1)))
        layout, data = {}, {}
        for key, named in groups.items():
            start = 0
            for name, t in named: layout[name] = key, start, (start := start + t.numel())
            data[key] = torch.cat([t for _, t in named])
        return layout, data

    # -- keeping

    @property
    def nbytes(self) -> int:
        "Bytes of all points that are kept"
        return self._bytes + (len(self._pending) * self._pending[-1][3] if self._pending else 0)

    @property
    def _last(self):
        "The step of the last point that is kept"
        if self._pending: return self._pending[-1][0]
        return next(int(b.steps[-1]) for b in reversed(self._blocks) if len(b))

    def _keep(self, layout, data):
        if self._pending and self._pending[-1][1] != layout: self._gather()
        size = nbytes(data.values())
        while self.nbytes + size > self.max_bytes and self._last > 0:
            self._double()
            if self.n_steps % self.stride: return
        self._pending.append((self.n_steps, layout, data, size))
        if len(self._pending) >= BLOCK_ROWS or len(self._pending) * size >= BLOCK_BYTES: self._gather()

    def _double(self):
        self._gather()
        stride = 2 * self.stride
        # one after the other, so that old and new are not held together
        for i, block in enumerate(self._blocks): self._blocks[i] = block.pick(block.steps % stride == 0)
        self._blocks, self.stride = [b for b in self._blocks if len(b)], stride
        self._bytes = self._count()

    def _count(self): return nbytes(self._first.values()) + sum(b.nbytes for b in self._blocks)

    def _gather(self):
        "Turn the pending rows into a block; from a GPU through page-locked memory, without waiting"
        if not self._pending: return
        self._settle(-1) # the transfer before this one is over by now
        block = self._block(self._pending)
        self._blocks, self._pending = [*self._blocks, block], []
        self._bytes = self._count()

    def _block(self, rows):
        steps, layout, data, events = torch.tensor([r[0] for r in rows]), rows[0][1], {}, []
        for key in rows[0][2]:
            parts = [r[2][key] for r in rows]
            block = parts[0][None] if len(parts) == 1 else torch.stack(parts)
            if block.device.type == 'cuda':
                with torch.cuda.device(block.device):
                    block = torch.empty(block.shape, dtype=block.dtype, pin_memory=True).copy_(block, non_blocking=True)
                    events.append(torch.cuda.Event())
                    events[-1].record()
            data[key] = block.cpu()
        return Block(steps, layout, data, events)

    def _settle(self, i):
        "After the transfer of block `i`: what never changed until now goes"
        block = self._blocks[i]
        if not block.events: return
        block.settle()
        still = {n for n in block.layout if n not in self._moved
                 and bool((block.get(n, self._first[n].shape) == self._first[n]).all())}
        self._moved.update(block.layout.keys() - still)
        if still: self._blocks[i] = block.drop(still)

    def _gather_losses(self):
        losses = self._losses[:self.n_steps - self._n_chunked]
        if not losses: return
        losses = [x if x.dtype in (torch.float32, torch.float64) else x.float() for x in losses]
        if any(x.device != losses[0].device for x in losses): losses = [x.cpu() for x in losses] # the model was moved
        chunk = torch.stack([x.mean() if x.ndim else x for x in losses])
        self._loss_chunks, self._losses, self._n_chunked = [*self._loss_chunks, chunk], [], self.n_steps

    # -- the result

    def _columns(self, tail=None):
        self._gather()
        for i in range(len(self._blocks)): self._settle(i)
        blocks = [b for b in self._blocks if len(b)]
        if tail is not None: blocks.append(self._block([(self.n_steps, *tail)]))
        for block in blocks: block.settle()
        return Columns(self._first, blocks)

    def trajectory(self, **context) -> Trajectory:
        "The record up to now; what is recorded later does not change it. `context` goes to `Trajectory`."
        if self._result is not None: return self._result
        n = self.n_steps
        known = not self.stopped and self._tensors.match(self._first) # else the tensors were replaced by others
        if self._tail is None and self._last != n and known: self._tail = self._snapshot()
        points = self._columns(self._tail)
        self._gather_losses()
        losses = torch.cat([c.cpu() for c in self._loss_chunks]) if self._loss_chunks else torch.empty(0)
        valid = list(zip(*self.valid)) or [(), ()]
        self._result = Trajectory(
            points.only(self._tensors.params), torch.cat([b.steps for b in points.blocks]), losses,
            torch.tensor(self.lrs[:n], dtype=torch.float64), points.only(self._tensors.buffers), model=self.model,
            aliases=dict(self._tensors.aliases), persistent=self._tensors.persistent, data=self.batches.data(),
            batches=self.batches.steps(), samples=self.samples, metrics=self.measures.series(),
            epochs=self.measures.epochs,
            valid=(torch.tensor(valid[0], dtype=torch.int64), torch.tensor(valid[1], dtype=torch.float64)), **context)
        return self._result
