"""Paths through the space of parameters, some columns at a time: a Trajectory, or flat points (points, P).

Torch only.
"""

import numpy as np
import torch

from ..checks import is_array
from ..trajectory import Trajectory
from ..trajectory.spread import evenly
from .flat import flatten, state_of

COLUMN_BYTES = 2**24 # of columns in float64 at a time: what projections and PCA need beside the path itself
MOST_POINTS = 1000 # points of a path that PCA looks at: its matrix stays below 8 MB


def check_path(arg: str, path):
    "Return `path`. Raises TypeError unless it is one."
    if isinstance(path, Trajectory): return path
    if not is_array(path) or isinstance(path, np.ndarray) or path.dim() != 2 or path.is_complex() or (
            path.dtype == torch.bool or not len(path)):
        what = f'tensor of shape {tuple(path.shape)}' if isinstance(path, torch.Tensor) else type(path).__name__
        raise TypeError(f'{arg} holds a {what}: expected a Trajectory, or flat parameters as a tensor of shape '
                        '(points, P)')
    return path


def sizes_of(model) -> dict: return {n: tuple(p.shape) for n, p in model.named_parameters()}


def check_parameters(path, model):
    "Raise ValueError unless the parameters of `path` are those of `model`, in the same order"
    has, wants = {n: tuple(s) for n, s in path.sizes.items()}, sizes_of(model)
    if list(has.items()) == list(wants.items()): return
    buffers = dict(model.named_buffers())
    for name in {**has, **wants}:
        if name in has and name in buffers:
            raise ValueError(f'params of a trajectory holds {name!r}, which is a buffer of the model: expected it in '
                             'Trajectory(..., buffers=...)')
        if has.get(name) != wants.get(name):
            raise ValueError(f'a trajectory does not fit the model: {name!r} has the shape {has.get(name, "none")} in '
                             f'the trajectory and {wants.get(name, "none")} in the model; expected trajectories of one '
                             'model')
    raise ValueError(f'params of a trajectory are {list(has)}: expected them in the order of the model, {list(wants)}')


def model_and_loss_of(traj, or_else: str = '') -> tuple:
    "`(model, loss_func)` of a Trajectory. Raises ValueError where one is missing."
    for name in ('model', 'loss_func'):
        if getattr(traj, name) is None: raise ValueError(f'this trajectory has no {name}: give it one{or_else}')
    return traj.model, traj.loss_func


def is_vector(path) -> bool:
    "Is this one point, as flat parameters?"
    return isinstance(path, torch.Tensor) and path.dim() == 1 and path.layout is torch.strided


def thinned(path):
    "At most `MOST_POINTS` points of the path, spread evenly"
    if isinstance(path, Trajectory): return path.thin(MOST_POINTS)
    if len(path) <= MOST_POINTS: return path
    return path[evenly(0, len(path) - 1, MOST_POINTS)]


def n_params_of(path) -> int: return path.n_params if isinstance(path, Trajectory) else path.shape[1]


def point_of(path, i: int) -> torch.Tensor:
    "Point `i` as a flat vector on the CPU"
    return flatten('path', state_of(path, i)) if isinstance(path, Trajectory) else path[i].detach().cpu()


def columns_of(paths, minus=None, dtype=torch.float64):
    """Yield `(piece, x)`: for a slice of the parameters, what all points of all `paths` have there.

    `minus`, or the first point, is subtracted. The next `x` overwrites this one.
    """
    minus = point_of(paths[0], 0) if minus is None else minus
    rows, start = sum(map(len, paths)), 0
    width = max(1, COLUMN_BYTES // (8 * max(rows, 1)))
    buffer = torch.empty(rows * min(width, len(minus)), dtype=dtype)
    for tensors in zip(*([n for n in p.params] if isinstance(p, Trajectory) else [None] for p in paths), strict=True):
        parts = [t for p, n in zip(paths, tensors) for t in _parts(p, n)]
        for i in range(0, parts[0].shape[1], width):
            w = min(width, parts[0].shape[1] - i)
            piece, x, row = slice(start, start + w), buffer[:rows * w].view(rows, w), 0
            for t in parts:
                torch.sub(t[:, i:i + w].cpu(), minus[piece], out=x[row:row + len(t)])
                row += len(t)
            start += w
            yield piece, x


def _parts(path, name) -> list:
    "What all points of `path` have for `name`, (points, numbers), in parts: a large one point by point, without a copy"
    if name is None: return [path.detach().reshape(len(path), -1)]
    if len(path) * path.sizes[name].numel() <= COLUMN_BYTES // 8:
        return [path.params[name].detach().reshape(len(path), -1)]
    return [path.params.row(name, i).detach().reshape(1, -1) for i in range(len(path))]


def points_in_sight(distances, paths) -> list:
    """For each path a mask of the points to look at, given the `distances` of all points from the first path's start.

    A fit that diverges grows by a factor with each step, and a picture that holds all of it shows nothing. Once a point
    is 1000 times as far away as the parameters are large, only those within ten times count.
    """
    reach, res = 1 + float(point_of(paths[0], 0).double().norm()), []
    for d in distances.split([len(p) for p in paths]):
        diverged = not d.isfinite().all() or (d > 1000 * reach).any()
        res.append(d <= 10 * reach if diverged else torch.ones_like(d, dtype=torch.bool))
    return res
