"""`Stages`: a grid from coarse to fine, each of whose pictures is whole and no point of which is evaluated twice.

Torch only.
"""

import warnings
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from .points import PlanePoints

COARSEST = 4 # gaps along an axis that the first grid has, at least
WATCHER = ContextVar('watcher', default=None)


@contextmanager
def watched_by(show):
    """In the `with` block, call `show(surface, share)` with each coarser surface that is whole, and the share of points
    that are done; None: nobody watches. An error in it is a warning.
    """
    token = WATCHER.set(show)
    try: yield
    finally: WATCHER.reset(token)


class Stages:
    """The points of a grid, first those of a coarse one, then what a finer one adds to it, up to all.

    A grid has every `stride`-th coordinate and the last one, with strides that are halved.
    """
    def __init__(self,
        u: torch.Tensor, # Coordinates along the first direction, shape (nu,)
        v: torch.Tensor, # Along the second, shape (nv,)
    ):
        self.u, self.v, self.parts, self.done, self.whole = u, v, [], 0, 0 # `whole` grids have all their points
        self.comment, self.watcher = '', None # called with the share of points that are done
        strides = [_largest_stride(at) for at in (u, v)]
        n_grids = max(strides).bit_length()
        self.grid_of_u, self.grid_of_v = (_first_grid(len(at), stride, n_grids) for at, stride in zip((u, v), strides))
        grid = torch.maximum(self.grid_of_v[:, None], self.grid_of_u).flatten()
        self.order, self.ends = grid.argsort(stable=True), grid.bincount().cumsum(0).tolist()

    def points(self, plane, device) -> PlanePoints:
        "All points of the grid on `plane`, in their order"
        return PlanePoints(plane, self.u[self.order % len(self.u)], self.v[self.order // len(self.u)], device)

    def add(self, losses) -> str:
        "Keep the `losses` of the points whose turn it was; say what is there"
        self.parts.append(losses)
        self.done += len(losses)
        if not self.finished and self.done >= self.ends[self.whole]: self._whole()
        return self.comment

    def _whole(self):
        while not self.finished and self.done >= self.ends[self.whole]: self.whole += 1
        self.comment = '' if self.finished else f'{self.told}: stop to keep these'
        if self.finished or self.watcher is None: return
        try: self.watcher(self.done / len(self.order))
        except Exception as e:
            self.watcher = None
            warnings.warn(f'no early picture of the surface: {type(e).__name__}: {e}', stacklevel=2)

    @property
    def finished(self) -> bool:
        "Does the finest grid have all its points?"
        return self.whole == len(self.ends)

    @property
    def told(self) -> str:
        "How many points the finest whole grid has, in words"
        nu, nv = (int((grid < self.whole).sum()) for grid in (self.grid_of_u, self.grid_of_v))
        return f'{nu} × {nv} of {len(self.u)} × {len(self.v)} points'

    @property
    def stop_told(self) -> str:
        "Where it was stopped, in words, '' if nowhere"
        return '' if self.finished else f'stopped at {self.told}; '

    def finest(self) -> tuple:
        "`(u, v, loss)` of the finest whole grid"
        loss = torch.empty(len(self.order), dtype=torch.float64)
        loss[self.order[:self.done]] = torch.cat(self.parts)
        if self.finished: return self.u, self.v, loss.view(len(self.v), len(self.u))
        i, j = self.grid_of_u < self.whole, self.grid_of_v < self.whole
        return self.u[i], self.v[j], loss.view(len(self.v), len(self.u))[j][:, i]


def _largest_stride(at) -> int:
    "The largest power of two that leaves `COARSEST` gaps, 1 where there are fewer"
    return 1 << max((len(at) - 1) // COARSEST, 1).bit_length() - 1


def _first_grid(n: int, stride: int, n_grids: int) -> torch.Tensor:
    "In which of the grids each of `n` coordinates comes first; the strides of the last ones are `stride` ... 4, 2, 1"
    res = torch.full((n,), n_grids - 1)
    for k in range(stride.bit_length()): res[::1 << k] = n_grids - 1 - k
    res[::stride] = res[-1] = 0
    return res
