"""`Objective`: the loss of one model over fixed data, at many parameter vectors at once. No fastai, no matplotlib."""

import math
import time
import warnings
import weakref
from collections import Counter
from contextlib import nullcontext

import torch
from fastprogress import progress_bar
from torch import nn
from torch.func import functional_call, vmap
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..random_state import random_state_kept, seed_all
from ..trajectory.models import copy_model
from .many_models import ManyModels, Reused

MAX_BYTES = 2**28
CACHE_BYTES = 2**24 # where the search for the fastest number of vectors at once begins
HEAP_BYTES = 45 * 2**20 # where it ends on a CPU: glibc gives larger blocks back to the system, and fetching them anew takes long
BAR_AFTER = 1. # seconds passed, and as many to come


class Objective:
    """The mean loss over `batches` as a function of flat parameters, evaluated in evaluation mode without gradients.

    Works on a copy of the model, in memory-bounded batches of parameter vectors (`torch.func.vmap`), and of data where
    even one vector is too much. A model that can't be vectorised is called in a loop: see `method`.
    """
    def __init__(self,
        model: nn.Module, # Its parameters' values don't matter
        loss_func, # Of predictions and targets; by its `reduction` batches are averaged over samples, or summed
        batches: list, # `(xs, ys)`, tuples of tensors
        buffers: dict | None = None, # Name -> tensor; None: the model's own
        max_bytes: int = MAX_BYTES, # Budget for parameters and activations in flight
        seed: int = 0, # For a model that is random also in evaluation mode: each point sees the same noise
    ):
        self.loss_func, self.max_bytes, self.seed = loss_func, max_bytes, seed
        self.model = copy_model(model, device=None)
        self.spec = [(n, p.shape, p.dtype) for n, p in self.model.named_parameters()]
        self.size = sum(s.numel() for _, s, _ in self.spec)
        self.device = next((p.device for p in self.model.parameters()), torch.device('cpu'))
        if buffers:
            for n, b in self.model.named_buffers():
                if n in buffers: b.copy_(buffers[n])
        self.buffers = {n: b.clone() for n, b in self.model.named_buffers()}
        self.batches = [tuple(tuple(t.detach().as_subclass(torch.Tensor).to(self.device) for t in side) for side in b)
                        for b in batches]
        self.n_samples = sum(map(_rows, self.batches))
        self.method, self.reason, self.chunk, self.in_place, self.cost = None, '', 1, True, None

    # -- one parameter vector

    def _loss(self, vector, xs, ys, layout=None):
        state = {n: b.clone() for n, b in self.buffers.items()}
        for (name, shape, dtype), part in zip(self.spec, vector.split([s.numel() for _, s, _ in self.spec])):
            state[name] = part.view(shape) if part.dtype == dtype else part.view(shape).to(dtype)
        # a module may work in place on its input
        xs = tuple(x.clone() for x in xs)
        with layout or nullcontext():
            loss = self.loss_func(functional_call(self.model, state, xs), *ys).as_subclass(torch.Tensor)
            return loss.mean() if loss.dim() else loss

    def _settle(self):
        seed_all(self.seed)
        if hasattr(self.model, 'reset'): self.model.reset() # fastai's convention for a hidden state

    def _over_batches(self, f, vectors, batches):
        "The loss over `batches`, each by its share of the samples"
        total = 0
        for xs, ys in batches:
            self._settle()
            share = 1. if self.summed else _rows((xs, ys)) / self.n_samples
            total = total + f(vectors, xs, ys).double() * share
        return total

    @property
    def summed(self): return getattr(self.loss_func, 'reduction', 'mean') == 'sum'

    def _one_by_one(self, vectors, xs, ys): return torch.stack([self._loss(v, xs, ys) for v in vectors])

    def _at_once(self, vectors, xs, ys):
        many = lambda: vmap(lambda v: self._loss(v, xs, ys, ManyModels(self.in_place)), randomness='same')(vectors)
        try: return many()
        except Reused:
            self.in_place = False
            self._settle()
            return many()

    # -- many

    @torch.no_grad()
    def __call__(self,
        at, # `at(start, stop) -> (stop - start, P)`, or the flat parameters (points, P) themselves
        n: int | None = None, # Number of points; None: len(at)
    ) -> torch.Tensor: # Shape (points,), float64, on the CPU
        "The loss at each point. Shows a progress bar when it takes long; the random state is kept."
        if isinstance(at, torch.Tensor): flat, n, at = at, len(at), lambda i, j: flat[i:j]
        vectors = lambda i, j: at(i, j).to(self.device)
        res, bar = torch.full((n,), torch.nan, dtype=torch.float64), None
        if not n: return res
        # after a block of just below 32 MB, never touched, glibc keeps what was used for the next batch
        torch.empty(31 * 2**20, dtype=torch.uint8)
        with random_state_kept(), warnings.catch_warnings():
            # a slow stand-in for an operation without a rule of its own is still right
            warnings.filterwarnings('ignore', message='There is a performance drop')
            f, batches, sizes = self._plan(vectors(0, 1).clone()) # apart from the others, whose bytes don't count
            begin = time.perf_counter()
            try:
                for i, j in sizes.spans(n):
                    res[i:j] = self._over_batches(f, vectors(i, j), batches).cpu()
                    elapsed = time.perf_counter() - begin
                    if bar is None and elapsed > BAR_AFTER and elapsed * (n - j) > BAR_AFTER * j:
                        bar = progress_bar(range(n), leave=False)
                        bar.comment = 'loss surface'
                        bar.update(0)
                    if bar is not None: bar.update(j)
            except BaseException:
                if bar is not None: bar.on_interrupt()
                raise
            self.chunk = sizes.best
        return res

    def _plan(self, vector):
        "How to evaluate: `(function, batches of data, sizes of the batches of vectors)`"
        if self.method != 'loop':
            try: return self._plan_vmap(vector)
            except (KeyboardInterrupt, torch.OutOfMemoryError): raise
            except Exception as e: reason = str(e).strip().split('\n')[0] or type(e).__name__
            self._over_batches(self._one_by_one, vector, self.batches[:1]) # if this fails too, it is the user's error
            self.method, self.reason = 'loop', reason
            warnings.warn(f'this model cannot be vectorised ({reason[:200]}): its loss is evaluated point by point, '
                          'which is slower', stacklevel=4)
            self.cost = self._bytes(self._one_by_one, vector)
        return self._one_by_one, self._split(self.cost)[0], Sizes(1, 1)

    def _plan_vmap(self, vector):
        if self.cost is None: self.cost = self._bytes(self._at_once, vector)
        batches, per_vector = self._split(self.cost)
        if self.method is None:
            one, many = (self._over_batches(f, vector, batches[:1]) for f in (self._one_by_one, self._at_once))
            if not torch.allclose(one, many, rtol=1e-3, atol=1e-5, equal_nan=True):
                raise ValueError(f'vectorised, its loss is {float(many):.6g} instead of {float(one):.6g}')
            self.method = 'vmap'
        budget = self.max_bytes
        # glibc keeps up to four blocks for one in use: an aligned one does not fit into the hole that its like has left
        if self.device.type == 'cpu': budget = min(budget * 1.5 / 4, HEAP_BYTES)
        most = max(1, int(budget // per_vector))
        return self._at_once, batches, Sizes(max(1, min(most, int(CACHE_BYTES // per_vector))), most)

    def _bytes(self, f, vector):
        "Bytes in flight for one vector: `(fixed, per row of data)`, measured on few rows"
        xs, ys = max(self.batches, key=_rows)
        rows = min(_rows((xs, ys)), 128)
        measured = []
        for k in {rows, (rows + 1) // 2} if _rows((xs, ys)) > rows else {rows}:
            self._settle()
            with PeakBytes() as peak: f(vector, *_cut((xs, ys), 0, k))
            measured.append((k, peak.most))
        (k1, b1), (k2, b2) = min(measured), max(measured)
        slope = max(b2 - b1, 0) / (k2 - k1) if k2 > k1 else b2 / k2
        # half as much again for what kernels allocate inside
        return 1.5 * max(b2 - slope * k2, 4 * self.size), 1.5 * slope

    def _split(self, cost):
        "Batches of data which fit in the budget with one vector, and the bytes of that vector"
        fixed, per_row = cost
        rows = max(1, int((self.max_bytes - fixed) // per_row)) if per_row else self.n_samples
        res = [_cut(b, i, i + rows) for b in self.batches for i in range(0, _rows(b), rows)]
        return res, fixed + per_row * max(map(_rows, res))


class Sizes:
    """How many vectors to take at once: as many as go fastest, found on the way.

    More at once means less overhead, until they fall out of the cache: double while that helps, otherwise halve.
    """
    def __init__(self, first, most): self.best, self.most, self.times = first, most, {}

    def spans(self, n):
        i, up, down = 0, self.best < self.most, self.best > 1
        size = self.best
        if n <= min(4 * size, self.most): size, up, down = n, False, False # not worth a search
        while i < n:
            j = min(i + size, n)
            begin = time.perf_counter()
            yield i, j
            took = (time.perf_counter() - begin) / (j - i)
            tries, fastest = self.times.get(size, (0, math.inf))
            self.times[size], i = (tries + 1, min(took, fastest)), j
            if tries < 1 or not (up or down): continue # two of each size: the first one may pay for memory
            time_of = lambda s: self.times[s][1]
            if size != self.best:
                if time_of(size) < 0.95 * time_of(self.best): self.best = size
                elif up: up = False
                else: down = False
                if size > self.best and not up and len(self.times) > 2: down = False
            size = self.best
            if up and self.best < self.most: size = min(self.best * 2, self.most)
            elif down and self.best > 1 and self.best // 2 not in self.times: size = self.best // 2
            else: up = down = False


class PeakBytes(TorchDispatchMode):
    "The most bytes that tensors made inside hold at a time, in `most`, on any device"
    # spares the first surface a second of imports for torch.compile, which is not used here
    @classmethod
    def _should_skip_dynamo(cls): return False

    def __init__(self):
        super().__init__()
        self.users, self.live, self.most = Counter(), 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        res = func(*args, **(kwargs or {}))
        for t in tree_leaves(res):
            if isinstance(t, torch.Tensor): self._add(t)
        self.most = max(self.most, self.live)
        return res

    def _add(self, t):
        storage = t.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if not self.users[key]: self.live += size
        self.users[key] += 1
        weakref.finalize(t, self._drop, key, size).atexit = False

    def _drop(self, key, size):
        self.users[key] -= 1
        if not self.users[key]: self.live -= size


def _rows(batch): return next((len(t) for side in reversed(batch) for t in side if t.dim()), 1)


def _cut(batch, start, stop):
    n = _rows(batch)
    if start == 0 and stop >= n: return batch
    return tuple(tuple(t[start:stop] if t.dim() and len(t) == n else t for t in side) for side in batch)
