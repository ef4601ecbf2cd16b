"""`loss_surface`: the loss of a model over a plane through its parameters. No fastai, no matplotlib."""

import warnings

import torch

from ..checks import check_flag, check_string, check_type, refuse
from ..trajectory import Trajectory
from ..trajectory.tables import html_table
from .arguments import bounds, check_surface_arguments, grid_size
from .flat import coordinates, flatten, pair_of, state_of
from .objective import MAX_BYTES, Objective
from .paths import check_parameters, is_vector
from .plane import Plane
from .points import PlanePoints, as_points
from .sampling import sample_batches
from .source import choose_plane, limits_around, paths_model_and_loss
from .stages import WATCHER, Stages
from .with_errors import error_told, losses_and_errors


class Surface:
    """The loss over a grid: `loss[j, i]` is the loss at `u[i], v[j]` of `plane`; NaN and infinite values are kept

    Coordinates and losses are float64; falling coordinates are put in rising order. Raises ValueError for a `loss` of
    another shape, and for coordinates in no order, TypeError for arguments of another kind. `stopped` says whether an
    interrupt left a coarser grid than what was asked for.

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
        self.plane, self.note = check_type('plane', plane, Plane, 'a Plane'), check_string('note', note)
        if objective is not None: check_type('objective', objective, Objective, 'an Objective, or None')
        self.objective, self.stopped = objective, False
        self.u, self.v, self.loss = (coordinates(name, o) for name, o in (('u', u), ('v', v), ('loss', loss)))
        for name, at in (('u', self.u), ('v', self.v)):
            if at.dim() != 1 or not len(at): refuse(name, at.tolist(), 'coordinates in a row')
        if self.loss.shape != (len(self.v), len(self.u)):
            raise ValueError(f'loss has the shape {tuple(self.loss.shape)}: expected (nv, nu), '
                             f'for these u and v {(len(self.v), len(self.u))}')
        for axis, name in ((1, 'u'), (0, 'v')):
            at, gaps = getattr(self, name), getattr(self, name).diff()
            if not at.isfinite().all() or not ((gaps > 0).all() or (gaps < 0).all()):
                raise ValueError(f'{name} is {at.tolist()!r:.100}: expected finite coordinates that rise or fall')
            if len(gaps) and gaps[0] < 0: setattr(self, name, at.flip(0)), setattr(self, 'loss', self.loss.flip(axis))

    @property
    def method(self) -> str:
        "'vmap' where the model was vectorised, 'loop' where it could not be, 'given' for numbers without a model"
        return self.objective.method if self.objective is not None else 'given'

    def at(self,
        u, # Coordinates, of any shape
        v, # Likewise
    ) -> torch.Tensor: # The loss there, evaluated anew, not interpolated; same shape, float64
        "The true loss at points in the plane. Raises ValueError for a surface that was made from numbers."
        u, v = pair_of(u, v)
        return self._objective()(PlanePoints(self.plane, u, v, self.objective.device)).reshape(u.shape)

    def loss_at(self,
        path, # A Trajectory, or flat parameters (points, P) or (P,)
        errors: bool = False, # The standard errors too?
    ) -> torch.Tensor | tuple: # Shape (points,) or (), float64; with `errors` `(losses, standard errors)`
        """The true loss, over the surface's data, at points in or off the plane.

        The points of a Trajectory have their own buffers, such as BatchNorm's statistics; all others those of the
        surface. Standard errors say how far the loss over a random sample may be from the loss over all the data: in
        two of three cases no farther. They are 0 where nothing was left out, NaN where the loss is neither the mean
        nor the sum of what single samples lose. Raises ValueError for a surface that was made from numbers or a path
        of another model, TypeError for anything else.
        """
        check_flag('errors', errors)
        if is_vector(path):
            res = self.loss_at(path[None], errors)
            return (res[0][0], res[1][0]) if errors else res[0]
        objective = self._objective()
        points = as_points(path, objective.device)
        if isinstance(path, Trajectory): check_parameters(path, objective.template)
        elif points.n_params != objective.size:
            raise ValueError(f'path has {points.n_params} parameters: expected {objective.size} as in the model')
        return losses_and_errors(objective, points) if errors else objective(points)

    def _objective(self):
        if self.objective is None: raise ValueError('this surface was made from numbers: there is no model to evaluate')
        return self.objective

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
    max_samples: int = 10_000, # Of the data, a random sample where there are more (the first ones of a stream)
    max_bytes: int = MAX_BYTES, # Bytes that the data may take, and again as many for what is in flight
    seed: int = 0, # Of the sample, of random directions, and of a model that is random also in evaluation mode
) -> Surface:
    """The loss of the model over a plane through its parameters, in evaluation mode.

    The loss function gets all samples at once, whatever `max_bytes`; only batches of different shapes are averaged over
    samples, or added where it has `reduction='sum'`. Many points are evaluated at once where that is faster. A coarse
    grid comes first and is refined, with a progress bar when it takes long; a KeyboardInterrupt (a notebook's stop
    button) leaves the finest grid that is whole, and says so. Model, optimiser and random state stay as they are.
    Raises ValueError for a model of one parameter, paths of different models, missing data, or an argument out of its
    range, TypeError for another `learn` and for data that cannot become tensors, KeyboardInterrupt where no grid is
    whole yet.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> surface = loss_surface(learn, 'params', n=(30, 20), ulim=(0, 6), vlim=(0, 5))
    >>> surface.loss.shape
    torch.Size([20, 30])
    """
    check_surface_arguments(dict(plane=plane, n=n, ulim=ulim, vlim=vlim, max_samples=max_samples, max_bytes=max_bytes,
                                 seed=seed))
    nu, nv = grid_size(n)
    paths, model, loss_func = paths_model_and_loss(learn)
    batches, source = sample_batches(learn, paths, data, max_samples, max_bytes, seed)
    plane = choose_plane(plane, paths, model, seed)
    if (size := sum(p.numel() for p in model.parameters())) != len(plane.origin):
        raise ValueError(f'plane has {len(plane.origin)} parameters, and the model {size}: expected the same')
    lims = plane.limits(*paths) if paths else limits_around(plane, model)
    u, v = (torch.linspace(*(bounds(name, lim) or auto), k, dtype=torch.float64)
            for name, lim, auto, k in zip(('ulim', 'vlim'), (ulim, vlim), lims, (nu, nv)))
    buffers = None
    if isinstance(learn, Trajectory | list | tuple):
        buffers = {n: t for n, t in paths[0].point(-1).items() if n in paths[0].buffers}
    objective = Objective(model, loss_func, batches, buffers, max_bytes, seed, source)
    stages = refined(objective, plane, u, v)
    surface = Surface(plane, *stages.finest(), objective)
    last = f'last point{" of the first fit" if len(paths) > 1 else ""}' if paths else 'model as it is'
    surface.stopped, surface.note = not stages.finished, stages.stop_told + objective.told
    if objective.n_samples < objective.source.total:
        error = surface.loss_at(flatten('model', state_of(paths[0] if paths else model)), errors=True)[1]
        if told := error_told(error): surface.note += f', {told} at the {last}'
    if objective.has_buffers: surface.note += f'; buffers of the {"model" if buffers is None else last}'
    return surface


def refined(objective, plane, u, v) -> Stages:
    "The losses over the grid from coarse to fine, up to an interrupt. Raises it where no grid is whole yet."
    stages, show = Stages(u, v), WATCHER.get()
    if show is not None: stages.watcher = lambda share: show(Surface(plane, *stages.finest()), share)
    try: objective(stages.points(plane, objective.device), keep=stages.add)
    except KeyboardInterrupt:
        if not stages.whole: raise
    if not stages.finished: warnings.warn(f'interrupted: this surface has {stages.told}', stacklevel=3)
    return stages
