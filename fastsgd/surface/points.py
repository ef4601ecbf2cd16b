"""Where a loss is asked for: points of a plane, flat vectors, or the points of a trajectory. Torch only."""

import torch

from ..checks import check_type, is_array
from ..trajectory import Trajectory


class PlanePoints:
    "Points of a plane: sums of three vectors, of which only some entries may be wanted"
    def __init__(self, plane, u, v, device='cpu'):
        self.plane, self.dtype, self.n_params = plane, plane.origin.dtype, len(plane.origin)
        self.uv = torch.stack([u.reshape(-1), v.reshape(-1)], 1).to(device, self.dtype)
        self.origin, self.directions = plane.origin.to(device), plane._directions.to(device)

    def __len__(self): return len(self.uv)

    def vectors(self, i: int, j: int, out=None) -> torch.Tensor:
        "Flat parameters of points i to j, shape (j - i, P)"
        return torch.addmm(self.origin, self.uv[i:j], self.directions, out=out)

    def coefficients(self, i: int, j: int) -> torch.Tensor:
        "1, u and v of each point, shape (j - i, 3)"
        return torch.cat([self.uv.new_ones(j - i, 1), self.uv[i:j]], 1)

    def buffers_at(self, k): return None


class VectorPoints:
    "Flat parameters, shape (points, P)"
    def __init__(self, flat, device='cpu'):
        self.flat, self.device, self.dtype, self.n_params = flat, device, flat.dtype, flat.shape[1]

    def __len__(self): return len(self.flat)

    def vectors(self, i, j, out=None):
        res = self.flat[i:j].detach().to(self.device)
        # never the caller's memory: a module may write to its weights also in evaluation mode
        return out.copy_(res) if out is not None else res.clone()

    def buffers_at(self, k): return None


class TrajectoryPoints:
    "The points of a trajectory, each with the buffers that it had: BatchNorm's statistics belong to a model"
    def __init__(self, traj, device='cpu'):
        self.traj, self.device, self.n_params = traj, device, traj.n_params
        firsts = [t.detach().reshape(-1)[:1] for t in traj.point(0).values()] if len(traj) else [torch.empty(0)]
        self.dtype = torch.cat(firsts).dtype

    def __len__(self): return len(self.traj)

    def vectors(self, i, j, out=None):
        names = list(self.traj.params)
        rows = ([point[n].detach().reshape(-1) for n in names] for point in map(self.traj.point, range(i, j)))
        res = torch.stack([torch.cat(row) for row in rows])
        return out.copy_(res) if out is not None else res.to(self.device)

    def buffers_at(self, k):
        "Name -> tensor at point k"
        return {n: t for n,
                t in self.traj.point(k).items() if n in self.traj.buffers} if len(self.traj.buffers) else None


def as_points(path, device='cpu'):
    "`path` as points. Raises TypeError for anything but a Trajectory or flat parameters (points, P)."
    if isinstance(path, Trajectory): return TrajectoryPoints(path, device)
    check_type('path', path, torch.Tensor, 'a Trajectory, or flat parameters as a tensor of shape (points, P) or (P,)')
    if not is_array(path) or path.dim() != 2 or path.is_complex():
        raise ValueError(f'path is {path.dtype} of shape {tuple(path.shape)}: expected real ones, (points, P) or (P,)')
    return VectorPoints(path, device)
