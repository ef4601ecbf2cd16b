"""Trajectories in files: safetensors, with plain JSON for what is not a tensor. Knows torch only."""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..files import atomic_path

KEY, VERSION = 'fastsgd.trajectory', 1 # one key, since several come in any order: the same bytes each time
# None: a float
SERIES = {'steps': torch.int64, 'losses': None, 'lrs': None, 'valid.steps': torch.int64, 'valid.losses': None}


def save(traj, path) -> Path:
    "Write `traj` to `path`, whole or not at all"
    tensors = {'steps': traj.steps, 'losses': traj.losses, 'lrs': traj.lrs,
               'valid.steps': traj.valid[0], 'valid.losses': traj.valid[1]}
    meta = {'version': VERSION, 'label': str(traj.label), 'aliases': dict(traj.aliases),
            'persistent': None if traj.persistent is None else sorted(traj.persistent)}
    for kind, columns in (('params', traj.params), ('buffers', traj.buffers)):
        meta[kind] = {}
        for name in columns:
            values = columns[name]
            # one value for all points is stored once
            constant = len(values) > 1 and values.stride(0) == 0
            meta[kind][name] = 'constant' if constant else 'varying'
            tensors[f'{kind}.{name}'] = values[0] if constant else values
    # the data is packed as a single batch
    meta['data'] = None if traj.data is None else _pack(tensors, 'data', [traj.data])
    meta['batches'] = _pack(tensors, 'batches', list(traj.batches.values()))
    tensors['batches.steps'] = torch.tensor([int(s) for s in traj.batches], dtype=torch.int64)
    # `save_file` refuses tensors that share memory
    tensors = {k: torch.as_tensor(t).detach().to('cpu', copy=True, memory_format=torch.contiguous_format)
               for k, t in tensors.items()}
    try:
        with atomic_path(path) as temp: save_file(tensors, temp, {KEY: json.dumps(meta)})
    except (SafetensorError,
            KeyError) as e: raise ValueError(f'this trajectory does not fit into a file: {e}') from None
    return Path(path)


def _pack(tensors, prefix, batches):
    """All batches in two tensors for each input and target, numbers and shapes: a tensor of its own for each would be
    slow.

    Returns how many inputs and targets there are.
    """
    sizes = {tuple(map(len, batch)) for batch in batches} or {(0, 0)}
    if len(sizes) > 1:
        raise ValueError(f'{prefix} has batches of {sorted(sizes)} inputs and targets: expected the same for all')
    (n_x, n_y), = sizes
    for side, k, name in _places(prefix, n_x, n_y):
        parts = [torch.as_tensor(batch[side][k]) for batch in batches]
        if len({(t.dtype,
                 t.ndim) for t in parts}) > 1: raise ValueError(f'{name}: expected one type and number of dimensions')
        tensors[name] = torch.cat([t.flatten() for t in parts])
        tensors[f'{name}.shape'] = torch.tensor([list(t.shape) for t in parts], dtype=torch.int64).reshape(len(parts),
                                                                                                           -1)
    return n_x, n_y


def _places(prefix, n_x, n_y):
    return [(side, k, f'{prefix}.{"xy"[side]}.{k}') for side, n in enumerate((n_x, n_y)) for k in range(n)]


def _unpack(tensors, prefix, sizes, n):
    "The `n` batches that `_pack` wrote"
    n_x, n_y = sizes
    _expect(all(type(k) is int and 0 <= k < 1000 for k in (n_x, n_y)), f'{prefix} has {sizes} inputs and targets')
    batches = [([], []) for _ in range(n)]
    for side, _, name in _places(prefix, n_x, n_y):
        numbers, shapes = tensors.pop(name), tensors.pop(f'{name}.shape')
        _expect(shapes.ndim == 2 and len(shapes) == n and shapes.dtype == torch.int64 and bool((shapes >= 0).all()),
                f'{name} has shapes {tuple(shapes.shape)}')
        for batch, part, shape in zip(batches, numbers.split(shapes.prod(1).tolist()), shapes.tolist()):
            batch[side].append(part.reshape(shape))
    return [tuple(map(tuple, batch)) for batch in batches]


def load(cls, path, **context):
    "The trajectory in the file `path`"
    path = Path(os.path.expanduser(path))
    if path.is_dir(): raise IsADirectoryError(f'{path} is a folder, expected a file that Trajectory.save wrote')
    if not path.exists(): raise FileNotFoundError(f'{path} does not exist')
    if not path.is_file(): raise ValueError(f'{path} is not a plain file')
    try:
        # copies, since the tensors of an open file change with it
        with safe_open(path,
                       'pt') as f: header, tensors = f.metadata() or {}, {k: f.get_tensor(k).clone() for k in f.keys()}
    except (SafetensorError, OSError, ValueError, RuntimeError, OverflowError, UnicodeError) as e:
        raise ValueError(f'{path} is damaged, or no file that Trajectory.save wrote: {e}') from None
    if KEY not in header: raise ValueError(f'{path} holds tensors, but no trajectory')
    try:
        meta = json.loads(header[KEY])
        version = meta['version']
        _expect(type(version) is int and version > 0, f'version={version!r}')
        if version <= VERSION: return _build(cls, tensors, meta, context)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, RecursionError) as e:
        raise ValueError(f'{path} is damaged: {type(e).__name__}: {str(e)[:200]}') from None
    raise ValueError(f'{path} was written by a newer fastsgd (format {version}, this one reads up to {VERSION}): '
                     'pip install --upgrade fastsgd')


def _expect(true, message):
    if not true: raise ValueError(message)


def _build(cls, tensors, meta, context):
    "A trajectory from the parts of a file, each of which may be wrong"
    series = {name: tensors.pop(name) for name in SERIES}
    for name, dtype in SERIES.items():
        t = series[name]
        _expect(t.ndim == 1 and (t.dtype == dtype if dtype else t.is_floating_point()),
                f'{name} is {t.dtype} of shape {tuple(t.shape)}')
    steps, points = series['steps'], len(series['steps'])
    _expect(points > 0 and int(steps[0]) >= 0, f'steps has {points} points')
    _expect(len(series['valid.steps']) == len(series['valid.losses']), 'valid has more steps than losses, or less')
    columns = {kind: {name: _column(tensors.pop(f'{kind}.{name}'), how, points, name) for name,
                      how in meta[kind].items()}
               for kind in ('params', 'buffers')}
    data = None if meta['data'] is None else _unpack(tensors, 'data', meta['data'], 1)[0]
    at = tensors.pop('batches.steps').tolist()
    batches = dict(zip(at, _unpack(tensors, 'batches', meta['batches'], len(at))))
    _expect(not tensors, f'unknown tensors {list(tensors)[:3]}')
    names = [*columns['params'], *columns['buffers']]
    _expect(len(set(names)) == len(names), 'a name is a parameter and a buffer')
    aliases, persistent, label = meta['aliases'], meta['persistent'], meta['label']
    _expect(isinstance(label, str) and all(n in names for n in aliases.values()), 'label or aliases')
    _expect(persistent is None or {*persistent} <= {*names, *aliases}, 'persistent has unknown names')
    return cls(columns['params'], steps, series['losses'], series['lrs'], columns['buffers'], data=data,
               batches=batches,
               valid=(series['valid.steps'], series['valid.losses']), aliases=aliases,
               persistent=None if persistent is None else frozenset(persistent), label=label, **context)


def _column(t, how, points, name):
    if how == 'constant': return t.expand(points, *t.shape)
    _expect(how == 'varying' and t.ndim > 0 and len(t) == points,
            f'{name!r} has shape {tuple(t.shape)}, expected {points} points')
    return t
