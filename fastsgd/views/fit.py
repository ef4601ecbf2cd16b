"""`FitView`: the points of a regression with one input, and the curve that the model puts through them."""

import torch
from matplotlib.lines import Line2D

from .base import BLUE, GREY, ORANGE, View, as_list, name_of, padded, style


def one_input(x: torch.Tensor) -> int | None:
    "The one column of `x` (n,) or (n, k) that varies; None if there is none or more than one"
    if x.ndim == 1: return 0
    if x.ndim != 2 or not x.is_floating_point(): return None
    varies = (x != x[:1]).any(0).nonzero().flatten()
    return int(varies[0]) if len(varies) == 1 else None


class FitView(View):
    "Points, the curve of the current step, and the first guess as a ghost, for a model with one input and one output"
    several = True
    live_points = 2 # the first guess, and where the fit stands
    def __init__(self,
        x: torch.Tensor | None = None, # Inputs (n,), (n, 1), or (n, k) of which one column varies; None: as recorded
        y: torch.Tensor | None = None, # Targets, n of them
        n: int = 200, # Points of the curve
        ghost: bool = True, # Show the first guess?
        batch: bool = True, # Ring the points of the current step's batch?
    ):
        if (x is None) != (y is None): raise ValueError('x and y go together: expected both or none of them')
        if x is not None and len(x) != len(y):
            raise ValueError(f'x has {len(x)} rows and y {len(y)}: expected one target per row')
        self.x, self.y, self.n, self.ghost, self.batch = x, y, n, ghost, batch

    def _data(self, traj):
        if self.x is not None: x, y = torch.as_tensor(self.x), torch.as_tensor(self.y)
        elif traj.data is None:
            raise ValueError('this trajectory recorded no data: give it, as in FitView(x, y)')
        else: (x, *_), (y, *_) = traj.data
        column = one_input(x)
        if column is None:
            raise ValueError(f'x has shape {tuple(x.shape)}, expected (n,), (n, 1), or (n, k) with one column that varies: '
                             'this view is for models of one input; LossView and ParamsView suit any')
        return x, y.flatten(1)[:, 0] if y.ndim > 1 else y, column

    def draw(self, traj, ax):
        trajs = as_list(traj)
        x, y, column = self._data(trajs[0])
        inputs = x if x.ndim == 1 else x[:, column]
        low, high = padded(inputs)
        grid = torch.linspace(low, high, self.n, dtype=x.dtype)
        rows = grid if x.ndim == 1 else x[:1].repeat(self.n, 1)
        if x.ndim == 2: rows[:, column] = grid
        curves = [t.predict(slice(None), rows).reshape(len(t), self.n, -1)[..., 0].float().numpy() for t in trajs]
        limits = padded(torch.cat([y.double(), torch.as_tensor(curves[0][0]).double()]), 0.1)
        ax.scatter(inputs, y, s=18, color=ORANGE, edgecolors='none', alpha=0.8, label='data', zorder=2)
        if self.ghost: ax.plot(grid, curves[0][0], '--', color=GREY, lw=1.5, label='first guess', zorder=1.8)
        lines = []
        for k, t in enumerate(trajs):
            look = {'color': BLUE} if len(trajs) == 1 else {**style(k), 'markevery': (7 * k, self.n // 5)}
            lines += ax.plot(grid, curves[k][0], lw=2, label='model' if len(trajs) == 1 else name_of(t, k), zorder=3, **look)
        artists = [*lines]
        ring = None
        if self.batch and len(trajs) == 1 and trajs[0].batches:
            ring = Line2D([], [], ls='none', marker='o', ms=7, mfc='none', mec='black', mew=1.2, label='batch', zorder=4)
            artists.append(ax.add_line(ring))
        ax.set(xlim=(low, high), xlabel='x', ylabel='y')
        if limits: ax.set_ylim(limits)
        ax.legend(loc='best', fontsize='small')

        def update(i):
            for line, curve in zip(lines, curves): line.set_ydata(curve[i])
            if ring is not None:
                (bx, *_), (by, *_) = trajs[0].batches.get(int(trajs[0].steps[i]), ((x[:0],), (y[:0],)))
                ring.set_data(bx if bx.ndim == 1 else bx[:, column], by.flatten(1)[:, 0] if by.ndim > 1 else by)
            return artists
        return update
