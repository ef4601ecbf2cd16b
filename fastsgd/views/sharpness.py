"""`SharpnessView`: is the learning rate small enough for how curved the loss is?"""

import numpy as np
import torch
from matplotlib.ticker import LogLocator, NullFormatter

from ..checks import check_whole
from ..surface import sharpness
from .beside import one_for_each
from .legends import legend
from .limits import finite, step_limits
from .marks import mark_steps
from .style import BLUE, VERMILION, tidy
from .view import View


class SharpnessView(View):
    """The sharpness along a fit, the largest curvature of the loss, against what its learning rate bears.

    Full-batch gradient descent is stable below 2 / learning rate, with momentum below 2 (1 + momentum) / learning rate;
    above, in the hatched part, each step overshoots further than the last, and the fit diverges or is thrown to where
    the loss is less curved (Cohen et al. 2021, arXiv 2103.00065). For Adam and its kin, which scale each parameter, no
    such line is drawn. Asks the recorded models after the fit, which takes a while. Raises what `sharpness` raises.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> ax = SharpnessView(n=5).plot(learn.record_params.trajectory)
    """
    several = True
    def __init__(self,
        n: int = 20, # Points of the fit at which the sharpness is computed, evenly spread
        max_samples: int = 1000, # Of the data, a random sample where there are more
    ):
        self.n = check_whole('n', n, 1, cap=10**6, example=20)
        self.max_samples = check_whole('max_samples', max_samples, 1, cap=2**62, example=1000)

    @one_for_each
    def draw(self, traj, ax):
        # the whole fit, where this one was thinned for its frames
        sharp = sharpness(traj if traj.denser is None else traj.denser, self.n, max_samples=self.max_samples)
        steps, values = sharp.steps.numpy(), sharp.values.clamp(min=0).numpy()
        values[values == 0] = np.nan # curved downwards everywhere: off a logarithmic scale
        bound, name = bound_of(traj)
        shown = finite(torch.cat([torch.as_tensor(values), bound if bound is not None else torch.empty(0)]))
        shown = shown[shown > 0]
        limits = (float(shown.min()) / 1.5, float(shown.max()) * 1.5) if len(shown) else (0.1, 10.)
        tidy(ax, xlabel='step', ylabel=f'sharpness over {sharp.note}', xlim=step_limits([traj]),
             yscale='log' if limits[1] > 30 * limits[0] else 'linear', ylim=limits)
        if 30 * limits[0] < limits[1] < 300 * limits[0]: # few decades have few labels, and those between touch
            ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter='{x:g}',
                         minor_formatter=NullFormatter())
        if bound is not None:
            at, b = np.arange(len(bound) + 1), np.append(bound, bound[-1:]).clip(limits[0] / 10, limits[1] * 10)
            ax.plot(at, b, color=VERMILION, ls='--', lw=1.6, drawstyle='steps-post', label=name, zorder=2)
            ax.fill_between(at, b, limits[1] * 10, step='post', facecolor='none', edgecolor=VERMILION, alpha=0.5,
                            hatch='//', lw=0, label='unstable', zorder=1)
        ax.plot(steps, values, color=BLUE, alpha=0.35, lw=1.6, zorder=3)
        line, = ax.plot([], [], 'o-', color=BLUE, ms=4, lw=1.8, label='sharpness', zorder=4)
        head, = ax.plot([], [], 'o', color=BLUE, ms=8, mec='white', mew=0.8, zorder=5)
        drawn = [(steps, values)] if bound is None else [(steps, values), (at, b)]
        legend(ax, *zip(*drawn), grow=False)
        above = mark_steps([ax], [traj])
        # the name of one of several fits
        if ax.get_title(): ax.set_title(ax.get_title(), fontsize='small', parse_math=False, pad=6 + above)

        def update(i):
            seen = np.searchsorted(steps, int(traj.shown[i]), side='right')
            line.set_data(steps[:seen], values[:seen])
            head.set_data(steps[:seen][-1:], values[:seen][-1:])
            return [line, head]
        return update


def bound_of(traj) -> tuple:
    "What sharpness each step bears, shape (steps,), and what to call it; None for optimisers that scale each parameter"
    if 'sqr_mom' in traj.hypers or not len(traj.lrs): return None, ''
    lrs, mom = traj.lrs.double(), traj.hypers.get('mom')
    mom = torch.zeros_like(lrs) if mom is None else mom[:, -1].double().nan_to_num(0)
    bound = torch.where(lrs > 0, 2 * (1 + mom) / lrs, torch.inf)
    return bound, '2 (1 + momentum) / learning rate' if mom.any() else '2 / learning rate'
