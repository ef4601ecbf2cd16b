"""Numbers that change from frame to frame, kept as what changed."""

import base64
import zlib

import numpy as np


class Numbers:
    "An array of one dimension over time, in single precision: a line that grows costs what it gains"
    def __init__(self): self.kept, self.changes = bytearray(), [(0, 0, 0)] # frame, and which of the kept bytes it shows

    def put(self, frame, values):
        _, start, size = self.changes[-1]
        if not size and not len(values): return
        new = np.asarray(values, '<f4').tobytes()
        if self.kept[start:start + size] == new: return
        rest = bytes(self.kept[start:])
        if not rest.startswith(new):
            if not new.startswith(rest): start, rest = len(self.kept), b''
            self.kept += new[len(rest):]
        self.changes.append((frame, start, len(new)))

    def every_second(self, group=1):
        "Keep half of each array, which has `group` numbers for each point"
        kept, changes = bytes(self.kept), self.changes
        self.kept, self.changes = bytearray(), [(0, 0, 0)]
        for frame, start, size in changes:
            values = np.frombuffer(kept[start:start + size], '<f4')
            self.put(frame, values.reshape(-1, group)[::2].ravel())

    def spans(self, n_frames):
        "Start and length of the array at each frame, in numbers"
        frames, starts, sizes = zip(*self.changes)
        repeats = np.diff([*frames, n_frames])
        return np.repeat(starts, repeats) // 4, np.repeat(sizes, repeats) // 4

    def ends(self, n_frames):
        "The last number at each frame, NaN where there is none"
        starts, sizes = self.spans(n_frames)
        values = np.append(np.frombuffer(bytes(self.kept), '<f4'), np.float32('nan'))
        return np.where(sizes, values[np.where(sizes, starts + sizes - 1, -1)], np.nan), sizes

    def last(self):
        _, start, size = self.changes[-1]
        return np.frombuffer(bytes(self.kept[start:start + size]), '<f4')

    def written(self, n_frames, pool, skip=0):
        "Start and length at each frame in the numbers of `pool`, which all share, without the first `skip` of each"
        first = pool.setdefault(bytes(self.kept), sum(map(len, pool)) // 4)
        starts, sizes = self.spans(n_frames)
        return [steady(starts + first + skip), steady(sizes)]

    def size(self): return len(packed(self.kept)) + 8 * len(self.changes)


def steady(numbers):
    """As `[first, difference]` where all differences are alike: no other list has two entries

    Of any other list the last entry holds until the end.
    """
    steps = np.diff(numbers)
    if len(set(steps.tolist())) <= 1: return [int(numbers[0]), int(steps[0]) if len(steps) else 0]
    return numbers[:max(np.flatnonzero(steps)[-1] + 2, 3)].tolist()


def packed(pieces) -> str:
    "Bytes as the page has them"
    return base64.b64encode(zlib.compress(pieces)).decode()
