"""`LayersView`: at what pace each layer learns, what gradients it gets, and how many of its units are dead."""

from itertools import groupby

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm, Normalize

from ..checks import check_in_list, check_names, check_whole
from ..trajectory.models import unwrapped
from ..trajectory.tables import several
from .beside import one_for_each
from .curtain import curtain
from .given import shown_parameters
from .histogram import tell_steps
from .layer_tables import dead_of, gradients_of, updates_of
from .limits import count_in_whole_steps, step_limits
from .style import VERMILION, color_bar, literal, shortened
from .view import View

KINDS = ('updates', 'gradients', 'dead')
USUAL = 1e-3 # of its size is what a step changes in a layer that learns at a good pace
LABELLED = 24 # layers, of more only some have room for their name
WIDE = 0.2 # of the steps, from which on a grey part has room for a word


class LayersView(View):
    """How much each step changes each layer: the norm of the change by the norm of the parameter, in the model's order

    About 0.001 is a good pace (Karpathy 2022, «Building makemore», part 3), which the colour bar marks. Grey is a layer
    that a step does not change at all: frozen, or without a gradient. Where points were left out, one step for each
    point that was kept is shown, or else the change from one point to the next, divided by the steps between them.
    `of='gradients'` shows the norms of the gradients instead, and `of='dead'` of each layer before a ReLU the share of
    units that no sample gets through it, for which the recorded models are asked after the fit. Raises ValueError for a
    setting or a name that does not fit, and for a fit without what is asked for; TypeError for names of another kind.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> ax = LayersView().plot(learn.record_params.trajectory)
    >>> ax = LayersView('gradients').plot(learn.record_params.trajectory)
    """
    several, figsize, live_points = True, (6., 4.), 6
    def __init__(self,
        of: str = 'updates', # 'updates' by the size of the layer, norms of 'gradients', or the share of 'dead' units
        names: tuple | None = None, # Parameters to show by name, modules for 'dead'; None: all
        most: int = 200, # Rows at the most, where `names` is None: those that hold most numbers
    ):
        self.of = check_in_list('of', of, KINDS)
        self.names = check_names('names', names, 'names of parameters, or of modules for dead units, or None')
        self.most = check_whole('most', most, 1, example=200)

    @one_for_each
    def draw(self, traj, ax):
        whole = traj if traj.denser is None else traj.denser # the line of points that was thinned for the frames
        if self.of == 'dead': table, norm = dead_of(whole, self.names, self.most), Normalize(0, 1)
        else:
            table = (updates_of if self.of == 'updates' else gradients_of)(whole, self._names(whole))
            norm = LogNorm(*color_limits(table.values, USUAL if self.of == 'updates' else None), clip=True)
        names, edges, values = table.names, table.edges, table.values
        grey = np.zeros(values.shape, dtype=bool) if self.of == 'dead' else values == 0
        rows, look = np.arange(len(names) + 1), {'rasterized': True, 'zorder': 1}
        ax.pcolormesh(edges, rows, np.ma.masked_where(~grey, np.zeros_like(values)), cmap=ListedColormap(['#BBBBBB']),
                      **look)
        mesh = ax.pcolormesh(edges, rows, np.ma.masked_invalid(np.where(grey, np.nan, values)), cmap='viridis',
                             norm=norm, **look)
        ax.set(xlabel='step', xlim=step_limits([whole]), ylim=(len(names), 0)) # from the top down
        count_in_whole_steps(ax)
        every = -(-len(names) // LABELLED)
        ax.set_yticks(rows[:-1:every] + 0.5, [shortened(n, 24) for n in names[::every]], fontsize='x-small')
        literal(*ax.get_yticklabels())
        ax.tick_params(axis='y', length=0)
        ax.spines[['top', 'right', 'left']].set_visible(False)
        self._say(ax, mesh, len(names), ', some of them named' if every > 1 else '')
        if self.of != 'dead': _name_grey(ax, whole, table, grey)
        tell_steps(ax, edges, edges[:-1] if table.steps is None else table.steps)
        ax.fmt_ydata = lambda row: names[int(np.clip(row, 0, len(names) - 1))]
        draw_to = curtain(ax)
        return lambda i: draw_to(int(traj.shown[i]))

    def _say(self, ax, mesh, n, of):
        "What the colours mean, above and beside the picture"
        many = several(n, 'layer')
        title, label = {'updates': (f'change per step / size of {many}{of}; grey: none',
                                    'change per step / size\n(dashed: a usual pace)'),
                        'gradients': (f'norm of the gradient of {many}{of}; grey: none', 'norm of the gradient'),
                        'dead': (f'dead units of {many}{of}', 'share of units that no sample gets through the ReLU')
                        }[self.of]
        ax.set_title(title, loc='left', fontsize='small')
        bar = color_bar(ax, mesh, label)
        if self.of == 'updates': bar.ax.axhline(USUAL, color=VERMILION, ls='--', lw=1.5)
        if self.of == 'dead': bar.ax.yaxis.set_major_formatter(lambda share, _: f'{share:.0%}')

    def _names(self, traj):
        chosen = set(shown_parameters(traj, self.names, self.most))
        return [name for name in traj.sizes if name in chosen]


def _name_grey(ax, traj, table, grey):
    "Say of wide grey parts why nothing moves there; neighbours share a word"
    parameters = () if traj.model is None else unwrapped(traj.model).named_parameters()
    still = {n for n, p in parameters if not p.requires_grad}
    found = [_longest(row) for row in grey]
    for j, (name, (start, stop)) in enumerate(zip(table.names, found)):
        if not stop or table.edges[stop] - table.edges[start] < WIDE * (table.edges[-1] - table.edges[0]):
            found[j] = '', 0, 0
            continue
        none = table.frozen[j]
        known = name in still if none.all() or not none.any() else bool(none[start:stop].all())
        found[j] = 'frozen' if known else 'no gradient', start, stop
    row = 0
    for (word, start, _), group in groupby(found):
        k = len(list(group))
        if word and LABELLED * k >= len(table.names): # there is room for it
            at = table.edges[start] + 0.02 * (table.edges[-1] - table.edges[0])
            ax.text(at, row + k / 2, word if k == 1 else f'{k} layers: {word}', va='center', fontsize='x-small',
                    zorder=2, color='black')
        row += k


def _longest(row) -> tuple:
    "`(start, stop)` of the longest part that is True, the first of several; (0, 0) if there is none"
    ends = np.flatnonzero(np.diff([False, *row, False])).reshape(-1, 2)
    return tuple(map(int, ends[np.argmax(ends[:, 1] - ends[:, 0])])) if len(ends) else (0, 0)


def color_limits(values, usual=None) -> tuple:
    "Whole decades that hold nearly all of the values above zero, and what is `usual`"
    known = values[np.isfinite(values) & (values > 0)]
    low, high = np.quantile(known, (0.02, 0.98)) if known.size else (usual or 1, usual or 1)
    if usual is not None: low, high = min(low, usual / 10), max(high, usual * 10)
    low, high = np.floor(np.log10(low)), np.ceil(np.log10(high))
    return 10.**low, 10.**max(high, low + 1)
