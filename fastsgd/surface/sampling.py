"""The data that a loss is taken over: a bounded, seeded sample as batches of tensors. Torch only."""

import copy

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..random_state import random_state_kept, seed_all
from ..trajectory import Trajectory
from .pieces import some_of

WAY_OUT = 'give data=(xs, ys), tensors or tuples of tensors, or a DataLoader'


def sample_batches(learn, paths, data, max_samples: int, max_bytes: int, seed: int) -> tuple:
    "`(batches, samples in all)`: batches `(xs, ys)` of tensors, in random order where they are a sample"
    ragged = []
    if data is None and not isinstance(learn, Trajectory | list | tuple): data = getattr(learn, 'dls', None)
    elif data is None: data, ragged = paths[0].data, paths[0].ragged
    data = getattr(data, 'train', data) # of fastai's DataLoaders
    if data is None: raise ValueError(f'there is no training data: {WAY_OUT}')
    sides = isinstance(data, tuple | list) and len(data) == 2 and not _two_batches(data)
    if isinstance(data, torch.Tensor | np.ndarray) or not isinstance(data, Dataset) and not hasattr(data, '__iter__'):
        raise TypeError(f'data is of type {type(data).__name__}: {WAY_OUT}')
    if not sides: return _from_loader(data, max_samples, max_bytes, seed)
    batches = [tuple(tuple(map(_as_tensor, side if _is_several(side) else (side,))) for side in batch)
               for batch in (data, *ragged)]
    total = sum(map(check_batch, batches))
    nbytes = sum(t.numel() * t.element_size() for batch in batches for side in batch for t in side)
    keep = min(total, max_samples, max(1, int(max_bytes * total // max(nbytes, 1))))
    return some_of(batches, keep, seed) if keep < total else batches, total


def _is_several(side): return isinstance(side, tuple) or isinstance(side,
                                                                    list) and any(hasattr(o, 'shape') for o in side)


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


def check_batch(batch) -> int:
    """How many samples a batch `(xs, ys)` has.

    Raises TypeError for anything but tensors, ValueError for none or two counts.
    """
    tensors = [t for side in batch for t in side]
    for t in tensors:
        if not isinstance(t, torch.Tensor):
            raise TypeError(f'the data holds a {type(t).__name__}: expected batches of tensors; {WAY_OUT}')
    lengths = [len(t) for t in tensors if t.dim()]
    if 0 in lengths or not lengths: raise ValueError(f'the data has no samples: {WAY_OUT}')
    if len(lengths) > 1 and len(set(lengths)) == len(lengths):
        raise ValueError(f'the data has {" and ".join(map(str, lengths))} samples: expected a target for each input')
    return lengths[0]


def _from_loader(dl, max_samples, max_bytes, seed) -> tuple:
    "Batches from a DataLoader, a Dataset or a list of batches, in random order if they are a sample"
    if isinstance(dl, Dataset): dl = DataLoader(dl, 64, shuffle=len(dl) > max_samples)
    total, drawn, nbytes, batches = getattr(dl, 'n', None), 0, 0, []
    if total is None: total = len(dl.dataset) if hasattr(getattr(dl, 'dataset', None), '__len__') else None
    with random_state_kept(), GeneratorsKept(dl):
        seed_all(seed)
        if hasattr(dl, 'new'): # fastai's: a copy, so that the user's own goes on as if nothing had happened
            dl = dl.new(shuffle=total is None or total > max_samples, drop_last=False, num_workers=0)
        for b in dl:
            batch = split_batch(b, getattr(dl, 'n_inp', None))
            size, left = check_batch(batch), max_samples - drawn
            batch = tuple(tuple(t[:left] if t.dim() and len(t) == size else t for t in side) for side in batch)
            batches.append(batch)
            drawn += min(size, left)
            nbytes += sum(t.numel() * t.element_size() for side in batch for t in side)
            if drawn >= max_samples or nbytes >= max_bytes: break
    if not drawn: raise ValueError(f'the training data is empty: {WAY_OUT}')
    return joined(batches), max(total or 0, drawn)


def split_batch(b, n_inp: int | None) -> tuple:
    "A batch as `(xs, ys)`: the first `n_inp` tensors are inputs; None: all but the last"
    b = tuple(b) if isinstance(b, tuple | list) else (b,)
    if n_inp is None and len(b) == 2: return tuple(tuple(side) if isinstance(side, tuple | list) else (side,
                                                                                                       ) for side in b)
    cut = n_inp if n_inp is not None else max(1, len(b) - 1)
    return b[:cut], b[cut:]


def joined(batches: list) -> list:
    "The batches as a single one where all their samples have the same shapes"
    shapes = {tuple(t.shape[1:] for side in b for t in side) for b in batches}
    if len(batches) == 1 or len(shapes) > 1 or not all(t.dim() for b in batches for side in b for t in side):
        return batches
    return [tuple(tuple(map(torch.cat, zip(*side))) for side in zip(*batches))]


class GeneratorsKept:
    "Generators that a DataLoader and its sampler hold themselves go on as if nothing had been drawn"
    def __init__(self, dl):
        owners = [dl, getattr(dl, 'sampler', None), getattr(getattr(dl, 'batch_sampler', None), 'sampler', None)]
        self.torch = [(g, g.get_state()) for o in owners if isinstance(g := getattr(o, 'generator', None),
                                                                       torch.Generator)]
        self.owner, self.rng = dl, copy.deepcopy(getattr(dl, 'rng', None))

    def __enter__(self): return self

    def __exit__(self, *_):
        for g, state in self.torch: g.set_state(state)
        if self.rng is not None: self.owner.rng.setstate(self.rng.getstate())
