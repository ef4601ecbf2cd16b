"""`Batches`: what the model was shown in a fit. Torch only."""

import torch

from .memory import Arena, total_bytes

SAMPLE_BYTES = 2**24 # for the data that views show, and as much again for the batches of single steps


class Batches:
    "What the model was shown: a bounded sample of the data, and the batches of as many steps as fit"
    def __init__(self):
        self.sample, self.by_step, self.sample_bytes, self.stride, self.sampling, self.kinds = [], {}, 0, 1, True, None
        self._arena, self.unseen = Arena(), False # were there batches that are not what the data is?

    def see(self, step, xs, ys, whole=False):
        "Keep the batch `(xs, ys)` of `step`, unless it is the `whole` data; anything but tensors is passed over"
        if not self.sampling and (whole or step % self.stride): return
        tensors = (*xs, *ys)
        if not all(isinstance(t, torch.Tensor) and t.layout is torch.strided for t in tensors): return
        size = total_bytes(tensors)
        kinds = [[(t.dtype, t.ndim) for t in side] for side in (xs, ys)]
        if self.kinds not in (None, kinds): return # another sort of data
        if self.sampling and not self.sample and size > SAMPLE_BYTES: self._sample_rows(xs, ys, size)
        self.kinds, self.sampling = kinds, self.sampling and self.sample_bytes + size <= SAMPLE_BYTES
        keep = not (whole or step % self.stride or size * 16 > SAMPLE_BYTES)
        if not (keep or self.sampling): return
        # copies, since a model may work in place on its input
        batch = tuple(tuple(self._arena.copy(t.detach().as_subclass(torch.Tensor)) for t in side) for side in (xs, ys))
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
        rows = lambda side: tuple(self._arena.copy(t[:n].detach().as_subclass(torch.Tensor)) for t in side)
        if n: self.sample = [(rows(xs), rows(ys))]

    def data(self):
        "The sample as one `(xs, ys)` on the CPU, or None"
        sample = [[[t.cpu() for t in side] for side in batch] for batch in self.sample]
        if not sample: return None
        if len({tuple(t.shape[1:] for t in (*xs, *ys)) for xs, ys in sample}) > 1: sample = sample[:1] # ragged
        return tuple(tuple(torch.cat(ts) if ts[0].ndim else ts[0] for ts in zip(*side)) for side in zip(*sample))

    def steps(self):
        "Step -> `(xs, ys)` on the CPU"
        return {s: tuple(tuple(t.cpu() for t in side) for side in batch) for s, batch in self.by_step.items()}
