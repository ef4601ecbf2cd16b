"""What lines, points and texts of a figure say, frame by frame, in few bytes: for the player's read-out."""

import base64

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text

from ..drawing import ChangingText
from .scene import is_3d

MOST_POINTS = 1000 # of one line: of more, every second, fourth, ... is kept
FEW_POINTS = 12 # which are kept as they are
SHARE, LEAST = 0.16, 6000 # bytes to take at the most: a share of the picture's, or so many


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

    def written(self, n_frames, pool):
        "Start and length at each frame in the numbers of `pool`, which all share"
        first = pool.setdefault(bytes(self.kept), sum(map(len, pool)) // 4)
        starts, sizes = self.spans(n_frames)
        return [steady(starts + first), steady(sizes)]

    def size(self): return len(self.kept) * 4 // 3 + 8 * len(self.changes)


class Series:
    "A line, points, or a text of one panel over time; `places` says where on the picture, where axes don't"
    def __init__(self, name):
        self.name, self.step, self.words = name, 1, ChangingText()
        self.xyz, self.places = [Numbers(), Numbers(), Numbers()], Numbers()

    def put(self, frame, xyz=(), places=(), text=''):
        while len(xyz) and len(xyz[0]) > MOST_POINTS * self.step: self.thin()
        for numbers, values in zip(self.xyz, [*xyz, *[()] * (3 - len(xyz))]): numbers.put(frame, values[::self.step])
        if len(places): places = np.reshape(places, (-1, 2))[::self.step].ravel()
        self.places.put(frame, places)
        if text or self.words.last: self.words.append(frame, text)

    def thin(self):
        self.step *= 2
        for numbers in self.xyz: numbers.every_second()
        self.places.every_second(2)

    def points(self): return max(size for *_, size in self.xyz[0].changes) // 4

    def tells(self): return self.points() or len(self.words)

    def can_spare(self):
        "2 for a curve that moves as a whole, which is thinned first; 1 for other lines of many points"
        moves = any(len(numbers.kept) > 8 * self.points() for numbers in self.xyz)
        return (1 + moves) * (self.points() > FEW_POINTS)

    def size(self): return sum(numbers.size() for numbers in [*self.xyz, self.places]) + self.words.size()

    def is_told_by(self, other, n_frames):
        "Does `other` hold the same, or does it end in this one point?"
        mine, others = ([numbers.ends(n_frames) for numbers in series.xyz] for series in (self, other))
        alike = all(np.array_equal(a, b, equal_nan=True) for (a, _), (b, _) in zip(mine, others))
        if not alike or not self.points(): return False
        return self.points() == 1 or all(vars(a) == vars(b) for a, b in zip(self.xyz, other.xyz))

    def written(self, n_frames, pool):
        res = dict(name=self.name, step=self.step)
        if len(self.words): res['words'] = self.words.frames, self.words.entries
        for name, numbers in zip('xyzp', [*self.xyz, self.places]):
            if numbers.kept: res[name] = numbers.written(n_frames, pool)
        return res


class Panel:
    "One axes over time: its place and limits, its titles and labels, and its series"
    def __init__(self): self.box, self.names, self.series = Numbers(), [ChangingText() for _ in 'txyz'], {}

    def put(self, frame, ax, height):
        left, bottom, width, tall = ax.bbox.bounds
        self.box.put(frame, [left, height - bottom - tall, width, tall, *ax.get_xlim(), *ax.get_ylim()])
        self.log = [int(axis.get_scale() == 'log') for axis in (ax.xaxis, ax.yaxis)]
        titles = ' '.join(t.get_text() for t in (ax._left_title, ax.title, ax._right_title) if t.get_text())
        names = titles, ax.get_xlabel() or 'x', ax.get_ylabel() or 'y', is_3d(ax) and ax.get_zlabel() or 'z'
        for history, text in zip(self.names, names): history.append(frame, text)

    def choose(self, n_frames):
        "Leave out what never says anything, and what another says too"
        series = sorted(self.series.values(), key=lambda s: (-s.points(), s.name == 'line'))
        kept = []
        for one in series:
            if one.tells() and not any(one.is_told_by(other, n_frames) for other in kept): kept.append(one)
        self.series = {key: one for key, one in self.series.items() if one in kept}

    def written(self, n_frames, pool):
        names, series = self.names, self.series.values()
        return dict(box=self.box.written(n_frames, pool), log=self.log, names=[(t.frames, t.entries) for t in names],
                    series=[one.written(n_frames, pool) for one in series])


class Values:
    "Reads what the artists of a figure hold, whenever they are drawn"
    def __init__(self, figure): self.figure, self.panels, self.shown = figure, {}, {}

    def read(self, frame, changed=None):
        "Read the artists that `changed` at `frame`; None: all"
        if changed is None: self.shown = self._find(frame)
        height, axes = self.figure.bbox.height, {}
        with np.errstate(all='ignore'): # of numbers too large for single precision
            for artist in self.shown if changed is None else self.shown.keys() & changed:
                ax, panel, series = self.shown[artist]
                if series is None: axes[ax] = panel
                else: series.put(frame, *read(artist, ax, height))
            for ax, panel in axes.items(): panel.put(frame, ax, height)

    def _find(self, frame):
        "Artist -> its axes, panel and series: that of the same place in the list, since a figure may be drawn anew"
        shown, kept = {}, set()
        for k, ax in enumerate(self.figure.findobj(Axes)):
            panel = self.panels.setdefault(k, Panel())
            for kind, artists in (('line', ax.lines), ('points', ax.collections), ('text', ax.texts)):
                for n, artist in enumerate(artists):
                    if not isinstance(artist, Line2D | PathCollection | Text): continue
                    label = str(artist.get_label())
                    series = panel.series.setdefault((kind, n), Series(kind if label.startswith('_') else label))
                    shown[artist] = ax, panel, series
                    kept.add(series)
            names = ax.title, ax._left_title, ax._right_title, *ax._axis_map.values()
            shown.update((artist, (ax, panel, None)) for artist in names)
        for panel in self.panels.values():
            for series in set(panel.series.values()) - kept: series.put(frame)
        return shown

    def written(self, n_frames, size):
        "What the player needs for a picture of `size` bytes; None where there is nothing to tell"
        for panel in self.panels.values(): panel.choose(n_frames)
        sizes = {(panel, key): series.size() for panel in self.panels.values() for key, series in panel.series.items()}
        while sum(sizes.values()) > max(SHARE * size, LEAST):
            panel, key = at = max(sizes, key=lambda at: (at[0].series[at[1]].can_spare(), sizes[at]))
            series = panel.series[key]
            if series.can_spare():
                series.thin()
                sizes[at] = series.size()
            else: del panel.series[key], sizes[at]
        pool = {}
        panels = [panel.written(n_frames, pool) for panel in self.panels.values() if panel.series]
        return dict(panels=panels, numbers=base64.b64encode(b''.join(pool)).decode()) if panels else None


def steady(numbers):
    """As `[first, difference]` where all differences are alike: no other list has two entries

    Of any other list the last entry holds until the end.
    """
    steps = np.diff(numbers)
    if len(set(steps.tolist())) <= 1: return [int(numbers[0]), int(steps[0]) if len(steps) else 0]
    return numbers[:max(np.flatnonzero(steps)[-1] + 2, 3)].tolist()


def projected(ax, xyz):
    "Where points in space lie on the plane of a 3-D `ax`"
    x, y, _, w = ax.get_proj() @ np.array([*np.broadcast_arrays(*xyz, 1.)])
    return x / w, y / w


def read(artist, ax, height):
    "`(xyz, places, text)` of an artist; all empty where it is not seen or not placed by its axes"
    if not (artist.get_visible() and ax.get_visible()): return ()
    if isinstance(artist, Text):
        place = artist.get_unitless_position()
        if hasattr(artist, 'get_position_3d'): place = projected(ax, artist.get_position_3d())
        place = artist.get_transform().transform(place)
        return (), (place[0], height - place[1]), artist.get_text()
    points = isinstance(artist, PathCollection)
    transform = artist.get_offset_transform() if points else artist.get_transform()
    if transform != ax.transData: return ()
    if is_3d(ax): xyz = artist._offsets3d if points else artist.get_data_3d()
    else: xyz = artist.get_offsets().T if points else artist.get_data(orig=False)
    xyz = [np.ma.filled(values, np.nan) if np.ma.isMaskedArray(values) else np.asarray(values) for values in xyz]
    if ax.name == 'rectilinear' and {ax.get_xscale(), ax.get_yscale()} <= {'linear', 'log'}: return (xyz,)
    flat = projected(ax, xyz) if is_3d(ax) else xyz
    places = transform.transform(np.transpose(flat))
    return xyz, places * [1, -1] + [0, height]
