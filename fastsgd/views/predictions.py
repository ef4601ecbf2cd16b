"""What a recorded model predicts, in the terms of its targets: outputs through the activation that suits its loss."""

from contextlib import suppress

import torch

from ..trajectory.answers import activate, activation_for, activation_of
from .limits import plain

NAMES = 'softmax', 'sigmoid', 'identity', 'log'
ROWS = 1000 # of the data, evenly picked, that tell what the outputs are
FAR = 100 # times as far from the middle of the data


def check_activation(activation):
    "Return `activation`. Raises ValueError unless it is None, a function, or one of the names."
    if activation is None or callable(activation): return activation
    if isinstance(activation, str) and activation in NAMES: return activation
    raise ValueError(f'activation={activation!r:.100}: expected a function of the output of the model, one of '
                     f'{", ".join(map(repr, NAMES))}, or None for what suits the loss')


def filled(xs) -> tuple:
    "The inputs that hold numbers: fastai's tables have a tensor (n, 0) of categories where there are none"
    return tuple(x for x in map(torch.as_tensor, xs) if x.numel() or not len(x))


def ask(traj, i, rows):
    "What the model at point `i` answers to `rows` of its one input that holds numbers"
    xs = () if traj.data is None else traj.data[0]
    if len(xs) < 2 or len(filled(xs)) != 1: return traj.predict(i, rows)
    return traj.predict(i, *(rows if x.numel() else x.new_empty(len(rows), *x.shape[1:]) for x in xs))


class Predictions:
    "`predictions(i, rows)`: what the model at point `i` predicts for `rows` of inputs, as float64 on the CPU"
    def __init__(self, traj, data, activation=None):
        (x, *_), (y, *_) = filled(data[0]), data[1]
        every = -(-len(x) // ROWS)
        self.traj, self.inputs, self.name = traj, x[::every], activation
        if isinstance(activation, str): self.function = lambda out: activate(activation, out)
        elif activation is not None: self.function = activation
        else: self._ask_loss(y[::every])

    def _ask_loss(self, targets):
        # outputs early and late in the fit: at first, logits may look like probabilities
        points = sorted({0, len(self.traj) // 2, len(self.traj) - 1})
        answers, middle = [ask(self.traj, i, self.inputs) for i in points], self.inputs.mean(0)
        # far out too: near the data logits may look like probabilities. A model may refuse what is unlike its data
        with suppress(Exception): answers.append(ask(self.traj, -1, middle + FAR * (self.inputs - middle)))
        out, targets = torch.cat(answers), torch.cat([targets] * len(points))
        out = out[out.flatten(1).isfinite().all(1) if out.ndim > 1 else out.isfinite()]
        self.name = activation_of(self.traj.loss_func, out, targets)
        self.function = activation_for(self.traj.loss_func, out, targets)

    def __call__(self, i, rows):
        out = ask(self.traj, i, rows)
        try: return plain(self.function(out)).double()
        except Exception as e:
            raise ValueError(f'activation fails on outputs of shape {tuple(out.shape)}: {type(e).__name__}: {e}') from e
