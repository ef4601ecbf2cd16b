"""`Norms`: how long gradients and updates were, by parameter and step. Torch only."""

import math
from collections.abc import Mapping
from functools import cached_property

import torch

from .tables import several

NONE = -1. # in place of a norm: there was no gradient
PIECE = 4096 # numbers that a CPU adds up in a row: of millions, single precision loses the fifth digit
WIDE = torch.float32, torch.float64, torch.complex64, torch.complex128
CHUNK = 2**15 # numbers that are looked at together: small beside what a process has


def norms_of(tensors) -> list: # 0-dimensional tensors
    "The Euclidean norm of each of `tensors`, in single precision or better, without waiting for a GPU"
    # the long ones first, all in a row: what a processor has just done it does in a fifth of the time
    short = [t if t.numel() <= PIECE and t.dtype is torch.float32 and t.layout is torch.strided else _shorter(t)
             for t in tensors]
    return torch._foreach_norm(short) if short else []


def _shorter(t):
    "A tensor of the same norm, in single precision or better, and on a CPU of up to `PIECE` numbers"
    if t.layout is not torch.strided: # rows of an embedding, each of which may come several times
        if not t.is_cpu: return torch.full((), torch.nan, device=t.device) # would have to be waited for
        t = t.coalesce().values() if t.layout is torch.sparse_coo else t.to_dense()
    how, n = {} if t.dtype in WIDE else {'dtype': torch.float32}, t.numel()
    if n <= PIECE or not t.is_cpu: return torch.linalg.vector_norm(t, **how) if how else t
    if PIECE // 16 <= n // t.shape[0] <= 2 * PIECE: rows, rest = t if t.ndim == 2 else t.flatten(1), 0
    else: # a row has no good length
        flat, rest = t.reshape(-1), n % PIECE
        rows = flat[:n - rest].view(-1, PIECE)
    norms = torch.linalg.vector_norm(rows, dim=1, **how)
    if rest: norms = torch.cat([norms, torch.linalg.vector_norm(flat[-rest:], **how)[None]])
    return norms if norms.shape[0] <= PIECE else _shorter(norms)


def distance(a, b):
    "The norm of `a - b`, of two flat tensors on one device; on a CPU piece by piece, within its cache"
    if a.device.type != 'cpu' or len(a) <= CHUNK or a.dtype not in (torch.float32, torch.float64):
        return norms_of([a - b])[0]
    parts = (x - y for x, y in zip(a.split(CHUNK), b.split(CHUNK)))
    return torch.tensor(math.sqrt(sum(torch.dot(d, d).item() for d in parts)))


class Norms(Mapping):
    """Name -> norm at each step, shape (steps,); NaN where there was none, and at steps of which it is not known.

    `at` are the steps of which it is known: `rows` holds name -> values there, below 0 for none.
    """
    def __init__(self, rows, at, n): self.rows, self.at, self.n = rows, at, n

    def __iter__(self): return iter(self.rows)
    def __len__(self): return len(self.rows)
    def __contains__(self, name): return name in self.rows
    def _ipython_key_completions_(self): return list(self.rows)
    def __repr__(self):
        return f'Norms of {several(len(self), "parameter")}, known at {len(self.at)} of {several(self.n, "step")}'

    def __getitem__(self, name):
        values = self.rows[name]
        res = torch.full((self.n,), torch.nan, dtype=values.dtype)
        res[self.at] = values.masked_fill(values < 0, torch.nan)
        return res

    def together(self) -> torch.Tensor: # Shape (steps,)
        "The norm of all parameters taken together; NaN where none is known"
        total, none = torch.zeros(len(self.at), dtype=torch.float64), torch.ones(len(self.at), dtype=torch.bool)
        for values in self.rows.values():
            total += values.double().clamp(min=0).square() # of NaN, NaN: a gradient that is not finite is told
            none &= values < 0
        res = torch.full((self.n,), torch.nan)
        res[self.at] = total.sqrt().masked_fill(none, torch.nan).float()
        return res

    def then(self, later: 'Norms') -> 'Norms':
        "These, and those of steps that came later"
        if not len(self.at): return later
        if not len(later.at): return Norms(self.rows, self.at, later.n)
        rows = {name: torch.cat([self.rows[name], later.rows[name]]) for name in later}
        return Norms(rows, torch.cat([self.at, later.at]), later.n)

    def packed(self) -> dict | None:
        "What a file holds of it"
        if not len(self): return None
        table = torch.stack([self.rows[name].float() for name in self], 1)
        return {'at': self.at, 'names': list(self), 'table': table}


def no_steps() -> torch.Tensor: return torch.empty(0, dtype=torch.int64)
def nothing(n) -> Norms: return Norms({}, no_steps(), n)


class Updates:
    "How far each step moved each parameter: as it was recorded, else from points that follow each other"
    def __init__(self, params, steps, breaks, recorded):
        self.params, self.steps, self.breaks, self.recorded = params, steps, breaks, recorded

    @cached_property
    def known(self) -> tuple: # `(at, places)`
        """The steps of which it can be known, and where from: the row -1 - place, or the point at which it begins.

        No step leads to weights that were loaded.
        """
        rows = (~torch.isin(self.recorded.at + 1, self.breaks)).nonzero()[:, 0]
        pairs = (self.steps.diff() == 1) & ~torch.isin(self.steps[1:], self.breaks)
        pairs = (pairs & ~torch.isin(self.steps[:-1], self.recorded.at)).nonzero()[:, 0]
        at, order = torch.cat([self.recorded.at[rows], self.steps[pairs]]).sort()
        return at, torch.cat([-1 - rows, pairs])[order]

    def of(self, name: str, which=slice(None)) -> torch.Tensor:
        "How far `name` moved, at the known steps or some of them"
        places = self.known[1][which]
        told, res = places < 0, torch.full((len(places),), torch.nan)
        if name in self.recorded: res[told] = self.recorded.rows[name][-1 - places[told]].clamp(min=0).float()
        res[~told] = moves(self.params, name, places[~told])
        return res

    @cached_property
    def norms(self) -> Norms:
        "All that can be known"
        at = self.known[0]
        return Norms({name: self.of(name) for name in self.params}, at, self.recorded.n) if len(at) else self.recorded


def moves(columns, name, pairs) -> torch.Tensor:
    "The norms of the changes of `name` from each of the points `pairs`, in order, to the next one"
    res, size = torch.zeros(len(pairs)), columns.first[name].numel()
    if columns.constant(name): return res
    start, step = 0, max(CHUNK // max(size, 1), 1)
    while start < len(pairs):
        first = int(pairs[start])
        stop = int(torch.searchsorted(pairs, first + step))
        values = columns.between(name, first, int(pairs[stop - 1]) + 2)
        values = values.reshape(len(values), size).to(values.dtype if values.dtype in WIDE else torch.float32)
        change = values.diff(dim=0)[pairs[start:stop] - first]
        res[start:stop] = torch.linalg.vector_norm(change, dim=1).float() if size <= PIECE else torch.stack(
            norms_of(list(change))).float()
        start = stop
    return res


def moves_of(traj) -> Updates:
    "What is known of how far each step of `traj` moved each parameter, for who needs but some of it"
    return traj._updates


class HowFast:
    "What a `Trajectory` says about the pace of its fit"
    @property
    def grad_norm(self) -> torch.Tensor:
        "The norm of all gradients of each step taken together, shape (steps,); NaN where it was not recorded"
        return self.grad_norms.together()

    @property
    def update_norms(self) -> Norms:
        """Name -> how far each step moved the parameter, shape (steps,).

        Known at each step that begins and ends at a point that was recorded, and in larger models, of which not every
        point is kept, at each step that begins at one; NaN elsewhere, and where other weights were loaded.
        """
        return self._updates.norms
