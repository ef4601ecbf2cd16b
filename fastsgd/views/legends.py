"""Legends and notes that cover no data, in an empty corner or outside; one legend for all panels of a figure."""

import re

import numpy as np
from matplotlib.collections import Collection, PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..trajectory.several import name_of
from .style import VERMILION, letters, literal, shortened

MOST = 40 # entries of a legend
DENSE = 1000 # points of a line that are close enough to tell where it passes
LETTER, ROW = 0.068, 0.2 # inches: about the width of a small letter, and the height of a row
AROUND = 0.7, 0.9 # inches: about what stands beside axes, and below and above them
CORNERS = ('upper right', 'upper left', 'lower left', 'lower right')


def entries_of(ax) -> list:
    "The artists of `ax` that have a name, whatever it begins with: matplotlib leaves out those with '_'"
    named = lambda a: not re.fullmatch(r'|_child\d+|_nolegend_|_container\d*', str(a.get_label()))
    artists = [a for a in ax.get_children() if isinstance(a, (Line2D, Patch, Collection))]
    return [a for a in (*artists, *ax.containers) if named(a)]


def legend(ax, x: list, y: list, handles: list | None = None, grow: bool = True):
    """Make a legend in the corner of `ax` where the fewest of the points `x`, `y` lie; returns it, with its `entries`.

    Where no corner is empty, room is made above if the axes may `grow`. Unlike with 'best' it then stays where it is. A
    large one, and one without room, goes below the axes.
    """
    entries = entries_of(ax) if handles is None else handles
    labels = labels_of(entries)
    points, box = in_axes(ax, x, y), _box(ax, max(map(len, labels)), len(labels))
    where = {'loc': 'upper center', 'bbox_to_anchor': (0.5, -0.17)}
    small = box[0] <= 0.62 and box[1] <= 0.45
    box = _after_layout(ax, box)
    if fits := small and (grow or not len(_inside(points, emptiest(points, box), box))):
        where = {'loc': cleared(ax, points, box)}
    res = small_legend(ax.legend, entries, labels, ax, **where)
    res.entries, res.corner = entries, where['loc'] if fits else None
    res.set_zorder(6)
    return res


def figure_legend(fig, panels: list, grow: bool = True):
    "Make one legend below all panels, in place of theirs, with each name once; the figure may `grow` by its height"
    entries = {}
    for panel in panels:
        for handle in panel.entries: entries.setdefault(_look(handle), handle)
        panel.remove()
    labels = labels_of(entries := list(entries.values()))
    rows = -(-len(labels) // _columns_for(labels, fig.get_figwidth()))
    if grow: fig.set_figheight(fig.get_figheight() + ROW * rows * letters())
    return small_legend(fig.legend, entries, labels, fig, loc='outside lower center')


def _look(handle):
    "What tells an entry of a legend from another: two fits may have one name"
    colors = (handle.get_color(), handle.get_marker()) if isinstance(handle, Line2D) else ()
    return str(handle.get_label()), *map(str, colors)


def labels_of(entries: list) -> list:
    "What to write for each of `entries`, and how many more there are"
    labels = [shortened(h.get_label()) for h in entries[:MOST]]
    return labels if len(entries) <= MOST else [*labels[:-1], f'and {len(entries) - MOST + 1:,} more']


def _columns_for(labels, inches): return max(int(inches / letters() / (0.6 + LETTER * max(map(len, labels)))), 1)


def small_legend(make, entries, labels, parent, **where):
    "A legend by `make`, of `parent`, whose names are drawn letter by letter, whatever is in them"
    handles = entries if len(entries) <= MOST else [*entries[:MOST - 1], Line2D([], [], ls='none')]
    if where['loc'] not in CORNERS: where['ncols'] = _columns_for(labels, parent.bbox.width / parent.get_figure().dpi)
    # placeholders at first: matplotlib would drop names that begin with '_', and take others for formulas
    look = {'fontsize': 'small', 'framealpha': 0.85, 'edgecolor': 'none', 'borderpad': 0.3, **where}
    res = make(handles=handles, labels=['x'] * len(labels), **look)
    literal(*res.get_texts())
    for text, label in zip(res.get_texts(), labels): text.set_text(label)
    for handle in res.legend_handles: # of many small points
        if isinstance(handle, Line2D) and 0 < handle.get_markersize() < 4: handle.set_markersize(5)
        elif isinstance(handle, PathCollection): handle.set(sizes=[18], alpha=0.8)
    return res


def in_axes(ax, x, y):
    "The finite ones of the points `x`, `y`, both lists of parts, in fractions of `ax`"
    x, y = (np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in parts] or [[]]) for parts in (x, y))
    keep = np.isfinite(x) & np.isfinite(y)
    with np.errstate(all='ignore'): # a logarithm of what is not positive
        points = (ax.transData + ax.transAxes.inverted()).transform(np.column_stack([x[keep], y[keep]]))
    return points[(points[:, 1] >= 0) & (points[:, 1] <= 1)]


def filled(parts):
    "Nine more numbers between each two of a line that has few, which passes there too"
    parts = [np.asarray(part, dtype=float).ravel() for part in parts]
    return [np.interp(np.linspace(0, len(p) - 1, 10 * len(p)), np.arange(len(p)), p) if 0 < len(p) < DENSE else p
            for p in parts]


def _box(ax, n_letters, rows):
    "Width and height of so many rows of text beside a line, in fractions of `ax`, which a layout may make smaller yet"
    width, height = ax.get_window_extent().size / ax.figure.dpi
    return letters() * (0.6 + LETTER * n_letters) / width, letters() * (0.25 + ROW * rows) / height


def _after_layout(ax, box):
    "The same once a layout has made room for labels around `ax`, which now are as large as can be"
    if ax.figure.get_layout_engine() is None: return box
    size = ax.get_window_extent().size / ax.figure.dpi / letters()
    return tuple(min(share * s / max(s - around, s / 2), 0.9) for share, s, around in zip(box, size, AROUND))


def _inside(points, corner, box):
    "Heights of those `points` that a box in this corner would cover"
    v, h = corner.split()
    x, y = points.T
    near = (x < box[0] if h == 'left' else x > 1 - box[0]) & (y > 1 - box[1] if v == 'upper' else y < box[1])
    return y[near]


def emptiest(points, box, corners=CORNERS) -> str:
    "The corner in which a box of this width and height covers the fewest of the points"
    return min(corners, key=lambda o: len(_inside(points, o, box)))


def cleared(ax, points, box, corners=CORNERS) -> str:
    "The emptiest corner of `ax` for a box of this width and height; where none is empty, room is made above"
    loc = emptiest(points, box, corners)
    if not len(_inside(points, loc, box)): return loc
    loc = emptiest(points, box, CORNERS[:2]) # zero stays below
    make_room(ax, _inside(points, loc, box), box[1])
    return loc


def make_room(ax, reach, height):
    "Raise the upper limit of `ax`, so that what is as high as `reach`, in fractions of it, leaves `height` free"
    if not len(reach): return
    low, high = ax.transScale.transform([(1, v) for v in ax.get_ylim()])[:, 1]
    high = low + (high - low) * reach.max() / (1 - height)
    ax.set_ylim(ax.transScale.inverted().transform([(0, low), (0, high)])[:, 1])


def departure_note(ax, trajs: list, departures: list | None = None, drawn: tuple = ((), ())):
    """`show(i) -> artists`: says in `ax` at which step a fit left the plot, once it did, where few of `drawn` are.

    `departures` are these steps, None for a fit that stays; by default a fit leaves when it diverges.
    """
    departures = [t.diverged for t in trajs] if departures is None else departures
    gone = [(step, t, name_of(t, k)) for k, (t, step) in enumerate(zip(trajs, departures)) if step is not None]
    if not gone: return lambda i: []
    who = (lambda name: f'{shortened(name, 20)} ') if len(trajs) > 1 else lambda name: ''
    texts = [f'{who(name)}left the plot at step {step}' for step, _, name in gone]
    if len(gone) > 3: gone, texts = [max(gone, key=lambda o: o[0])], [f'{len(gone)} fits left the plot']
    free = [c for c in reversed(CORNERS) if c != getattr(ax.get_legend(), 'corner', None)]
    if ax.name == '3d': free = ['upper left'] # below are the numbers of its axes
    v, h = emptiest(in_axes(ax, *map(filled, drawn)), _box(ax, max(map(len, texts)), 3 + len(texts)), free).split()
    x, y, up = 0.03 if h == 'left' else 0.97, 0.04 if v == 'lower' else 0.96, 0.08 if v == 'lower' else -0.08
    look = {'color': VERMILION, 'fontsize': 'small', 'ha': h, 'va': 'bottom' if v == 'lower' else 'top', 'zorder': 7,
            'bbox': {'fc': ax.get_facecolor(), 'ec': 'none', 'alpha': 0.85, 'pad': 1.5}}
    notes = [ax.annotate('', (x, y + up * j), xycoords='axes fraction', **look) for j in range(len(texts))]
    literal(*notes)

    def show(i):
        for (step, t, _), text, note in zip(gone, texts, notes): note.set_text(text if int(t.shown[i]) >= step else '')
        return notes
    return show
