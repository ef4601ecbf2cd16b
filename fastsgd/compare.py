"""`compare_fits`: one model, one first guess, one order of the data, and several ways to fit. Knows fastai."""

import copy
import inspect
import math
import random
import warnings
from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real
from typing import NamedTuple

import fastai.callback.schedule  # noqa: F401  gives Learner its schedules: fit_one_cycle, fine_tune, ...
import torch
from fastai.basics import L, Learner, OptimWrapper, delegates, no_random
from fastai.callback.progress import CSVLogger, ProgressCallback, ShowGraphCallback
from fastai.callback.tracker import SaveModelCallback
from fastprogress.fastprogress import progress_bar

from .callbacks import AnimateFitCallback, LogLossCallback, RecordParamsCallback
from .data import TensorDL
from .player import FitAnimation
from .trajectory.models import copy_memo
from .trajectory.several import label_of
from .views import animate

# What shows something or writes files sits out: it belongs to the user's own fits.
SIT_OUT = (RecordParamsCallback, AnimateFitCallback, LogLossCallback, ProgressCallback, ShowGraphCallback, CSVLogger,
           SaveModelCallback)
LR_NAMES = ('lr', 'base_lr', 'lr_max') # what the fit methods call the learning rate


class Comparison(list):
    """The `Trajectory` of each fit, in order or by name; as the last expression of a cell it shows them together

    Raises KeyError for an unknown name.

    >>> fits = compare_fits(linear_learner(seed=0), {'slow': dict(lr=0.01), 'fast': dict(lr=0.1)}, n_epoch=20)
    >>> fits['fast'].n_steps
    20
    >>> fits.animate(LossView()).save('fits.html')
    """
    def __init__(self,
        trajs, # A `Trajectory` for each fit
        names: list, # What the settings were called
    ):
        super().__init__(trajs)
        self.names = list(names)

    def __getitem__(self, i):
        if not isinstance(i, str): return super().__getitem__(i)
        if i not in self.names: raise KeyError(f'no fit is called {i!r}: expected one of {self.names}')
        return super().__getitem__(self.names.index(i))

    def _ipython_key_completions_(self): return self.names

    @delegates(animate)
    def animate(self,
        *views, # Views to draw side by side; none: views that suit
        **kwargs
    ) -> FitAnimation: # In step by optimiser step
        "All fits in one animation. Raises what `animate` does: ValueError or TypeError."
        return animate(self, *views, **kwargs)

    def _repr_html_(self): return self.animate()._repr_html_()

    def __repr__(self):
        width = max((len(t.label) for t in self), default=0)
        return '\n'.join(f'{t.label:<{width}}  {str(t).removeprefix("Trajectory: ")}' for t in self)


class _Plan(NamedTuple):
    "One fit, checked"
    name: str
    method: str # of Learner
    n_epoch: int
    kwargs: dict # of the method
    opt_func: object # None: the Learner's
    bs: object # False: the Learner's; None: the full batch


def compare_fits(
    learn: Learner, # Its model as it stands is the first guess of all fits; the Learner comes out untouched
    settings, # Name -> settings of a fit, as in `{'momentum': dict(opt_func=partial(SGD, mom=0.9), lr=0.03)}`; or a list
    n_epoch: int, # Epochs of each fit
    seed: int = 42, # Seed of the order of the data, of dropout and of whatever else is random
    **shared # Settings of all fits, as in `lr=0.1`, where one does not have its own
) -> Comparison: # A `Trajectory` for each fit; its label is the name and the learning rate
    """Fit copies of one model with several optimisers or settings, each from the same first guess on the same data.

    Settings: `opt_func`; `bs`, where None is the full batch; `fit`, the name of a `Learner` method such as
    'fit_one_cycle'; `n_epoch`; `lr`, whatever that method calls it; and the other arguments of that method. Each fit has
    a copy of its own with a new optimiser. All see the points in the same order: a smaller batch cuts it finer. The same
    call gives the same paths. Fits are in step by optimiser step, not by epoch: one with fewer steps ends earlier.

    Callbacks of the Learner take part, apart from those that show something or write files. After an interrupt
    (KeyboardInterrupt) what was fitted until then is returned; it is raised where that is nothing. Raises ValueError or
    TypeError for a wrong setting, before any fit, and ValueError for a fit without a step.

    >>> from functools import partial
    >>> from fastai.basics import SGD
    >>> settings = {'plain': dict(lr=0.1), 'momentum': dict(opt_func=partial(SGD, mom=0.9), lr=0.03)}
    >>> fits = compare_fits(linear_learner(seed=0), settings, n_epoch=20)
    >>> fits
    plain, lr=0.1      20 steps, 2 parameters, loss ...
    momentum, lr=0.03  20 steps, 2 parameters, loss ...
    """
    if not isinstance(learn, Learner): raise TypeError(f'learn is a {type(learn).__name__}, expected a fastai Learner')
    if isinstance(seed, bool) or not isinstance(seed, Integral): raise ValueError(f'seed={seed!r}: expected a whole number')
    plans = [_plan(learn, name, own, {'n_epoch': n_epoch, **shared}) for name, own in _named(settings)]
    res, bar = [], progress_bar(plans, leave=False) if hasattr(learn, 'progress') else None # none where fastai has none
    for plan in plans if bar is None else bar:
        if bar is not None: bar.comment = plan.name
        traj, interrupted = _fit(learn, plan, int(seed) % 2**32)
        if traj is not None: res.append(traj)
        if not interrupted: continue
        if not res: raise KeyboardInterrupt('interrupted before the first step')
        warnings.warn(f'interrupted in {plan.name!r}: {len(res)} of {len(plans)} fits are here', stacklevel=2)
        break
    return Comparison(res, [p.name for p in plans[:len(res)]])


def _named(settings) -> list:
    "`(name, settings)` of each fit"
    hint = "expected a dict such as {'SGD': dict(lr=0.1), 'Adam': dict(opt_func=Adam)} or a list such as [dict(lr=0.1)]"
    if isinstance(settings, Mapping): res = [(str(k), v) for k, v in settings.items()]
    elif isinstance(settings, (list, tuple)): res = [(None, v) for v in settings]
    else: raise TypeError(f'settings={settings!r}: {hint}')
    if not res: raise ValueError(f'settings is empty: {hint}')
    for name, own in res:
        if not isinstance(own, Mapping):
            which = 'settings has' if name is None else f'settings[{name!r}] is'
            raise TypeError(f'{which} {own!r}: expected a dict, for instance dict(lr=0.1)')
    res = [(_describe(own) if name is None else name, own) for name, own in res]
    names = [name for name, _ in res]
    for name in names:
        if names.count(name) > 1: raise ValueError(f'settings has {name!r} twice: expected fits that differ')
    return res


def _describe(own) -> str:
    "What a fit without a name is called: what it sets"
    def text(key, value):
        if key == 'bs': return 'full batch' if value is None else f'bs={value}'
        if key == 'fit': return str(value)
        if key != 'opt_func': return f'{key}={value!r}'
        if not isinstance(value, partial): return getattr(value, '__name__', repr(value))
        return ', '.join([value.func.__name__, *map(repr, value.args), *(f'{k}={v!r}' for k, v in value.keywords.items())])
    return ', '.join(text(k, v) for k, v in own.items()) or 'as it is'


def _plan(learn, name, own, shared) -> _Plan:
    "The settings of one fit, checked and sorted"
    where = f'settings[{name!r}]'
    method = own.get('fit', shared.get('fit', 'fit'))
    methods = [m for m in dir(type(learn)) if m == 'fine_tune' or m.startswith('fit') and callable(getattr(type(learn), m))]
    if method not in methods:
        raise ValueError(f'{where} has fit={method!r}: expected the name of a Learner method, one of {methods}')
    allowed = list(inspect.signature(getattr(type(learn), method)).parameters)[2:] # without self and the epochs
    lr_name = next((n for n in LR_NAMES if n in allowed), 'lr')
    every = {**_checked(shared, 'shared settings', allowed, lr_name), **_checked(own, where, allowed, lr_name)}
    every.pop('fit', None)
    n_epoch, opt_func, bs = every.pop('n_epoch'), every.pop('opt_func', None), every.pop('bs', False)
    if isinstance(n_epoch, bool) or not isinstance(n_epoch, Integral) or n_epoch < 1:
        raise ValueError(f'{where} has n_epoch={n_epoch!r}: expected a whole number of at least 1')
    if isinstance(opt_func, OptimWrapper) or not (opt_func is None or callable(opt_func)):
        raise ValueError(f'{where} has opt_func={opt_func!r}: expected a function of parameters and lr, for instance SGD, '
                         'partial(SGD, mom=0.9) or partial(OptimWrapper, opt=torch.optim.Adagrad)')
    lr = every.get(lr_name)
    if isinstance(lr, bool) or isinstance(lr, Real) and not math.isfinite(lr) or isinstance(lr, str):
        raise ValueError(f'{where} has {lr_name}={lr!r}: expected a finite number, or a slice for discriminative rates')
    if bs is not False: _check_bs(learn.dls.train, bs, where)
    return _Plan(name, method, int(n_epoch), every, opt_func, bs)


def _checked(given, where, allowed, lr_name) -> dict:
    "`given` with the learning rate under the name that the method has for it, or an error that says what is allowed"
    known = sorted({'bs', 'fit', 'lr', 'n_epoch', 'opt_func', *allowed})
    res = {}
    for key, value in given.items():
        if key not in known: raise ValueError(f'{where} has {key}={value!r}: expected settings among {known}')
        key = lr_name if key == 'lr' else key
        if key in res: raise ValueError(f'{where} has both lr and {key}, which are one here: give one of them')
        res[key] = value
    return res


def _check_bs(dl, bs, where):
    n = len(dl.dataset)
    if not hasattr(dl, 'new'):
        raise ValueError(f"{where} has bs={bs!r}, which needs a DataLoader of fastai's to cut batches anew: "
                         f'this is a {type(dl).__module__}.{type(dl).__name__}')
    if bs is None: return
    if isinstance(bs, bool) or not isinstance(bs, Integral) or not 1 <= bs <= n:
        raise ValueError(f'{where} has bs={bs!r}: expected a whole number from 1 to {n}, the number of items, '
                         'or None for the full batch')


def _fit(learn, plan, seed) -> tuple:
    "`(trajectory, interrupted)` of one fit on a copy of `learn`; the trajectory is None if there was no step"
    interrupted = False
    with no_random(seed):
        twin = _twin(learn)
        if plan.opt_func is not None: twin.opt_func = plan.opt_func
        if plan.bs is not False: _cut(twin.dls, plan.bs)
        for dl in twin.dls.loaders: _reseed(dl, seed)
        with no_random(seed), twin.no_logging(), twin.no_mbar(): # once more: copying may have drawn
            try: getattr(twin, plan.method)(plan.n_epoch, **copy.deepcopy(plan.kwargs))
            except KeyboardInterrupt: interrupted = True
            except Exception as e:
                if hasattr(e, 'add_note'): e.add_note(f'in the fit {plan.name!r} of compare_fits') # Python 3.11 and later
                raise
    traj = twin.record_params.trajectory
    if traj is not None and not traj.n_steps: traj = None
    if traj is None and not interrupted:
        raise ValueError(f'the fit {plan.name!r} took no step: expected learn.dls.train with a batch at least; it has '
                         f'{len(twin.dls.train)} of them')
    if traj is None: return None, interrupted
    traj.label = plan.name
    traj.label = label_of(traj, 0) + (f', interrupted at {traj.n_steps}' if interrupted else '')
    return traj, interrupted


def _twin(learn) -> Learner:
    "A deep copy with a recorder and without an optimiser. Data sets are shared: nobody writes to them."
    memo = copy_memo(learn.model) | {id(dl.dataset): dl.dataset for dl in learn.dls.loaders if hasattr(dl, 'dataset')}
    # what an earlier fit left behind and can't be copied
    for o in [*(learn.__dict__.get(k) for k in ('loss', 'loss_grad', 'pred')), *(vars(dl).get('it') for dl in learn.dls.loaders)]:
        for part in [o, *(o if isinstance(o, (list, tuple)) else ())]: memo[id(part)] = None
    silent = [cb for cb in learn.cbs if isinstance(cb, SIT_OUT)]
    memo.update({id(cb): None for cb in silent})
    twin = copy.deepcopy(learn, memo)
    for cb in silent:
        if hasattr(twin, cb.name): delattr(twin, cb.name)
    twin.cbs, twin.opt = L(cb for cb in twin.cbs if cb is not None), None
    twin.model.zero_grad(set_to_none=True)
    recorder = getattr(learn, 'record_params', None)
    return twin.add_cb(RecordParamsCallback() if recorder is None else RecordParamsCallback(recorder.max_bytes))


def _cut(dls, bs):
    "Other batches from the same data; what was one full batch is shuffled once it is cut"
    dl, n = dls.train, len(dls.train.dataset)
    was_full = dl.bs is not None and dl.bs >= n
    bs = n if bs is None else int(bs)
    dls.loaders[0] = dl.new(bs=bs, shuffle=dl.shuffle or was_full and bs < n)


def _reseed(dl, seed):
    if isinstance(dl, TensorDL): dl.seed, dl.n_shuffles = seed, 0
    if hasattr(dl, 'rng'): dl.rng = random.Random(seed)
    if isinstance(getattr(dl, 'generator', None), torch.Generator): dl.generator.manual_seed(seed)
