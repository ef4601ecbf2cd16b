"""`LayersView`: at what pace each layer learns."""

from itertools import groupby

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm

from ..checks import check_names, check_whole
from ..trajectory.models import unwrapped
from ..trajectory.spread import evenly
from .curtain import curtain
from .limits import real, step_limits
from .style import VERMILION, color_bar, literal, shortened
from .view import View

USUAL = 1e-3 # of its size is what a step changes in a layer that learns at a good pace
COLUMNS = 400 # of steps: more than a panel has pixels for
LABELLED = 24 # layers, of more only some have room for their name


class LayersView(View):
    """How much each step changes each layer: the norm of the change by the norm of the parameter, in the model's order

    About 0.001 is a good pace (Karpathy 2022, «Building makemore», part 3), which the colour bar marks. Grey is a layer
    that a step does not change at all: frozen, or without a gradient. Where points were left out, it is the change from
    one to the next by the steps between them. Raises ValueError for a setting or a name that does not fit, TypeError
    for names of another kind.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> ax = LayersView().plot(learn.record_params.trajectory)
    """
    figsize = (6., 4.)
    def __init__(self,
        names: tuple | None = None, # Parameters to show by name; None: all
        most: int = 200, # Rows at the most, where `names` is None: those that hold most numbers
    ):
        self.names = check_names('names', names, 'names of parameters, or None')
        self.most = check_whole('most', most, 1, example=200)

    def draw(self, traj, ax):
        whole = traj if traj.denser is None else traj.denser # the line of points that was thinned for the frames
        names = self._names(whole)
        edges, ratios = paces(whole, names)
        low, high = color_limits(ratios)
        still = np.ma.masked_where(ratios != 0, np.zeros_like(ratios))
        rows = np.arange(len(names) + 1)
        look = {'rasterized': True, 'zorder': 1}
        ax.pcolormesh(edges, rows, still, cmap=ListedColormap(['#BBBBBB']), **look)
        mesh = ax.pcolormesh(edges, rows, np.ma.masked_invalid(np.where(ratios > 0, ratios, np.nan)), cmap='viridis',
                             norm=LogNorm(low, high, clip=True), **look)
        ax.set(xlabel='step', xlim=step_limits([whole]), ylim=(len(names), 0)) # from the top down
        every = -(-len(names) // LABELLED)
        ax.set_yticks(rows[:-1:every] + 0.5, [shortened(n, 24) for n in names[::every]], fontsize='x-small')
        literal(*ax.get_yticklabels())
        ax.tick_params(axis='y', length=0)
        ax.spines[['top', 'right', 'left']].set_visible(False)
        of = ', some of them named' if every > 1 else ''
        many = '1 layer' if len(names) == 1 else f'{len(names)} layers'
        ax.set_title(f'change per step / size of {many}{of}; grey: none', loc='left', fontsize='small')
        bar = color_bar(ax, mesh, 'change per step / size (dashed: a usual pace)')
        bar.ax.axhline(USUAL, color=VERMILION, ls='--', lw=1.5)
        self._name_still(ax, whole, names, ratios)
        draw_to = curtain(ax)
        return lambda i: draw_to(int(traj.shown[i]))

    def _names(self, traj):
        sizes = {name: shape.numel() for name, shape in traj.sizes.items() if shape.numel()}
        for name in self.names or ():
            if name not in sizes: raise ValueError(f'names has {name!r}, expected names among {list(sizes)!r:.300}')
        chosen = set(self.names or sorted(sizes, key=sizes.get, reverse=True)[:self.most])
        if not chosen: raise ValueError('the parameters hold no numbers: expected at least one')
        return [name for name in sizes if name in chosen]

    def _name_still(self, ax, traj, names, ratios):
        "Say which layers never change, and why; neighbours share a word"
        frozen = {n for n, p in unwrapped(traj.model).named_parameters() if not
                  p.requires_grad} if traj.model is not None else ()
        why = [('frozen' if n in frozen else 'no gradient') if (r == 0).all() and r.size else '' for n, r in zip(
            names, ratios)]
        start = 0
        for word, group in groupby(why):
            k = len(list(group))
            if word and LABELLED * k >= len(names): # there is room for it
                ax.text(0.02, start + k / 2, word if k == 1 else f'{k} layers: {word}', va='center', fontsize='x-small',
                        transform=ax.get_yaxis_transform(), zorder=5)
            start += k


def paces(traj, names) -> tuple: # `(edges, ratios)`: steps (columns + 1,), and (layers, columns)
    "The change from a point to the next by their steps and by the norm of the parameter; NaN where weights were loaded"
    n, lost = len(traj), set(traj.breaks.tolist())
    ends = evenly(1, n - 1, COLUMNS).tolist() if n > 1 else []
    steps, res = traj.steps.tolist(), np.full((len(names), len(ends)), np.nan)
    for j, name in enumerate(names):
        if traj.params.first[name].is_complex(): real(traj, name)
        for k, i in enumerate(ends):
            if steps[i] == steps[i - 1] or any(steps[i - 1] < s <= steps[i] for s in lost): continue
            before, after = (traj.params.row(name, p).double() for p in (i - 1, i))
            change, size = float((after - before).norm()), float(before.norm())
            res[j, k] = 0. if change == 0 else change / (steps[i] - steps[i - 1]) / size if size else np.nan
    return np.array([steps[0] if steps else 0, *(steps[i] for i in ends)], dtype=float), res


def color_limits(ratios) -> tuple:
    "Whole decades that hold nearly all of the ratios above zero, and what is usual"
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    low, high = np.quantile(known, (0.02, 0.98)) if known.size else (USUAL, USUAL)
    return 10.**np.floor(np.log10(min(low, USUAL / 10))), 10.**np.ceil(np.log10(max(high, USUAL * 10)))
