"""`compare_fits`: one model, one first guess, one order of the data, and several ways to fit."""

import copy
import math
import random
import warnings

import torch
from fastai.basics import L, Learner, defaults, delegates, no_random

from ..callbacks import RecordParamsCallback
from ..callbacks.import_fastai import ProgressCallback
from ..checks import check_string, check_type, check_whole
from ..data import TensorDL
from ..player import FitAnimation
from ..progress import Progress
from ..trajectory import Trajectory
from ..trajectory.models import copy_memo
from ..trajectory.several import label_of
from ..views import animate
from .settings import named_settings, plan_fit

# What shows something or writes files sits out: it belongs to the user's own fits.
SIT_OUT = {'RecordParamsCallback', 'AnimateFitCallback', 'LogLossCallback', 'ProgressCallback', 'ShowGraphCallback',
           'CSVLogger', 'SaveModelCallback'}


class Comparison(list):
    """Hold the `Trajectory` of each fit, in order or by name; as the last expression of a cell it shows them together

    Raises KeyError for an unknown name, TypeError or ValueError unless there is a name for each Trajectory.

    >>> fits = compare_fits(linear_learner(seed=0), {'slow': dict(lr=0.01), 'fast': dict(lr=0.1)}, n_epoch=20)
    >>> fits['fast'].n_steps
    20
    >>> fits.animate(LossView()).save('fits.html')
    """
    def __init__(self,
        trajs, # A `Trajectory` for each fit
        names: list, # What the settings were called
    ):
        for t in check_type('trajs', trajs, (list, tuple), 'a Trajectory for each fit'):
            check_type('trajs: a fit', t, Trajectory, 'a Trajectory')
        check_type('names', names, (list, tuple), 'a name for each fit')
        if len(names) != len(trajs): raise ValueError(f'names has {len(names)} names: expected {len(trajs)}, as trajs')
        super().__init__(trajs)
        self.names = [check_string('names: one', name) for name in names]

    def __getitem__(self, i):
        if not isinstance(i, str): return super().__getitem__(i)
        if i not in self.names: raise KeyError(f'no fit is called {i!r}: expected one of {self.names}')
        return super().__getitem__(self.names.index(i))

    def _ipython_key_completions_(self): return self.names

    @delegates(animate)
    def animate(self,
        *views, # Views to draw side by side; none: views that suit
        **kwargs
    ) -> FitAnimation: # Synchronised by optimiser step
        "Animate all fits together. Raises what `animate` does: ValueError or TypeError."
        return animate(self, *views, **kwargs)

    def _repr_html_(self): return self.animate()._repr_html_()

    def __repr__(self):
        width = max((len(t.label) for t in self), default=0)
        return '\n'.join(f'{t.label:<{width}}  {str(t).removeprefix("Trajectory: ")}' for t in self)


def compare_fits(
    learn: Learner, # Its model as it stands is the first guess of all fits; the Learner comes out untouched
    settings, # Name -> settings of a fit, as in `{'Adam': dict(opt_func=Adam, lr=0.03)}`; or a list of settings
    n_epoch: int, # Epochs of each fit
    seed: int = 42, # Seed of the order of the data, of dropout and of whatever else is random
    **shared # Settings of all fits, as in `lr=0.1`, where one does not have its own
) -> Comparison: # A `Trajectory` for each fit; its label is the name and the learning rate
    """Fit copies of one model with several optimisers or settings, each from the same first guess on the same data.

    Settings are `opt_func`, fastai's or torch's; `bs`, where None is the full batch; `fit`, the name of a `Learner`
    method such as 'fit_one_cycle'; `n_epoch`; `lr`, whatever that method calls it; and the other arguments of that
    method. Each fit has a copy of its own with a new optimiser. All see the data in the same order: a smaller batch
    cuts it finer. The same call gives the same paths. Fits are synchronised by optimiser step, not by epoch: one with
    fewer steps ends earlier.

    Callbacks of the Learner take part, apart from those that show something or write files. A KeyboardInterrupt ends
    the comparison: the fits that were started are returned, or it is raised again before the first step. Raises
    ValueError or TypeError for an invalid setting, before any fit, and ValueError for a fit without a step.

    >>> from functools import partial
    >>> from fastai.basics import SGD
    >>> settings = {'plain': dict(lr=0.1), 'momentum': dict(opt_func=partial(SGD, mom=0.9), lr=0.03)}
    >>> fits = compare_fits(linear_learner(seed=0), settings, n_epoch=20)
    >>> fits
    plain, lr=0.1      20 steps, 2 parameters, loss ...
    momentum, lr=0.03  20 steps, 2 parameters, loss ...
    """
    check_type('learn', learn, Learner, 'a fastai Learner')
    seed = check_whole('seed', seed) % 2**32
    plans = [plan_fit(learn, name, own, {'n_epoch': n_epoch, **shared}) for name, own in named_settings(settings)]
    res, no_bar = [], ProgressCallback in defaults.callbacks and not hasattr(learn, 'progress')
    with Progress(len(plans), math.inf if no_bar else 1.) as bar:
        for plan in plans:
            bar.comment = plan.name
            traj, interrupted = _fit(learn, plan, seed)
            if traj is not None: res.append(traj)
            if interrupted: break
            bar.step()
    if interrupted and not res: raise KeyboardInterrupt('interrupted before the first step')
    if interrupted:
        warnings.warn(f'interrupted in {plan.name!r}: returning the {len(res)} of {len(plans)} fits that were started',
                      stacklevel=2)
    return Comparison(res, [p.name for p in plans[:len(res)]])


def _fit(learn, plan, seed) -> tuple:
    "Fit a copy of `learn`. Returns `(trajectory, interrupted)`; the trajectory is None if there was no step."
    interrupted = False
    with no_random(seed):
        twin = _twin(learn)
        if plan.opt_func is not None: twin.opt_func = plan.opt_func
        if plan.bs is not False: _rebatch(twin.dls, plan.bs)
        for dl in twin.dls.loaders: _reseed(dl, seed)
        with no_random(seed), twin.no_logging(), twin.no_mbar(): # once more: copying may have drawn
            try: getattr(twin, plan.method)(plan.n_epoch, **copy.deepcopy(plan.kwargs))
            except KeyboardInterrupt: interrupted = True
            except Exception as e:
                if hasattr(e, 'add_note'): e.add_note(f'in the fit {plan.name!r} of compare_fits') # Python 3.11
                raise
    traj = twin.record_params.trajectory
    if traj is not None and not traj.n_steps: traj = None
    if traj is None and not interrupted:
        raise ValueError(f'the fit {plan.name!r} took no step: expected at least one batch in learn.dls.train, which '
                         f'has {len(twin.dls.train)}')
    if traj is None: return None, interrupted
    traj.label = plan.name
    traj.label = label_of(traj, 0) + (f', interrupted at {traj.n_steps}' if interrupted else '')
    return traj, interrupted


def _twin(learn) -> Learner:
    "Copy `learn` deeply, with a recorder and without an optimiser. Data sets are shared: nobody writes to them."
    memo = copy_memo(learn.model) | {id(dl.dataset): dl.dataset for dl in learn.dls.loaders if hasattr(dl, 'dataset')}
    left_behind = [learn.__dict__.get(k) for k in ('loss', 'loss_grad', 'pred')]
    for o in left_behind + [vars(dl).get('it') for dl in learn.dls.loaders]: # by an earlier fit, and can't be copied
        for part in [o, *(o if isinstance(o, (list, tuple)) else ())]: memo[id(part)] = None
    silent = [cb for cb in learn.cbs if SIT_OUT & {kind.__name__ for kind in type(cb).__mro__}]
    memo.update({id(cb): None for cb in silent})
    try:
        with torch.no_grad(): twin = copy.deepcopy(learn, memo) # scripted parts would keep a history
    except Exception as e:
        raise ValueError(f'learn cannot be copied: {type(e).__name__}: {str(e)[:200]}; expected a model, data and '
                         'callbacks that copy.deepcopy takes') from e
    for own, p in zip(twin.model.parameters(), learn.model.parameters()): own.requires_grad_(p.requires_grad)
    for cb in silent:
        if hasattr(twin, cb.name): delattr(twin, cb.name)
    twin.cbs, twin.opt = L(cb for cb in twin.cbs if cb is not None), None
    twin.model.zero_grad(set_to_none=True)
    recorder = getattr(learn, 'record_params', None)
    return twin.add_cb(RecordParamsCallback() if recorder is None else RecordParamsCallback(recorder.max_bytes))


def _rebatch(dls, bs):
    "Re-batch the same data; a full batch that gets split is shuffled"
    dl, n = dls.train, len(dls.train.dataset)
    was_full = dl.bs is not None and dl.bs >= n
    bs = n if bs is None else bs
    dls.loaders[0] = dl.new(bs=bs, shuffle=dl.shuffle or was_full and bs < n)


def _reseed(dl, seed):
    if isinstance(dl, TensorDL): dl.seed, dl.n_shuffles = seed, 0
    if hasattr(dl, 'rng'): dl.rng = random.Random(seed)
    if isinstance(getattr(dl, 'generator', None), torch.Generator): dl.generator.manual_seed(seed)
