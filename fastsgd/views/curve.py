"""`CurveView`: the loss along a line, with the point that moves on it."""

import numpy as np
import torch

from ..checks import check_whole
from ..surface.line import Line
from ..surface.with_errors import error_told
from ..trajectory.tables import entry_name
from .beside import one_for_each
from .legends import legend
from .limits import calm, padded, within
from .style import BLUE, GREY, VERMILION, literal, meaning, tidy
from .trail import loss_over
from .view import View

AROUND = (-0.25, 1.25) # of the way from the first point to the last
REACH = 0.12 # of the width, to both sides: how long the tangent is


class CurveView(View):
    """The loss of a model with one parameter, with the point that moves on it, and the tangent that its step follows

    Of a larger model: the loss along the straight line from the first point to the last, and the loss of each point at
    the nearest place of that line ([Goodfellow et al. 2015](https://arxiv.org/abs/1412.6544)), with the samples' loss
    beside it where there are some. Raises ValueError for a fit without data, model or loss function.

    >>> traj = minimize(lambda p: ((p - 2)**2).sum(), (-1.,), lr=0.1, steps=20)
    >>> ax = CurveView().plot(traj, i=3)
    """
    several = True
    def __init__(self,
        n: int = 101, # Places at which the loss is evaluated
        max_samples: int = 1000, # Of the data, a random sample where there are more
    ):
        self.n = check_whole('n', n, 3, cap=100_000, example=101)
        self.max_samples = check_whole('max_samples', max_samples, 1, example=1000)

    @one_for_each
    def draw(self, traj, ax):
        line = Line(traj, max_samples=self.max_samples)
        places, (losses, errors) = line.places(), line.losses()
        low, high = padded(places[:calm(traj)], 0.25) if line.single else AROUND
        at = torch.linspace(low, high, self.n, dtype=torch.float64)
        curve = line.at(at)
        limits = padded(torch.cat([curve, losses[:calm(traj)]]), 0.08) or (0., 1.)
        name, shape = next(iter(traj.sizes.items()))
        narrow = ax.get_window_extent().width / ax.figure.dpi < 3
        xlabel = 'from first (0) to last (1)' if narrow else 'way from the first point (0) to the last (1)'
        if line.single: xlabel = meaning(traj, entry_name(name, shape, 0))
        told = error_told(errors[-1])
        tidy(ax, xlabel=xlabel, ylabel=loss_over(line.objective, told), xlim=(low, high), ylim=limits)
        literal(ax.xaxis.label)
        if told: # two lines
            for axis in (ax.xaxis, ax.yaxis): axis.label.set_size('small')
        ax.plot(at, within(curve, limits), color=BLUE, lw=2, label='loss', zorder=2)
        if not line.single: self._samples(ax, traj, at, limits)
        tangent = ax.plot([], [], color=GREY, lw=1.6, ls='--', label='tangent', zorder=3) if line.single else []
        dot, = ax.plot([], [], 'o', ms=8, color=VERMILION, mec='white', mew=0.8, zorder=4,
                       label='the fit' if line.single else 'the fit, nearest place')
        slopes = self._slopes(line, places, high - low) if line.single else None
        legend(ax, [at], [curve], grow=True)
        x, y = within(places, (low, high)), within(losses, limits)

        def update(i):
            dot.set_data([x[i]], [y[i]])
            if slopes is not None:
                ends = x[i] + np.array([-REACH, REACH]) * (high - low)
                tangent[0].set_data(ends, y[i] + slopes[i] * (ends - x[i]))
            return [dot, *tangent]
        return update

    def _slopes(self, line, places, width):
        "By central differences: the loss is asked on both sides"
        h = width * 1e-3
        return ((line.at(places + h) - line.at(places - h)) / (2 * h)).numpy()

    def _samples(self, ax, traj, at, limits):
        "The loss of the samples, which come from the validation data where there is some"
        samples = traj.samples
        if samples is None or not samples.ys: return
        # their form may not suit the loss: the curve of the data is there anyway
        try: losses = Line(traj, (samples.xs, samples.ys)).at(at)
        except Exception: return
        ax.plot(at, within(losses, limits), color=GREY, lw=1.6, ls='-.', label=f'loss of the {samples.n} samples')
