"""Views as users give them: one or several, `View`s or any object that can draw."""

import numpy as np
import torch
from matplotlib.artist import Artist

from ..checks import check_string, check_tensor, is_array, refuse, refuse_kind
from ..trajectory.samples import Samples, leaves
from .view import View


class GivenView(View):
    "A user's object with a method `draw` as a View; what it does not say is as in `View`"
    def __init__(self, given):
        self.given = given
        for name in ('several', 'page', 'figsize', 'projection', 'live_points'):
            setattr(self, name, getattr(given, name, getattr(View, name)))

    def draw(self, traj, ax): return self.given.draw(traj, ax)
    def __repr__(self): return repr(self.given)


def as_views(views) -> tuple:
    "Return one view or several as a tuple of `View`s. Raises TypeError for anything that can't draw."
    return tuple(map(_as_view, views if isinstance(views, (list, tuple)) else [views]))


def _as_view(view):
    if isinstance(view, View): return view
    if isinstance(view, Artist): raise TypeError(f'views has {view!r:.100}, expected views, such as LossView()')
    if isinstance(view, type):
        raise TypeError(f'views has the class {view.__name__}, expected a view: {view.__name__}()')
    if not callable(getattr(view, 'draw', None)):
        raise TypeError(f'views has {view!r}, expected views with a method draw(traj, ax), such as LossView(); several '
                        'trajectories to compare go into one list')
    return GivenView(view)


def kind_of(view: View) -> str:
    "Name the class of a view, as its user knows it"
    return type(getattr(view, 'given', view)).__name__


def shown_parameters(traj, names, most) -> list:
    "`names`, or those of the `most` largest parameters in the model's order. Raises ValueError for unknown ones."
    sizes = {name: shape.numel() for name, shape in traj.sizes.items() if shape.numel()}
    for name in names or ():
        if name not in sizes: raise ValueError(f'names has {name!r}, expected names among {list(sizes)!r:.300}')
    largest = sorted(sizes, key=sizes.get, reverse=True)[:most]
    if not largest: raise ValueError('the parameters hold no numbers: expected at least one')
    return list(names or (name for name in sizes if name in largest))


def check_points(x, y, what) -> tuple:
    "`x` and `y` as tensors with a row for each point, or both None. Raises TypeError or ValueError for anything else."
    if (x is None) != (y is None): raise ValueError('x and y go together: expected both or none of them')
    if x is None: return None, None
    x, y = (_as_numbers(name, o) for name, o in (('x', x), ('y', y)))
    if len(x) != len(y): raise ValueError(f'x has {len(x)} rows and y {len(y)}: expected one {what} per row')
    return x, y


def _as_numbers(name, values) -> torch.Tensor:
    wanted = 'a tensor of real numbers with a row for each point'
    t = check_tensor(name, values, wanted)
    return t if t.ndim and len(t) and not t.is_complex() else refuse(name, values, wanted)


def check_samples(data):
    "Return Samples, or `(x, y)` with tensors in place of arrays, or None. Raises TypeError or ValueError for others."
    if data is None or isinstance(data, Samples): return data
    wanted = 'Samples, or inputs and targets as (x, y), tensors with the same number of rows'
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f'data is of type {type(data).__name__}: expected {wanted}')
    as_tensors = lambda side: torch.as_tensor(side) if isinstance(side, np.ndarray) and side.dtype != object else side
    x, y = (tuple(map(as_tensors, side)) if isinstance(side, (tuple, list)) else as_tensors(side) for side in data)
    try: tensors = [leaves(x), leaves(y)]
    except (TypeError, RecursionError): tensors = [[], []] # there is something else among them
    rows = {len(t) if is_array(t) and t.ndim else 0 for side in tensors for t in side}
    if not all(tensors) or len(rows) != 1 or 0 in rows: refuse('data', data, wanted)
    return x, y


def check_labels_of(name, value) -> list | None:
    "Names of classes or outputs as strings, or None. Raises TypeError for anything but strings and numbers."
    if value is None: return None
    if isinstance(value, str): value = [value]
    if isinstance(value, np.ndarray): value = value.tolist()
    if isinstance(value, (list, tuple)) and all(isinstance(o, (str, int, float)) for o in value):
        return [check_string(name, str(o)) for o in value]
    refuse_kind(name, value, 'names in a row', ('cat', 'dog'))
