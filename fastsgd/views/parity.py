"""`ParityView`: what a regression predicts against what is true."""

import numpy as np
import torch
from matplotlib.patches import Polygon

from ..trajectory.several import as_list, name_of
from .asked import Asked, given_samples, unfit
from .cells import CHAR, SIZE
from .given import check_labels_of, check_samples
from .legends import AROUND, legend
from .limits import padded
from .style import BLUE, GREY, MOST_MOVING, shortened, style, tidy
from .view import View

OUTPUTS = 6 # of a model at the most
DOTS = 2000 # of an output at the most: evenly picked of more, while the error is that of all
LETTERS = 60 # of the title at the most, with the errors of several outputs or fits


class ParityView(View):
    """True against predicted values of a regression: on the line where both are equal, in the band of the usual error

    The band's half width is the root mean squared error (RMSE); several outputs or fits differ by colour and marker.
    Raises ValueError for a setting that does not fit, and when drawn for targets other than numbers.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> ax = ParityView().plot(learn.record_params.trajectory)
    """
    several = True
    live_points = 2
    def __init__(self,
        data=None, # `Samples`, or `(x, y)`: a larger sample of the validation data; None: the samples recorded
        names: tuple | None = None, # What the outputs are called; None: their numbers
    ):
        self.data, self.names = check_samples(data), check_labels_of('names', names)

    def _samples(self, traj):
        samples = given_samples(traj, self.data)
        if samples.target_kind != 'value':
            raise ValueError(f'the targets are of kind {samples.target_kind!r}: ParityView is for numbers; '
                             'ConfusionView is for classes, SamplesView for all kinds')
        return samples

    def draw(self, traj, ax):
        trajs = as_list(traj)
        asked = [Asked(t, self._samples(t)) for t in trajs]
        for a in asked:
            if odd := unfit(a): raise ValueError(f'{odd}: ParityView needs the same number of each')
        trues = [torch.tensor(a.samples.targets, dtype=torch.float64).reshape(a.samples.n, -1) for a in asked]
        outputs = min(trues[0].shape[1], OUTPUTS)
        ends = [self._says(a, y, -1) for a, y in zip(asked, trues)]
        limits = padded(torch.cat([t[:, :outputs].flatten() for t in (*trues, *ends)]), 0.08) or (0., 1.)
        tidy(ax, xlabel='true', ylabel='predicted', xlim=limits, ylim=limits)
        ax.plot(limits, limits, color=GREY, lw=1, zorder=1.5)
        series = [(a, y, j, k) for k, (a, y) in enumerate(zip(asked, trues)) for j in range(outputs)]
        names = [self._name(trajs, j, k, outputs) for *_, j, k in series]
        some = [slice(None, None, -(-len(y) // DOTS)) for y in trues]
        dots = [self._dots(ax, n, len(series), y[some[k], j], names[n]) for n, (_, y, j, k) in enumerate(series)]
        band = Polygon(np.zeros((4, 2)), color=BLUE, alpha=0.12, lw=0, zorder=1) if len(series) == 1 else None
        if band is not None: ax.add_patch(band)
        title = ax.set_title('', loc='left', fontsize=SIZE, parse_math=False)
        if len(series) > 1:
            legend(ax, [d.get_xdata() for d in dots], [ends[k][some[k], j] for *_, j, k in series], dots)
        low, high = ax.get_ylim()
        letters = min(LETTERS, int((ax.get_window_extent().width / ax.figure.dpi - AROUND[0]) / CHAR))

        def update(i):
            errors = []
            for (a, y, j, k), dot in zip(series, dots):
                says = self._says(a, y, i)[:, j].numpy()
                dot.set_ydata(np.clip(says[some[k]], low, high)) # at the edge what lies beyond it
                off = (says - y[:, j].numpy())[np.isfinite(says)]
                rmse = float(np.sqrt(np.mean(off**2))) if len(off) else np.nan
                errors.append((rmse, int(((says < low) | (says > high)).sum())))
            if band is not None: band.set_xy(_band(limits, errors[0][0]))
            title.set_text(_told(errors, names, trues[0], len(trues[0][some[0]]), letters))
            return [*dots, title, *([] if band is None else [band])]
        return update

    def _says(self, asked, true, i):
        out = asked(i).double().reshape(true.shape)
        return torch.where(out.isfinite(), out, torch.nan)

    def _name(self, trajs, j, k, outputs):
        output = '' if outputs == 1 else self.names[j] if self.names and j < len(self.names) else f'output {j}'
        return ', '.join(filter(None, [str(output), name_of(trajs[k], k) if len(trajs) > 1 else '']))

    def _dots(self, ax, n, total, true, name):
        look = {'color': BLUE, 'marker': 'o'} if total == 1 else style(n)
        look.pop('linestyle', None)
        return ax.plot(true, np.full(len(true), np.nan), ls='none', ms=5, mec='white', mew=0.5, alpha=0.8, zorder=3,
                       clip_on=False, rasterized=len(true) > MOST_MOVING, label=name or '_', **look)[0]


def _told(errors, names, true, drawn, letters):
    "How large the errors of all items are, and how many of these are `drawn`, in about so many `letters`"
    some = f'; {drawn:,} of {len(true):,} drawn' if drawn < len(true) else ''
    if len(errors) == 1:
        (rmse, beyond), spread = errors[0], float(true.std(correction=0))
        share = f', R² {1 - (rmse / spread)**2:.2f}' if spread > 0 and rmse < 10 * spread else ''
        return f'RMSE {rmse:.3g}{share}' + (f'; {beyond:,} beyond the plot' if beyond else '') + some
    said = [f'{rmse:.3g}' for rmse, _ in errors]
    most = (letters - sum(len(s) + 3 for s in said)) // len(said) # of each name
    if most >= 4: return 'RMSE ' + ', '.join(f'{shortened(n, most)} {s}' for n, s in zip(names, said)) + some
    known = [rmse for rmse, _ in errors if rmse == rmse] or [np.nan]
    return f'RMSE {min(known):.3g} to {max(known):.3g}{some}'


def _band(limits, half):
    half = min(half, 10 * (limits[1] - limits[0])) if half == half else 0.
    (a, b) = limits
    return np.array([(a, a - half), (b, b - half), (b, b + half), (a, a + half)])
