"""`Plane`: two directions through a model's parameters, to draw paths and surfaces in. No fastai, no matplotlib."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from ..trajectory import Trajectory
from ..trajectory.tables import entry_name

CHUNK_BYTES = 2**24 # of a path's columns in float64: what projections and PCA need beside the path
MAX_GRAM = 1000 # points of a path that PCA looks at: the matrix stays below 8 MB


class Plane:
    """The points `origin + u * d1 + v * d2` of a flat parameter space.

    `flat` is always shape (points, P): all parameters in the order of `named_parameters()`. The directions may have any
    length and any angle but zero: `project` solves the least squares problem. Raises ValueError for parallel ones, and for
    arguments of different size.

    >>> plane = Plane.params(LinearModel())
    >>> plane.at(3., 2.)
    tensor([3., 2.]...)
    """
    def __init__(self,
        origin, # Where u = v = 0: flat, shape (P,), or name -> tensor
        d1, # What u = 1 adds: flat, shape (P,), or name -> tensor; names left out stay as they are
        d2, # What v = 1 adds, likewise
        labels=('u', 'v'), # Axis labels
        explained=None, # Share of the path's variance along each direction
    ):
        spec = {n: t.shape for n, t in origin.items()} if isinstance(origin, Mapping) else None
        self.origin, self.d1, self.d2 = (_flatten(name, t, spec) for name, t in
                                         (('origin', origin), ('d1', d1), ('d2', d2)))
        if not len(self.origin) == len(self.d1) == len(self.d2):
            raise ValueError(f'origin, d1 and d2 have {len(self.origin)}, {len(self.d1)} and {len(self.d2)} numbers: '
                             'expected one for each parameter of the model')
        self.labels, self.explained, self.names = tuple(labels), explained, None
        d = self._directions.double()
        self._gram = d @ d.T
        scale = self._gram.diag().prod()
        if not torch.isfinite(scale) or scale == 0 or torch.linalg.det(self._gram) <= 1e-10 * scale:
            raise ValueError(f'd1 and d2 have the lengths {d[0].norm():.3g} and {d[1].norm():.3g} and span no plane: '
                             'expected two finite directions that are not parallel')

    # -- ways to get one

    @classmethod
    def params(cls,
        source, # A Trajectory, a model, or a learner
        names=None, # Two of 'a[0]', 'weight[0, 1]' or a flat index; or a tensor of two; None: the model has no more
    ) -> 'Plane':
        """The plane of two single parameters: coordinates are their values, all others stay as they are at the end.

        Raises ValueError unless `names` selects two different ones, TypeError for another source.
        """
        state = _state(source)
        origin = _flatten('source', state)
        if names is None: names = range(min(len(origin), 3))
        idxs = [i for o in ([names] if isinstance(names, str) else names) for i in _find(state, o)]
        if len(set(idxs)) != 2 or len(idxs) != 2:
            few = [_label(state, i) for i in range(min(len(origin), 2))]
            raise ValueError(f'names={names!r} does not select two different ones of {len(origin)} parameters: expected '
                             f'exactly two, for example names={few}')
        d = torch.zeros(2, len(origin), dtype=origin.dtype)
        origin[idxs] = 0
        d[[0, 1], idxs] = 1
        return cls(origin, *d, labels=[_label(state, i) for i in idxs])

    @classmethod
    def pca(cls,
        paths, # A Trajectory, flat points (points, P), or a list of these: the plane that suits them all
        center='last', # The origin: 'last', 'first' or 'mean' of the points
    ) -> 'Plane':
        """The two directions along which the path varies most (Li et al. 2018, arXiv 1712.09913, section 7).

        They have unit length; their shares of the variance are in `explained`. From the Gram matrix of at most 1,000 points
        of each path. Diverged points don't count. Raises ValueError where all points are the same, for no path or
        another `center`, TypeError for what is no path.
        """
        if center not in ('last', 'first', 'mean'): raise ValueError(f"center={center!r}: expected 'last', 'first' or 'mean'")
        paths = [_thin(_path('paths', p)) for p in _as_list(paths)]
        if not paths: raise ValueError('paths is empty: expected at least one Trajectory')
        n, gram = sum(map(len, paths)), 0
        dtype = torch.float64 if n * n * _size(paths[0]) < 1e10 else torch.float32
        for _, x in _columns(paths, dtype=dtype): gram = gram + (x @ x.T).double()
        keep = torch.cat(_settled(gram.diag().sqrt(), paths)).nonzero()[:, 0]
        gram = gram[keep][:, keep]
        # centred in the small matrix: the differences to the first point are exact where the points are close
        gram = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
        total = gram.trace()
        if not total > 0:
            raise ValueError(f'the path has {n} points, all the same: a principal direction needs two that differ; '
                             'take Plane.random')
        values, vectors = torch.linalg.eigh(gram)
        values, w = values[-2:].flip(0).clamp(min=0), vectors[:, -2:].flip(1)
        w = w * torch.where(w.gather(0, w.abs().argmax(0, keepdim=True)) < 0, -1., 1.) # the sign is free: fix it
        # what to take of each point: for the two directions, and for the origin as seen from the first point
        mix = torch.zeros(n, 3, dtype=torch.float64)
        mix[keep, :2] = w - w.mean(0)
        mix[keep, 2] = 1 / len(keep) if center == 'mean' else 0.
        if center == 'last': mix[keep[-1], 2] = 1.
        x0 = _first(paths[0])
        res = torch.empty(3, len(x0), dtype=torch.float64)
        for piece, x in _columns(paths, dtype=dtype):
            res[:, piece] = (mix[keep].to(dtype).T @ (x if len(keep) == n else x[keep])).double()
        d, origin = res[:2], (x0 + res[2]).to(x0.dtype)
        d[0] /= d[0].norm()
        if len(keep) < 3 or values[1] <= 1e-12 * values[0]: # a straight line: any direction across will do
            d[1] = torch.randn(len(x0), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        d[1] -= (d[1] @ d[0]) * d[0]
        d[1] /= d[1].norm()
        share = [float(v / total) for v in values]
        return cls(origin, *d.to(origin.dtype), explained=share,
                   labels=[f"PC {i} ({100 * s:.1f} % of the path's variance)" for i, s in enumerate(share, 1)])

    @classmethod
    def random(cls,
        source, # A Trajectory, a model, or a learner: the plane goes through its (last) parameters
        seed: int | None = None, # None: 0. The global random state is never touched
    ) -> 'Plane':
        """Two filter-normalised random directions (Li et al. 2018, arXiv 1712.09913).

        Each filter, or row, of a direction has the norm of the one at the origin; biases, norm layers' parameters and
        frozen parameters stay as they are, unless there is nothing else. Raises TypeError for another source.
        """
        state, gen = _state(source), torch.Generator().manual_seed(0 if seed is None else seed)
        frozen = _frozen(source)
        free = [n for n in state if n not in frozen] or list(state)
        wide = [n for n in free if state[n].dim() > 1 and state[n].norm() > 0]
        wide = wide or [n for n in free if state[n].norm() > 0] or free
        res = []
        for _ in range(2):
            d = {n: torch.randn(t.shape, generator=gen, dtype=torch.float64) for n, t in state.items()}
            if all(state[n].numel() == 1 for n in wide): # with each number kept at its size, all directions would be parallel
                both = _like_filters(*(torch.cat([o[n].reshape(-1) for n in wide]) for o in (d, state)))
                res.append({n: t.reshape(state[n].shape) for n, t in zip(wide, both)})
            else: res.append({n: _like_filters(d[n], state[n]) for n in wide})
        return cls(state, *res, labels=('filter-normalised random direction 1', 'filter-normalised random direction 2'))

    # -- the way to coordinates and back

    @property
    def _directions(self): return torch.stack([self.d1, self.d2])

    def at(self,
        u, # Coordinates, of any shape
        v, # Likewise
    ) -> torch.Tensor: # Flat parameters, shape (*u.shape, P)
        "The parameters at the coordinates `u, v`"
        uv = torch.stack(torch.broadcast_tensors(*(torch.as_tensor(o).to(torch.float64) for o in (u, v))), -1)
        uv = uv.to(self.origin.dtype)
        return torch.addmm(self.origin, uv.reshape(-1, 2), self._directions).reshape(*uv.shape[:-1], -1)

    def project(self,
        flat, # A Trajectory, or flat parameters (points, P) or (P,)
    ) -> torch.Tensor: # Coordinates (points, 2) or (2,), float64
        """The coordinates of the nearest points in the plane.

        Raises ValueError for another number of parameters, TypeError for what is no path.
        """
        if isinstance(flat, torch.Tensor) and flat.dim() == 1: return self.project(flat[None])[0]
        dots = sum(x @ self._directions[:, piece].double().T for piece, x in self._offsets(flat))
        return torch.linalg.solve(self._gram, dots.T).T

    def distance(self,
        flat, # A Trajectory, or flat parameters (points, P) or (P,)
    ) -> torch.Tensor: # Shape (points,) or (), float64
        """How far off the plane the points are, as a Euclidean norm.

        Raises ValueError for another number of parameters, TypeError for what is no path.
        """
        if isinstance(flat, torch.Tensor) and flat.dim() == 1: return self.distance(flat[None])[0]
        uv = self.project(flat)
        # from what is left over, not as a difference of two large squares
        return sum(x.sub_(uv @ self._directions[:, piece].double()).square_().sum(1)
                   for piece, x in self._offsets(flat)).sqrt()

    def _offsets(self, flat):
        if (size := _size(_path('flat', flat))) != len(self.origin):
            raise ValueError(f'flat has {size} parameters, expected {len(self.origin)} as in this plane')
        return _columns([flat], self.origin)

    def limits(self,
        *paths, # Trajectories, or flat points (points, P)
        margin: float = 0.2, # Added on each side, in widths of the path
    ) -> tuple: # `((u_low, u_high), (v_low, v_high))`
        """Bounds that hold all given points; of a fit that diverged, those before it left for far away.

        Raises ValueError for another number of parameters, TypeError for what is no path.
        """
        uv = torch.cat([self._in_sight(p) for p in paths] or [torch.zeros(1, 2, dtype=torch.float64)])
        if not len(uv): uv = torch.zeros(1, 2, dtype=torch.float64) # no point is a number
        low, high = uv.min(0).values, uv.max(0).values
        half = (high - low) / 2
        thin = half <= 1e-6 * torch.maximum(half.max(), uv.abs().amax(0))
        half[thin] = half.max() if not thin.all() else 1.
        mid, half = (low + high) / 2, half * (1 + 2 * margin)
        return tuple((float(m - h), float(m + h)) for m, h in zip(mid, half))

    def _in_sight(self, path):
        far = sum(x.square_().sum(1) for _, x in _columns([_path('paths', path)])).sqrt()
        return self.project(path)[_settled(far, [path])[0]]

    def __repr__(self): return f'Plane: {self.labels[0]} × {self.labels[1]}, through {len(self.origin)} parameters'


def _settled(far, paths):
    """For each path: True for the points to look at, `far` being the distances from the first path's start.

    A fit that diverged goes up by a factor with each step. Once a point is 1000 times as far away as the parameters
    are large, only what lies within ten times is kept: a picture that holds everything would show nothing.
    """
    reach, res = 1 + float(_first(paths[0]).double().norm()), []
    for d in far.split([len(p) for p in paths]):
        diverged = not d.isfinite().all() or (d > 1000 * reach).any()
        res.append(d <= 10 * reach if diverged else torch.ones_like(d, dtype=torch.bool))
    return res


def _path(arg, path):
    "`path`, if it is one"
    if not isinstance(path, Trajectory) and not (isinstance(path, torch.Tensor) and path.dim() == 2):
        what = f'a tensor of shape {tuple(path.shape)}' if isinstance(path, torch.Tensor) else f'a {type(path).__name__}'
        raise TypeError(f'{arg} holds {what}: expected a Trajectory, or flat parameters as a tensor of shape (points, P)')
    return path


def _thin(path):
    if isinstance(path, Trajectory): return path.thin(MAX_GRAM)
    return path if len(path) <= MAX_GRAM else path[torch.linspace(0, len(path) - 1, MAX_GRAM).round().long()]


def _as_list(paths): return list(paths) if isinstance(paths, list | tuple) else [paths]


def _size(path):
    return path.n_params if isinstance(path, Trajectory) else path.shape[1]


def _first(path):
    return _flatten('path', _state(path, 0)) if isinstance(path, Trajectory) else path[0].detach().cpu()


def _columns(paths, minus=None, dtype=torch.float64):
    """`(piece, x)`, a few columns at a time: x is what the points of all `paths` have there, less `minus` or the first
    point, in a buffer that is used again."""
    minus = _first(paths[0]) if minus is None else minus
    rows, start = sum(map(len, paths)), 0
    width = max(1, CHUNK_BYTES // (8 * max(rows, 1)))
    buffer = torch.empty(rows * min(width, len(minus)), dtype=dtype)
    for tensors in zip(*([n for n in p.params] if isinstance(p, Trajectory) else [None] for p in paths), strict=True):
        parts = [(p if n is None else p.params[n]).detach() for p, n in zip(paths, tensors)]
        parts = [t.reshape(len(t), -1) for t in parts]
        for i in range(0, parts[0].shape[1], width):
            w = min(width, parts[0].shape[1] - i)
            piece, x, row = slice(start, start + w), buffer[:rows * w].view(rows, w), 0
            for t in parts:
                torch.sub(t[:, i:i + w].cpu(), minus[piece], out=x[row:row + len(t)])
                row += len(t)
            start += w
            yield piece, x


def _state(source, i=-1):
    "Name -> parameter of point `i` of a Trajectory, of a model or of a learner's model"
    if isinstance(source, Trajectory):
        return {n: t.detach().cpu() for n, t in source.params.point(source.index(i)).items()}
    model = source if isinstance(source, nn.Module) else getattr(source, 'model', None)
    if model is None: raise TypeError(f'source is a {type(source).__name__}: expected a Trajectory, a model or a learner')
    return {n: p.detach().cpu().clone() for n, p in model.named_parameters()}


def _frozen(source):
    model = source if isinstance(source, nn.Module) else getattr(source, 'model', None)
    return {n for n, p in model.named_parameters() if not p.requires_grad} if model is not None else set()


def _flatten(arg, t, spec=None):
    if isinstance(t, Mapping):
        spec = spec or {n: o.shape for n, o in t.items()}
        if extra := [n for n in t if n not in spec]:
            raise ValueError(f'{arg} has {extra[0]!r}: expected names of origin, {list(spec)}')
        t = torch.cat([t[n].reshape(-1) if n in t else torch.zeros(s.numel()) for n, s in spec.items()])
    t = torch.as_tensor(t).detach().cpu().clone()
    if t.dim() != 1: raise ValueError(f'{arg} has the shape {tuple(t.shape)}: expected flat parameters, shape (P,)')
    return t if t.is_floating_point() else t.float()


def _label(state, i):
    "What the flat index `i` is called"
    for name, t in state.items(): # noqa: B007
        if i < t.numel(): break
        i -= t.numel()
    return name if t.numel() == 1 else entry_name(name, t.shape, i)


def _find(state, name):
    "The flat indices that `name` stands for: itself, one element of a tensor, or all of one"
    start, total = 0, sum(t.numel() for t in state.values())
    if isinstance(name, int) and -total <= name < total: return [name % total]
    base, _, idx = str(name).partition('[')
    for n, t in state.items():
        if n == base and not idx: return list(range(start, start + min(t.numel(), 3)))
        if n == base and re.fullmatch(r'(\s*\d+\s*,?)+\]', idx):
            try: return [start + int(np.ravel_multi_index([int(k) for k in re.findall(r'\d+', idx)], t.shape))]
            except ValueError: break
        start += t.numel()
    shapes = ', '.join(f'{n} {tuple(t.shape)}' for n, t in list(state.items())[:4])
    raise ValueError(f'names has {name!r}: expected an index below {total}, or a name with its index like '
                     f'{_label(state, 0)!r}; the parameters are {shapes}{", ..." if len(state) > 4 else ""}')


def _like_filters(d, weight):
    "The direction `d` with the norm of `weight` in each filter, that is along dimension 0; as a whole where it is flat"
    rows = weight.double().reshape(len(weight), -1) if weight.dim() > 1 else weight.double().reshape(1, -1)
    norm = rows.norm(dim=1, keepdim=True)
    if not norm.any(): norm = torch.ones_like(norm) # nothing to compare with
    d = d.reshape(rows.shape)
    return (d * norm / d.norm(dim=1, keepdim=True).clamp(min=1e-10)).reshape(weight.shape).to(weight.dtype)
