"""`Line`: the loss along a straight line through a model's parameters. Torch only."""

import torch

from ..trajectory import Trajectory
from .objective import MAX_BYTES, Objective
from .paths import model_and_loss_of
from .points import TrajectoryPoints, VectorPoints
from .sampling import sample_batches
from .with_errors import losses_and_errors


class Line:
    """The mean loss at `origin + t * direction`, in evaluation mode, with the buffers of the last point.

    From the first point of a fit (t = 0) to the last one (t = 1); of a model with one parameter, t is its value.
    Raises ValueError where model, loss function or data is missing, or where the fit came back to its first point.
    """
    def __init__(self,
        traj: Trajectory, # Whose model and loss are asked
        data=None, # `(xs, ys)`; None: as recorded
        max_samples: int = 1000, # Of the data, a random sample where there are more
        seed: int = 0, # Of that sample
    ):
        model, loss_func = model_and_loss_of(traj)
        self.traj = traj
        batches, source = sample_batches(traj, [traj], data, max_samples, MAX_BYTES, seed)
        first, last = (torch.cat([traj.params.row(n, i).reshape(-1) for n in traj.params]) for i in (0, len(traj) - 1))
        self.single = len(first) == 1
        if self.single: self.origin, self.direction = torch.zeros_like(first), torch.ones_like(first)
        else: self.origin, self.direction = first, last - first
        self.length = float(self.direction.double().norm())
        if not 0 < self.length < float('inf'):
            raise ValueError('the first point and the last one are the same, or not finite: there is no line from one '
                             'to the other')
        buffers = {n: t for n, t in traj.point(-1).items() if n in traj.buffers}
        self.objective = Objective(model, loss_func, batches, buffers, MAX_BYTES, seed, source)

    def at(self,
        t: torch.Tensor, # Places on the line, shape (k,)
    ) -> torch.Tensor: # Shape (k,), float64
        "The loss at each place"
        t = t.to(self.origin.dtype)
        return self.objective(VectorPoints(self.origin + t[:, None] * self.direction, self.objective.device))

    def places(self) -> torch.Tensor: # Shape (points,), float64
        "Where on the line each point of the fit is, or is nearest to"
        res, start = torch.zeros(len(self.traj), dtype=torch.float64), 0
        for name, shape in self.traj.sizes.items():
            stop = start + shape.numel()
            d, o = self.direction[start:stop].double(), self.origin[start:stop].double()
            rows = [(self.traj.params.row(name, i).reshape(-1).double() - o) @ d for i in range(len(self.traj))]
            res, start = res + torch.stack(rows), stop
        return res / self.length**2

    def losses(self) -> tuple: # Two of shape (points,), float64
        "The true loss at each point of the fit, on the line or off it, with its own buffers, and the standard error"
        return losses_and_errors(self.objective, TrajectoryPoints(self.traj, self.objective.device))
