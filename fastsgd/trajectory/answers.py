"""What a model's output means: the activation that makes it a prediction, and the classes of targets. Torch only."""

import math
from functools import partial

import torch

from ..random_state import random_state_kept
from .spread import evenly

# What torch's, torchvision's and fastai's losses take, by their names without capitals, '_', 'loss' and 'flat'
TAKES = {
    'softmax': ('crossentropy', 'focal', 'labelsmoothingcrossentropy', 'linearcrossentropy', 'dice'),
    'sigmoid': ('bcewithlogits', 'binarycrossentropywithlogits', 'softmargin', 'multilabelsoftmargin', 'sigmoidfocal'),
    'log': ('nll', 'nll2d', 'kldiv', 'ctc'),
    'identity': ('mse', 'l1', 'smoothl1', 'huber', 'bce', 'binarycrossentropy', 'gaussiannll', 'hingeembedding',
                 'multimargin', 'multilabelmargin'),
}
TAKES = {loss: name for name, losses in TAKES.items() for loss in losses}
KNOWN = 'torch.nn', 'torchvision.ops', 'fastai.losses', 'fastai.layers'


class PartLoss:
    "A loss of one part of what the model returns, such as the first of a tuple: `keys` lead to it"
    def __init__(self, func, keys): self.func, self.keys = func, keys

    def __call__(self, out, *targets):
        for key in self.keys: out = out[key]
        return self.func(out, *targets)

    @property
    def keywords(self): return getattr(self.func, 'keywords', {})

    @property
    def reduction(self): return getattr(self.func, 'reduction', 'mean')

    def __repr__(self): return f'{self.func!r} of part {"".join(f"[{key!r}]" for key in self.keys)}'


def layers_of(loss_func) -> list:
    "`loss_func` and what it calls in turn, seen through `partial`, MixUp, bound methods and fastai's flattening losses"
    res = [loss_func]
    while len(res) < 20: # a loss that refers to itself ends too
        loss, owner = res[-1], getattr(res[-1], '__self__', None)
        if callable(getattr(owner, 'old_lf', None)): inner = owner.old_lf # fastai's MixUp and CutMix
        elif isinstance(owner, torch.nn.Module): inner = owner
        elif not isinstance(loss, torch.nn.Module) and callable(getattr(loss, 'func', None)): inner = loss.func
        else: break
        res.append(inner)
    return res


def adds_up(loss_func) -> bool:
    "Is this loss a sum over samples, where others are means?"
    for loss in layers_of(loss_func): # a `partial` says it before the function that it calls
        told = (getattr(loss, 'keywords', None) or {}).get('reduction', getattr(loss, 'reduction', None))
        if isinstance(told, str): return told == 'sum'
    return False


def own_activation(loss_func):
    "The function by which a loss says what its model predicts, as fastai's losses do; None if it does not"
    for loss in layers_of(loss_func):
        told = getattr(loss, 'activation', None)
        if callable(told) and getattr(told, '__name__', '') != 'noops': return told # `noops`: fastai does not know


def activation_of(
    loss_func, # The loss of predictions and targets, as a Trajectory keeps it
    out: torch.Tensor | None = None, # What the model answers to some items
    targets: torch.Tensor | None = None, # Their targets
) -> str: # 'softmax', 'sigmoid', 'identity' or 'log' (the exponential), '' where nothing tells
    """Name the activation that turns the model's output into what it predicts.

    A softmax or sigmoid is named only where the loss takes logits; an output that consists of probabilities already is
    taken as it is. A loss of your own is tried out, given `out` and `targets`: does it notice a constant added to all?
    """
    name = _told(loss_func)
    if out is None or not isinstance(out, torch.Tensor) or not out.numel(): return name
    out = out.detach().cpu().as_subclass(torch.Tensor)
    if name == '' and targets is not None: name = _asked(loss_func, out, targets)
    if name != 'sigmoid' and _loss_name(loss_func)[0] != 'poissonnll' and _sums_to_one(out): return 'identity'
    if name == '' and ((out >= 0) & (out <= 1)).all(): return 'identity'
    if _loss_name(loss_func)[0] == '' and (out <= 0).all() and _sums_to_one(out.exp()): return 'log'
    # logits that happen to be between 0 and 1 are all alike: probabilities reach for both ends
    if name == 'sigmoid' and 0 <= out.min() < 0.2 and 0.8 < out.max() <= 1: return 'identity'
    return name


def activate(
    name: str, # What `activation_of` names; '' leaves the output as it is
    out: torch.Tensor, # What the model answers
    axis: int | None = None, # Of the classes; None: the last, or after the items where these are pictures
) -> torch.Tensor:
    "What the model predicts, from its output. Raises ValueError for another name."
    if name in ('identity', ''): return out
    if name == 'sigmoid': return out.sigmoid()
    if name == 'log': return out.exp()
    if name == 'softmax': return out.softmax(axis if axis is not None else 1 if out.ndim > 3 else -1)
    raise ValueError(f"name={name!r:.100}: expected 'softmax', 'sigmoid', 'identity', 'log' or ''")


def activation_for(loss_func, out, targets=None):
    "The function of `activation_of`; the loss's own where it has one, since that knows the axis of the classes"
    name, own = activation_of(loss_func, out, targets), own_activation(loss_func)
    return own if own is not None and _named(own) == name else partial(activate, name)


def _loss_name(loss_func):
    "`(name, keywords)` of a loss by torch, torchvision or fastai, '' of any other: a name alone proves nothing"
    *outer, loss = layers_of(loss_func)
    keywords = {k: v for o in reversed(outer) if isinstance(o, partial) for k, v in o.keywords.items()}
    if isinstance(loss, torch.nn.Module): kind = next(c for c in type(loss).__mro__ if 'forward' in vars(c))
    else: kind = loss if hasattr(loss, '__name__') else type(loss)
    module = getattr(kind, '__module__', None) or ''
    if not (module.startswith(KNOWN) or module == 'torch' or kind is getattr(torch, kind.__name__, ())): return '', {}
    settings = vars(loss) if isinstance(loss, torch.nn.Module) else {}
    return kind.__name__.lower().replace('_', '').replace('flat', '').replace('loss', ''), {**settings, **keywords}


def _told(loss_func):
    "What the loss itself, its kind or its name says"
    told = own_activation(loss_func)
    if told is not None: return _named(told)
    name, keywords = _loss_name(loss_func)
    if name == 'poissonnll': return 'log' if keywords.get('log_input', True) else 'identity'
    return TAKES.get(name, '')


def _named(function):
    "The name of an activation given as a function: by what it does"
    probe = torch.tensor([[-1., 0.5, 2.], [0., 0., 3.]])
    try: got = function(probe)
    except Exception: return '' # another shape was wanted
    if not isinstance(got, torch.Tensor) or got.shape != probe.shape: return ''
    names = 'softmax', 'sigmoid', 'identity', 'log'
    return next((name for name in names if torch.allclose(got.float(), activate(name, probe))), '')


def _asked(loss_func, out, targets):
    "What an unknown loss takes, by its values at a few outputs; '' where these do not tell"
    rows = evenly(0, min(len(out), len(targets)) - 1, 8)
    out, targets = out[rows].double().float(), targets.detach().cpu().as_subclass(torch.Tensor)[rows]

    def loss(values, wanted=targets):
        try: return float(loss_func(values, wanted).detach().mean())
        except Exception: return math.nan # outside of what the loss takes
    with random_state_kept():
        if out.ndim > 1 and out.shape[-1] > 1 and (not targets.is_floating_point() or _sums_to_one(targets)):
            named = _of_classes(loss, out, classes_of(targets))
            if named or not targets.is_floating_point(): return named
        return _of_numbers(loss, out, targets) if out.numel() == targets.numel() else ''


def _of_classes(loss, out, classes):
    """A softmax does not see a constant that is added to all outputs, nor does a margin, which ends where the answer is
    right by far; the mean log-probability falls by the constant
    """
    z = torch.linspace(-2, 2, out.numel()).sin().reshape(out.shape) * 2 - 3 # negative: no probabilities
    low, high = loss(z), loss(z + 1)
    near = lambda change: abs(high - low - change) <= 1e-4 * max(abs(low), 1)
    if near(0) and not near(loss(2 * z) - low):
        if classes is None or out.ndim > 2 or int(classes.max()) >= out.shape[1]: return 'softmax'
        right = torch.eye(out.shape[1])[classes]
        return 'identity' if loss(4 * right) == loss(8 * right) else 'softmax'
    if near(-1): return 'log'
    return 'identity' if math.isnan(low) and not math.isnan(loss(z.softmax(-1))) else ''


def _of_numbers(loss, out, targets):
    "A loss of logits falls for ever towards the right class; one of the prediction itself is least at the target"
    at = lambda value, wanted: loss(torch.full_like(out, value), torch.full_like(targets, wanted))
    least = lambda value, wanted: at(value, wanted) <= min(at(value + 0.3, wanted), at(value - 0.3, wanted))
    signed = is_signed(targets)
    if signed or ((targets >= 0) & (targets <= 1)).all():
        places = (0., 4., 8.) if signed else (-4., 0., 4.) # labels -1 and 1 may have a margin, which ends
        right, wrong = [at(v, 1) for v in places], [at(-v, -1 if signed else 0) for v in places]
        falls = all(a > b > c for a, b, c in (right, wrong))
        alike = all(map(partial(math.isclose, rel_tol=1e-4), right, wrong)) # of smoothed labels it rises again
        if falls or alike and not signed: return 'sigmoid'
        if math.isnan(sum(right + wrong)) and not math.isnan(at(0.5, 1)): return 'identity' # only from 0 to 1
    if all(least(v, v) for v in targets.unique().tolist()): return 'identity'
    return 'log' if (targets >= 0).all() and all(least(math.log(v), v) for v in (1, 3)) else ''


def classes_of(targets) -> torch.Tensor | None:
    "The class of each item, from 0, of whole numbers, labels -1 and 1, or rows with a single 1; None of anything else"
    t = torch.as_tensor(targets).detach().cpu().as_subclass(torch.Tensor)
    if t.dtype == torch.bool: t = t.long()
    if not t.numel() or t.is_complex() or t.is_floating_point() and (t != t.round()).any(): return None
    if t.ndim == 2 and t.shape[1] > 1:
        return t.argmax(1) if ((t == 0) | (t == 1)).all() and (t.sum(1) == 1).all() else None
    if t.ndim and t.numel() != len(t): return None
    t = t.reshape(-1)
    if is_signed(t): return (t > 0).long()
    return t.long() if t.min() >= 0 else None


def is_signed(targets) -> bool:
    "Are these labels -1 and 1?"
    t = torch.as_tensor(targets)
    return bool(t.numel() and ((t == 1) | (t == -1)).all() and (t == -1).any())


def threshold_of(
    name: str, # The activation, as `activation_of` names it
    targets, # Targets of some items
) -> float: # Predictions above it are the second class
    "Where a single prediction changes from one class to the other: at 0.5, and at 0 for labels -1 and 1"
    return 0. if name in ('identity', '') and is_signed(targets) else 0.5


def _sums_to_one(out):
    "Are the last dimension's entries, or those of the second, shares of a whole?"
    if out.ndim < 2 or not out.is_floating_point(): return False
    return any(out.shape[axis] > 1 and bool((out >= 0).all()) and bool(((out.sum(axis) - 1).abs() < 1e-3).all())
               for axis in {1, out.ndim - 1})
