"""What a surface is made for: the paths, the model and the loss of a learner or of trajectories. Torch only."""

from collections.abc import Mapping

import torch
from torch import nn

from ..trajectory import Trajectory
from ..trajectory.models import unwrapped
from ..trajectory.tables import several
from .flat import flatten, state_of
from .paths import check_parameters, model_and_loss_of, sizes_of
from .plane import Plane

WANTED = 'a learner, a Trajectory, or a list of trajectories of one model'


def paths_model_and_loss(learn) -> tuple:
    """`(paths, model, loss_func)`.

    Raises TypeError for another `learn`, ValueError where something is missing or does not fit.
    """
    if isinstance(learn, Trajectory): learn = [learn]
    if isinstance(learn, list | tuple):
        if not learn or not all(isinstance(t, Trajectory) for t in learn):
            states = learn and all(isinstance(t, Mapping) for t in learn)
            raise TypeError(f'learn is {learn!r:.100}: expected {WANTED}'
                            f'{"; state dicts become one by Trajectory.from_states" if states else ""}')
        paths, (model, loss_func) = list(learn), model_and_loss_of(learn[0], ', or give the learner')
        for path in paths: check_parameters(path, unwrapped(model))
    else:
        model, loss_func = getattr(learn, 'model', None), getattr(learn, 'loss_func', None)
        if not isinstance(model, nn.Module) or loss_func is None:
            raise TypeError(f'learn is a {type(learn).__name__}: expected {WANTED}')
        path = getattr(getattr(learn, 'record_params', None), 'trajectory', None)
        sizes = {n: tuple(s) for n, s in path.sizes.items()} if path is not None and len(path) else None
        paths = [path] if sizes == sizes_of(unwrapped(model)) else []
        # the loss that the fit saw: of a part of the output, and not that of MixUp
        if paths and path.loss_func is not None: loss_func = path.loss_func
    model = unwrapped(model)
    size = sum(p.numel() for p in model.parameters())
    if size < 2: raise ValueError(f'the model has {several(size, "parameter")}: a plane needs at least two')
    return paths, model, loss_func


def choose_plane(plane, paths, model, seed) -> Plane:
    "`plane` itself, the one of that name, or what suits"
    if isinstance(plane, Plane): return plane
    source = paths[0] if paths else model
    if plane is None:
        size = sum(p.numel() for p in model.parameters())
        plane = 'params' if size == 2 else 'pca' if any(map(three_points_differ, paths)) else 'random'
    if plane == 'params': return Plane.params(source)
    if plane == 'random': return Plane.random(source, seed)
    if not paths: raise ValueError("plane='pca' needs a recorded path: fit with RecordParamsCallback, or use 'random'")
    return Plane.pca(paths)


def three_points_differ(path) -> bool:
    "Are there three different points, so that a plane through the path says more than a line?"
    stride, distinct = max(1, len(path) // 50), []
    for i in sorted({*range(0, len(path), stride), len(path) - 1}):
        state = state_of(path, i)
        if not any(all(torch.equal(state[n], o[n]) for n in state) for o in distinct): distinct.append(state)
        if len(distinct) == 3: return True
    return False


def limits_around(plane, model) -> list:
    """Bounds around a model as it stands: the coordinates of two parameters by their size, else one unit of the
    directions
    """
    at = plane.project(flatten('model', state_of(model))).tolist()
    return [(c - max(1., abs(c)), c + max(1., abs(c))) for c in at]
