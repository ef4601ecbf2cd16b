"""`Pace`: norms of gradients and updates as a recording collects them, a row for each step. Torch only."""

import torch

from .columns import Block, Columns
from .norms import NONE, Norms, Updates, distance, no_steps, norms_of, nothing
from .points import Points

SHARE, LEAST_BYTES = 16, 2**22 # norms take this part of the budget for points, beside them, or so much at least
CPU = torch.float32, torch.device('cpu')
WAITING = 64 # rows on the CPU that are written together: one by one, among the work of a fit, takes ten times as long


class NormRows:
    "Rows of norms, kept as points are: on a GPU without waiting; past a budget every other row is dropped"
    def __init__(self, names, max_bytes):
        self._max_bytes, self._stride, self._last = max(max_bytes // SHARE, LEAST_BYTES), 1, -1
        self._rows = Points({name: torch.tensor(NONE) for name in names}, self._max_bytes, begun=False)
        self._place, self._layout = None, {} # of the row before
        self._waiting = [] # (step, names, numbers)

    def wanted(self, n: int) -> bool:
        "Is there to be a row for step `n`?"
        return n % self._stride == 0

    def add(self, n: int, names: tuple, norms: list):
        "Keep the norms of step `n`, 0-dimensional tensors; a parameter that is not named has none"
        if not all(x.is_cpu for x in norms):
            self._write_waiting()
            parts = {}
            for x in norms: parts.setdefault((torch.float32, x.device), []).append(x)
            rows = {key: torch.stack(row).float() for key, row in parts.items()}
            return self._write(n, names, rows, [x.device for x in norms])
        while self._waiting and self._waiting[-1][0] >= n: self._waiting.pop() # an interrupt left it
        self._waiting.append((n, names, [x.item() for x in norms]))
        if len(self._waiting) >= WAITING: self._write_waiting()

    def _write_waiting(self):
        for n, names, numbers in self._waiting:
            self._write(n, names, {CPU: torch.tensor(numbers)} if numbers else {}, [CPU[1]] * len(names))
        self._waiting = []

    def _write(self, n, names, rows, devices):
        points = self._rows
        while self._last >= n and points.last >= n: points.drop_last() # an interrupt left it
        while points.n_bytes + 4 * len(names) > self._max_bytes and points.last > 0:
            points.thin(2 * self._stride)
            self._stride *= 2
        if n % self._stride: return
        if (names, *rows) != self._place: self._layout, self._place = _layout(names, devices), (names, *rows)
        self._last = n
        points.add(n, self._layout, {key: [row] for key, row in rows.items()})

    def norms(self, n: int) -> Norms:
        "Those of the first `n` steps"
        self._write_waiting()
        blocks = self._rows.blocks()
        if blocks and int(blocks[-1].steps[-1]) >= n:
            last, keep = blocks[-1], int((blocks[-1].steps < n).sum())
            blocks[-1] = Block(last.steps[:keep], last.layout, {key: t[:keep] for key, t in last.data.items()})
        if not blocks: return nothing(n)
        return Norms(Columns(self._rows.first, blocks), torch.cat([b.steps for b in blocks]), n)


def _layout(names, devices):
    "Where `Points` finds each of them: in one row for each device"
    res, filled = {}, {}
    for name, device in zip(names, devices):
        start = filled.get(device, 0)
        res[name], filled[device] = ((torch.float32, device), start, start + 1), start + 1
    return res


class Pace:
    "How long the gradients of a recording are, and how far its steps go"
    def __init__(self, names, max_bytes):
        self._grads, self._moved = NormRows(names, max_bytes), NormRows(names, max_bytes)
        self._coming = -1, (), [] # of the next step: its number, names and norms of gradients
        self._past = nothing(0) # updates between points that were dropped

    def see_gradients(self, n: int, params: dict):
        "Step `n` is about to be taken along the gradients of name -> parameter"
        if not self._grads.wanted(n): return
        grads = {name: grad for name, p in params.items() if p.requires_grad and (grad := p.grad) is not None}
        self._coming = n, tuple(grads), norms_of([g.detach() if g.requires_grad else g for g in grads.values()])

    def step(self, n: int):
        "Step `n` was taken"
        if self._coming[0] == n: self._grads.add(*self._coming)

    def see_move(self, n: int, params: dict, before: dict | None, first: dict):
        """Of points that are far apart, each is compared with the model a step later.

        `before` holds name -> flat values, without those that still had their `first` one.
        """
        if before is None or not self._moved.wanted(n): return
        moved = {}
        for name, p in params.items():
            if not (p.requires_grad or name in before) or not (p.is_floating_point() or p.is_complex()): continue
            old = before[name] if name in before else first[name].reshape(-1)
            if old.device != p.device: return # it would have to be waited for
            moved[name] = distance(p.detach().reshape(-1), old)
        self._moved.add(n, tuple(moved), [*moved.values()])

    def see_points(self, n: int, params: Columns):
        "Points up to step `n` that follow each other are about to be thinned"
        steps = torch.cat([b.steps for b in params.blocks])
        self._past = Updates(params, steps, no_steps(), nothing(n)).norms

    def series(self, n: int) -> dict:
        "What `Trajectory` takes, of the first `n` steps"
        return {'grad_norms': self._grads.norms(n), 'update_norms': self._past.then(self._moved.norms(n))}
