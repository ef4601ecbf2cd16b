"""Which views suit a trajectory that comes without a choice."""

from textwrap import shorten

import torch

from ..surface import loss_surface
from ..surface.budget import affordable_surface
from ..trajectory.several import as_list
from .boundary import BoundaryView, Classifier, two_inputs
from .fit import FitView, one_input
from .limits import plain
from .loss import LossView
from .params import ParamsView
from .path import PathView

SECONDS = 1. # of counted work, for a surface that nobody asked for
PATH = 200 # points of it at the most, in an animation
SIZES = ((15, 20), (25, 50), (40, 100), (50, 300), (50, 1000)) # points along an axis, and samples


def choose_views(traj, surface: bool = True) -> tuple:
    """`(views, sentence)`: views that suit the data and the model of one trajectory or of several, and why they do.

    Without `surface` none is evaluated, and there is no `PathView`: for a fit that is still running.
    """
    traj = as_list(traj)[0]
    n_params = traj.n_params
    fits, classes = fits_one_input(traj), fits_two_inputs(traj)
    if classes:
        return (BoundaryView(), LossView()), 'BoundaryView and LossView, since the model sorts two inputs into classes'
    if fits and (n_params != 2 or not surface):
        return (FitView(), LossView()), 'FitView and LossView, since the model has one input and one output'
    path, why_not = path_over_surface(traj) if surface else (None, 'the fit is still running')
    if path is None:
        first, told = ((FitView(),), 'FitView, ') if fits else ((), '')
        return (*first, LossView(), ParamsView()), f'{told}LossView and ParamsView, since there is no loss surface: {why_not}'
    if fits:
        return (FitView(), path, LossView()), ('FitView, PathView and LossView, since the model has one input, one output '
                                               'and two parameters, over which the loss surface is exact')
    return (path, LossView()), ('PathView and LossView, which suit any model: this one has neither one input and one output, '
                                'nor two inputs and classes')


def fits_one_input(traj) -> bool:
    "Is this a regression with one input and one output?"
    if traj.data is None or traj.model is None: return False
    xs, ys = traj.data
    if len(xs) != 1 or len(ys) != 1 or not ys[0].is_floating_point() or one_input(xs[0]) is None: return False
    out = answers(traj, xs)
    return out is not None and out.numel() == len(xs[0][:2]) == ys[0][:2].numel()


def fits_two_inputs(traj) -> bool:
    "Is this a classification with two inputs?"
    try: _, y = two_inputs(traj.data)
    except ValueError: return False
    out, target = None if traj.model is None else answers(traj, traj.data[0]), plain(traj.data[1][0])
    if out is None or out.ndim > 2 or len(out) != len(y[:2]): return False
    columns = out.numel() // len(out)
    # several numbers go with classes, or with rows of as many targets; a single one with targets like 0 and 1
    if target.is_floating_point() != (columns == 1 or target.shape[1:] == out.shape[1:]): return False
    try: Classifier(traj, traj.data, None)
    except ValueError: return False
    return int(y.max()) < max(columns, 2)


def answers(traj, xs):
    "What the model says to two samples; None if it is no tensor, or nothing"
    # a model may raise whatever it likes: then these views don't suit it
    try: out = traj.predict(0, *(x[:2] for x in xs))
    except Exception: return None
    return out if isinstance(out, torch.Tensor) else None


def path_over_surface(traj) -> tuple:
    "`(PathView, '')` with the largest surface that its counted work allows, or `(None, why there is none)`"
    for name, what in (('data', 'no tensor data'), ('loss_func', 'no loss function'), ('model', 'no model')):
        if getattr(traj, name) is None: return None, f'this trajectory has {what}'
    try:
        size = affordable_surface(traj, SIZES, SECONDS, 2 * min(len(traj), PATH))
        if size is None: return None, f'it would take too long for a model of {traj.n_params:,} parameters'
        n, samples = size
        if not loss_surface(traj, n=2, max_samples=samples).loss.isfinite().any():
            return None, 'none of its values would be finite'
    except Exception as e: # from the model, the loss or the data: there is still something to show
        return None, shorten(str(e).strip().split('\n')[0] or type(e).__name__, 200, placeholder=' ...')
    return PathView(n=n, max_samples=samples), ''
