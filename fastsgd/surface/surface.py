"""`loss_surface`: the loss of a model over a plane through its parameters. No fastai, no matplotlib."""

import copy
from numbers import Integral

import torch
from torch import nn

from ..random_state import random_state_kept, seed_all
from ..trajectory import Trajectory
from ..trajectory.tables import html_table
from .objective import MAX_BYTES, Objective
from .plane import Plane

PLANES = 'params', 'pca', 'random'


class Surface:
    """The loss over a grid: `loss[j, i]` is the loss at `u[i], v[j]` of `plane`; NaN and infinite values are kept

    Coordinates and losses are float64. Raises ValueError for a `loss` of another shape.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> surface = loss_surface(learn, n=(30, 20))
    >>> surface.u.shape, surface.v.shape, surface.loss.shape
    (torch.Size([30]), torch.Size([20]), torch.Size([20, 30]))
    """
    def __init__(self,
        plane: Plane, # Where the grid lies in the space of the parameters
        u, # Coordinates along the first direction, shape (nu,)
        v, # Along the second, shape (nv,)
        loss, # Shape (nv, nu)
        objective: Objective | None = None, # Evaluates the same loss anywhere else
        note: str = '', # What was evaluated
    ):
        self.plane, self.objective, self.note = plane, objective, note
        self.u, self.v, self.loss = (torch.as_tensor(o, dtype=torch.float64) for o in (u, v, loss))
        if self.loss.shape != (len(self.v), len(self.u)):
            raise ValueError(f'loss has the shape {tuple(self.loss.shape)}: expected (nv, nu), '
                             f'here {(len(self.v), len(self.u))}')

    @property
    def method(self) -> str:
        "'vmap' where the model was vectorised, 'loop' where it could not be, 'given' for numbers without a model"
        return self.objective.method if self.objective is not None else 'given'

    def at(self,
        u, # Coordinates, of any shape
        v, # Likewise
    ) -> torch.Tensor: # The loss there, evaluated anew, not interpolated; same shape, float64
        "The true loss at points in the plane. Raises ValueError for a surface that was made from numbers."
        u, v = torch.broadcast_tensors(torch.as_tensor(u, dtype=torch.float64), torch.as_tensor(v, dtype=torch.float64))
        uu, vv = u.reshape(-1), v.reshape(-1)
        return self._evaluate(lambda i, j: self.plane.at(uu[i:j], vv[i:j]), len(uu)).reshape(u.shape)

    def loss_at(self,
        path, # A Trajectory, or flat parameters (points, P) or (P,)
    ) -> torch.Tensor: # Shape (points,) or (), float64
        """The true loss, over the surface's data, at points in or off the plane.

        Raises ValueError for a surface that was made from numbers.
        """
        if isinstance(path, torch.Tensor): return self._evaluate(path) if path.dim() > 1 else self._evaluate(path[None])[0]
        row = lambda i: torch.cat([t.reshape(-1) for t in path.params.point(i).values()])
        return self._evaluate(lambda i, j: torch.stack([row(k) for k in range(i, j)]), len(path))

    def _evaluate(self, *args):
        if self.objective is None: raise ValueError('this surface was made from numbers: there is no model to evaluate')
        return self.objective(*args)

    def __repr__(self):
        ok = self.loss[self.loss.isfinite()]
        span = f'loss {float(ok.min()):.4g} to {float(ok.max()):.4g}' if len(ok) else 'no finite loss'
        holes = f', {self.loss.numel() - len(ok)} not finite' if len(ok) < self.loss.numel() else ''
        span_of = lambda o: f'{float(o[0]):.4g} to {float(o[-1]):.4g}'
        axes = ', '.join(f'{label} from {span_of(o)}' for label, o in zip(self.plane.labels, (self.u, self.v)))
        return (f'Surface: {len(self.u)} × {len(self.v)} points, {axes}; {span}{holes}'
                f'{"; " + self.note if self.note else ""}')

    def _repr_html_(self):
        ok = self.loss[self.loss.isfinite()]
        rows = {label: f'{len(o):,} points from {float(o[0]):.4g} to {float(o[-1]):.4g}'
                for label, o in zip(self.plane.labels, (self.u, self.v))}
        rows['loss'] = f'{float(ok.min()):.4g} to {float(ok.max()):.4g}' if len(ok) else 'nowhere finite'
        if len(ok) < self.loss.numel(): rows['not finite'] = f'{self.loss.numel() - len(ok):,} of {self.loss.numel():,}'
        if self.note: rows['evaluated'] = self.note
        return html_table('Surface', rows)


def loss_surface(
    learn, # A learner, a Trajectory, or a list of trajectories of one model to show on one surface
    plane: Plane | str | None = None, # A Plane, or 'params', 'pca', 'random'; None: the first of these that applies
    n: int | tuple = 100, # Points along each axis, or `(nu, nv)`
    ulim: tuple | None = None, # Bounds of the first coordinate; None: what holds the path
    vlim: tuple | None = None, # Bounds of the second coordinate
    data=None, # `(xs, ys)`, tensors or tuples of tensors, or a DataLoader; None: the training data
    max_samples: int = 10_000, # Of the data, a random sample where there are more
    max_bytes: int = MAX_BYTES, # Bytes that the data may take, and again as many for what is in flight
    seed: int = 0, # Of the sample, of random directions, and of a model that is random also in evaluation mode
) -> Surface:
    """The loss of the model over a plane through its parameters, in evaluation mode.

    Batches are averaged over samples, or summed where the loss function has `reduction='sum'`. Shows a progress bar when it
    takes long, and can be interrupted; model, optimiser and random state stay as they are. Warns where the model can't be
    vectorised and is called in a loop instead. Raises ValueError for a model of one parameter, without data, or for an
    argument out of its range, TypeError for another `learn` and for data that are no tensors.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> surface = loss_surface(learn, 'params', n=(30, 20), ulim=(0, 6), vlim=(0, 5))
    >>> surface.loss.shape
    torch.Size([20, 30])
    """
    check_settings(dict(plane=plane, n=n, ulim=ulim, vlim=vlim, max_samples=max_samples, max_bytes=max_bytes, seed=seed))
    nu, nv = _grid(n)
    paths, model, loss_func = _parts(learn)
    batches, total = _data(learn, paths, data, max_samples, max_bytes, seed)
    plane = _plane(plane, paths, model, seed)
    if (size := sum(p.numel() for p in model.parameters())) != len(plane.origin):
        raise ValueError(f'plane has {len(plane.origin)} parameters, and the model {size}: expected the same')
    lims = plane.limits(*paths) if paths else _around(plane, model)
    if paths and plane.labels[0].startswith('filter'): # a path hardly moves along random directions
        lims = [(min(low, -1.), max(high, 1.)) for low, high in lims]
    u, v = (torch.linspace(*(float(o) for o in lim or auto), k, dtype=torch.float64)
            for lim, auto, k in zip((ulim, vlim), lims, (nu, nv)))
    buffers = None
    if isinstance(learn, Trajectory | list | tuple):
        buffers = paths[0].buffers.point(paths[0].index(-1))
    objective = Objective(model, loss_func, batches, buffers, max_bytes, seed)
    surface = Surface(plane, u, v, torch.zeros(nv, nu), objective)
    uu, vv = u.repeat(nv), v.repeat_interleave(nu)
    surface.loss = objective(lambda i, j: plane.at(uu[i:j], vv[i:j]), nu * nv).reshape(nv, nu)
    of = f'a random sample of {objective.n_samples} of {total}' if total > objective.n_samples else f'{total}'
    surface.note = f'mean over {of} samples, by {surface.method}'
    return surface


def _parts(learn):
    "`(paths, model, loss_func)`"
    if isinstance(learn, Trajectory): learn = [learn]
    if isinstance(learn, list | tuple):
        if not learn or not all(isinstance(t, Trajectory) for t in learn):
            raise TypeError(f'learn is {learn!r:.100}: expected a learner, a Trajectory, or a list of trajectories')
        paths, model, loss_func = list(learn), learn[0].model, learn[0].loss_func
        for name, o in (('model', model), ('loss_func', loss_func)):
            if o is None: raise ValueError(f'this trajectory has no {name}: give it one, or give the learner')
    else:
        model, loss_func = getattr(learn, 'model', None), getattr(learn, 'loss_func', None)
        if not isinstance(model, nn.Module) or loss_func is None:
            raise TypeError(f'learn is a {type(learn).__name__}: expected a learner, a Trajectory, or a list of trajectories')
        path = getattr(getattr(learn, 'record_params', None), 'trajectory', None)
        size = sum(p.numel() for p in model.parameters())
        fits = path is not None and len(path) and path.n_params == size
        paths = [path] if fits else []
    size = sum(p.numel() for p in model.parameters())
    if size < 2: raise ValueError(f'the model has {size} parameters: a plane needs at least two')
    return paths, model, loss_func


def _plane(plane, paths, model, seed):
    if isinstance(plane, Plane): return plane
    size = sum(p.numel() for p in model.parameters())
    source = paths[0] if paths else model
    if plane is None:
        plane = 'params' if size == 2 else 'pca' if any(_turns(p) for p in paths) else 'random'
    if plane == 'params': return Plane.params(source)
    if plane == 'random': return Plane.random(source, seed)
    if not paths: raise ValueError("plane='pca' needs a recorded path: fit with RecordParamsCallback, or take 'random'")
    return Plane.pca(paths)


def _turns(path):
    "Whether there are three different points"
    size = max(1, len(path) // 50)
    rows = [path.params.point(i) for i in {0, *range(0, len(path), size), len(path) - 1}]
    distinct = []
    for r in rows:
        if not any(all(torch.equal(r[n], o[n]) for n in path.params) for o in distinct): distinct.append(r)
        if len(distinct) == 3: return True
    return False


def _around(plane, model):
    "Bounds around a model as it stands: the coordinates of two parameters by their size, else one unit of the directions"
    flat = torch.cat([p.detach().cpu().reshape(-1) for p in model.parameters()])
    at = plane.project(flat)
    half = [max(1., abs(float(c))) for c in at]
    return [(float(c) - h, float(c) + h) for c, h in zip(at, half)]


def _data(learn, paths, data, max_samples, max_bytes, seed):
    "`(batches, samples in all)`"
    if data is None and not isinstance(learn, Trajectory | list | tuple):
        data = getattr(getattr(learn, 'dls', None), 'train', None)
    elif data is None: data = paths[0].data
    if data is None:
        raise ValueError('there is no training data: give data=(xs, ys), tensors or tuples of tensors, or a DataLoader')
    if not (isinstance(data, tuple | list) and len(data) == 2): return _draw(data, max_samples, max_bytes, seed)
    batch = tuple(tuple(side) if isinstance(side, tuple | list) else (side,) for side in data)
    _check_batch(batch)
    total = len(batch[0][0])
    nbytes = sum(t.numel() * t.element_size() for side in batch for t in side)
    keep = min(total, max_samples, max(1, int(max_bytes * total // max(nbytes, 1))))
    if keep < total:
        idx = torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:keep].sort().values
        batch = tuple(tuple(t[idx.to(t.device)] if len(t) == total else t for t in side) for side in batch)
    return [batch], total


def _draw(dl, max_samples, max_bytes, seed):
    "Batches from a DataLoader, in random order if they are a sample"
    total, drawn, nbytes, batches = getattr(dl, 'n', None), 0, 0, []
    if total is None: total = len(dl.dataset) if hasattr(getattr(dl, 'dataset', None), '__len__') else None
    with random_state_kept(), _generators_kept(dl):
        seed_all(seed)
        if hasattr(dl, 'new'): # fastai's: a copy, so that the user's own goes on as if nothing had happened
            dl = dl.new(shuffle=total is None or total > max_samples, drop_last=False, num_workers=0)
        n_inp = getattr(dl, 'n_inp', None)
        for b in dl:
            b = tuple(b) if isinstance(b, tuple | list) else (b,)
            cut = n_inp if n_inp is not None else max(1, len(b) - 1)
            batch = (b[:cut], b[cut:])
            _check_batch(batch)
            size = len(b[0])
            batch = tuple(tuple(t[:max_samples - drawn] if t.dim() and len(t) == size else t for t in side) for side in batch)
            batches.append(batch)
            drawn += min(size, max_samples - drawn)
            nbytes += sum(t.numel() * t.element_size() for side in batch for t in side)
            if drawn >= max_samples or nbytes >= max_bytes: break
    if not drawn: raise ValueError('the training data is empty: give data=(xs, ys), tensors or tuples of tensors')
    shapes = {tuple(t.shape[1:] for side in b for t in side) for b in batches}
    if len(batches) > 1 and len(shapes) == 1 and all(t.dim() for b in batches for side in b for t in side):
        batches = [tuple(tuple(map(torch.cat, zip(*side))) for side in zip(*batches))]
    return batches, max(total or 0, drawn)


class _generators_kept:
    "Generators that a DataLoader and its sampler hold themselves go on as if nothing had been drawn"
    def __init__(self, dl):
        owners = [dl, getattr(dl, 'sampler', None), getattr(getattr(dl, 'batch_sampler', None), 'sampler', None)]
        self.torch = [(g, g.get_state()) for o in owners if isinstance(g := getattr(o, 'generator', None), torch.Generator)]
        self.owner, self.rng = dl, copy.deepcopy(getattr(dl, 'rng', None))
    def __enter__(self): return self
    def __exit__(self, *_):
        for g, state in self.torch: g.set_state(state)
        if self.rng is not None: self.owner.rng.setstate(self.rng.getstate())


def check_settings(settings: dict):
    "Raise ValueError for arguments of `loss_surface`, by name, that are wrong whatever the model and the data"
    for name, value in settings.items():
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if name == 'n': _grid(value)
        elif name in ('ulim', 'vlim'): _check_limits(name, value)
        elif name in ('max_samples', 'max_bytes') and not (whole and value >= 1):
            raise ValueError(f'{name}={value!r}: expected a whole number of at least 1')
        elif name == 'seed' and not whole: raise ValueError(f'seed={value!r}: expected a whole number')
        elif name == 'plane' and not (value is None or isinstance(value, Plane) or isinstance(value, str) and value in PLANES):
            raise ValueError(f"plane={value!r:.100}: expected a Plane, None, 'params', 'pca' or 'random'")


def _grid(n):
    sizes = n if isinstance(n, tuple | list) else (n, n)
    if len(sizes) != 2 or any(isinstance(k, bool) or not isinstance(k, Integral) or k < 2 for k in sizes):
        raise ValueError(f'n={n!r}: expected a whole number of at least 2, or two of them, (nu, nv)')
    return int(sizes[0]), int(sizes[1])


def _check_limits(name, lim):
    if lim is None: return
    try: low, high = map(float, lim)
    except (TypeError, ValueError): low = high = float('nan')
    if not (low < high and abs(low) < float('inf') and abs(high) < float('inf')):
        raise ValueError(f'{name}={lim!r}: expected two finite numbers, low before high, for example {name}=(-1, 1)')


def _check_batch(batch):
    for t in (t for side in batch for t in side):
        if not isinstance(t, torch.Tensor):
            raise TypeError(f'the data holds a {type(t).__name__}: expected batches of tensors; give data=(xs, ys)')
