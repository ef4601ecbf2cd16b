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


def padded(values, pad=0.05) -> tuple | None:
    "Axis limits around the finite `values`, with a margin and never empty; None if there is nothing finite"
    values = torch.as_tensor(values, dtype=torch.float64).flatten()
    values = values[values.isfinite() & (values.abs() < 1e100)]
    if not len(values): return None
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * pad or max(abs(low), 1.) * pad
    return low - margin, high + margin


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
        first = as_list(traj)[0]
        i = first._index(i)
        if ax is None:
            import matplotlib.pyplot as plt
            ax = plt.gca() if self.projection is None else plt.gcf().add_subplot(projection=self.projection)
        self.draw(traj, ax)(i)
        return ax

    def __repr__(self):
        settings = ', '.join(f'{k}={v!r}' for k, v in vars(self).items() if v is not None and not k.startswith('_'))
        return f'{type(self).__name__}({settings})'
