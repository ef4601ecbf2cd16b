"""One wording and one rule for arguments: what came, what was wanted, and the way out."""

import inspect
import math
import os
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import torch


def as_whole(value) -> int | None:
    "`value` as an int, also of NumPy's and torch's types; None for anything else, True and False included"
    if is_array(value) and value.ndim == 0: value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral): return None
    return int(value)


def as_number(value, finite=True) -> float | None:
    "`value` as a float, also of NumPy's and torch's types; None for anything else, True and False included"
    if is_array(value) and value.ndim == 0: value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real): return None
    try: value = float(value) + 0. # no number is -0: some take it for a negative one
    except OverflowError: return None
    return value if math.isfinite(value) or not finite else None


def _within(value, least, most, above, below):
    return ((least is None or value >= least) and (most is None or value <= most)
            and (above is None or value > above) and (below is None or value < below))


def _told(limit) -> str: return f'{limit:,}' if isinstance(limit, int) else f'{limit:g}'


def _range(least, most, above, below) -> str:
    if least is not None and most is not None: return f' from {_told(least)} to {_told(most)}'
    words = ('of at least', least), ('above', above), ('of at most', most), ('below', below)
    told = ' and '.join(f'{word} {_told(limit)}' for word, limit in words if limit is not None)
    return told and f' {told}'


def _told_what(name, value, wanted, example) -> str:
    way_out = '' if example is None else f', for instance {name}={example!r}'
    return f'{name}={value!r:.100}: expected {wanted}{way_out}'


def refuse(name, value, wanted, example=None):
    "Raise ValueError: what came, what was `wanted` in words, and an `example` that fits"
    raise ValueError(_told_what(name, value, wanted, example))


def refuse_kind(name, value, wanted, example=None):
    "Raise TypeError, likewise: something else was wanted altogether"
    raise TypeError(_told_what(name, value, wanted, example))


def check_whole(name, value, least=None, most=None, *, cap=None, example=None, or_else='') -> int:
    """`value` as an int. Raises ValueError for anything but a whole number within the range.

    The `cap`, far beyond all uses, is named only where it is exceeded.
    """
    res = as_whole(value)
    if cap is not None and res is not None and res > cap: most = cap
    if res is None or not _within(res, least, most, None, None):
        refuse(name, value, f'a whole number{_range(least, most, None, None)}{or_else}', example)
    return res


def check_number(name, value, least=None, most=None, *, above=None, below=None, cap=None, finite=True, example=None,
                 or_else='') -> float:
    "`value` as a float. Raises ValueError for anything but a number within the range, finite unless `finite=False`."
    res = as_number(value, finite)
    if cap is not None and res is not None and res > cap: most = cap
    if res is None or not _within(res, least, most, above, below):
        refuse(name, value, f'a {"finite " * finite}number{_range(least, most, above, below)}{or_else}', example)
    return res


def check_numbers(name, value, n=None, *, example=None) -> list:
    "`value` as a list of `n` floats, None being any number of them. Raises ValueError for anything else."
    given = value
    if is_array(value): value = value.tolist()
    res = [as_number(v) for v in value] if isinstance(value, (list, tuple, range)) else []
    if not res or None in res or n not in (None, len(res)):
        refuse(name, given, f'{"finite numbers in a row" if n is None else f"{n} finite numbers"}', example)
    return res


def check_seed(name, value) -> int | None:
    "`value` as an int, or None. Raises ValueError for anything else."
    return None if value is None else check_whole(name, value, or_else=" or None for torch's global random state")


def check_in_list(name, value, choices):
    "Return `value`. Raises ValueError unless it is one of `choices`."
    for choice in choices:
        if type(value) is type(choice) and value == choice: return value
    refuse(name, value, f'one of {", ".join(map(repr, choices))}', None)


def check_flag(name, value, *, why_none=None) -> bool | None:
    "`value` as a bool, or None where `why_none` says what that stands for. Raises ValueError for anything else."
    if isinstance(value, (bool, np.bool_)): return bool(value)
    if value is None and why_none: return None
    refuse(name, value, f'True, False, or None {why_none}' if why_none else 'True or False', None)


def check_type(name, value, kinds, wanted):
    "Return `value`. Raises TypeError, with what is `wanted` in words, unless it is an instance of `kinds`."
    if isinstance(value, kinds): return value
    raise TypeError(f'{name} is of type {type(value).__name__}: expected {wanted}')


def optional(function) -> list:
    "Names of the arguments that have a default"
    return [p.name for p in inspect.signature(function).parameters.values() if p.default is not p.empty]


def is_array(value) -> bool:
    "Is this a NumPy array, or a tensor that has numbers of its own in the usual layout?"
    if isinstance(value, np.ndarray): return True
    return isinstance(value, torch.Tensor) and value.layout is torch.strided and value.device.type != 'meta'


def check_tensor(name, values, wanted, example=None) -> torch.Tensor:
    "`values` as a tensor, detached. Raises TypeError or ValueError, with what is `wanted`, for what holds no numbers."
    try: t = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError, OverflowError): refuse_kind(name, values, wanted, example)
    return t.detach() if is_array(t) else refuse(name, values, wanted, example)


def check_callable(name, value, wanted, *, or_none=False):
    "Return `value`. Raises TypeError, with what is `wanted` in words, unless it can be called."
    if callable(value) or or_none and value is None: return value
    raise TypeError(f'{name}={value!r:.100}: expected {wanted}')


def check_string(name, value, example=None) -> str:
    "Return `value`. Raises TypeError unless it is a string, ValueError for one that no file could hold."
    if not isinstance(value, str): refuse_kind(name, value, 'a string', example)
    try: value.encode()
    except UnicodeEncodeError: refuse(name, value, 'a string that UTF-8 can hold', example)
    return value


def check_names(name, value, wanted) -> tuple | None:
    "One name or several as a tuple of strings, or None. Raises TypeError, with what is `wanted` in words, for others."
    if value is None: return None
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, (list, tuple)) and names and all(isinstance(n, str) for n in names): return tuple(names)
    raise TypeError(f'{name}={value!r:.100}: expected {wanted}')


def check_path(name, value) -> Path:
    "`value` as a Path. Raises TypeError unless it is a string or a path, ValueError for one that no file can have."
    try: path = os.fspath(value)
    except TypeError: path = None
    if not isinstance(path, str): refuse_kind(name, value, 'a path, as a string or a Path')
    if not path or '\0' in path: refuse(name, value, 'the path of a file')
    return Path(path)


def check_keywords(function, given: dict, more=()):
    "Raise TypeError unless each name in `given` is an optional argument of `function`, or one of `more`"
    known = [*optional(function), *more]
    for name, value in given.items():
        if name not in known:
            raise TypeError(f'{name}={value!r:.100}: {function.__name__} has no such argument, expected one of '
                            f'{", ".join(dict.fromkeys(known))}')


def check_max_frames(max_frames) -> int:
    "`max_frames` as an int. Raises ValueError unless it is a whole number of at least 2: the first and the last point."
    return check_whole('max_frames', max_frames, 2, example=200)


def check_log(log) -> bool | None:
    "`log` as a bool or None. Raises ValueError for anything else."
    return check_flag('log', log, why_none='for a log scale where the values call for one')
