"""`minimize`: a plain function in place of a model and its data."""

import torch
from fastai.basics import SGD, Learner
from torch import nn

from ..callbacks import RecordParamsCallback, SkipEmptyValidCallback
from ..callbacks.import_fastai import ProgressCallback
from ..checks import check_number, check_string, check_whole, is_array
from ..compare.settings import check_opt_func
from ..data import tensor_dls
from ..trajectory import Trajectory


class Point(nn.Module):
    "The place where a function is evaluated, as the only parameter of a model; its value is the loss"
    def __init__(self, function, start):
        super().__init__()
        self.function, self.x = function, nn.Parameter(start)

    def forward(self, rows): return self.function(self.x).expand(len(rows))


def value(out, _): # a loss that only looks at the function, in the precision that fastai's Recorder wants
    return out.mean().float()


def minimize(
    function, # Of a tensor (d,), to a single number, in torch's operations
    start, # Where to begin: d numbers
    opt_func=SGD, # An optimiser, as `Learner` takes it
    lr: float = 0.01, # Learning rate
    steps: int = 100, # Optimiser steps
    fit: str = 'fit', # A method of Learner that fits, for instance 'fit_one_cycle'
    label: str = '', # What to call this fit beside others
    **kwargs # Passed to `Learner`
) -> Trajectory: # Its only parameter is `x`, its losses are values of the function
    """Minimise a function with fastai's optimisers, and record the way, for all views and `loss_surface`.

    Raises TypeError for anything but a function, ValueError for any other invalid argument, before the first step.

    >>> rosenbrock = lambda p: (1 - p[0])**2 + 100 * (p[1] - p[0]**2)**2
    >>> traj = minimize(rosenbrock, (-1.5, 2.), lr=1e-3, steps=200)
    >>> traj.params['x'].shape
    torch.Size([201, 2])
    >>> animation = animate([traj, minimize(rosenbrock, (-1.5, 2.), lr=5e-4, steps=200, label='half the rate')])
    """
    if not callable(function):
        raise TypeError(f'function is of type {type(function).__name__}: expected a function of a tensor, for instance '
                        'lambda p: (p**2).sum()')
    steps = check_whole('steps', steps, 1, cap=10**7, example=100)
    lr, label = check_number('lr', lr, above=0, cap=1e30, example=0.01), check_string('label', label)
    model = Point(function, _numbers(start))
    _check_value(model)
    dls = tensor_dls((torch.zeros(steps, dtype=torch.int64), torch.zeros(steps)), bs=1, seed=0)
    if opt_func is None: raise TypeError('opt_func is None: expected a function that makes an optimiser, such as SGD')
    opt_func = check_opt_func(opt_func, 'minimize', model.parameters())
    learn = Learner(dls, model, value, opt_func=opt_func, **kwargs)
    if not callable(getattr(learn, fit if isinstance(fit, str) else '', None)) or not str(fit).startswith('fit'):
        raise ValueError(f"fit={fit!r:.100}: expected the name of a method that fits, for instance 'fit_one_cycle'")
    learn.add_cbs([RecordParamsCallback(samples=0), SkipEmptyValidCallback()]).remove_cbs(ProgressCallback)
    with learn.no_logging(): getattr(learn, fit)(1, lr)
    traj = learn.record_params.trajectory
    traj.data = tuple((t[:1],) for side in traj.data for t in side) # one row: the function does not look at it
    traj.batches, traj.metrics, traj.epochs, traj.label = {}, {}, traj.epochs[:0], label # an epoch means nothing here
    return traj


def _numbers(start):
    try: x = torch.as_tensor(start).detach()
    except (TypeError, ValueError, RuntimeError, OverflowError): x = torch.empty(0)
    if not is_array(x) or x.ndim != 1 or not len(x) or x.is_complex() or not x.isfinite().all() or (
            x.dtype == torch.bool):
        raise ValueError(f'start={start!r:.100}: expected finite numbers in a row, for instance start=(-1.5, 2.)')
    return x.clone() if x.is_floating_point() else x.float()


def _check_value(model):
    try: out = model.function(model.x)
    except Exception as e: raise ValueError(f'function fails at start: {type(e).__name__}: {e}') from e
    if not isinstance(out, torch.Tensor) or out.numel() != 1 or not out.requires_grad:
        told = f'a tensor of shape {tuple(out.shape)}' if isinstance(out, torch.Tensor) else f'{out!r:.100}'
        raise ValueError(f"function returns {told}: expected a single number that depends on its argument by torch's "
                         'operations')
