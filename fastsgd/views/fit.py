"""`FitView`: the points of a regression with one input, and the curve that the model puts through them."""

import torch
from matplotlib.lines import Line2D

from ..checks import check_flag, check_whole
from ..trajectory.answers import is_signed
from ..trajectory.several import as_list, label_of
from .given import check_points
from .legends import legend
from .limits import padded, plain, within
from .predictions import Predictions, ask, check_activation, filled
from .style import BLUE, GREY, ORANGE, as_one_image, ink, style, tidy
from .view import View


def one_input(x: torch.Tensor) -> int | None:
    "The one column of `x` (n,) or (n, k) that varies; None if there is none or more than one"
    if not x.is_floating_point() or not len(x): return None
    if x.ndim == 1: return 0
    if x.ndim != 2: return None
    if x.shape[1] == 1: return 0
    varies = (x != x[:1]).any(0).nonzero().flatten()
    return int(varies[0]) if len(varies) == 1 else None


def column_of(t: torch.Tensor, column: int = 0) -> torch.Tensor:
    "One column of `t` (n,) or (n, k), to draw"
    t = plain(t)
    return t if t.ndim == 1 else t.flatten(1)[:, column]


MOST_RINGS = 500 # around the points of a batch


class FitView(View):
    """Points, the curve of the current step, and the first guess as a ghost, for a model with one input and one output

    The curve is what the model predicts: probabilities where the loss takes logits, rates where it takes their
    logarithm. Raises ValueError for invalid settings, and for a model or data of another kind.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> traj = learn.record_params.trajectory
    >>> animation = animate(traj, FitView(ghost=False))
    >>> ax = FitView().plot(traj, i=5)
    """
    several = True
    live_points = 2 # the first guess, and where the fit stands
    def __init__(self,
        x: torch.Tensor | None = None, # Inputs (n,), (n, 1), or (n, k) of which one column varies; None: as recorded
        y: torch.Tensor | None = None, # Targets, n of them
        n: int = 200, # Points of the curve
        ghost: bool = True, # Show the first guess?
        batch: bool = True, # Ring the points of the current step's batch?
        activation=None, # Name or function that makes outputs predictions: 'sigmoid', 'log'; None: what suits the loss
    ):
        (self.x, self.y), self.n = check_points(x, y, 'target'), check_whole('n', n, 2, cap=100_000, example=200)
        self.ghost, self.batch = check_flag('ghost', ghost), check_flag('batch', batch)
        self.activation = check_activation(activation)

    def _data(self, traj):
        if self.x is not None: x, y = torch.as_tensor(self.x), torch.as_tensor(self.y)
        elif traj.data is None:
            raise ValueError('this trajectory recorded no data: give it, as in FitView(x, y)')
        else: (x, *more), (y, *_) = filled(traj.data[0]) or traj.data[0], traj.data[1]
        if self.x is None and more:
            raise ValueError(f'the model takes {1 + len(more)} tensors, expected one: FitView is for models of one '
                             'input; LossView and ParamsView suit any model')
        column = one_input(x)
        if column is None:
            raise ValueError(f'x has shape {tuple(x.shape)}, expected (n,), (n, 1), or (n, k) with one column that '
                             'varies: FitView is for models of one input; LossView and ParamsView suit any model')
        return x, y, column

    def draw(self, traj, ax):
        trajs = as_list(traj)
        x, y, column = self._data(trajs[0])
        curves = [Curve(t, ((x,), (y,)), self.activation) for t in trajs]
        inputs, y = column_of(x, column), column_of(y)
        grid = torch.linspace(*padded(inputs), self.n, dtype=x.dtype)
        rows = grid if x.ndim == 1 else x[:1].repeat(self.n, 1)
        if x.ndim == 2: rows[:, column] = grid
        at = column_of(grid).numpy()
        guess = curves[0](0, rows)
        limits = padded(torch.cat([y.double(), guess]), 0.1) or (-1., 1.)
        tidy(ax, xlabel='x', ylabel='y', xlim=(at[0], at[-1]), ylim=limits)

        many = as_one_image(ax, len(y))
        look = {'s': 4, 'alpha': 0.3, 'rasterized': True} if many else {'s': 18, 'alpha': 0.8}
        ax.scatter(inputs, y, color=ORANGE, edgecolors='none', label='data', zorder=2, **look)
        if self.ghost: ax.plot(at, within(guess, limits), '--', color=GREY, lw=1.5, label='first guess', zorder=2.2)
        lines = [self._line(ax, t, k, len(trajs)) for k, t in enumerate(trajs)]
        ring = self._ring(ax, trajs[0]) if self.batch and len(trajs) == 1 and trajs[0].batches else None
        ends = [within(curve(i, rows), limits) for curve in curves for i in (0, -1)]
        legend(ax, [inputs, *[at] * len(ends)], [y, *ends], grow=len(trajs) == 1)

        def update(i):
            # the model is asked here, frame by frame: a still picture of a long fit needs one of its points
            for line, curve in zip(lines, curves): line.set_data(at, within(curve(i, rows), limits))
            if ring is not None: ring.set_data(*self._batch(trajs[0], i, column))
            return [*lines, *([] if ring is None else [ring])]
        return update

    def _line(self, ax, traj, k, total):
        if total == 1: return ax.plot([], [], lw=2.2, color=BLUE, label='model', zorder=3)[0]
        return ax.plot([], [], lw=2, ms=5, **style(k), markevery=(7 * k % self.n, max(self.n // 5, 1)), zorder=3,
                       label=label_of(traj, k))[0]

    def _ring(self, ax, traj):
        size = max(len(ys[0]) for _, ys in traj.batches.values())
        label = 'batch' if size <= MOST_RINGS else f'batch ({MOST_RINGS} of {size:,})'
        return ax.add_line(Line2D([], [], ls='none', marker='o', ms=6.5, mfc='none', mec=ink(), mew=1, label=label,
                                  zorder=2.4))

    def _batch(self, traj, i, column):
        batch = traj.batches.get(int(traj.steps[i]))
        if batch is None: return [], []
        (x, *_), (y, *_) = filled(batch[0]), batch[1]
        every = -(-len(y) // MOST_RINGS)
        return column_of(x, column)[::every], column_of(y)[::every]


class Curve(Predictions):
    "What a model predicts for rows of inputs, one number each, in the terms of the targets"
    def __init__(self, traj, data, activation):
        x, = filled(data[0])
        out = plain(ask(traj, 0, x[:2]))
        if out.numel() != len(x[:2]):
            raise ValueError(f'the model answers {len(out)} inputs with shape {tuple(out.shape)}, expected one number '
                             'each: FitView is for models of one output; LossView and ParamsView suit any model')
        super().__init__(traj, data, activation)
        self.signed = self.name == 'sigmoid' and activation is None and is_signed(data[1][0])

    def __call__(self, i, rows):
        p = super().__call__(i, rows).flatten()
        return 2 * p - 1 if self.signed else p # between labels -1 and 1
