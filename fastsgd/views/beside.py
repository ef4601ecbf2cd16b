"""Views that show one fit at a time: of several, each gets a part of the panel."""

import functools
import math

from ..trajectory.several import as_list, name_of
from .style import shortened

WIDE = 0.11 # inches of a wide small letter, and what a layout takes off the panel


def one_for_each(draw):
    "A method `draw(self, traj, ax)` of one trajectory, made to take several: side by side in `ax`, each under its name"
    @functools.wraps(draw)
    def draw_all(self, traj, ax):
        trajs = as_list(traj)
        if len(trajs) == 1: return draw(self, trajs[0], ax)
        columns = math.ceil(len(trajs)**0.5)
        rows = -(-len(trajs) // columns)
        ax.set_axis_off()
        inches = ax.get_window_extent().width / ax.figure.dpi
        updates = []
        for k, t in enumerate(trajs):
            row, column = divmod(k, columns)
            part = ax.inset_axes([(column + 0.06) / columns, 1 - (row + 0.92) / rows, 0.88 / columns, 0.8 / rows])
            part.set_title(shortened(name_of(t, k), max(int(inches / columns / WIDE), 6)), fontsize='small',
                           parse_math=False)
            updates.append(draw(self, t, part))
            if column and part.get_ylabel() == ax.child_axes[0].get_ylabel(): part.set_ylabel('') # said on the left
            if row < rows - 1 and k + columns < len(trajs): part.set_xlabel('')
        return lambda i: [artist for update in updates for artist in update(i)]
    return draw_all
