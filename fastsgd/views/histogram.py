"""`HistogramView`: how the parameters of each layer, or their changes, are spread over time."""

import numpy as np
import torch
from matplotlib.colors import LogNorm

from ..checks import check_in_list, check_names, check_whole
from ..trajectory.several import as_list, check_shared, name_of
from .curtain import curtain
from .given import shown_parameters
from .limits import calm, count_in_whole_steps, finite, refuse_complex, step_limits
from .style import color_bar, literal, shortened
from .view import View

MOST_ENTRIES = 10_000 # of a tensor, evenly picked: more change no histogram that an eye can see
KINDS = {'values': 'values', 'updates': 'changes per step'}


class HistogramView(View):
    """A histogram at each step, side by side, for the parameters of each layer or for what a step changed in them.

    Each layer has a band of its own, with its range on the left. With plain SGD the changes are the gradients times
    minus the learning rate. Raises ValueError or TypeError for invalid settings.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> ax = HistogramView('updates').plot(learn.record_params.trajectory)
    """
    several = True
    figsize = (6., 4.)
    def __init__(self,
        of: str = 'values', # 'values' of the parameters, or 'updates': their change per step since the point before
        names: tuple | None = None, # Parameters to show by name; None: the largest, in the order of the model
        most: int = 6, # Bands at the most, where `names` is None
        bins: int = 40, # Of each histogram; fewer where there are few parameters
    ):
        self.of = check_in_list('of', of, KINDS)
        self.names = check_names('names', names, 'names of parameters, or None')
        self.most = check_whole('most', most, 1, example=6)
        self.bins = check_whole('bins', bins, 1, cap=10_000, example=40)

    def draw(self, traj, ax):
        trajs = as_list(traj)
        names = shown_parameters(trajs[0], self.names, max(self.most // len(trajs), 1))
        check_shared(trajs, names, shapes=False)
        bands = [(k, t, name) for name in names for k, t in enumerate(trajs)]
        longest = max(trajs, key=lambda t: t.n_steps) # each has its own times, and ends where it ended
        edges = time_edges(longest)
        shares, ticks, rows = [], [], []
        for k, t, name in bands:
            share, limits = self._histogram(t, name)
            shares.append(np.ma.masked_less_equal(share, 0)) # empty bins stay white
            label = shortened(name if len(trajs) == 1 else f'{name}, {name_of(t, k)}', 30)
            ticks.append(f'{label}\n{limits[0]:.2g} to {limits[1]:.2g}')
            rows.append((label, np.linspace(*limits, len(share) + 1)))
        norm = LogNorm(1e-3, 1)
        for j, (share, (_, t, _)) in enumerate(zip(reversed(shares), reversed(bands))): # from the top down
            heights = np.linspace(j + 0.04, j + 0.96, len(share) + 1)
            mesh = ax.pcolormesh(time_edges(t), heights, share, norm=norm, cmap='viridis', rasterized=True, zorder=1)
        ax.set(xlabel='step', xlim=step_limits(trajs), ylim=(0, len(bands)))
        count_in_whole_steps(ax)
        ax.set_yticks(np.arange(len(bands))[::-1] + 0.5, ticks, fontsize='x-small')
        literal(*ax.get_yticklabels())
        ax.tick_params(axis='y', length=0)
        ax.spines[['top', 'right', 'left']].set_visible(False)
        some = any(trajs[0].sizes[name].numel() > MOST_ENTRIES for name in names)
        what = f', at most {MOST_ENTRIES:,} entries each' if some else ' of the parameters'
        ax.set_title(f'{KINDS[self.of]}{what}', loc='left', fontsize='small')
        color_bar(ax, mesh, 'share of the entries')
        tell_steps(ax, edges, longest.shown)
        ax.fmt_ydata = lambda height: _bin(rows[::-1], height)
        draw_to = curtain(ax) # one small patch changes from frame to frame, and not the picture
        return lambda i: draw_to(edges[range(len(edges) - 1)[i] + 1])

    def _histogram(self, traj, name):
        "`(bins, points)` shares of the entries, and the limits of the bins"
        every = -(-traj.sizes[name].numel() // MOST_ENTRIES)
        refuse_complex(traj, name)
        # point by point: a whole column may be larger than memory
        values = torch.stack([traj.params.row(name, i).reshape(-1)[::every].double() for i in range(len(traj))])
        if self.of == 'updates':
            before = (torch.searchsorted(traj.steps, traj.steps) - 1).clamp(min=0) # a point may stand in several places
            gaps = (traj.steps - traj.steps[before]).clamp(min=1)
            values = (values - values[before]) / gaps[:, None]
        known, bins = finite(values[:calm(traj)]), min(self.bins, max(int(3 * values.shape[1]**0.5), 5))
        low, high = (float(known.min()), float(known.max())) if len(known) else (-1., 1.)
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-30):
            low, high = low - (abs(low) or 1), high + (abs(high) or 1)
        place = ((values - low) / (high - low) * bins).nan_to_num(-1, bins + 1, -1)
        place = torch.where(place == bins, bins - 1, place.floor().clamp(-1, bins)).long()
        counts = torch.zeros(len(values), bins + 2, dtype=torch.float64) # one more on each side, for what is outside
        counts.scatter_add_(1, place + 1, torch.ones_like(values))
        return (counts[:, 1:-1] / values.shape[1]).T.numpy(), (low, high)


def _bin(rows, height) -> str:
    "Which of the `rows`, a label and the edges of its bins each, is drawn at a height, and which bin of it"
    label, ends = rows[int(np.clip(height, 0, len(rows) - 1))]
    k = int(np.clip((height % 1 - 0.04) / 0.92 * (len(ends) - 1), 0, len(ends) - 2))
    return f'{label}, {ends[k]:.3g} to {ends[k + 1]:.3g}'


def tell_steps(ax, edges, steps):
    "Let what tells a place on `ax` tell the step of its column: that of point k lies between edges k and k + 1"
    def step_at(x): return f'{int(steps[int(np.clip(np.searchsorted(edges, x) - 1, 0, len(steps) - 1))])}'
    ax.fmt_xdata = step_at


def time_edges(traj) -> np.ndarray:
    "Where the column of each point ends: half-way between the steps; points at one step share it"
    steps = traj.shown.double().numpy()
    middle = (steps[1:] + steps[:-1]) / 2
    last = steps[-1] + (steps[-1] - steps[-2]) / 2 if len(steps) > 1 and steps[-1] > steps[-2] else steps[-1] + 0.5
    first = steps[0] - (steps[1] - steps[0]) / 2 if len(steps) > 1 else steps[0] - 0.5
    return np.concatenate([[first], middle, [last]])
