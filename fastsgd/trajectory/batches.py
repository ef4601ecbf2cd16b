"""`Batches`: what the model was shown in a fit. Torch only."""

from typing import NamedTuple

import torch

from .memory import Arena

SAMPLE_BYTES = 2**24 # for the data that views show, and as much again for the batches of single steps


class Batches:
    "What the model was shown: a bounded sample of the data, and the batches of as many steps as fit"
    def __init__(self):
        self.sample, self.by_step, self.sample_bytes, self.stride, self.sampling, self.kinds = [], {}, 0, 1, True, None
        self._arena, self.unseen = Arena(), False # were there batches that are not what the data is?
        # did the sample end before the data did, and of how many samples is it, in random order or not?
        self.cut, self.drawn_from = False, None

    def see(self, step, xs, ys, whole=False):
        "Keep the batch `(xs, ys)` of `step`, unless it is the `whole` data; anything but tensors is passed over"
        if not self.sampling and (whole or step % self.stride): return
        # what is asked of a tensor of fastai's own types goes through Python otherwise, at thirty times the price
        with torch._C.DisableTorchFunctionSubclass(): self._see(step, xs, ys, whole)

    def _see(self, step, xs, ys, whole):
        size, kinds = 0, [len(xs)]
        for t in (*xs, *ys):
            if not isinstance(t, torch.Tensor) or t.layout is not torch.strided: return
            size += t.nbytes
            kinds.append((t.dtype, t.ndim))
        if self.kinds not in (None, kinds): return # another sort of data
        if self.sampling and not self.sample and size > SAMPLE_BYTES: self._sample_rows(xs, ys, size)
        self.cut |= self.sampling and self.sample_bytes + size > SAMPLE_BYTES
        self.kinds, self.sampling = kinds, self.sampling and self.sample_bytes + size <= SAMPLE_BYTES
        keep = not (whole or step % self.stride or size * 16 > SAMPLE_BYTES)
        if not (keep or self.sampling): return
        # copies, since a model may work in place on its input
        batch = tuple(tuple(self._arena.copy(t) for t in side) for side in (xs, ys))
        if self.sampling:
            self.sample.append(batch)
            self.sample_bytes += size
        if not keep: return
        self.by_step[step] = batch
        if len(self.by_step) * size > SAMPLE_BYTES:
            self.stride *= 2
            self.by_step = {s: b for s, b in self.by_step.items() if s % self.stride == 0}

    def _sample_rows(self, xs, ys, size):
        "Of a batch that is too large as a whole, keep as many rows as fit"
        n, *others = {len(t) if t.ndim else 0 for t in (*xs, *ys)}
        n = 0 if others else n * SAMPLE_BYTES // size
        rows = lambda side: tuple(self._arena.copy(t[:n]) for t in side)
        if n: self.sample = [(rows(xs), rows(ys))]

    def known(self, sample=True) -> dict:
        "What a Trajectory takes of it, without the sample where it has data of another source"
        first, *more = (sample and self.data()) or [None]
        return {'data': first, 'ragged': more, 'batches': self.steps(),
                'drawn_from': self.drawn_from if sample and self.cut else None}

    def data(self) -> list:
        "The sample as `(xs, ys)` on the CPU: one, or where items differ in length one of each kind, in their order"
        alike = {}
        for xs, ys in self.sample: alike.setdefault(tuple(t.shape[1:] for t in (*xs, *ys)), []).append((xs, ys))
        return [tuple(tuple(torch.cat(ts).cpu() if ts[0].ndim else ts[0].cpu() for ts in zip(*side))
                      for side in zip(*batches)) for batches in alike.values()]

    def steps(self):
        "Step -> `(xs, ys)` on the CPU"
        return {s: tuple(tuple(t.cpu() for t in side) for side in batch) for s, batch in self.by_step.items()}


def rows_of(batch) -> int:
    "How many samples `(xs, ys)` has"
    return next((len(t) for side in reversed(batch) for t in side if t.dim()), 1)


class Source(NamedTuple):
    """What some samples were taken from: `total` in all (0: unknown), at random, or the `first` ones, in which case
    that is how many
    """
    total: int = 0
    first: int = 0

    def told(self, n: int) -> str:
        "What `n` samples of it are, in words"
        of = f' of {self.total}' if self.total else ''
        if self.first: return f'{f"{n} of " if n < self.first else ""}the first {self.first}{of} samples'
        return f'a random sample of {n}{of} samples' if n < self.total else f'{n} samples'


def source_of(traj) -> Source:
    "What the data of a trajectory was taken from"
    n = sum(map(rows_of, (traj.data, *traj.ragged)))
    if traj.drawn_from is None: return Source(n)
    total, at_random = traj.drawn_from
    return Source(max(total, n) if total else 0, 0 if at_random else n)
