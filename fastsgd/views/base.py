"""`View`, and what all views share: colours that a colour-blind reader tells apart, markers, robust axis limits."""

import torch

# Okabe and Ito, "Color Universal Design", 2008: black is left to text and axes
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    '#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#F0E442')
GREY = '#767676'
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ('o', 's', '^', 'D', 'v', 'P')
LINESTYLES = ('-', '--', '-.', ':')


def style(k: int) -> dict:
    "Colour, marker and line style of the k-th of several things, so that no two of the first 24 look alike"
    return {'color': COLORS[k % len(COLORS)], 'marker': MARKERS[k % len(MARKERS)],
            'linestyle': LINESTYLES[k // len(COLORS) % len(LINESTYLES)]}


def as_list(traj) -> list:
    "One trajectory or several, as a list"
    return list(traj) if isinstance(traj, (list, tuple)) else [traj]


def name_of(traj, k: int) -> str:
    "What to call the k-th of several trajectories"
    return traj.label or f'fit {k + 1}'


def in_step(trajs: list, max_frames: int | None = None) -> list:
    """The trajectories with the same steps at the same points, at most `max_frames` of them; a shorter one waits at its end.

    Fits of different length share the points out, so that a short one is not over at once: time runs faster after it.
    """
    if max_frames is None: max_frames = max(sum(len(t) for t in trajs), 2)
    if len(trajs) == 1: return [trajs[0].thin(max_frames)]
    lengths = {int(t.steps[-1]): t for t in sorted(trajs, key=len)}
    steps = lengths[max(lengths)].thin(max_frames).steps
    if len(lengths) > 1:
        parts, left = [], max_frames
        for k, length in enumerate(sorted(lengths)): # what a short one leaves goes to the longer ones
            parts.append(lengths[length].thin(max(left // (len(lengths) - k), 2)).steps)
            left -= len(parts[-1])
        steps = torch.cat(parts).unique()
        if len(steps) > max_frames: steps = steps[torch.linspace(0, len(steps) - 1, max_frames).round().long()]
    return [t.at(steps) for t in trajs]


def padded(values, pad=0.05) -> tuple | None:
    "Axis limits around the finite `values`, with a margin and never empty; None if there is nothing finite"
    values = torch.as_tensor(values, dtype=torch.float64).flatten()
    values = values[values.isfinite() & (values.abs() < 1e100)]
    if not len(values): return None
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * pad or max(abs(low), 1.) * pad
    return low - margin, high + margin


def draw_view(view, trajs: list, ax):
    "`view.draw` for trajectories in step; a view that takes one is drawn for each, in that fit's colour and marker"
    if len(trajs) == 1: return view.draw(trajs[0], ax)
    if getattr(view, 'several', False): return view.draw(trajs, ax)
    updates = []
    for k, t in enumerate(trajs):
        before = set(ax.lines)
        ax.set_prop_cycle(**{key: [value] for key, value in style(k).items()}, markevery=[max(len(t) // 8, 1)])
        updates.append(view.draw(t, ax))
        first = next((line for line in ax.lines if line not in before), None)
        if first is not None and first.get_label().startswith('_'): first.set_label(name_of(t, k))
    if ax.get_legend_handles_labels()[1]: ax.legend(loc='best', fontsize='small')
    return lambda i: [artist for update in updates for artist in update(i)]


class View:
    """A way to look at a Trajectory. A view holds its settings only: one view may be drawn in many figures.

    A view of your own overrides `draw`; set `several = True` if it takes a list of trajectories too.
    """
    several = False # does `draw` take a list of trajectories?
    figsize = (5., 4.) # inches that suit this view
    projection = None # of the axes, as in matplotlib
    live_points = 100 # points that a picture of a fit under way is drawn from; 0: too dear, left out of it

    def draw(self,
        traj, # A `Trajectory`
        ax, # Axes to draw on
    ): # `update(i) -> artists`: shows point `i` of `traj`, in any order, and returns the artists that it changed
        "Draw what stays the same and return the function that draws the rest"
        raise NotImplementedError(f'{type(self).__name__} needs a method draw(traj, ax) that returns update(i)')

    def plot(self,
        traj, # A `Trajectory`, or several where the view allows it
        ax=None, # Axes to draw on; None: pyplot's current ones, as in matplotlib
        i: int = -1, # The point to show
    ):
        "The still picture of point `i`; returns the axes. Raises IndexError for a point that does not exist."
        trajs = in_step(as_list(traj))
        i = trajs[0]._index(i)
        if ax is None:
            import matplotlib.pyplot as plt
            ax = plt.gca() if self.projection is None else plt.gcf().add_subplot(projection=self.projection)
        draw_view(self, trajs, ax)(i)
        return ax

    def __repr__(self):
        settings = ', '.join(f'{k}={v!r}' for k, v in vars(self).items() if v is not None and not k.startswith('_'))
        return f'{type(self).__name__}({settings})'
