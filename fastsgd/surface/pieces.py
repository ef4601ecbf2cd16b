"""Data in pieces that fit into memory: the model takes them one by one, the loss gets all outputs at once.

Torch only.
"""

from typing import NamedTuple

import torch
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from ..random_state import within_64_bits
from ..trajectory.batches import rows_of
from .work import counted


class Batch(NamedTuple):
    "Inputs in pieces, targets as a whole, and how much its loss counts"
    pieces: list
    ys: tuple
    share: float


class Pieces:
    """How `data` is cut. What a model and a loss hold for a sample is measured on few.

    Where the outputs of all samples, which the loss needs at once, exceed `max_bytes`, fewer samples are taken.
    """
    def __init__(self, call, data, max_bytes: int, summed: bool, seed: int = 0):
        largest, total = max(data, key=rows_of), sum(map(rows_of, data))
        self.row_bytes, self.row_bytes_of_loss = bytes_of_a_row(call, widest(data))
        most = int(2 * max_bytes // max(self.row_bytes_of_loss, 1e-9))
        if total > most: data = some_of(data, max(1, most), seed)
        self.n_samples, self.rows = sum(map(rows_of, data)), max(map(rows_of, data))
        left = max(max_bytes - self.row_bytes_of_loss * self.n_samples, max_bytes / 4)
        rows = max(1, int(left // max(self.row_bytes, 1e-9)))
        if rows < self.rows and can_be_cut(call, largest): self.rows = rows
        self.batches = [Batch(inputs_of(b, self.rows), b[1],
                              share) for b, share in zip(data, shares_of(data, summed))]

    def bytes_at_once(self) -> float:
        "What each of many points evaluated at once holds, beside its parameters; they share the inputs"
        return self.row_bytes * self.rows + self.row_bytes_of_loss * self.n_samples


def widest(data) -> tuple:
    "The batch of `data` whose samples are the largest: of those of equal size the one with most"
    size = lambda batch: sum(t.numel() for side in batch for t in side) / max(rows_of(batch), 1)
    return max(data, key=lambda batch: (size(batch), rows_of(batch)))


def shares_of(data, summed: bool) -> list:
    "How much the loss of each batch counts: by its samples, or as it is where it adds samples up"
    total = sum(map(rows_of, data))
    return [1. if summed else rows_of(b) / total for b in data]


def cut(batch, start: int, stop: int) -> tuple:
    "Samples start to stop of `(xs, ys)`"
    n = rows_of(batch)
    if start == 0 and stop >= n: return batch
    return tuple(tuple(t[start:stop] if t.dim() and len(t) == n else t for t in side) for side in batch)


def some_of(data, k: int, seed: int) -> list:
    "A random sample of `k` of all samples, in the same order; batches without any are left out"
    sizes = list(map(rows_of, data))
    idx = torch.randperm(sum(sizes), generator=torch.Generator().manual_seed(within_64_bits(seed)))[:k].sort().values
    res, start = [], 0
    for batch, n in zip(data, sizes):
        own = idx[(idx >= start) & (idx < start + n)] - start
        if len(own): res.append(tuple(tuple(t[own.to(t.device)] if t.dim() and len(t) == n else t for t in side)
                                      for side in batch))
        start += n
    return res


def inputs_of(batch, rows: int) -> list:
    "The inputs of the batch, `rows` samples at a time"
    return [cut(batch, i, i + rows)[0] for i in range(0, rows_of(batch), rows)]


def bytes_of_a_row(call, batch) -> tuple:
    """Bytes that `call(xs)` holds for each sample beside it, and four times its result's: a loss makes about three of
    its size
    """
    n, outputs = min(rows_of(batch), 64), []
    xs = cut(batch, 0, n)[0]
    most = counted(lambda: outputs.append(call(xs))).most
    most -= sum(x.numel() * x.element_size() for x in xs) # which `call` copies
    out = sum(t.numel() * t.element_size() for t in tree_leaves(outputs) if isinstance(t, torch.Tensor))
    return 1.5 * most / n, 4 * out / n # half as much again for what kernels allocate inside


def can_be_cut(call, batch) -> bool:
    "Does the model say about some samples what it says about them among others?"
    few = cut(batch, 0, min(rows_of(batch), 8))
    if rows_of(few) < 2: return False
    whole, halves = call(few[0]), [call(xs) for xs in inputs_of(few, (rows_of(few) + 1) // 2)]
    try: parts, wanted = tree_leaves(concatenated(halves)), tree_leaves(whole)
    except ValueError: return False
    same = lambda a, b: a.shape == b.shape and torch.allclose(a.double(), b.double(), 1e-3, 1e-4, equal_nan=True)
    return len(parts) == len(wanted) and all(map(same, parts, wanted))


def concatenated(outputs: list):
    """The outputs of several pieces as one: a tensor, or tensors in tuples, lists or dicts.

    Raises ValueError for others.
    """
    if len(outputs) == 1: return outputs[0]
    flat, specs = zip(*map(tree_flatten, outputs))
    if any(s != specs[0] for s in specs) or not all(isinstance(t, torch.Tensor) and t.dim() for o in flat for t in o):
        raise ValueError('the outputs are not tensors with a row for each sample')
    if any(len({tuple(t.shape[1:]) for t in ts}) > 1 for ts in zip(*flat)):
        raise ValueError('the outputs differ in shape')
    return tree_unflatten([torch.cat(ts) for ts in zip(*flat)], specs[0])
