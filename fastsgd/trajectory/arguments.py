"""The arguments of a `Trajectory`, checked and made tensors. Torch only."""

from collections.abc import Iterable, Mapping

import torch

from ..checks import (
    check_callable,
    check_flag,
    check_in_list,
    check_string,
    check_tensor,
    check_type,
    check_whole,
    is_array,
    refuse,
    refuse_kind,
)
from .marks import KINDS
from .norms import NONE, Norms, nothing
from .samples import is_nest

FLOATS = torch.float16, torch.bfloat16, torch.float32, torch.float64
MOST_STEPS = 10**8


def series(name, values) -> torch.Tensor:
    "`values` as a row of floating-point numbers. Raises TypeError or ValueError for anything else."
    t = row_of(name, values, 'numbers in a row')
    return t if t.dtype in FLOATS else t.float()


def whole_series(name, values, example=(0, 1, 2)) -> torch.Tensor:
    "`values` as a row of whole numbers, int64. Raises TypeError or ValueError for anything else."
    t = row_of(name, values, 'whole numbers in a row', example)
    res = t.to(torch.int64)
    if t.dtype == torch.bool and len(t) or not torch.equal(res.to(t.dtype), t):
        refuse(name, values, 'whole numbers in a row', list(example))
    return res


def row_of(name, values, wanted, example=None) -> torch.Tensor:
    if isinstance(values, range): values = list(values)
    example = example and list(example)
    t = check_tensor(name, values, wanted, example)
    return t if t.ndim == 1 and not t.is_complex() else refuse(name, values, wanted, example)


def steps_of(name, values) -> torch.Tensor:
    "Steps in order, of which none is too large for what is drawn. Raises TypeError or ValueError for anything else."
    steps = whole_series(name, values)
    if (steps.diff() < 0).any(): raise ValueError(f'{name}={steps.tolist()!r:.100}: expected them in order')
    if len(steps) and not 0 <= int(steps[0]) <= int(steps[-1]) <= MOST_STEPS:
        refuse(name, values, f'steps from 0 to {MOST_STEPS:,}')
    return steps


def measured(name, pair) -> tuple:
    "`(steps, values)` as two tensors of equal length. Raises TypeError or ValueError for anything else."
    if not isinstance(pair, (tuple, list)) or len(pair) != 2: refuse_kind(name, pair, '(steps, values)')
    steps, values = steps_of(name, pair[0]), series(name, pair[1])
    if len(steps) != len(values):
        raise ValueError(f'{name} has {len(steps)} steps and {len(values)} values: expected the same number of each')
    return steps, values


def points_of(i):
    "Return `i`. Raises TypeError unless it holds several points."
    if isinstance(i, Iterable) and getattr(i, 'ndim', 1): return i
    raise TypeError(f'i is of type {type(i).__name__}: expected a point, for instance -1, or several as a slice or a '
                    'sequence')


def named(name, given, wanted) -> dict:
    "`given` as a dict with strings for names; None as an empty one. Raises TypeError for anything else."
    if given is None: return {}
    for key in check_type(name, given, Mapping, wanted): check_type(f'a name in {name}', key, str, 'a string')
    return dict(given)


def check_model(model, loss_func):
    "Raise TypeError unless these are a model, or None, and a function, or None"
    if model is not None: check_type('model', model, torch.nn.Module, 'a torch.nn.Module, or None')
    check_callable('loss_func', loss_func, 'a function of predictions and targets, or None', or_none=True)


def check_batch(name, batch):
    "Return `(xs, ys)`, tuples of tensors also where each is a single tensor. Raises TypeError for anything else."
    sides = batch if isinstance(batch, (tuple, list)) and len(batch) == 2 else [None]
    if any(isinstance(side, torch.Tensor) for side in sides):
        sides = batch = tuple((side,) if isinstance(side, torch.Tensor) else side for side in sides)
    if not all(isinstance(side, (tuple, list)) and is_nest(side) for side in sides):
        refuse_kind(name, batch, '(xs, ys), tensors or tuples of tensors')
    return batch


def check_data(data, ragged) -> tuple:
    "Return `(data, ragged)` as they are kept. Raises TypeError or ValueError for anything else."
    given = check_type('ragged', ragged, (list, tuple), '(xs, ys) in a list')
    ragged = [check_batch(f'ragged[{k}]', batch) for k, batch in enumerate(given)]
    if data is None and ragged:
        raise ValueError(f'ragged has {len(ragged)} batches, and data none: expected the first one in data')
    return None if data is None else check_batch('data', data), ragged


def check_drawn_from(given) -> tuple | None:
    "Return `(samples, at_random)`, or None. Raises TypeError or ValueError for anything else."
    if given is None: return None
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        refuse_kind('drawn_from', given, '(samples, at random?), or None', (60_000, True))
    at_random = check_flag('drawn_from: at random?', given[1])
    return check_whole('drawn_from: samples', given[0], int(at_random)), at_random


def check_batches(batches) -> dict:
    "Return step -> `(xs, ys)`. Raises TypeError or ValueError for anything else."
    given = check_type('batches', {} if batches is None else batches, Mapping, 'a dict, step -> (xs, ys)')
    return {check_whole('batches: a step', step, 0): check_batch(f'batches[{step!r}]', b) for step, b in given.items()}


def check_names_of(aliases, persistent, groups) -> tuple:
    "The three as they are kept. Raises TypeError for other than names."
    aliases = named('aliases', aliases, 'a dict, other name -> name')
    for name in aliases.values(): check_type('aliases: a name', name, str, 'a string')
    if persistent is not None:
        for name in check_type('persistent', persistent, (set, frozenset, list, tuple), 'names of tensors, or None'):
            check_type('persistent: a name', name, str, 'a string')
        persistent = frozenset(persistent)
    groups = list(check_type('groups', groups, (list, tuple), 'names in a row'))
    return aliases, persistent, [check_string('groups: a name', name) for name in groups]


def check_marks(marks) -> list:
    "Return `(step, kind)` in the order of the steps. Raises TypeError or ValueError for anything else."
    for pair in check_type('marks', marks, (list, tuple), '(step, kind) in a list'):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2: refuse_kind('marks: a pair', pair, '(step, kind)')
    return sorted(((check_whole('marks: a step', step, 0, cap=MOST_STEPS), check_in_list('marks: a kind', kind, KINDS))
                   for step, kind in marks), key=lambda mark: mark[0])


def check_parts(parts, n: int) -> dict:
    "Return name -> steps, of which there are `n`. Raises TypeError or ValueError for anything else."
    parts = named('parts', parts, 'a dict, name -> steps')
    res = {name: steps_of(f'parts[{name!r}]', steps) for name, steps in parts.items()}
    every = torch.cat([torch.empty(0, dtype=torch.int64), *res.values()])
    if len(every) and int(every.max()) >= n or len(every.unique()) < len(every):
        raise ValueError(f'parts has the steps {every.tolist()!r:.100}: expected each of the {n} steps once at most')
    return res


def check_hypers(hypers) -> dict:
    "Return name -> tensor (steps, groups). Raises TypeError or ValueError for anything else."
    hypers = named('hypers', hypers, 'a dict, name -> tensor (steps, groups)')
    for name, t in hypers.items():
        check_type(f'hypers[{name!r}]', t, torch.Tensor, 'a tensor (steps, groups)')
        if t.ndim != 2 or not is_array(t) or not t.is_floating_point():
            raise ValueError(f'hypers[{name!r}] is {t.dtype} of shape {tuple(t.shape)}: expected (steps, groups), '
                             'fractional numbers')
    return hypers


def check_norms(name, norms, params, n) -> Norms:
    "Return name -> norm at each of `n` steps as `Norms`. Raises TypeError or ValueError for anything else."
    if isinstance(norms, Norms): return norms
    rows = named(name, norms, 'a dict, name of a parameter -> its norm at each step')
    for key in rows:
        if key not in params: raise ValueError(f'{name} has {key!r:.100}, which is not in params')
        rows[key] = series(f'{name}[{key!r}]', rows[key])
        if len(rows[key]) != n:
            raise ValueError(f'{name}[{key!r}] has {len(rows[key])} values: expected {n}, one for each step')
        rows[key] = torch.where(rows[key] >= 0, rows[key], NONE)
    return Norms(rows, torch.arange(n), n) if rows else nothing(n)


def check_counts(traj):
    "Raise ValueError unless points, steps, losses and rates are as many as they should"
    points = len(traj.steps)
    for what, columns in (('params', traj.params), ('buffers', traj.buffers)):
        if len(columns) and columns.n_points != points:
            raise ValueError(f'{what} has {columns.n_points} points, expected {points} as in steps')
    if len(traj.losses) != len(traj.lrs):
        raise ValueError(f'losses has {len(traj.losses)} values and lrs {len(traj.lrs)}: expected one of each '
                         'for every step')
    if points and int(traj.steps[-1]) > len(traj.losses) and len(traj.losses):
        raise ValueError(f'steps ends at {int(traj.steps[-1])}, but there are only {len(traj.losses)} losses')
