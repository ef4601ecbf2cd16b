"""Several fits in one picture, by a view that takes one: each in its own colour and marker."""

from ..trajectory.several import label_of
from .legends import entries_of, legend
from .style import shortened, style


def draw_each(draw, trajs: list, ax):
    "Call `draw(traj) -> update` for each trajectory, with a line style of its own; returns one `update` for all"
    updates = []
    for k, t in enumerate(trajs):
        before, known = set(ax.lines), set(entries_of(ax))
        ax.set_prop_cycle(**{key: [value] for key, value in style(k).items()}, markevery=[max(len(t) // 8, 1)])
        updates.append(draw(t))
        new = [line for line in ax.lines if line not in before]
        named = [artist for artist in entries_of(ax) if artist not in known]
        for artist in named: artist.set_label(f'{shortened(label_of(t, k), 24)}: {artist.get_label()}')
        if new and not set(new) & set(named): new[0].set_label(label_of(t, k))
    if entries_of(ax):
        for update in updates: update(len(trajs[0]) - 1)
        legend(ax, [line.get_xdata() for line in ax.lines], [line.get_ydata() for line in ax.lines], grow=False)
    return lambda i: [artist for update in updates for artist in update(i)]
