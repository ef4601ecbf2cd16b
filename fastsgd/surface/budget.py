"""How large a surface may be that nobody asked for: by counted work, before anything is evaluated. Torch only."""

import torch

from .objective import Objective
from .pieces import cut, rows_of, widest
from .source import paths_model_and_loss
from .work import OPERATIONS, TooMuch, affordable, work_of


def affordable_surface(traj, sizes, seconds: float, more: int = 0) -> tuple | None:
    """The last `(n, samples)` of `sizes`, which go up, whose n × n points and some `more` fit into nominal `seconds`.

    Counted on a model without numbers, so that it is the same on every machine and nothing large is begun. None where
    even the first one does not fit.
    """
    _, model, loss_func = paths_model_and_loss(traj)
    data, res = [traj.data, *traj.ragged], None
    total, objective = sum(map(rows_of, data)), Objective(model, loss_func, [two_of(widest(data))])
    for n, samples in sizes:
        try: work = work_of(objective, min(samples, total), seconds * OPERATIONS / (n * n + more))
        except TooMuch: break
        calls = work.operations * min(samples, len(data)) # batches of other shapes are asked one by one
        if n * n + more > affordable(work._replace(operations=calls), seconds): break
        res = n, samples
    return res


def two_of(batch) -> tuple:
    "Two samples of `(xs, ys)`, a single one twice"
    if rows_of(batch) != 1: return cut(batch, 0, 2)
    return tuple(tuple(torch.cat([t, t]) if t.dim() and len(t) == 1 else t for t in side) for side in batch)
