"""What the model answers to the samples of a trajectory, point by point: asked once for all views of an animation."""

import weakref
from functools import cached_property

import torch

from ..trajectory.answers import activate, activation_of, classes_of, threshold_of
from ..trajectory.samples import Samples, as_image, leaves, map_leaves
from ..trajectory.spread import evenly
from ..trajectory.tables import several

MEMORY = 2**26 # bytes of answers that are kept for one fit and one set of samples; beyond that the model is asked again
PROBES = 8 # points by which items are put in order, first and last among them

_ANSWERS = weakref.WeakKeyDictionary() # Samples -> Trajectory -> point -> answer


def samples_of(traj) -> Samples:
    "What the trajectory carries to look at; where it has none, rows of the recorded training data as they are"
    if traj.samples is not None: return traj.samples
    if traj.data is None:
        raise ValueError('this trajectory has neither samples nor data: record the fit with '
                         'RecordParamsCallback(samples=36), or give samples')
    return as_samples(*traj.data, traj.loss_func)


def given_samples(traj, data) -> Samples:
    "`data` as a view was given it: `Samples`, `(x, y)`, or None for what the trajectory carries"
    if data is None: return samples_of(traj)
    if isinstance(data, Samples): return data
    return as_samples(*data, traj.loss_func, () if traj.samples is None else traj.samples.classes)


def as_samples(xs, ys, loss_func=None, classes=(), most=None) -> Samples:
    "Tensors as `Samples`, by what they look like; `most` rows of them"
    xs, ys = (tuple(side) if isinstance(side, (tuple, list)) else (side,) for side in (xs, ys))
    xs, ys = (map_leaves(lambda t: t[:most].detach().cpu().as_subclass(torch.Tensor), side) for side in (xs, ys))
    x, y = leaves(xs)[0], (leaves(ys) or [None])[0]
    kind, targets = 'none', None
    classes_there = None if y is None else classes_of(y)
    are_numbers = ('identity', 'log') if y is not None and y.numel() == len(y) else ('identity',) # of counts logarithms
    if classes_there is not None and not (y.is_floating_point() and activation_of(loss_func) in are_numbers):
        kind, targets = 'category', classes_there.tolist()
    elif y is not None and y.ndim < 3 and y.is_floating_point() and y.numel() <= 16 * len(y):
        kind, targets = 'value', [v[0] if len(v) == 1 else v for v in y.double().reshape(len(y), -1).tolist()]
    images = None
    if x.ndim == 4 and x.shape[1] in (1, 3) and x.is_floating_point():
        low, high = float(x.min()), float(x.max())
        images = [as_image((o.float() - low) * 255 / max(high - low, 1e-12)) for o in x]
    return Samples(xs, ys, 'values' if images is None else 'image', kind, images, targets, list(map(str, classes)))


class Asked:
    "The answers of `traj` at any point, for all items of `samples`"
    def __init__(self, traj, samples):
        self.traj, self.samples = traj, samples
        self.known = _ANSWERS.setdefault(samples, weakref.WeakKeyDictionary()).setdefault(traj, {})

    @cached_property
    def activation(self) -> str:
        "What turns outputs into predictions at all points: told by the loss, given some answers, else as recorded"
        if self.samples.target_kind == 'new image': return '' # no truth; and a GAN's loss would ask the model itself
        ys = leaves(self.samples.ys)
        outs = torch.cat([self.raw(0), self.raw(-1)])
        targets = torch.cat([ys[0]] * 2) if ys and self.samples.target_kind != 'next word' else None
        told = '' if self.traj.loss_func is None else activation_of(self.traj.loss_func, outs, targets)
        return told or self.samples.activation or ('softmax' if self.samples.target_kind == 'next word' else '')

    def raw(self, i) -> torch.Tensor:
        "The model's output at point `i`, (items, ...)"
        i = self.traj.index(i)
        key = int(self.traj.steps[i]) # several frames may show one point
        if key in self.known: return self.known[key]
        out = first_tensor(self.traj.predict(i, *self.samples.xs)).as_subclass(torch.Tensor).float()
        if self.samples.target_kind == 'next word' and out.ndim == 3: out = out[:, -1].clone()
        if out.ndim == 0 or len(out) != self.samples.n:
            raise ValueError(f'the model answers {self.samples.n} items with shape {tuple(out.shape)}: expected one '
                             'answer for each')
        if (len(self.known) + 1) * out.numel() * 4 <= MEMORY: self.known[key] = out
        return out

    def __call__(self, i) -> torch.Tensor:
        "What the model predicts at point `i`: values, or probabilities (items, classes, ...)"
        out = activate(self.activation, self.raw(i))
        if self.samples.target_kind == 'category' and out.numel() == len(out): # one number for two classes
            p = out.reshape(-1, 1)
            if threshold_of(self.activation, (leaves(self.samples.ys) or [torch.zeros(1)])[0]) == 0: p = (p > 0).float()
            out = torch.cat([1 - p, p], 1)
        return out

    def before_last(self, i) -> torch.Tensor:
        "What the last layer with a matrix of weights gets of each item at point `i`, (items, numbers)"
        self.raw(i) # at the latest now there is a copy of the model that answers
        layer = _last_layer(self.traj._answering.model)
        if layer is None: raise ValueError('the model has no layer with a matrix of weights: name an embedding')
        seen = []
        handle = layer.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach().clone()))
        try: self.traj.predict(i, *self.samples.xs)
        finally: handle.remove()
        if not seen or len(seen[-1]) != self.samples.n:
            raise ValueError('the last layer does not get one input for each item: name an embedding')
        res = seen[-1].cpu().float()
        return res.reshape(self.samples.n, -1, res.shape[-1]).mean(1) if res.ndim == 3 else res.flatten(1)

    @property
    def tells_probabilities(self) -> bool:
        "Are the answers for classes probabilities? A loss that nobody knows may take scores of any kind."
        return self.activation != '' and self.samples.target_kind in ('category', 'categories', 'mask', 'next word')

    def by_change(self) -> list:
        "Items in the order of how much the answer changes over the fit, most first"
        change, last = torch.zeros(self.samples.n), None
        for i in evenly(0, len(self.traj) - 1, PROBES).tolist():
            out = self(i).nan_to_num(0, 0, 0).reshape(self.samples.n, -1)
            if last is not None: change += (out - last).abs().mean(1)
            last = out
        return change.argsort(descending=True, stable=True).tolist()


def unfit(asked) -> str:
    "Why the answers say nothing of the targets as they are: another number of them than there are; '' if they do"
    samples = asked.samples
    if samples.target_kind not in ('value', 'category'): return ''
    out = asked(0)
    says, shape = f'the model answers with {several(out[0].numel(), "number")}', tuple(out.shape[1:])
    if samples.target_kind == 'value':
        wanted = torch.tensor(samples.targets[0]).numel()
        return '' if out[0].numel() == wanted else f'{says} for {several(wanted, "target")} an item'
    if out.ndim != 2: return f'the model answers each item with shape {shape}, and the targets are classes'
    known = activation_of(asked.traj.loss_func) != '' # then there may be more classes than the samples have
    classes = len(samples.classes) or max(2, 1 + max(samples.targets), 1 + _highest(asked.traj.data))
    if out.shape[1] >= classes if known else out.shape[1] == classes: return ''
    return f'{says} for {several(classes, "class")}'


def _highest(data):
    "The highest class among the targets of all recorded data, -1 if there is none"
    ys = [] if data is None else leaves(data[1])
    classes = classes_of(ys[0]) if ys else None
    return -1 if classes is None or not len(classes) else int(classes.max())


def _last_layer(model):
    "The last module that holds a matrix of weights; an embedding is none"
    found = [m for m in model.modules() if isinstance(getattr(m, 'weight', None), torch.Tensor) and m.weight.ndim == 2
             and hasattr(m, 'in_features')]
    return found[-1] if found else None


def first_tensor(out) -> torch.Tensor:
    "The prediction among what a model returns: of a dict the logits, of several the first one"
    if isinstance(out, dict): out = next((out[k] for k in ('logits', 'out', 'pred') if k in out), out)
    found = leaves(out) if isinstance(out, (torch.Tensor, tuple, list, dict)) else []
    if not found:
        raise ValueError(f'the model returns a value of type {type(out).__name__}: expected a tensor, or several')
    return found[0]
