"""What the panels of a figure say, frame by frame, in few bytes: for the player's read-out."""

import json
from collections import Counter, defaultdict

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes

from ..drawing import ChangingText
from .artists import DAY, Held, first_day, names_along, read, things
from .numbers import Numbers, packed
from .scene import is_3d

MOST_POINTS = 1000 # of one line: of more, every second, fourth, ... is kept
FEW_POINTS = 12 # which are kept as they are
SHARE, LEAST = 0.16, 6000 # bytes to take at the most: a share of the picture's, or so many
CELLS_SHARE, CELLS_LEAST = 0.25, 24_000 # the same for the cells of images, beside that
PAGE_BYTES = 1_700_000 # for the picture and the cells: with a still picture and the player a page has 2 MB
MOST_BYTES = 2**22 # of the cells of one image while they are collected
AXIS = dict(x=0, u=0, y=1) # which axis these numbers of `Held` are measured along


class Series:
    "A line, points, bars, cells, or a text of one panel over time, as `Held` has it"
    def __init__(self, name):
        self.name, self.step, self.words, self.numbers = name, 1, ChangingText(), defaultdict(Numbers)
        self.unit, self.columns, self.fixed, self.cell, self.left_out = '', 0, False, None, False

    def put(self, frame, held, since=(None, None)):
        "What it holds from `frame` on; dates are counted in seconds from the days `since`"
        numbers, text = held.numbers, f'{self.name}: {held.why}' if held.why else held.text
        self.unit, self.columns, self.fixed = held.unit or self.unit, held.columns or self.columns, held.fixed
        if held.columns and len(self.numbers['v'].kept) > MOST_BYTES: self.leave_out()
        if self.left_out: numbers, text = {'p': numbers.get('o', ())}, self.words.last
        while len(numbers.get('x', ())) > MOST_POINTS * self.step: self.thin()
        for key in {*self.numbers, *numbers}:
            values = np.ravel(numbers.get(key, ()))
            day = since[AXIS[key]] if key in AXIS else None
            if day is not None: values = (values - day) * DAY
            if self.step > 1: values = values.reshape(-1, pair(key))[::self.step].ravel()
            self.numbers[key].put(frame, values)
        if text and frame and not self.words.entries: self.words.append(0, '')
        if text or self.words.last: self.words.append(frame, text)

    def thin(self):
        self.step *= 2
        for key, numbers in self.numbers.items(): numbers.every_second(pair(key))

    def points(self): return max(size for *_, size in self.numbers['x'].changes) // 4

    def tells(self): return self.points() or len(self.words)

    def can_spare(self):
        "2 for a curve that moves as a whole, which is thinned first; 1 for other lines of many points"
        moves = any(len(self.numbers[key].kept) > 8 * self.points() for key in 'xyz')
        return (1 + moves) * (self.points() > FEW_POINTS)

    def size(self): return sum(numbers.size() for numbers in self.numbers.values()) + self.words.size()

    def leave_out(self):
        "Keep none of the cells' numbers, and say why"
        self.left_out, self.columns, self.words = True, 0, ChangingText()
        self.words.append(0, f'{self.name}: its values would take too many bytes')
        self.numbers = defaultdict(Numbers, p=self.numbers['o'])

    def is_told_by(self, other, n_frames):
        "Does `other` hold the same, or does it end in this one point?"
        if not self.points() or not self.numbers.keys() <= {*'xyzp'}: return False
        mine, others = ([series.numbers[key].ends(n_frames) for key in 'xyz'] for series in (self, other))
        if not all(np.array_equal(a, b, equal_nan=True) for (a, _), (b, _) in zip(mine, others)): return False
        return self.points() == 1 or all(vars(self.numbers[key]) == vars(other.numbers[key]) for key in 'xyz')

    def written(self, n_frames, pool):
        res = dict(name=self.name, step=self.step)
        if len(self.words): res['words'] = self.words.frames, self.words.entries
        if self.cell is not None: return dict(res, cell=self.cell)
        write = lambda key, *skip: self.numbers[key].written(n_frames, pool, *skip)
        res.update((key, write(key)) for key in 'xyzvpu' if self.numbers[key].kept)
        if self.columns: # from each line between cells to the next one, whichever way they go
            turned = [(self.numbers[key].last()[:1] > self.numbers[key].last()[-1:]).any() for key in 'XY']
            edges = [write(key, int(skip)) for key, turn in zip('XY', turned) for skip in (turn, not turn)]
            res.update(cols=self.columns, e=edges)
        elif self.numbers['l'].kept: res['e'] = [write(key) for key in 'lrbt']
        return dict(res, unit=self.unit) if self.unit else res


class Panel:
    "One axes over time: its place and limits, its titles, labels and names along its axes, and its series"
    def __init__(self):
        self.box, self.names, self.series = Numbers(), [ChangingText() for _ in 'txyzXY'], {}
        self.since = [None, None] # on axes of dates, the day that is 0

    def put(self, frame, ax, height):
        left, bottom, width, tall = ax.bbox.bounds
        limits = np.array([ax.get_xlim(), ax.get_ylim()])
        for k, day in enumerate(self.since):
            if day is not None: limits[k] = (limits[k] - day) * DAY
        self.box.put(frame, [left, height - bottom - tall, width, tall, *limits.ravel()])
        self.log = [int(axis.get_scale() == 'log') for axis in (ax.xaxis, ax.yaxis)]
        titles = ' '.join(t.get_text() for t in (ax._left_title, ax.title, ax._right_title) if t.get_text())
        x, y = ('column', 'row') if ax.images and not ax.axison else ('x', 'y')
        names = [titles, ax.get_xlabel() or x, ax.get_ylabel() or y, is_3d(ax) and ax.get_zlabel() or 'z']
        for history, text in zip(self.names, [*names, *self.along(ax)]): history.append(frame, text)

    def along(self, ax):
        "What each axis calls places, as JSON; an axis of dates says which second is its 0"
        boxes = [series.numbers for series in self.series.values() if series.columns or 'l' in series.numbers]
        for k, (key, day) in enumerate(zip('xy', self.since)):
            if day is not None: named = {'since': round((day - dates.date2num(np.datetime64('1970-01-01'))) * DAY)}
            else:
                named = names_along(ax, k, sorted({v for box in boxes for v in box[key].last().tolist()}))
                named = {place(v): ' '.join(str(name).split()) for v, name in named}
            yield json.dumps(named, ensure_ascii=False, separators=(',', ':'))

    def choose(self, n_frames):
        "Leave out what never says anything, and what another says too"
        series = sorted(self.series.values(), key=lambda s: (-s.points(), s.name == 'line'))
        kept = []
        for one in series:
            if one.tells() and not any(one.is_told_by(other, n_frames) for other in kept): kept.append(one)
        self.series = {key: one for key, one in self.series.items() if one in kept}

    def name_cells(self):
        "Let texts that stand in the cells of the only image name these"
        images = [series for series in self.series.values() if series.columns]
        if len(images) != 1: return
        edges, found = [images[0].numbers[key] for key in 'XY'], {}
        for series in self.series.values():
            places = series.numbers['p']
            if not series.fixed or any(len(numbers.changes) != 2 for numbers in (places, *edges)): continue
            at = [np.flatnonzero((e.last()[1:] > v) != (e.last()[:-1] > v)) for e, v in zip(edges, places.last())]
            if all(map(len, at)): found[series] = int(at[1][0] * images[0].columns + at[0][0])
        many = Counter(found.values())
        for series, cell in found.items(): series.cell = cell if many[cell] == 1 else None

    def written(self, n_frames, pool):
        self.name_cells()
        series = sorted(self.series.values(), key=lambda one: one.cell is None) # names come before what they name
        names, box = [(text.frames, text.entries) for text in self.names], self.box.written(n_frames, pool)
        return dict(box=box, log=self.log, names=names, series=[one.written(n_frames, pool) for one in series])


class Values:
    "Reads what the artists of a figure hold, whenever they are drawn"
    def __init__(self, figure): self.figure, self.panels, self.shown = figure, {}, {}

    def read(self, frame, changed=None):
        "Read the artists that `changed` at `frame`; None: all"
        if changed is None: self.shown = self._find(frame)
        artists = self.shown if changed is None else self.shown.keys() & changed
        found = dict.fromkeys(one for artist in artists for one in self.shown[artist])
        with np.errstate(all='ignore'): # of numbers too large for single precision
            for ax, panel, series, source in found:
                if series: series.put(frame, read(source, ax, self.figure.bbox.height), panel.since)
            for ax, panel in {(ax, panel) for ax, panel, series, _ in found
                              if not series or ax.fmt_xdata or ax.fmt_ydata}:
                panel.put(frame, ax, self.figure.bbox.height)

    def _find(self, frame):
        "Artist -> its axes, panel and series: that of the same place in the list, since a figure may be drawn anew"
        shown, kept = defaultdict(list), set()
        for k, ax in enumerate(self.figure.findobj(Axes)):
            panel = self.panels.setdefault(k, Panel())
            panel.since = [first_day(axis) if day is None else day
                           for axis, day in zip((ax.xaxis, ax.yaxis), panel.since)]
            for kind, n, label, source, artists in things(ax):
                series = panel.series.setdefault((kind, n), Series(kind if label.startswith('_') else label))
                for artist in artists: shown[artist].append((ax, panel, series, source))
                kept.add(series)
            for artist in (ax.title, ax._left_title, ax._right_title, *ax._axis_map.values()):
                shown[artist].append((ax, panel, None, None))
        for panel in self.panels.values():
            for series in set(panel.series.values()) - kept: series.put(frame, Held())
        return shown

    def written(self, n_frames, size):
        "What the player needs for a picture of `size` bytes; None where there is nothing to tell"
        for panel in self.panels.values(): panel.choose(n_frames)
        cells = {series: series.size() for panel in self.panels.values() for series in panel.series.values()
                 if series.columns}
        while sum(cells.values()) > max(min(CELLS_SHARE * size, PAGE_BYTES - size), CELLS_LEAST):
            series = max(cells, key=cells.get)
            series.leave_out()
            del cells[series]
        sizes = {(panel, key): series.size() for panel in self.panels.values()
                 for key, series in panel.series.items() if not series.columns}
        while sum(sizes.values()) > max(SHARE * size, LEAST):
            panel, key = at = max(sizes, key=lambda at: (at[0].series[at[1]].can_spare(), sizes[at]))
            series = panel.series[key]
            if series.can_spare():
                series.thin()
                sizes[at] = series.size()
            else: del panel.series[key], sizes[at]
        pool = {}
        panels = [panel.written(n_frames, pool) for panel in self.panels.values() if panel.series]
        return dict(panels=panels, numbers=packed(b''.join(pool))) if panels else None


def pair(key): return 2 if key == 'p' else 1


def place(v):
    "A number in single precision as a page's script writes it"
    v = float(np.float32(v))
    return str(int(v)) if v.is_integer() else repr(v)
