"""`Points`: the points of a recording, in few blocks of memory that are allocated once. Torch only."""

import copy
from array import array

import torch

from .columns import Block
from .memory import roomy, total_bytes

BLOCK_ROWS = 1024 # at the most: a small model's block is small
STAGED_BYTES = 2**20 # gathered on a GPU before they are fetched: a transfer takes long to start
LEAST_BLOCK_BYTES, MOST_BLOCK_BYTES = 2**20, 2**26 # of a block, an eighth of the budget within these bounds


class Filling:
    """Some points in a row: room that is allocated once and filled row by row.

    `data` holds key -> tensor (rows, numbers), which `layout` cuts into name -> (key, start, stop); a key is a type and
    the device where the numbers came from. Small points share a block, since a tensor of its own costs some 200 bytes.
    """
    def __init__(self, layout, parts, rows, steps=()):
        self.layout, self.rows, self.steps, self.shown = layout, rows, array('q', steps), False
        self.data = {key: roomy(rows, sum(map(len, ts)), *key) for key, ts in parts.items()}
        self.row_bytes = total_bytes(t[0] for t in self.data.values())

    def __len__(self): return len(self.steps)

    def takes(self, layout) -> bool:
        "Is there room for one more point of this layout?"
        return len(self.steps) < self.rows and self.layout == layout

    def add(self, step, parts):
        "Write a row, the step last: an interrupt before it leaves nothing behind"
        for key, ts in parts.items(): torch.cat(ts, out=self.data[key][len(self.steps)])
        self.steps.append(step)

    def row(self, r): return {key: [t[r]] for key, t in self.data.items()}

    def upto(self, rows):
        "The first rows, in the same memory; more can be added, unless those that follow were handed out"
        res = copy.copy(self)
        res.steps = self.steps[:rows]
        if self.shown and rows < len(self): res.rows = rows
        return res

    def block(self) -> Block:
        "What there is now, for a reader: rows that are added later are not among it"
        self.shown = True
        return Block(torch.tensor(self.steps, dtype=torch.int64), self.layout,
                     {key: t[:len(self)].cpu() for key, t in self.data.items()})


class Points:
    "The points of a recording. Those of a model on a GPU are gathered there and fetched in chunks, without waiting."
    def __init__(self, first, max_bytes, begun=True): # begun: the first values are a point, that of step 0
        self.first = first # name -> value at the start of the fit: a name that is not in a layout still has it
        self.first_bytes = self.n_bytes = total_bytes(first.values())
        self.block_bytes = min(max(max_bytes // 8, LEAST_BLOCK_BYTES), MOST_BLOCK_BYTES)
        self.changed = set() # names known to have left their first value
        self._blocks, self._staged, self._arriving = [Filling({}, {}, 1, [0])] if begun else [], [], []

    @property
    def last(self) -> int:
        "The step of the last point; -1 before there is one"
        if self._staged: return self._staged[0].steps[-1]
        if self._arriving: return self._arriving[-1][0][-1]
        return self._fetched

    @property
    def _fetched(self): return next((b.steps[-1] for b in reversed(self._blocks) if len(b)), -1)

    def add(self, step, layout, parts):
        "Keep the point of `step`: `parts` holds key -> flat tensors, in the order of `layout`"
        if all(device.type == 'cpu' for _, device in parts):
            if self._staged or self._arriving: self._fetch_all()
            self._write(step, layout, parts)
            return
        if not (self._staged and self._staged[0].takes(layout)):
            self._send()
            size = total_bytes(t for ts in parts.values() for t in ts)
            staged = Filling(layout, parts, max(1, min(BLOCK_ROWS, STAGED_BYTES // max(size, 1))))
            staged.add(step, parts)
            self._staged = [staged]
        else: self._staged[0].add(step, parts)
        self.n_bytes += self._staged[0].row_bytes

    def _write(self, step, layout, parts):
        if not (self._blocks and self._blocks[-1].takes(layout)):
            size = total_bytes(t for ts in parts.values() for t in ts)
            block = Filling(layout, parts, max(1, min(BLOCK_ROWS, self.block_bytes // max(size, 1))))
            block.add(step, parts)
            self._blocks = [*self._blocks, block]
        else: self._blocks[-1].add(step, parts)
        self.n_bytes += self._blocks[-1].row_bytes

    def _send(self):
        "Start to fetch what is gathered on a GPU, through page-locked memory"
        self._receive() # the transfer before this one is over by now
        for staged in self._staged:
            data, events = {}, []
            for key, t in staged.data.items():
                rows = t[:len(staged)]
                if rows.device.type != 'cuda':
                    data[key] = rows.cpu()
                    continue
                with torch.cuda.device(rows.device):
                    data[key] = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True).copy_(rows,
                                                                                                 non_blocking=True)
                    events.append(torch.cuda.Event())
                    events[-1].record()
            self._arriving = [*self._arriving, (staged.steps, staged.layout, data, events)]
        self._staged = []

    def _receive(self):
        "Await the transfers and keep what they brought, without what never changed until now"
        for steps, layout, data, events in self._arriving:
            for event in events: event.synchronize()
            still = {n for n, (key, a, b) in layout.items() if n not in self.changed
                     and bool((data[key][:, a:b] == self.first[n].reshape(-1)).all())}
            self.changed.update(layout.keys() - still)
            names = {key: [n for n, (k, *_) in layout.items() if k == key and n not in still] for key in data}
            kept, start = {}, 0
            for key in data:
                start = 0
                for n in names[key]: kept[n] = key, start, (start := start + layout[n][2] - layout[n][1])
            for r, step in enumerate(steps):
                if step <= self._fetched: continue # an interrupt cut off the last attempt
                row = {key: [data[key][r, layout[n][1]:layout[n][2]] for n in ns] for key, ns in names.items() if ns}
                self._write(step, kept, row)
        self._arriving = []
        self._measure()

    def _fetch_all(self):
        self._send()
        self._receive()

    def newest(self) -> dict | None:
        "Name -> flat values at the last point, where they are; None while these are on their way"
        if self._arriving and not self._staged: return None
        held = (self._staged or [b for b in self._blocks if len(b)])[-1]
        return {n: held.data[key][len(held) - 1, a:b] for n, (key, a, b) in held.layout.items()}

    def _measure(self):
        self.n_bytes = (self.first_bytes + sum(len(b) * b.row_bytes for b in (*self._blocks, *self._staged))
                        + sum(total_bytes(data.values()) for _, _, data, _ in self._arriving))

    def thin(self, stride):
        """Keep the points of every `stride`-th step, in new blocks that are filled one after the other.

        What was handed out stays as it was, and an interrupt leaves each point in its place.
        """
        self._fetch_all()
        done, rest = [], list(self._blocks)
        while rest:
            source = rest.pop(0)
            rows = [r for r, step in enumerate(source.steps) if step % stride == 0]
            if len(rows) == len(source.steps) == source.rows: # nothing to move
                done.append(source)
                continue
            while rows:
                if not (done and done[-1].takes(source.layout)):
                    done.append(Filling(source.layout, source.row(0), source.rows))
                target = done[-1].upto(len(done[-1]))
                room = target.rows - len(target)
                for r in rows[:room]: target.add(source.steps[r], source.row(r))
                done[-1], rows = target, rows[room:]
            self._blocks = [*done, *rest]
        self._measure()

    def drop_last(self):
        "Drop the last point"
        self._fetch_all()
        blocks = [b for b in self._blocks if len(b)]
        self._blocks = [*blocks[:-1], blocks[-1].upto(len(blocks[-1]) - 1)]
        self._measure()

    def blocks(self, tail=None) -> list:
        "Everything up to now, and a `tail` of `(step, layout, parts)` that is not kept"
        self._fetch_all()
        res = [b.block() for b in self._blocks if len(b)]
        if tail is not None:
            end = Filling(tail[1], tail[2], 1)
            end.add(tail[0], tail[2])
            res.append(end.block())
        return res
