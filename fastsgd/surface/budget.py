"""How large a surface may be that nobody asked for: by counted work, before anything is evaluated. Torch only."""

from .objective import Objective
from .pieces import cut, rows_of
from .source import paths_model_and_loss
from .work import affordable, work_of


def affordable_surface(traj, sizes, seconds: float, more: int = 0) -> tuple | None:
    """The last `(n, samples)` of `sizes`, which go up, whose n × n points and some `more` fit into nominal `seconds`.

    Counted on a model without numbers, so that it is the same on every machine and nothing large is begun. None where
    even the first one does not fit.
    """
    _, model, loss_func = paths_model_and_loss(traj)
    total, res = rows_of(traj.data), None
    objective = Objective(model, loss_func, [cut(traj.data, 0, 2)])
    for n, samples in sizes:
        if n * n + more > affordable(work_of(objective, min(samples, total)), seconds): break
        res = n, samples
    return res
