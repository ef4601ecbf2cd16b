"""`ActivationsView`: what the layers of a model answer along the fit, the «colourful dimension» with signs and axes."""

import numpy as np
import torch
from matplotlib.colors import LogNorm

from ..checks import check_names, check_type, check_whole
from ..trajectory.activations import ask_modules, modules_of
from ..trajectory.samples import Samples
from ..trajectory.spread import evenly
from ..trajectory.tables import several
from .asked import given_samples
from .beside import one_for_each
from .budget import points_within
from .cells import SIZE, shorten
from .curtain import curtain
from .histogram import tell_steps, time_edges
from .limits import calm, count_in_whole_steps, finite
from .style import GREY, VERMILION
from .view import View

SECONDS = 10 # of counted work, for asking at more than `FEW` points
FEW, MANY = 12, 100 # points that are asked at the least and at the most
OUTSIDE = 1e-3 # share of the answers that lie beyond the range of a band, at each end
TICKS, NOTED, FOOT, HEAD = 0.36, 1.25, 0.5, 0.22 # inches for what stands left and right of the bands, below, above


class ActivationsView(View):
    """What each layer answers to the samples along the fit: a histogram at each step, signed, on one range per layer

    Beside each band stand the mean, the spread (standard deviation) and the share of dead units at the present point:
    of a layer whose answers go into a ReLU, those that no sample gets through. The recorded models are asked after the
    fit, in evaluation mode. Raises ValueError for a setting that does not fit, and when drawn for a fit without model
    or samples; TypeError for anything but `Samples`.

    >>> import torch
    >>> from fastai.basics import CrossEntropyLossFlat, Learner
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> learn = Learner(moons_dls(seed=0), model, CrossEntropyLossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(5, 0.1)
    >>> ax = ActivationsView().plot(learn.record_params.trajectory)
    >>> ax = ActivationsView(names=['1']).plot(learn.record_params.trajectory)
    """
    several = page = True
    figsize, live_points = (6.4, 4.6), 6
    def __init__(self,
        names: tuple | None = None, # Modules by name, as in `model.named_modules()`; None: those with parameters
        most: int = 6, # Bands at the most, evenly spread over the model
        bins: int = 40, # Of each histogram
        points: int | None = None, # Points at which the model is asked, at the most; None: as counted work allows
        samples: Samples | None = None, # What the model is asked; None: what the trajectory carries
    ):
        self.names = check_names('names', names, 'names of modules, as in model.named_modules(), or None')
        self.most = check_whole('most', most, 1, example=6)
        self.bins = check_whole('bins', bins, 2, cap=10_000, example=40)
        self.points = None if points is None else check_whole('points', points, 1, example=50)
        wanted = 'Samples, or None for those that were recorded'
        self.samples = None if samples is None else check_type('samples', samples, Samples, wanted)

    @one_for_each
    def draw(self, traj, ax):
        answers, told = self._asked(traj)
        asked, n = traj.take(answers.points), len(answers.names)
        width, height = ax.get_window_extent().size / ax.figure.dpi
        noted, high = min(NOTED, 0.42 * width), (1 - (FOOT + HEAD) / height) / n
        ax.set_axis_off()
        parts = [ax.inset_axes([TICKS / width, FOOT / height + k * high, 1 - (TICKS + noted) / width, 0.92 * high])
                 for k in reversed(range(n))]
        shows = [self._band(part, answers, k, asked, noted - 0.1) for k, part in enumerate(parts)]
        look = {'transform': ax.transAxes, 'fontsize': SIZE, 'color': GREY, 'va': 'top'}
        ax.text(0, 1, shorten(told, width - noted), **look)
        ax.text(1 - (noted - 0.08) / width, 1, 'mean ± spread', **look)
        for part in parts[:-1]: part.tick_params(labelbottom=False)
        parts[-1].set_xlabel('step', fontsize=SIZE)
        count_in_whole_steps(parts[-1])
        place = [1 - (noted - 0.12) / width, (FOOT - 0.14) / height, (noted - 0.24) / width, 0.08 / height]
        bar = ax.figure.colorbar(parts[0].collections[0], cax=ax.inset_axes(place), orientation='horizontal')
        bar.set_label('share of the answers', fontsize=SIZE, labelpad=1)
        bar.set_ticks([1e-3, 3e-2, 1], labels=['0.1%', '3%', '100%'])
        bar.ax.minorticks_off()
        bar.ax.tick_params(labelsize=SIZE - 1, pad=1)
        bar.outline.set_visible(False)

        def update(i):
            k = max(int(torch.searchsorted(answers.points, traj.index(i), right=True)) - 1, 0)
            return [artist for show in shows for artist in show(k)]
        return update

    def _asked(self, traj):
        "What the modules answer, and what to say of it above"
        names = modules_of(traj, self.names)
        if not names: raise ValueError('no module of the model has parameters of its own: give names of modules')
        samples, total = given_samples(traj, self.samples), len(names)
        if self.names is None and total > self.most:
            names = [names[k] for k in evenly(0, total - 1, self.most).tolist()]
        most = self.points or points_within(traj, samples, SECONDS, FEW, MANY)
        points = evenly(0, len(traj) - 1, most)
        layers = f', {len(names)} of {total} layers' if len(names) < total else ''
        return ask_modules(traj, samples.xs, names, points), f'answers to {several(samples.n, "sample")}{layers}'

    def _band(self, ax, answers, k, asked, room):
        "One layer: histograms side by side, and what is said of it on the right; returns `show(column)`"
        edges, values = time_edges(asked), answers.values[k]
        limits = _range(values[:calm(asked)])
        rows = np.linspace(*limits, self.bins + 1)
        shares = np.stack([np.histogram(finite(v).numpy(), rows)[0] / max(len(v), 1) for v in values], 1)
        # empty bins stay white
        ax.pcolormesh(edges, rows, np.ma.masked_less_equal(shares, 0), norm=LogNorm(1e-3, 1), cmap='viridis',
                      rasterized=True, zorder=1)
        if limits[0] < 0 < limits[1]: ax.axhline(0, color=GREY, lw=0.8, ls=':', zorder=2)
        ax.set(xlim=(edges[0], edges[-1]), ylim=limits)
        if ax.get_window_extent().height > 0.6 * ax.figure.dpi: ax.locator_params(axis='y', nbins=3)
        else: ax.set_yticks([0]) # others would touch those of the next band
        ax.tick_params(labelsize=SIZE)
        ax.spines[['top', 'right']].set_visible(False)
        tell_steps(ax, edges, asked.shown)
        draw_to = curtain(ax)
        look = {'transform': ax.transAxes, 'va': 'top', 'fontsize': SIZE, 'parse_math': False, 'linespacing': 1.05}
        side = 1 + 0.08 / (ax.get_window_extent().width / ax.figure.dpi)
        ax.text(side, 1, shorten(f'{answers.names[k]} {answers.kinds[k]}'.strip(), room), weight='bold', **look)
        stated, dead = ax.text(side, 0.7, '', **look), ax.text(side, 0.4, '', **look)

        def show(column):
            share = float(answers.dead[column, k])
            stated.set_text(f'{answers.mean[column, k]:.2g} ± {answers.std[column, k]:.2g}')
            dead.set_text('' if share != share else f'{share:.0%} dead')
            dead.set_color(VERMILION if share >= 0.5 else GREY)
            return [*draw_to(edges[column + 1]), stated, dead]
        return show


def _range(values):
    "Limits that hold nearly all of `values`, and zero"
    known = finite(values)
    if not len(known): return -1., 1.
    low, high = (float(v) for v in np.quantile(known.numpy(), (OUTSIDE, 1 - OUTSIDE)))
    low, high = min(low, 0.), max(high, 0.)
    pad = 0.04 * (high - low) or 1.
    return low - pad, high + pad
