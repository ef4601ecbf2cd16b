"""`Recording`: collects a model's points step by step, within a byte budget, into a `Trajectory`. Torch only."""

from array import array
from collections.abc import Mapping

import torch

from .trajectory import Trajectory

__all__ = ['Recording']

# Small rows are gathered into blocks, since a tensor of its own costs some 200 bytes.
BLOCK_ROWS, BLOCK_BYTES = 1024, 2**20
SAMPLE_BYTES = 2**24 # for the data that views show, and as much again for the batches of single steps


def _nbytes(tensors): return sum(t.numel() * t.element_size() for t in tensors)


class Block:
    "Points in a row: `data` holds dtype -> tensor (rows, numbers), which `layout` cuts into name -> (dtype, start, stop)"
    def __init__(self, steps, layout, data, event=None):
        self.steps, self.layout, self.data, self.event = steps, layout, data, event
        self.nbytes = _nbytes(data.values())

    def get(self, name, shape):
        dtype, start, stop = self.layout[name]
        return self.data[dtype][:, start:stop].reshape(-1, *shape)

    def every(self, stride):
        "The points at multiples of `stride`; a copy, so that the memory of the others is freed"
        keep = [i for i, s in enumerate(self.steps) if s % stride == 0]
        if len(keep) == len(self.steps): return self
        self.settle()
        return Block([self.steps[i] for i in keep], self.layout, {k: t[keep] for k, t in self.data.items()})

    def settle(self):
        "Wait for a transfer; then leave page-locked memory to others"
        if self.event is None: return
        self.event.synchronize()
        self.data, self.event = {k: t.clone() for k, t in self.data.items()}, None


class Columns(Mapping):
    "Name -> tensor (points, *shape), put together from blocks when asked for"
    def __init__(self, names, shapes, const, blocks, index=None):
        self.names, self.shapes, self.const, self.blocks, self.index = names, shapes, const, blocks, index
        self._where = [(b, i) for b in blocks for i in range(len(b.steps))] if index is None else index

    def __iter__(self): return iter(self.names)
    def __len__(self): return len(self.names)
    def __contains__(self, name): return name in self.shapes and name in self.names

    def row(self, name, i):
        "The value of `name` at point `i`, without touching the other points"
        block, k = self._where[i]
        if name not in block.layout: return self.const[name]
        dtype, start, stop = block.layout[name]
        return block.data[dtype][k, start:stop].view(self.shapes[name])

    def __getitem__(self, name):
        if name not in self.names: raise KeyError(name)
        shape, const = self.shapes[name], self.const[name]
        if not any(name in b.layout for b in self.blocks): return const.expand(len(self._where), *shape)
        if self.index is not None: return torch.stack([self.row(name, i) for i in range(len(self._where))])
        return torch.cat([b.get(name, shape) if name in b.layout else const.expand(len(b.steps), *shape)
                          for b in self.blocks])

    def take(self, idxs): return Columns(self.names, self.shapes, self.const, self.blocks, [self._where[i] for i in idxs])

    def flat(self):
        "All columns side by side, shape (points, P), filled name by name so that nothing is held twice"
        sizes = [self.const[n].numel() for n in self.names]
        dtype = torch.float32
        for n in self.names: dtype = torch.promote_types(dtype, self.const[n].dtype)
        res, start = torch.empty(len(self._where), sum(sizes), dtype=dtype), 0
        for name, size in zip(self.names, sizes):
            res[:, start:start + size] = self[name].reshape(len(res), -1)
            start += size
        return res


class Batches:
    "What the model was shown: a bounded sample of the data, and the batches of as many steps as fit"
    def __init__(self): self.sample, self.by_step, self.nbytes, self.stride, self.sampling = [], {}, 0, 1, True

    def see(self, step, xs, ys, whole=False):
        "Keep the batch `(xs, ys)` of `step`, unless it is the `whole` data; anything but tensors is passed over"
        if not self.sampling and (whole or step % self.stride): return
        tensors = (*xs, *ys)
        if not all(isinstance(t, torch.Tensor) for t in tensors): return
        size = _nbytes(tensors)
        self.sampling = self.sampling and self.nbytes + size <= SAMPLE_BYTES
        # copies, since a model may work in place on its input
        batch = tuple(tuple(t.detach().clone() for t in side) for side in (xs, ys))
        if self.sampling:
            self.sample.append(batch)
            self.nbytes += size
        if whole or step % self.stride or size * 16 > SAMPLE_BYTES: return
        self.by_step[step] = batch
        if len(self.by_step) * size > SAMPLE_BYTES:
            self.stride *= 2
            self.by_step = {s: b for s, b in self.by_step.items() if s % self.stride == 0}

    def data(self):
        "The sample as one `(xs, ys)`, or None"
        if not self.sample: return None
        if len({tuple(t.shape[1:] for t in (*xs, *ys)) for xs, ys in self.sample}) > 1: return self.sample[0] # ragged
        parts = [tuple(zip(*side)) for side in zip(*self.sample)]
        return tuple(tuple(torch.cat([t.detach().cpu() for t in ts]) for ts in side) for side in parts)


class Recording:
    """What is kept of a fit while it runs.

    Every `stride`-th step is kept. Past `max_bytes` the stride doubles and every other point goes, the first one never;
    the last one is read from the model when it is asked for. A tensor that never changes is kept once. A point on a GPU
    is copied on the GPU and fetched in chunks: a step never waits.
    """
    def __init__(self,
        model: torch.nn.Module, # The model to follow
        max_bytes: int = 2**30, # Budget for the points
    ):
        self.model, self.max_bytes, self.stride, self.n_steps = model, max_bytes, 1, 0
        self.lrs, self._losses, self._loss_chunks, self.valid = array('d'), [], [], []
        self.batches = Batches()
        self._list_tensors()
        live = self._live()
        self._shapes = {n: t.shape for n, t in live.items()}
        self._const = {n: t.detach().to('cpu', copy=True) for n, t in live.items()}
        self._moving, self._pending, self._pending_bytes, self._tail, self._result = set(), [], 0, None, None
        self._blocks, self._last = [Block([0], {}, {})], 0

    # -- the model's tensors

    def _list_tensors(self):
        # Looked up through their modules at each point: `model.to(...)` puts other buffers in their place.
        self._modules = [id(m) for m in self.model.modules()]
        self._slots, self._params, self._buffers, self._aliases, seen = [], [], [], {}, {}
        for kind, names in (('_parameters', self._params), ('_buffers', self._buffers)):
            for prefix, module in self.model.named_modules(remove_duplicate=False):
                for key, t in getattr(module, kind).items():
                    if t is None: continue
                    name = f'{prefix}.{key}' if prefix else key
                    if id(t) in seen: self._aliases[name] = seen[id(t)]
                    else:
                        seen[id(t)] = name
                        names.append(name)
                        self._slots.append((name, getattr(module, kind), key))
        self._persistent = frozenset(self.model.state_dict())

    def _live(self): return {name: slot[key] for name, slot, key in self._slots}

    def fits(self, model) -> bool:
        "Is this still the model that was followed, with the same names and shapes?"
        if model is not self.model: return False
        if [id(m) for m in model.modules()] != self._modules: self._list_tensors()
        live = self._live()
        return live.keys() == self._const.keys() and all(
            t is not None and t.shape == self._shapes[n] and t.dtype == self._const[n].dtype for n, t in live.items())

    # -- recording

    def resume(self):
        "Start of a fit: where the model was changed since the last step, its present state takes the place of the last point"
        if self._last_row_is_live(): return
        if self.n_steps == 0: self._const = {n: t.detach().to('cpu', copy=True) for n, t in self._live().items()}
        else:
            self._gather()
            if self._last == self.n_steps: # the last point was kept in a block: it goes
                *self._blocks, block = self._blocks
                if len(block.steps) > 1: self._blocks.append(Block(
                    block.steps[:-1], block.layout, {k: t[:-1] for k, t in block.data.items()}))
            self._tail = None
            self._keep(*self._snapshot())
        self._result = None

    def _last_row_is_live(self):
        result = self.trajectory() if self._result is None else self._result
        state = result._tensors(len(result) - 1)
        return all(torch.equal(t.detach().cpu(), state[n]) for n, t in self._live().items())

    def step(self, loss, lr: float):
        "After an optimiser step: `loss` is the raw loss that the optimiser saw, a tensor"
        self._losses.append(loss)
        if len(self._losses) >= BLOCK_ROWS: self._gather_losses()
        self.lrs.append(lr)
        self.n_steps += 1
        self._tail = self._result = None
        if self.n_steps % self.stride == 0: self._keep(*self._snapshot())

    def finish(self):
        "End of a fit: the last point is kept, whatever becomes of the model later"
        if self._last != self.n_steps and self._tail is None: self._tail = self._snapshot()

    def _snapshot(self):
        "A copy of what moves in the model: layout, and (dtype, device) -> flat tensor"
        groups = {}
        for name, t in self._live().items():
            if name not in self._moving:
                # a GPU would have to be waited for: there the comparison comes after the transfer
                if t.device.type == 'cpu' and torch.equal(t, self._const[name]): continue
                self._moving.add(name)
            groups.setdefault((t.dtype, t.device), []).append((name, t.detach().reshape(-1)))
        layout, data = {}, {}
        for key, named in groups.items():
            start = 0
            for name, t in named: layout[name] = key, start, (start := start + t.numel())
            data[key] = torch.cat([t for _, t in named])
        return layout, data

    # -- keeping

    def _keep(self, layout, data):
        if self._pending and self._pending[-1][1].keys() != layout.keys(): self._gather()
        size = _nbytes(data.values())
        while self.nbytes + size > self.max_bytes and len(self._blocks) + len(self._pending) > 1:
            self._double()
            if self.n_steps % self.stride: return
        self._pending.append((self.n_steps, layout, data))
        self._pending_bytes += size
        self._last = self.n_steps
        if self._pending_bytes >= BLOCK_BYTES or len(self._pending) >= BLOCK_ROWS: self._gather()

    @property
    def nbytes(self) -> int:
        "Bytes of all points that are kept"
        return _nbytes(self._const.values()) + sum(b.nbytes for b in self._blocks) + self._pending_bytes

    def _double(self):
        self._gather()
        self.stride *= 2
        self._blocks = [b for b in (b.every(self.stride) for b in self._blocks) if b.steps]
        self._last = self._blocks[-1].steps[-1]

    def _gather(self):
        "Turn the pending rows into a block; from a GPU through page-locked memory, without waiting"
        if not self._pending: return
        for block in self._blocks[-1:]: self._settle(block)
        self._blocks.append(self._block(self._pending))
        self._pending, self._pending_bytes = [], 0

    def _block(self, rows):
        steps, layout, event = [s for s, _, _ in rows], rows[0][1], None
        data = {}
        for key in rows[0][2]:
            parts = [d[key] for _, _, d in rows]
            block = parts[0][None] if len(parts) == 1 else torch.stack(parts)
            if block.device.type == 'cuda':
                block = torch.empty(block.shape, dtype=block.dtype, pin_memory=True).copy_(block, non_blocking=True)
                event = torch.cuda.Event()
                event.record()
            data[key] = block.cpu()
        return Block(steps, layout, data, event)

    def _settle(self, block):
        "After a transfer: drop what did not change"
        if block.event is None: return
        block.settle()
        still = {n for n in block.layout if all(n not in b.layout for b in self._blocks[:-1])
                 and bool((block.get(n, self._shapes[n]) == self._const[n]).all())}
        if not still: return
        layout, data = {}, {}
        for key in block.data:
            start, parts = 0, []
            for name, (k, a, b) in block.layout.items():
                if k != key or name in still: continue
                layout[name] = key, start, start + b - a
                start += b - a
                parts.append(block.data[key][:, a:b])
            if parts: data[key] = torch.cat(parts, 1)
        block.layout, block.data, block.nbytes = layout, data, _nbytes(data.values())

    def _gather_losses(self):
        if not self._losses: return
        losses = [x if x.dtype in (torch.float32, torch.float64) else x.float() for x in self._losses]
        self._loss_chunks.append(torch.stack([x.mean() if x.ndim else x for x in losses]))
        self._losses = []

    # -- the result

    def trajectory(self, **context) -> Trajectory:
        "The record up to now; what is recorded later does not change it. `context` goes to `Trajectory`."
        if self._result is None:
            self.finish()
            self._gather()
            self._gather_losses()
            for block in self._blocks: self._settle(block)
            blocks = self._blocks + ([self._block([(self.n_steps, *self._tail)])] if self._tail is not None else [])
            for block in blocks: block.settle()
            columns = lambda names: Columns(names, self._shapes, self._const, blocks)
            self._loss_chunks = [torch.cat([c.cpu() for c in self._loss_chunks])] if self._loss_chunks else []
            valid = tuple(zip(*self.valid)) or ((), ())
            self._result = Trajectory(
                columns(list(self._params)), [s for b in blocks for s in b.steps],
                self._loss_chunks[0] if self._loss_chunks else torch.empty(0), torch.tensor(self.lrs, dtype=torch.float64),
                columns(list(self._buffers)), model=self.model, aliases=dict(self._aliases), persistent=self._persistent,
                data=self.batches.data(), batches=dict(self.batches.by_step),
                valid=(torch.tensor(valid[0], dtype=torch.int64), torch.tensor(valid[1], dtype=torch.float64)), **context)
        return self._result
