"""The data that a loss is taken over: a bounded, seeded sample as batches of tensors. Torch only."""

from collections.abc import Mapping

import numpy as np
import torch

from ..trajectory import Trajectory
from ..trajectory.batches import Source, source_of
from .loaders import WAY_OUT, check_batch, from_loader, is_dataset, joined, split_batch
from .pieces import some_of


def sample_batches(learn, paths, data, max_samples: int, max_bytes: int, seed: int) -> tuple:
    "`(batches, source)`: batches `(xs, ys)` of tensors, a random sample wherever one can be drawn, and what it is of"
    ragged, recorded = [], None
    if data is None and not isinstance(learn, Trajectory | list | tuple): data = getattr(learn, 'dls', None)
    elif data is None: recorded, data, ragged = paths[0], paths[0].data, paths[0].ragged
    if hasattr(data, 'loaders') or not is_dataset(data) and 'train' in getattr(data, '__dict__', ()):
        data = data.train # of fastai's DataLoaders; a single loader or data set would hand out items without transforms
    if isinstance(data, tuple) and len(data) > 2 and len({getattr(o, 'shape', ())[:1] for o in data} - {()}) == 1:
        data = data[:-1], data[-1:] # as `tensor_dls` takes them: inputs, then targets
    if data is None: raise ValueError(f'there is no training data: {WAY_OUT}')
    sides = isinstance(data, tuple | list) and len(data) == 2 and not _two_batches(data)
    has_items = is_dataset(data) or hasattr(data, '__iter__')
    if isinstance(data, torch.Tensor | np.ndarray | Mapping) or not has_items:
        raise TypeError(f'data is of type {type(data).__name__}: {WAY_OUT}')
    if sides:
        batches = [tuple(tuple(map(_as_tensor, side if _is_several(side) else (side,))) for side in batch)
                   for batch in (data, *ragged)]
    elif isinstance(data, tuple | list) and not (data and _is_sample(data[0])):
        batches = [split_batch(b, None) for b in data]
    else: return from_loader(data, max_samples, max_bytes, seed)
    if not batches: raise ValueError(f'the training data is empty: {WAY_OUT}')
    total = sum(map(check_batch, batches))
    nbytes = sum(t.numel() * t.element_size() for batch in batches for side in batch for t in side)
    keep = min(total, max_samples, max(1, int(max_bytes * total // max(nbytes, 1))))
    source = Source(total) if recorded is None else source_of(recorded)
    return joined(some_of(batches, keep, seed) if keep < total else batches), source


def _is_several(side): return isinstance(side, tuple) or isinstance(side,
                                                                    list) and any(hasattr(o, 'shape') for o in side)


def _is_sample(item) -> bool:
    "Is it a single input with its target, and no batch of them: are its parts of different lengths, or of none?"
    shapes = [np.shape(part) for part in item] if isinstance(item, tuple | list) and not any(
        map(_is_several, item)) else []
    return len(shapes) > 1 and (() in shapes or len({shape[0] for shape in shapes}) == len(shapes))


def _two_batches(data) -> bool:
    "Is it a list of two batches, `[(x, y), (x, y)]`, and not inputs and targets?"
    return isinstance(data, list) and all(isinstance(b, tuple | list) and len(b) > 1 and _is_several(b) for b in data)


def _as_tensor(values):
    "NumPy's arrays, data frames and lists of numbers as tensors, floating-point ones in torch's default type"
    if isinstance(values, torch.Tensor): return values
    if not (hasattr(values, '__array__') or isinstance(values, list)): return values
    values = np.asarray(values)
    if values.dtype.kind not in 'biuf': return values
    return torch.as_tensor(values, dtype=torch.get_default_dtype() if values.dtype.kind == 'f' else None)
