"""Views that show one fit at a time: of several, each gets a part of the panel."""

import functools
import math
import textwrap

import numpy as np
from matplotlib.transforms import Bbox

from ..trajectory.several import as_list, name_of
from .legends import LETTER
from .style import shortened

WIDE = 0.11 # inches of a wide small letter, and what a layout takes off the panel
COLUMNS = 4 # parts side by side at the most: more can't be read
LINE = 12.5 # points of a line of a title
GAP = 0.25 # inches between parts


def one_for_each(draw):
    "A method `draw(self, traj, ax)` of one trajectory, made to take several: side by side in `ax`, each under its name"
    @functools.wraps(draw)
    def draw_all(self, traj, ax):
        trajs = as_list(traj)
        if len(trajs) == 1: return draw(self, trajs[0], ax)
        rows, columns = grid_of(len(trajs))
        ax.set_axis_off()
        inches = ax.get_window_extent().width / ax.figure.dpi
        parts, updates = [], []
        for k, t in enumerate(trajs):
            row, column = divmod(k, columns)
            part = ax.inset_axes([(column + 0.06) / columns, 1 - (row + 0.92) / rows, 0.88 / columns, 0.8 / rows])
            part.set_title(shortened(name_of(t, k), max(int(inches / columns / WIDE), 6)), fontsize='small',
                           parse_math=False)
            parts.append(part)
            updates.append(draw(self, t, part))
        for k, part in enumerate(parts):
            column, end = k % columns, k == len(parts) - 1
            _say_once(part, parts[0], column, end or column == columns - 1, k + columns >= len(parts))
        if not self.page:
            for update in updates: update(len(trajs[0]) - 1)
            _apart(ax, parts, columns)
        return lambda i: [artist for update in updates for artist in update(i)]
    draw_all.apart = True
    return draw_all


def grid_of(n) -> tuple:
    "Rows and columns of `n` parts"
    columns = min(math.ceil(n**0.5), COLUMNS)
    return -(-n // columns), columns


def size_of(view, n) -> tuple:
    "Inches that suit `view` of `n` fits: each part of several is at least half as wide and high as the view of one"
    (width, height), (rows, columns) = view.figsize, grid_of(n) if is_apart(view) else (1, 1)
    return max(width, columns * width / 2), max(height, rows * height / 2)


def is_apart(view) -> bool: return getattr(type(view).draw, 'apart', False)


def _say_once(part, first, column, last, lowest):
    "Leave out what another part says: labels of axes, and of colours; and put the name above a title on the left"
    part.tick_params(which='both', labelsize='small')
    title, name = first.get_title(loc='left'), part.get_title()
    if title and name: # titles left and in the middle stand at one height
        part.set_title('')
        part.annotate(name, (0.5, 1), (0, 6 + LINE * (title.count('\n') + 1)), xycoords='axes fraction',
                      textcoords='offset points', ha='center', fontsize='small', parse_math=False)
    if part is not first and part.get_title(loc='left') == title and title.strip(): part.set_title('', loc='left')
    room = max(int(part.get_window_extent().height / part.figure.dpi / LETTER), 8)
    label = textwrap.fill(part.get_ylabel(), room)
    part.set_ylabel('' if column and label == first.get_ylabel() else label, fontsize='small')
    part.set_xlabel(part.get_xlabel() if lowest else '', fontsize='small')
    for bar in part.child_axes:
        bar.set_ylabel(textwrap.fill(bar.get_ylabel(), room) if last else '', fontsize='small')


def _apart(ax, parts, columns):
    "Place the `parts` so that what stands around one covers no other, whatever size `ax` takes"
    rows, dpi = -(-len(parts) // columns), ax.figure.dpi
    for _ in range(2): # smaller axes may have other ticks
        around = np.zeros((rows * columns, 4))
        around[:len(parts)] = [_around(part) for part in parts]
        around = around.reshape(rows, columns, 4) / dpi
        (left, right), (below, above) = around[..., :2].max(0).T, around[..., 2:].max(1).T
        for k, part in enumerate(parts):
            row, column = divmod(k, columns)
            part.set_axes_locator(_Place(ax, left, right, column, above, below, row))


class _Place:
    "Where a part stands in `ax`: that may change its size, and what stands around parts does not"
    def __init__(self, ax, left, right, column, above, below, row):
        self.ax, self.x, self.y = ax, (left, right, column), (above, below, row)

    def __call__(self, part, renderer):
        (x, width), (y, height) = (_share(*of, size / self.ax.figure.dpi)
                                   for of, size in zip((self.x, self.y), self.ax.bbox.size))
        box = Bbox.from_bounds(x, 1 - y - height, width, height)
        return box.transformed(self.ax.transAxes - self.ax.figure.transSubfigure)


def _share(before, after, k, inches):
    "Where the k-th of several parts in a row begins and how large it is, as shares of `inches`"
    n = len(before)
    size = max((inches - before.sum() - after.sum() - GAP * (n - 1)) / n, inches / n / 4)
    start = k * (size + GAP) + before[:k + 1].sum() + after[:k].sum()
    return start / inches, size / inches


def _around(part):
    "How far what belongs to `part` reaches beyond it, in pixels: left, right, below, above; its legend apart"
    legend = part.get_legend()
    if legend is not None: legend.set_in_layout(False)
    reach, box = part.get_tightbbox(for_layout_only=True), part.bbox
    return np.maximum([box.x0 - reach.x0, reach.x1 - box.x1, box.y0 - reach.y0, reach.y1 - box.y1], 0)
