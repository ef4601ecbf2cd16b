"""Two directions through the space of parameters: principal ones of a path, or random ones. Torch only."""

import torch

from ..random_state import within_64_bits
from .paths import columns_of, n_params_of, point_of, points_in_sight


def principal_directions(paths, center: str) -> tuple:
    """`(origin, d1, d2, shares)`: the directions of unit length along which the paths vary most, and their shares of
    it.

    From the Gram matrix of all points, which is small however many parameters there are.
    """
    n, gram = sum(map(len, paths)), 0
    dtype = torch.float64 if n * n * n_params_of(paths[0]) < 1e10 else torch.float32
    for _, x in columns_of(paths, dtype=dtype): gram = gram + (x @ x.T).double()
    keep = torch.cat(points_in_sight(gram.diag().sqrt(), paths)).nonzero()[:, 0]
    mix, values, total = _mixture(gram[keep][:, keep], center)
    start = point_of(paths[0], 0)
    res = torch.empty(3, len(start), dtype=torch.float64)
    for piece, x in columns_of(paths, dtype=dtype):
        res[:, piece] = (mix.to(dtype).T @ (x if len(keep) == n else x[keep])).double()
    d, origin = res[:2], (start + res[2]).to(start.dtype)
    d[0] /= d[0].norm()
    if len(keep) < 3 or values[1] <= 1e-12 * values[0]: # a straight line: any direction across will do
        d[1] = torch.randn(len(start), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    d[1] -= (d[1] @ d[0]) * d[0]
    d[1] /= d[1].norm()
    return origin, *d.to(origin.dtype), [float(v / total) for v in values]


def _mixture(gram, center) -> tuple:
    "How much of each point goes into d1, d2 and, seen from the first point, the origin; two variances, and their sum"
    # centred in the small matrix: the differences to the first point are exact where the points are close
    gram = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
    total = gram.trace()
    if not total > 0:
        raise ValueError(f'paths hold {len(gram)} points, all the same: a principal direction needs two that differ; '
                         'use Plane.random')
    values, vectors = torch.linalg.eigh(gram)
    values, w = values[-2:].flip(0).clamp(min=0), vectors[:, -2:].flip(1)
    w = w * torch.where(w.gather(0, w.abs().argmax(0, keepdim=True)) < 0, -1., 1.) # the sign is free: fix it
    mix = torch.zeros(len(gram), 3, dtype=torch.float64)
    mix[:, :2] = w - w.mean(0)
    if center == 'mean': mix[:, 2] = 1 / len(gram)
    if center == 'last': mix[-1, 2] = 1.
    return mix, values, total


def filter_normalised(state: dict, frozen: set, seed: int) -> list:
    """Two random directions, name -> tensor, in which each filter, or row, has the norm of the one in `state`.

    Biases, parameters of norm layers and frozen ones stay as they are, unless there is nothing else.
    """
    gen = torch.Generator().manual_seed(within_64_bits(seed))
    free = [n for n in state if n not in frozen] or list(state)
    moved = [n for n in free if state[n].dim() > 1 and state[n].norm() > 0]
    if sum(state[n].numel() for n in moved) < 2: moved = [n for n in free if state[n].norm() > 0]
    if sum(state[n].numel() for n in moved) < 2: moved = free
    draws = [{n: torch.randn(t.shape, generator=gen, dtype=torch.float64) for n, t in state.items()} for _ in range(2)]
    res = [{n: _like_filters(d[n], state[n]) for n in moved} for d in draws]
    flat = lambda tensors: torch.cat([tensors[n].reshape(-1).double() for n in moved])
    a, b = map(flat, res)
    if abs(a @ b) < (1 - 1e-9) * a.norm() * b.norm(): return res
    # parallel: of filters with a single number chance decides on no more than the signs
    wholes = [_like_filters(flat(d), flat(state)).split([state[n].numel() for n in moved]) for d in draws]
    return [{n: t.to(state[n].dtype).reshape(state[n].shape) for n, t in zip(moved, whole)} for whole in wholes]


def _like_filters(d, weight):
    "The direction `d` with the norm of `weight` in each filter, that is along dimension 0; as a whole where it is flat"
    rows = weight.double().reshape(len(weight), -1) if weight.dim() > 1 else weight.double().reshape(1, -1)
    norm = rows.norm(dim=1, keepdim=True)
    if not norm.any(): norm = torch.ones_like(norm) # nothing to compare with
    d = d.reshape(rows.shape)
    return (d * norm / d.norm(dim=1, keepdim=True).clamp(min=1e-10)).reshape(weight.shape).to(weight.dtype)
