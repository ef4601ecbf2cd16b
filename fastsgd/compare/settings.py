"""The settings of `compare_fits`: each fit is checked and planned before the first one starts."""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import torch
from fastai.basics import OptimWrapper

from ..checks import check_number, check_string, check_whole

STARS = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
LR_NAMES = ('lr', 'base_lr', 'lr_max') # what the fit methods call the learning rate


class Plan(NamedTuple):
    "Hold the checked settings of one fit"
    name: str
    method: str # of Learner
    n_epoch: int
    kwargs: dict # of the method
    opt_func: object # None: the Learner's
    bs: object # False: the Learner's; None: the full batch


def named_settings(settings) -> list:
    "Return `(name, settings)` of each fit"
    hint = "expected a dict such as {'SGD': dict(lr=0.1), 'Adam': dict(opt_func=Adam)} or a list such as [dict(lr=0.1)]"
    if isinstance(settings, Mapping): res = [(check_string('settings', str(k)), v) for k, v in settings.items()]
    elif isinstance(settings, (list, tuple)): res = [(None, v) for v in settings]
    else: raise TypeError(f'settings={settings!r}: {hint}')
    if not res: raise ValueError(f'settings is empty: {hint}')
    for name, own in res:
        if not isinstance(own, Mapping):
            which = 'settings has' if name is None else f'settings[{name!r}] is'
            raise TypeError(f'{which} {own!r}: expected a dict, for instance dict(lr=0.1)')
    res = [(name or _describe(own), own) for name, own in res]
    names = [name for name, _ in res]
    for name in names:
        if names.count(name) > 1: raise ValueError(f'settings has {name!r} twice: expected fits that differ')
    return res


def _describe(own) -> str:
    "Name a fit by what it sets"
    def text(key, value):
        if key == 'bs': return 'full batch' if value is None else f'bs={value}'
        if key == 'fit': return str(value)
        if key != 'opt_func': return f'{key}={value!r}'
        if not isinstance(value, partial): return getattr(value, '__name__', repr(value))
        keywords = (f'{k}={v!r}' for k, v in value.keywords.items())
        return ', '.join([value.func.__name__, *map(repr, value.args), *keywords])
    return ', '.join(text(k, v) for k, v in own.items()) or 'as it is'


def plan_fit(learn, name, own, shared) -> Plan:
    "The settings of one fit, checked and sorted"
    where = f'settings[{name!r}]'
    method = own.get('fit', shared.get('fit', 'fit'))
    methods = [m for m in dir(type(learn)) if m.startswith(('fit', 'fine_tune')) and callable(getattr(type(learn), m))]
    if method not in methods:
        raise ValueError(f'{where} has fit={method!r}: expected the name of a Learner method, one of {methods}')
    allowed = list(inspect.signature(getattr(type(learn), method)).parameters)[2:] # without self and the epochs
    lr_name = next((n for n in LR_NAMES if n in allowed), 'lr')
    every = {**_checked(shared, 'shared settings', allowed, lr_name), **_checked(own, where, allowed, lr_name)}
    every.pop('fit', None)
    n_epoch = check_whole(f'{where} has n_epoch', every.pop('n_epoch'), 1, cap=10**6)
    opt_func = check_opt_func(every.pop('opt_func', None), where, learn.model.parameters())
    bs = every.pop('bs', False)
    lr = every.get(lr_name)
    # a slice or a list has a rate for each group of parameters
    if not (lr is None or isinstance(lr, (slice, list, tuple)) or getattr(lr, 'ndim', 0)):
        every[lr_name] = check_number(f'{where} has {lr_name}', lr, or_else=', or a slice for discriminative rates')
    if bs is not False: bs = _check_bs(learn.dls.train, bs, where)
    return Plan(name, method, n_epoch, every, opt_func, bs)


def check_opt_func(opt_func, where, params):
    "Return a function that makes a fastai optimiser, or None: torch's are wrapped"
    if opt_func is None: return None
    told = f'{where} has opt_func={getattr(opt_func, "__qualname__", None) or repr(opt_func):.150}'
    if isinstance(opt_func, OptimWrapper) or not callable(opt_func):
        raise ValueError(f'{told}: expected a function of parameters and lr, for instance SGD, partial(SGD, mom=0.9) '
                         'or torch.optim.Adagrad')
    try: made, why = opt_func([p for p in params if p.requires_grad], lr=0.1), ''
    except Exception as e: made, why = None, f' ({type(e).__name__}: {str(e)[:200]})'
    is_torch, inner = isinstance(made, torch.optim.Optimizer), getattr(made, 'opt', made)
    if not is_torch and not all(hasattr(made, o) for o in ('step', 'zero_grad', 'hypers')):
        raise ValueError(f'{told}: expected a function of parameters and lr that makes an optimiser, for instance '
                         f'SGD{why}')
    if any(p.default is p.empty for p in inspect.signature(inner.step).parameters.values() if p.kind not in STARS):
        raise ValueError(f'{where} has opt_func={type(inner).__name__}, which evaluates the loss by itself several '
                         'times a step: expected an optimiser that takes one step for each batch, for instance SGD')
    if not is_torch: return opt_func
    # fastai looks up the lr of a partial
    lr = {k: v for k, v in getattr(opt_func, 'keywords', {}).items() if k == 'lr'}
    return partial(OptimWrapper, opt=opt_func, **lr)


def _checked(given, where, allowed, lr_name) -> dict:
    "Return `given` with the learning rate under the method's name for it. Raises ValueError for unknown names."
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
    return None if bs is None else check_whole(f'{where} has bs', bs, 1, n,
                                               or_else=', the number of items, or None for the full batch')
