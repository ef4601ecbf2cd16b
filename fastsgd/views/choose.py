"""Which views suit a trajectory that comes without a choice."""

from .fit import FitView, one_input
from .loss import LossView
from .params import ParamsView


def choose_views(traj) -> tuple:
    "`(views, sentence)`: views that suit the data and the model, and why they do"
    if fits_one_input(traj):
        return (FitView(), LossView()), 'FitView and LossView, since the model has one input and one output'
    return (LossView(), ParamsView()), 'LossView and ParamsView, which suit any model'


def fits_one_input(traj) -> bool:
    "Is this a regression with one input and one output?"
    if traj.data is None or traj.model is None: return False
    xs, ys = traj.data
    if len(xs) != 1 or len(ys) != 1 or not ys[0].is_floating_point() or one_input(xs[0]) is None: return False
    return traj.predict(0, xs[0][:2]).numel() == len(xs[0][:2]) == ys[0][:2].numel()
