"""`Plane`: two directions through a model's parameters, to draw paths and surfaces in. No fastai, no matplotlib."""

from collections.abc import Mapping

import torch

from ..checks import (
    as_whole,
    check_in_list,
    check_names,
    check_number,
    check_numbers,
    check_type,
    check_whole,
    is_array,
    refuse,
)
from .curvature import sharpest_directions
from .directions import filter_normalised, principal_directions
from .flat import entries_called, entry_label, flatten, frozen_names, pair_of, shapes_of, state_of
from .paths import check_path, columns_of, is_vector, n_params_of, points_in_sight, thinned


class Plane:
    """The points `origin + u * d1 + v * d2` of a flat parameter space.

    `flat` always has shape (points, P): all parameters in the order of `named_parameters()`. The directions may have
    any length and any angle but zero: `project` solves the least squares problem. Raises ValueError for parallel
    directions, and for arguments of different sizes, TypeError for what are no parameters.

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
        # How far from the origin `limits` go at least: 1 for random directions, along which paths hardly move
        reach: float = 0.,
    ):
        shapes = shapes_of('origin', origin) if isinstance(origin, Mapping) else None
        self.origin = flatten('origin', origin, shapes)
        d1, d2 = (flatten(name, d, shapes).to(self.origin.dtype) for name, d in (('d1', d1), ('d2', d2)))
        if not len(self.origin) == len(d1) == len(d2):
            raise ValueError(f'origin, d1 and d2 have {len(self.origin)}, {len(d1)} and {len(d2)} numbers: '
                             'expected one for each parameter of the model')
        self.labels = check_names('labels', labels, 'two labels')
        if self.labels is None or len(self.labels) != 2: refuse('labels', labels, 'two labels', ('u', 'v'))
        self.explained = None if explained is None else check_numbers('explained', explained, 2)
        self.reach = check_number('reach', reach, 0)
        self._directions = torch.stack([d1, d2]) # d1 and d2 are its rows
        d = self._directions.double()
        self._gram = d @ d.T
        scale = self._gram.diag().prod()
        if not torch.isfinite(scale) or scale == 0 or torch.linalg.det(self._gram) <= 1e-10 * scale:
            raise ValueError(f'd1 and d2 have the lengths {d[0].norm():.3g} and {d[1].norm():.3g} and span no plane: '
                             'expected two finite directions that are not parallel')

    @property
    def d1(self) -> torch.Tensor:
        "What u = 1 adds, shape (P,)"
        return self._directions[0]

    @property
    def d2(self) -> torch.Tensor:
        "What v = 1 adds, shape (P,)"
        return self._directions[1]

    # -- ways to get one

    @classmethod
    def params(cls,
        source, # A Trajectory, a model, or a learner
        names=None, # Two of 'a[0]', 'weight[0, 1]' or a flat index; or a tensor of two; None: the model has no more
    ) -> 'Plane':
        """The plane of two single parameters: coordinates are their values, all others stay as they are at the end.

        Raises ValueError unless `names` selects two different ones, TypeError for another source.
        """
        state = state_of(source)
        origin = flatten('source', state)
        if names is None: names = range(min(len(origin), 3))
        one = isinstance(names, str) or as_whole(names) is not None
        if not one and not (is_array(names) and names.ndim == 1):
            check_type('names', names, (list, tuple, range), 'two names or indices, or None')
        idxs = [i for o in ([names] if one else names) for i in entries_called(state, o)]
        if len(set(idxs)) != 2 or len(idxs) != 2:
            few = [entry_label(state, i) for i in range(min(len(origin), 2))]
            raise ValueError(f'names={names!r} does not select two different ones of {len(origin)} parameters: '
                             f'expected exactly two, for example names={few}')
        d = torch.zeros(2, len(origin), dtype=origin.dtype)
        origin[idxs] = 0
        d[[0, 1], idxs] = 1
        return cls(origin, *d, labels=[entry_label(state, i) for i in idxs])

    @classmethod
    def pca(cls,
        paths, # A Trajectory, flat points (points, P), or a list of these: the plane that suits them all
        center='last', # The origin: 'last', 'first' or 'mean' of the points
    ) -> 'Plane':
        """The two directions along which the path varies most (Li et al. 2018, arXiv 1712.09913, section 7).

        They have unit length; their shares of the variance are in `explained`. At most 1,000 points of each path are
        looked at, and none of those after it diverged. Raises ValueError where all points are the same, for an empty
        list, paths of different sizes or another `center`, TypeError for anything that is not a path.
        """
        check_in_list('center', center, ('last', 'first', 'mean'))
        paths = [check_path('paths', p) for p in (paths if isinstance(paths, list | tuple) else [paths])]
        if not paths: raise ValueError('paths is empty: expected at least one Trajectory')
        sizes = [n_params_of(p) for p in paths]
        if len(set(sizes)) > 1: raise ValueError(f'paths have {sizes} parameters: expected paths of one model')
        origin, d1, d2, shares = principal_directions([thinned(p) for p in paths], center)
        return cls(origin, d1, d2, explained=shares,
                   labels=[f"PC {i} ({100 * s:.1f} % of the path's variance)" for i, s in enumerate(shares, 1)])

    @classmethod
    def random(cls,
        source, # A Trajectory, a model, or a learner: the plane goes through its (last) parameters
        seed: int | None = None, # None: 0. The global random state is never touched
    ) -> 'Plane':
        """Two filter-normalised random directions (Li et al. 2018, arXiv 1712.09913).

        Each filter, or row, of a direction has the norm of the one at the origin; biases, norm layers' parameters and
        frozen parameters stay as they are, unless there is nothing else. Raises TypeError for another source,
        ValueError for another seed.
        """
        seed = 0 if seed is None else check_whole('seed', seed, or_else=' or None for 0')
        state = state_of(source)
        return cls(state, *filter_normalised(state, frozen_names(source), seed), reach=1.,
                   labels=('filter-normalised random direction 1', 'filter-normalised random direction 2'))

    @classmethod
    def hessian(cls,
        learn, # A learner with a recorded fit, or a Trajectory
        i: int = -1, # The point where the loss is looked at; the plane goes through it
        data=None, # `(xs, ys)`, or a DataLoader; None: the training data
        max_samples: int = 1000, # Of the data, a random sample where there are more
        seed: int = 0, # Of that sample
    ) -> 'Plane':
        """The two directions, of unit length, along which the loss is most sharply curved.

        Raises ValueError and TypeError as `sharpness` does, ValueError also where the loss is curved along one
        direction only, and IndexError for a point that does not exist.
        """
        check_whole('max_samples', max_samples, 1, cap=2**62, example=1000)
        state, values, directions = sharpest_directions(learn, check_whole('i', i), data, max_samples, check_whole(
            'seed', seed))
        return cls(state, *directions, labels=[f'sharpest direction {k} (curvature {value:.3g})'
                                               for k, value in enumerate(values, 1)])

    # -- the way to coordinates and back

    def at(self,
        u, # Coordinates, of any shape
        v, # Likewise
    ) -> torch.Tensor: # Flat parameters, shape (*u.shape, P)
        "The parameters at the coordinates `u, v`. Raises TypeError or ValueError for what are no coordinates."
        uv = torch.stack(torch.broadcast_tensors(*pair_of(u, v)), -1)
        uv = uv.to(self.origin.dtype)
        return torch.addmm(self.origin, uv.reshape(-1, 2), self._directions).reshape(*uv.shape[:-1], len(self.origin))

    def project(self,
        flat, # A Trajectory, or flat parameters (points, P) or (P,)
    ) -> torch.Tensor: # Coordinates (points, 2) or (2,), float64
        """The coordinates of the nearest points in the plane.

        Raises ValueError for another number of parameters, TypeError for anything that is not a path.
        """
        if is_vector(flat): return self.project(flat[None])[0]
        dots = sum(x @ self._directions[:, piece].double().T for piece, x in self._offsets(flat))
        return torch.linalg.solve(self._gram, dots.T).T

    def distance(self,
        flat, # A Trajectory, or flat parameters (points, P) or (P,)
    ) -> torch.Tensor: # Shape (points,) or (), float64
        """How far off the plane the points are, as a Euclidean norm.

        Raises ValueError for another number of parameters, TypeError for anything that is not a path.
        """
        if is_vector(flat): return self.distance(flat[None])[0]
        uv = self.project(flat)
        # from what is left over, not as a difference of two large squares
        return sum(x.sub_(uv @ self._directions[:, piece].double()).square_().sum(1)
                   for piece, x in self._offsets(flat)).sqrt()

    def _offsets(self, flat):
        if (size := n_params_of(check_path('flat', flat))) != len(self.origin):
            raise ValueError(f'flat has {size} parameters, expected {len(self.origin)} as in this plane')
        return columns_of([flat], self.origin)

    def limits(self,
        *paths, # Trajectories, or flat points (points, P)
        margin: float = 0.2, # Added on each side, in widths of the path
    ) -> tuple: # `((u_low, u_high), (v_low, v_high))`
        """Bounds that hold all given points, and `reach`; of a fit that diverged, those before it left for far away.

        Raises ValueError for another number of parameters or a negative margin, TypeError for anything that is not a
        path.
        """
        margin = check_number('margin', margin, 0)
        uv = torch.cat([self._in_sight(p) for p in paths] or [torch.zeros(1, 2, dtype=torch.float64)])
        if not len(uv): uv = torch.zeros(1, 2, dtype=torch.float64) # no point is a number
        low, high = uv.min(0).values, uv.max(0).values
        half = (high - low) / 2
        thin = half <= 1e-6 * torch.maximum(half.max(), uv.abs().amax(0))
        half[thin] = half.max() if not thin.all() else 1.
        mid, half = (low + high) / 2, half * (1 + 2 * margin)
        lims = zip((mid - half).tolist(), (mid + half).tolist())
        return tuple((min(low, -self.reach), max(high, self.reach)) if self.reach else (low, high) for low,
                     high in lims)

    def _in_sight(self, path):
        if (size := n_params_of(check_path('paths', path))) != len(self.origin):
            raise ValueError(f'paths hold {size} parameters, expected {len(self.origin)} as in this plane')
        distances = sum(x.square_().sum(1) for _, x in columns_of([path])).sqrt()
        return self.project(path)[points_in_sight(distances, [path])[0]]

    def __repr__(self): return f'Plane: {self.labels[0]} × {self.labels[1]}, through {len(self.origin)} parameters'
