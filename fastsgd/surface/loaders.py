"""Batches from a DataLoader: all, or a bounded sample, at random wherever that is possible. Torch only."""

import copy
from collections.abc import Sequence

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
)

from ..random_state import random_state_kept, seed_all
from ..trajectory.batches import Source

SHARED = 'fastai.data.load', 'fastai.data.core', 'fastai.tabular.core', 'fastai.distributed'
WAY_OUT = 'give data=(xs, ys), tensors or tuples of tensors, or a DataLoader'


def from_loader(dl, max_samples: int, max_bytes: int, seed: int) -> tuple:
    "`(batches, source)` from a DataLoader, a Dataset or anything that gives batches, which goes on as it was"
    if is_dataset(dl): dl = DataLoader(dl, 64)
    total, limits = size_of(dl), (max_samples, max_bytes)
    with random_state_kept(), GeneratorsKept(dl):
        at_random, drawn, more = shuffled(dl, total), 0, True
        if at_random is None or total <= max_samples: # all of it, as long as it fits
            # fastai's: a copy, so that the user's own goes on as if nothing had happened
            ordered = dl.new(shuffle=False, drop_last=False, num_workers=0) if hasattr(dl, 'new') else dl
            seed_all(seed)
            batches, drawn, more = collected(ordered, *limits, total if at_random is not None else 0)
        if at_random is not None and (more or drawn < total):
            seed_all(seed)
            batches, drawn, more = collected(at_random, *limits)
    if not drawn: raise ValueError(f'the training data is empty: {WAY_OUT}')
    if not more and drawn >= total: return joined(batches), Source(drawn)
    return joined(batches), Source(total, 0 if at_random is not None else drawn)


def is_dataset(data) -> bool:
    "Torch's, fastai's, or a list of samples: anything that says how many there are, and hands out each"
    if isinstance(data, Sequence): return isinstance(data, list | tuple) # and no text or range
    return isinstance(data, Dataset) or hasattr(type(data), '__getitem__') and hasattr(type(data), '__len__')


def collected(dl, max_samples: int, max_bytes: int, whole: int = 0) -> tuple:
    """`(batches, samples, more)`: up to the limits, and whether there are more.

    Where the `whole` will not fit, that is all that is said: `more` comes after the first batch.
    """
    batches, drawn, nbytes = [], 0, 0
    for b in dl:
        if drawn >= max_samples or nbytes * (drawn + 1) > max_bytes * drawn: return batches, drawn, True
        batch = split_batch(b, getattr(dl, 'n_inp', None))
        size, its = check_batch(batch), max(1, sum(t.numel() * t.element_size() for side in batch for t in side))
        left = min(max_samples - drawn, max(1, (max_bytes - nbytes) * size // its))
        batches.append(tuple(tuple(t[:left] if t.dim() and len(t) == size else t for t in side) for side in batch))
        drawn += min(size, left)
        nbytes += its * min(size, left) // size
        if size > left or len(batches) == 1 and nbytes * whole > max_bytes * drawn: return batches, drawn, True
    return batches, drawn, False


def size_of(dl) -> int:
    "How many samples a loader draws from, 0 where that is unknown"
    if isinstance(n := getattr(dl, 'n', None), int): return n
    for o in (getattr(dl, 'sampler', None), getattr(dl, 'dataset', None)):
        try: return len(o)
        except Exception: pass # a data set may raise whatever it likes
    return 0


def drawn_from(dl) -> tuple:
    "`(samples, at_random)`: how many samples a loader has, 0 where unknown, and whether it takes them in random order"
    if hasattr(dl, 'new'): return size_of(dl), bool(getattr(dl, 'shuffle', False)) and size_of(dl) > 0 and each_once(dl)
    return size_of(dl), draws_at_random(getattr(dl, 'sampler', None))


def shuffled(dl, total: int):
    "A loader of the same samples in random order, or None where there can be none"
    if not total: return None
    if hasattr(dl, 'new'): # fastai's
        if not getattr(dl, 'indexed', True): return None
        if each_once(dl): return dl.new(shuffle=True, drop_last=False, num_workers=0)
        if not of_fastai(dl, 'create_item'): return None # its items depend on their order, as those of a running text
        res = dl.new(shuffle=False, drop_last=False, num_workers=0)
        res.get_idxs = lambda: torch.randperm(total).tolist()
        return res
    if not isinstance(dl, DataLoader) or isinstance(dl.dataset, IterableDataset): return None
    if type(dl.batch_sampler) not in (BatchSampler, type(None)): return None
    if draws_at_random(dl.sampler): return dl
    if type(dl.sampler) is not SequentialSampler: return None
    return DataLoader(dl.dataset, dl.batch_size, shuffle=True, collate_fn=dl.collate_fn)


def each_once(dl) -> bool:
    """Does a shuffled loader of fastai's take each sample once, in random order? `SortedDL` takes those of one length
    together, `WeightedDL` some more often
    """
    inner, weights = getattr(dl, 'dl', None), getattr(dl, 'wgts', None) # of one for several processes; of tables
    if weights is not None and len(set(weights)) > 1: return False
    return all(of_fastai(dl, name) for name in ('get_idxs', 'shuffle_fn')) and (inner is None or each_once(inner))


def of_fastai(dl, name) -> bool:
    "Is the method `name` of a loader one of those that all of fastai's share?"
    owner = next((cls for cls in type(dl).__mro__ if name in vars(cls)), type(dl))
    return name not in vars(dl) and owner.__module__ in SHARED


def draws_at_random(sampler) -> bool:
    "Does a sampler take each sample once, in random order?"
    return type(sampler) is SubsetRandomSampler or type(sampler) is RandomSampler and not sampler.replacement


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
