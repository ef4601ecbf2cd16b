"""Which views suit a trajectory that comes without a choice: by what its samples are, and by what its model takes."""

from textwrap import shorten

import torch

from ..surface import loss_surface
from ..surface.budget import affordable_surface
from ..trajectory.batches import rows_of, source_of
from ..trajectory.several import as_list
from .asked import Asked, unfit
from .boundary import BoundaryView, Classifier, two_inputs
from .budget import MOST_POINTS, within_budget
from .confusion import ConfusionView
from .curve import CurveView
from .embedding import EmbeddingView
from .fit import FitView, one_input
from .histogram import HistogramView
from .limits import plain
from .loss import LossView
from .metrics import MetricsView
from .params import ParamsView
from .parity import ParityView
from .path import PathView
from .predictions import filled
from .samples import SamplesView
from .weights import WeightsView, shows_pictures

SECONDS = 1. # of counted work, for a surface that nobody asked for
PATH = 200 # points of it at the most, in an animation
SIZES = ((15, 20), (25, 50), (40, 100), (50, 300), (50, 1000)) # points along an axis, and samples
TILES, FEW_TILES = 2000, 12 # pictures of weights in all frames that nobody asked for, and in one: 1 to 2 s
LARGE = 100_000 # parameters, from which on a path in two directions says little of what was learned

SHOWS = { # what one sees in a view, in a practitioner's words
    'SamplesView': 'the same {items}, and what the model says of them',
    'ConfusionView': 'which classes it takes for which', 'MetricsView': 'loss and metrics', 'LossView': 'the loss',
    'ParityView': 'predicted against true values', 'EmbeddingView': 'what comes to lie near what',
    'WeightsView': 'what the first layer looks for', 'HistogramView': 'how much each layer changes',
    'PathView': 'the way down the loss surface', 'CurveView': 'the way down the loss curve',
    'ParamsView': 'the parameters'}
ITEMS = {'image': 'images', 'text': 'texts', 'table': 'rows', 'pair': 'ratings', 'values': 'items'}


def choose(traj, surface: bool = True) -> tuple:
    """`(views, sentence, trajectory)`: views that suit one trajectory or several, why they do, and what they show.

    Without `surface` none is evaluated, and there is no `PathView`: for a fit that is still running.
    """
    traj = as_list(traj)[0]
    if fits_two_inputs(traj):
        told = 'BoundaryView and LossView, since the model sorts two inputs into classes'
        return (BoundaryView(), LossView()), told, traj
    if fits_one_input(traj):
        path, why_not = path_over_surface(traj) if traj.n_params == 2 and surface else (None, '')
        if path is None:
            told = f'FitView and LossView, since the model has one input and one output{_because(why_not)}'
            return (FitView(), LossView()), told, traj
        told = ('FitView, PathView and LossView, since the model has one input, one output and two parameters, over '
                'which the loss surface is exact')
        return (FitView(), path, LossView()), told, traj
    last = MetricsView() if traj.metrics and surface and not traj.parts else LossView()
    if surface and traj.n_params == 1 and None not in (traj.model, traj.loss_func, traj.data):
        told = f'CurveView and {_name(last)}, since the model has one parameter: {SHOWS["CurveView"]}; the loss'
        return (CurveView(), last), told, traj
    if surface and traj.samples is not None and traj.samples.target_kind != 'none' and traj.model is not None:
        # what the model or the data raise must not cost the picture
        try:
            part, left_out = within_budget(traj)
            odd = unfit(Asked(part, part.samples))
        except Exception as e: views, why_not = any_model(traj, last, surface, f'asking the model failed: {_short(e)}')
        else:
            views, why_not = by_samples(part, last, odd)
            return views, '; '.join(filter(None, [describe(part, views) + _because(why_not), odd, left_out])), part
    else: views, why_not = any_model(traj, last, surface)
    return views, describe(traj, views) + _because(why_not), traj


def without_asking(traj, error) -> tuple:
    "As `choose`: views of the record alone, where what was chosen could not be drawn because of `error`"
    views, _ = any_model(traj, LossView(), False)
    return views, f'{describe(traj, views)} (the views that suit could not be drawn: {_short(error)})', traj


def choose_views(traj, surface: bool = True) -> tuple:
    """`(views, sentence)`: views that suit the data and the model of one trajectory or of several, and why they do

    Without `surface` none is evaluated: for a fit that is still running.
    """
    return choose(traj, surface)[:2]


def by_samples(traj, last, odd='') -> tuple:
    """Three views by what the samples are, and why there is no surface where that would have been the third

    Where something is `odd`, answers can't be held against targets: what lies near what says more then.
    """
    of, target = traj.samples.input_kind, traj.samples.target_kind
    near = EmbeddingView() if traj.samples.embeddings else None
    items = SamplesView() if of != 'values' or target not in ('category', 'value') else None
    if odd: views = items, EmbeddingView() if target == 'category' and near is None else near
    elif of == 'pair': views = near, ParityView()
    elif target == 'category': views = near if of == 'table' and near else items, ConfusionView()
    elif target == 'value': views = near if of == 'table' and near else items, ParityView()
    else: views = items, None
    views = [v for v in views if v is not None]
    third, why_not = ([], '') if len(views) == 2 else one_more(traj)
    return (*views, *third, last), why_not


def one_more(traj) -> tuple:
    "What tells most beside samples and metrics: weights that look like something, a path, or each layer's pace"
    if shows_pictures(traj):
        most = TILES // min(len(traj), MOST_POINTS)
        return [WeightsView(most=max(FEW_TILES, min(64, most)))], ''
    few = traj.samples.input_kind == 'values' and traj.n_params < LARGE and not traj.parts
    path, why_not = path_over_surface(traj) if few else (None, '')
    return [HistogramView('updates') if path is None else path], why_not


def any_model(traj, last, surface, why_not='') -> tuple:
    "What suits any model"
    path = None
    if not why_not: path, why_not = path_over_surface(traj) if surface else (None, 'the fit is still running')
    if path is not None: return (path, last), ''
    return (last, ParamsView() if traj.n_params < LARGE else HistogramView('updates')), why_not


def describe(traj, views) -> str:
    "The views by name, and what one sees in each"
    names = [_name(v) for v in views]
    items = ITEMS['values' if traj.samples is None else traj.samples.input_kind]
    shows = dict(SHOWS, LossView=f'the losses of {_listed(list(traj.parts))}') if traj.parts else SHOWS
    if traj.samples is not None and traj.samples.target_kind == 'new image':
        shows = dict(shows, SamplesView='what the generator makes of the same noise')
    told = [shows[n].format(items=items) + _over(traj, v) for n, v in zip(names, views)]
    return f'{_listed(names)}: {"; ".join(told)}'


def _over(traj, view):
    "What a surface rests on where batches of different shapes could not be joined"
    if not traj.ragged or not isinstance(view, PathView): return ''
    total = sum(map(rows_of, (traj.data, *traj.ragged)))
    return f' over {source_of(traj).told(min(view.kwargs["max_samples"], total))} of different lengths'


def _name(view): return type(view).__name__
def _listed(words): return f'{", ".join(words[:-1])} and {words[-1]}' if len(words) > 1 else words[0]
def _because(why_not): return f' (no loss surface: {why_not})' if why_not else ''
def _short(e): return shorten(str(e).strip().split('\n')[0] or type(e).__name__, 200, placeholder=' ...')


def fits_one_input(traj) -> bool:
    "Is this a regression with one input and one output?"
    if traj.data is None or traj.model is None: return False
    (xs, ys), every = (filled(traj.data[0]), traj.data[1]), traj.data[0]
    if len(xs) != 1 or len(ys) != 1 or not ys[0].is_floating_point() or one_input(xs[0]) is None: return False
    out = answers(traj, every)
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
        return None, _short(e)
    return PathView(n=n, max_samples=samples), ''
