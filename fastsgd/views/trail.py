"""`PathOnSurface`: where a trajectory is on a loss surface, for views that draw it there."""

import numpy as np
import torch

from ..surface.paths import columns_of
from .limits import finite, within

TRAIL = 1000 # points of the line behind a path, which is drawn at fewer: a fit that zigzags between two frames shows it


def trail_of(traj):
    "The fit that `traj` was thinned from, at all points of `traj` and others in between"
    if traj.denser is None: return traj
    steps = torch.cat([traj.denser.thin(TRAIL).steps, traj.steps]).unique()
    return traj if len(steps) <= 1 else traj.denser.at(steps)


class ProjectedPath:
    "Where a trajectory is in the plane of a surface"
    def __init__(self, traj, surface):
        self.traj, self.surface, uv = traj, surface, surface.plane.project(traj)
        self.u, self.v = uv[:, 0].numpy(), uv[:, 1].numpy()

    def __len__(self): return len(self.u)

    def upto(self, step: int) -> int:
        "How many points there are up to `step`"
        return int(np.searchsorted(self.traj.steps.numpy(), step, side='right'))

    def true_losses(self, surface) -> np.ndarray:
        """The loss at each point; of a surface of given numbers, where nothing can be evaluated, the one that was
        recorded
        """
        if surface.objective is None: return np.array([self.traj.loss(i) for i in range(len(self))])
        return surface.loss_at(self.traj).numpy()

    def leaves(self, ulim, vlim) -> int | None:
        "The point that leaves the picture for good; None if none does, or if the path just ends"
        inside = (self.u >= ulim[0]) & (self.u <= ulim[1]) & (self.v >= vlim[0]) & (self.v <= vlim[1])
        if inside[-1]: return None
        out = int(np.flatnonzero(inside)[-1]) + 1 if inside.any() else 0
        return out if np.isfinite(self.u[out] + self.v[out]) else None

    def cut(self, ulim, vlim, departure):
        "Decide what is drawn: up to the first point that is not before the step of `departure`"
        self.x, self.y = within(self.u, ulim), within(self.v, vlim)
        if departure is not None:
            out = np.searchsorted(self.traj.steps.numpy(), departure)
            self.x[out + 1:] = self.y[out + 1:] = np.nan


class PathOnSurface(ProjectedPath):
    "A trajectory as the surface sees it: where it is, how far off the plane, and what the loss is here and there"
    def __init__(self, traj, surface, trail=None):
        super().__init__(traj, surface)
        self.trail = self if trail is None or trail is traj else ProjectedPath(trail, surface)
        self.off, self.far = surface.plane.distance(traj).numpy(), travelled(traj)
        self.rounding = 1e-5 * max(finite(self.far).numpy().max(initial=0), 1e-3)
        self.leaves_plane = finite(self.off).numpy().max(initial=0) > self.rounding
        if surface.objective is None:
            self.true, self.error, self.below = self.true_losses(surface), None, between(surface, self.u, self.v)
        else:
            self.true, self.error = (t.numpy() for t in surface.loss_at(traj, errors=True))
            self.below = surface.at(*map(torch.from_numpy, (self.u, self.v))).numpy()
        self.differs = self.leaves_plane or not np.allclose(self.true, self.below, 1e-3, equal_nan=True)

    def place(self, ulim, vlim):
        "Decide what is drawn, and at which step the fit leaves the picture for good"
        path, out = self.trail, self.trail.leaves(ulim, vlim)
        if out is not None and self.traj.denser is not None: # between points of the trail it may have come back
            steps = self.traj.denser.steps
            last = int(path.traj.steps[out - 1]) if out else -1
            path = ProjectedPath(self.traj.denser.at(steps[steps > last]), self.surface)
            out = path.leaves(ulim, vlim)
        self.departure = None if out is None else int(path.traj.steps[out])
        self.cut(ulim, vlim, self.departure)
        if self.trail is not self: self.trail.cut(ulim, vlim, self.departure)


def travelled(traj) -> np.ndarray:
    "How far each point is from the first one"
    return sum(x.square_().sum(1) for _, x in columns_of([traj])).sqrt().numpy()


def loss_over(objective, error: str) -> str:
    "The label of an axis for losses, with what is known of their `error` where the data is a sample"
    n, total = objective.n_samples, objective.source.total
    if total > n: return f'loss over {n:,} of {total:,} samples' + (f',\n{error}' if error else '')
    return f'loss over {n:,} samples' if n > 1 else 'loss'


def between(surface, u, v) -> np.ndarray:
    "The loss of a surface of given numbers at any point, by bilinear interpolation; NaN outside of it"
    grid_u, grid_v, loss = surface.u.numpy(), surface.v.numpy(), surface.loss.numpy()
    i = np.interp(u, grid_u, np.arange(len(grid_u)), np.nan, np.nan)
    j = np.interp(v, grid_v, np.arange(len(grid_v)), np.nan, np.nan)
    ok = np.isfinite(i) & np.isfinite(j)
    i0, j0 = (np.clip(np.where(ok, o, 0).astype(int), 0, size - 2) for o, size in ((i, len(grid_u)), (j, len(grid_v))))
    a, b = i - i0, j - j0
    return ((1 - a) * (1 - b) * loss[j0, i0] + a * (1 - b) * loss[j0, i0 + 1]
            + (1 - a) * b * loss[j0 + 1, i0] + a * b * loss[j0 + 1, i0 + 1])
