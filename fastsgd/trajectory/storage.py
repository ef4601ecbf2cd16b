"""Trajectories in files: safetensors, with plain JSON for what is not a tensor. Torch only."""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save_file

from ..checks import check_path
from ..files import atomic_path
from .arguments import FLOATS, MOST_STEPS, check_model
from .columns import Block, Columns
from .nests import from_json, to_json
from .norms import Norms
from .packs import expect, pack, unpack
from .samples import Samples

KEY, VERSION = 'fastsgd.trajectory', 2 # one key, since several come in any order: the same bytes each time
NUMBERS = (*FLOATS, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool, torch.complex64)
# None: floats
SERIES = {'steps': torch.int64, 'losses': None, 'lrs': None, 'valid.steps': torch.int64, 'valid.losses': None}
SINCE_2 = {'epochs': torch.int64, 'breaks': torch.int64, 'shown': torch.int64}
# Limits of what a file may say, far beyond what a fit has: whoever draws it later relies on them
MOST_NAMES, MOST_LETTERS = 10_000, 10_000
NORMS = 'grad_norms', 'update_norms'
SAMPLES = ('xs', 'ys', 'input_kind', 'target_kind', 'inputs', 'targets', 'classes', 'activation', 'embeddings', 'note',
           'scale')


def save(traj, path, data=True) -> Path:
    "Write `traj` to `path`, whole or not at all"
    tensors = {'steps': traj.steps, 'losses': traj.losses, 'lrs': traj.lrs,
               'valid.steps': traj.valid[0], 'valid.losses': traj.valid[1],
               'epochs': traj.epochs, 'breaks': traj.breaks, 'shown': traj.shown}
    meta = {'version': VERSION, 'label': str(traj.label), 'aliases': dict(traj.aliases),
            'as_recorded': bool(traj.as_recorded), 'marks': traj.marks,
            'persistent': None if traj.persistent is None else sorted(traj.persistent)}
    if len(meta['label']) > MOST_LETTERS:
        raise ValueError(f'label has {len(meta["label"])} letters: expected at most {MOST_LETTERS}')
    for kind, columns in (('params', traj.params), ('buffers', traj.buffers)):
        if len(columns) > MOST_NAMES: raise ValueError(f'{len(columns)} {kind}: expected at most {MOST_NAMES}')
        meta[kind] = {name: columns.still(name) for name in columns}
        for name, still in meta[kind].items(): tensors[f'{kind}.{name}'] = columns.moving(name, still)
    meta['data'] = None if traj.data is None or not data else pack(tensors, 'data', [traj.data, *traj.ragged])
    meta['drawn_from'] = traj.drawn_from if data else None
    batches = traj.batches if data else {}
    meta['batches'] = pack(tensors, 'batches', list(batches.values()))
    tensors['batches.steps'] = torch.tensor([int(s) for s in batches], dtype=torch.int64)
    meta['metrics'] = to_json({k: list(v) for k, v in traj.metrics.items()}, tensors, 'metrics')
    meta['hypers'], meta['groups'] = to_json(traj.hypers, tensors, 'hypers'), [str(name) for name in traj.groups]
    for name in NORMS: meta[name] = to_json(getattr(traj, name).packed(), tensors, name)
    meta['parts'] = to_json(traj.parts, tensors, 'parts')
    samples = traj.samples if data else None
    meta['samples'] = samples and to_json({k: getattr(samples, k) for k in SAMPLES}, tensors, 'samples')
    # `save_file` refuses tensors that share memory
    tensors = {k: torch.as_tensor(t).detach().to('cpu', copy=True, memory_format=torch.contiguous_format)
               for k, t in tensors.items()}
    try:
        with atomic_path(path) as temp: save_file(tensors, temp, {KEY: json.dumps(meta)})
    except (SafetensorError, KeyError) as e:
        raise ValueError(f'this trajectory does not fit into a file: {e}') from None
    return Path(path)


def load(cls, path, **context):
    "The trajectory in the file `path`"
    check_model(**context)
    path = Path(os.path.expanduser(check_path('path', path)))
    if path.is_dir(): raise IsADirectoryError(f'{path} is a folder, expected a file that Trajectory.save wrote')
    if not path.exists(): raise FileNotFoundError(f'{path} does not exist')
    if not path.is_file(): raise ValueError(f'{path} is not a plain file')
    try:
        content = path.read_bytes() # once: another process may put another file in its place at any time
        size = int.from_bytes(content[:8], 'little')
        header = json.loads(content[8:8 + size], object_pairs_hook=_once)
        tensors = read_tensors(content)
        del content
        header = header.get('__metadata__') or {}
    except (SafetensorError, OSError, ValueError, RuntimeError, OverflowError, UnicodeError, KeyError, AttributeError,
            RecursionError, MemoryError) as e:
        raise ValueError(f'{path} is damaged, or no file that Trajectory.save wrote: {str(e)[:200]}') from None
    if KEY not in header: raise ValueError(f'{path} holds tensors, but no trajectory')
    try:
        meta = json.loads(header[KEY], object_pairs_hook=_once)
        version = meta['version']
        expect(type(version) is int and version > 0, f'version={version!r}')
        if version <= VERSION: return _build(cls, tensors, meta, context)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, RecursionError) as e:
        raise ValueError(f'{path} is damaged: {type(e).__name__}: {str(e)[:200]}') from None
    raise ValueError(f'{path} was written by a newer fastsgd (format {version}, this one reads up to {VERSION}): '
                     'load it with that version')


def _once(pairs):
    "A JSON object as a dict, in which no name comes twice"
    res = dict(pairs)
    expect(len(res) == len(pairs), 'a name comes twice')
    return res


def _build(cls, tensors, meta, context):
    "A trajectory from the parts of a file, each of which may be wrong"
    for name, t in tensors.items(): expect(t.dtype in NUMBERS, f'{name!r:.100} has the type {t.dtype}')
    wanted = SERIES if meta['version'] == 1 else {**SERIES, **SINCE_2}
    series = {name: _series(tensors.pop(name), name, dtype) for name, dtype in wanted.items()}
    steps, points, losses = series['steps'], len(series['steps']), series['losses']
    expect(points > 0 and int(steps[0]) >= 0, f'steps has {points} points')
    expect(bool((steps.diff() >= 0).all()), 'steps are not in order')
    n = len(losses) or int(steps[-1])
    expect(int(steps[-1]) <= n <= MOST_STEPS, f'steps end at {int(steps[-1])}, with {len(losses)} losses')
    expect(len(series['valid.steps']) == len(series['valid.losses']), 'valid has not as many steps as losses')
    for name in wanted: expect(wanted[name] is None or _within(series[name], n), f'{name} is beyond the {n} steps')
    columns = {kind: _columns(tensors, kind, meta[kind], points) for kind in ('params', 'buffers')}
    data, *ragged = [None] if meta['data'] is None else unpack(tensors, 'data', meta['data'])
    at = _series(tensors.pop('batches.steps'), 'batches.steps', torch.int64)
    expect(_within(at, MOST_STEPS), 'batches.steps is beyond all steps')
    batches = dict(zip(at.tolist(), unpack(tensors, 'batches', meta['batches'], len(at))))
    metrics = _metrics(from_json(meta.get('metrics'), tensors) or {}, n)
    hypers = from_json(meta.get('hypers'), tensors) or {}
    groups, marks, parts = meta.get('groups', []), meta.get('marks', []), _parts(from_json(meta.get('parts'), tensors))
    expect(all(t.ndim == 2 and t.dtype in FLOATS and len(t) == len(losses) and t.shape[1] for t in hypers.values()),
           'hypers')
    expect(type(marks) is list and len(marks) <= 3 * (n + 1) and all(mark[0] <= n for mark in marks), 'marks')
    expect(type(groups) is list and len(groups) <= MOST_NAMES and all(type(g) is str for g in groups), 'groups')
    norms = {name: _norms(from_json(meta.get(name), tensors), columns['params'], n) for name in NORMS}
    samples = _samples(from_json(meta.get('samples'), tensors))
    expect(not tensors, f'unknown tensors {list(tensors)[:3]!r:.200}')
    names = [*columns['params'], *columns['buffers']]
    expect(len(set(names)) == len(names), 'a name is a parameter and a buffer')
    aliases, persistent, label = meta['aliases'], meta['persistent'], meta['label']
    expect(isinstance(label, str) and len(label) <= MOST_LETTERS, 'label is no text, or too long')
    expect(len(aliases) <= MOST_NAMES and all(n in names for n in aliases.values()), 'aliases')
    expect(persistent is None or {*persistent} <= {*names, *aliases}, 'persistent has unknown names')
    res = cls(columns['params'], steps, losses, series['lrs'], columns['buffers'], data=data, ragged=ragged,
              batches=batches, valid=(series['valid.steps'], series['valid.losses']), aliases=aliases, samples=samples,
              metrics=metrics, persistent=None if persistent is None else frozenset(persistent), label=label,
              epochs=series.get('epochs'), breaks=series.get('breaks'), hypers=hypers, groups=groups, marks=marks,
              parts=parts, drawn_from=meta.get('drawn_from'), **norms, **context)
    res.shown, res.as_recorded = series.get('shown', res.shown), bool(meta.get('as_recorded', True))
    expect(len(res.shown) == points and bool((res.shown >= steps).all()), 'shown does not fit the steps')
    return res


def _series(t, name, dtype):
    expect(t.ndim == 1 and (t.dtype == dtype if dtype else t.dtype in FLOATS),
           f'{name} is {t.dtype} of shape {tuple(t.shape)}')
    return t


def _within(steps, n): return not len(steps) or (int(steps.min()) >= 0 and int(steps.max()) <= n)


def _parts(parts):
    expect(parts is None or len(parts) <= MOST_NAMES and all(len(name) <= MOST_LETTERS for name in parts), 'parts')
    return {name: _series(t, 'parts', torch.int64) for name, t in (parts or {}).items()}


def _metrics(metrics, n):
    expect(len(metrics) <= MOST_NAMES, 'too many metrics')
    res = {}
    for name, (steps, values) in metrics.items():
        _series(steps, name, torch.int64), _series(values, name, None)
        expect(len(steps) == len(values) and _within(steps, n), f'metrics[{name!r:.100}]')
        res[name] = steps, values
    return res


def _norms(fields, params, n):
    if fields is None: return None
    at, names, table = _series(fields['at'], 'at', torch.int64), fields['names'], fields['table']
    expect(bool((at.diff() > 0).all()) and _within(at, n - 1), 'the steps of norms')
    expect(type(names) is list and len({*names}) == len(names) and {*names} <= {*params}, 'the names of norms')
    expect(table.dtype in FLOATS and table.shape == (len(at), len(names)), f'norms of shape {tuple(table.shape)}')
    return Norms(dict(zip(names, table.unbind(1))), at, n)


def _samples(fields):
    if fields is None: return None
    expect({*fields} == {*SAMPLES}, f'samples has the parts {[*fields]!r:.200}')
    fields['embeddings'] = {k: (str(what), labels) for k, (what, labels) in fields['embeddings'].items()}
    fields['scale'] = tuple(fields['scale'])
    expect(len(fields['scale']) == 2 and all(isinstance(v, (int, float, list)) for v in fields['scale']), 'scale')
    return Samples(**fields)


def _columns(tensors, kind, stills, points):
    """The columns that `Columns.moving` gave, in blocks.

    At each block's beginning further names leave their first value.
    """
    if not stills: return {}
    expect(len(stills) <= MOST_NAMES, f'{len(stills)} {kind}')
    first, moving = {}, {}
    for name, still in stills.items():
        expect(len(name) <= MOST_LETTERS, 'a name is too long')
        t = tensors.pop(f'{kind}.{name}')
        still = {'constant': points, 'varying': 0}.get(still, still) # as version 1 had it
        expect(type(still) is int and 0 <= still <= points, f'{name!r:.100} stands still for {still!r:.100} points')
        if stills[name] == 'constant': t = t[None]
        rows = points - still + (still > 0)
        expect(t.ndim > 0 and len(t) == rows, f'{name!r:.100} has shape {tuple(t.shape)}, expected {rows} points')
        first[name] = t[0]
        if still < points: moving[name] = still, t[still > 0:].reshape(points - still, -1)
    ends = sorted({0, points, *(still for still, _ in moving.values())})
    blocks = [Block(torch.arange(a, b), {n: (n, 0, t.shape[1]) for n, (s, t) in moving.items() if s <= a},
                    {n: t[a - s:b - s] for n, (s, t) in moving.items() if s <= a}) for a, b in zip(ends, ends[1:])]
    return Columns(first, blocks)
