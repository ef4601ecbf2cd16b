"""`Losses`: the raw loss of each step, without waiting for a GPU, and whose it is. Torch only."""

from array import array

import torch

from ..checks import check_number, refuse

LOSS_ROWS = 1024 # of which a tensor is made: on a GPU each loss is a tensor of its own until then


class Losses:
    "The loss of each step. An interrupt may leave one more than there are steps: the next one takes its place."
    def __init__(self):
        self._rows, self._chunks, self._n_chunked, self._dtype = [], [], 0, torch.float32
        self._steps_of = {} # name of a part of the model -> steps whose loss is its own

    def plain(self, loss):
        "On the CPU a number, which leaves no hole in memory; on a GPU, which must not be waited for, a tensor"
        if not isinstance(loss, torch.Tensor): return check_number('loss', loss, finite=False, example=0.5)
        if loss.dtype == torch.float64: self._dtype = torch.float64
        if loss.requires_grad: loss = loss.detach()
        if loss.is_complex() or loss.dtype is torch.bool or loss.layout is not torch.strided or loss.is_meta:
            refuse('loss', loss, 'a tensor of real numbers, or a number', 0.5)
        if loss.ndim: loss = loss.mean(dtype=self._dtype)
        return float(loss) if loss.device.type == 'cpu' else loss.detach().to(self._dtype)

    def add(self, n: int, loss, part: str = ''):
        "Keep a `plain` loss, that of the step which follows `n` others"
        del self._rows[n - self._n_chunked:]
        self._rows.append(loss)
        for steps in self._steps_of.values():
            while steps and steps[-1] >= n: steps.pop()
        if part: self._steps_of.setdefault(part, array('q')).append(n)

    def gather(self, n: int, least: int = LOSS_ROWS):
        "Make a tensor of those of the first `n` steps that are in none yet, if they are `least` or more"
        losses = self._rows[:n - self._n_chunked]
        if len(losses) < least: return
        numbers = [x for x in losses if isinstance(x, float)]
        if len(numbers) == len(losses): chunk = torch.tensor(numbers, dtype=self._dtype)
        else: # from a GPU, or from several, since a model may be moved
            places = {x.device for x in losses if isinstance(x, torch.Tensor)}
            place = places.pop() if len(places) == 1 and not numbers else torch.device('cpu')
            chunk = torch.stack([torch.as_tensor(x, dtype=self._dtype).to(place) for x in losses])
        self._chunks, self._rows, self._n_chunked = [*self._chunks, chunk], [], n

    def series(self, n: int) -> torch.Tensor:
        "Those of the first `n` steps"
        self.gather(n, 1)
        return torch.cat([c.cpu() for c in self._chunks]) if self._chunks else torch.empty(0)

    def parts(self, n: int) -> dict:
        "Name -> those of the first `n` steps whose loss is that of this part"
        every = {name: torch.tensor(steps, dtype=torch.int64) for name, steps in self._steps_of.items()}
        return {name: steps[steps < n] for name, steps in every.items() if len(steps) and steps[0] < n}
