"""Several fits in one picture, by a view that takes one: each in its own colour and marker."""

from ..trajectory.several import label_of
from .style import legend, style


def draw_each(draw, trajs: list, ax):
    "Call `draw(traj) -> update` for each trajectory, with a line style of its own; returns one `update` for all"
    updates = []
    for k, t in enumerate(trajs):
        before = set(ax.lines)
        ax.set_prop_cycle(**{key: [value] for key, value in style(k).items()}, markevery=[max(len(t) // 8, 1)])
        updates.append(draw(t))
        first = next((line for line in ax.lines if line not in before), None)
        if first is not None and first.get_label().startswith('_'): first.set_label(label_of(t, k))
    if ax.get_legend_handles_labels()[1]:
        for update in updates: update(len(trajs[0]) - 1)
        legend(ax, [line.get_xdata() for line in ax.lines], [line.get_ydata() for line in ax.lines])
    return lambda i: [artist for update in updates for artist in update(i)]
