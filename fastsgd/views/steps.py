"""`StepView`, for what there is one number of per step, and the simplest of its kind, `LRView`."""

import numpy as np
import torch

from ..checks import check_flag, check_log
from ..trajectory.several import as_list, label_of
from .legends import departure_note, entries_of, filled, legend
from .limits import finite, left_at, padded, plain, step_limits, with_gaps, within
from .marks import mark_steps
from .style import BLUE, LINESTYLES, VERMILION, style, tidy
from .view import View

POINTS = 2000 # of a drawn line: more than a panel has pixels across


def spans_decades(values, decades: float = 2) -> bool:
    "Are the `values` nowhere negative, and the largest at least 10 ** `decades` times the smallest above zero?"
    values = finite(values)
    above = values[values > 0]
    return len(above) > 1 and float(values.min()) >= 0 and float(above.max()) >= 10**decades * float(above.min())


def extremes(values: np.ndarray, most: int = POINTS) -> np.ndarray:
    "Indices of at most `most` values that draw the same line: the lowest and highest of each stretch, and both ends"
    if len(values) <= most: return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), most // 2 - 1)
    known = np.nan_to_num(values) # `argmax` would stop at the first NaN
    ends = [{p[0] + known[p].argmin(), p[0] + known[p].argmax()} for p in parts]
    return np.array(sorted(set().union(*ends, {0, len(values) - 1})))


def along(name, values, steps=None) -> tuple:
    "A line to draw, `(name, steps, values)`: a value for each step unless `steps` are given"
    return name, np.arange(len(values)) if steps is None else plain(steps).numpy(), values


class StepView(View):
    "What `LossView` and `LRView` share: a line for each trajectory that grows step by step, and a dot at its end"
    several = True
    label = '' # of the y axis
    def __init__(self,
        log: bool | None = None, # Log scale? None: when the values span two decades or more
    ):
        check_log(log)
        self.log = log

    def _values(self, traj): raise NotImplementedError
    def _lines(self, traj, k, total): return [along(self._name(traj, k, total), self._values(traj))]
    def _shown(self, traj): return self._values(traj)
    def _more(self, traj): return [], [] # steps and values that are drawn beside the lines
    def _name_more(self, ax, trajs): pass # further entries of the legend

    def draw(self, traj, ax):
        trajs = as_list(traj)
        shown = torch.cat([finite(self._shown(t)) for t in trajs])
        log = (spans_decades(shown) if self.log is None else self.log) and bool((shown > 0).any())
        tidy(ax, xlabel='step', ylabel=self.label, xlim=step_limits(trajs))
        if log: ax.set_yscale('log')
        limits = padded(shown[shown > 0].log10() if log else shown) or (0., 1.)
        limits = tuple(10**v for v in limits) if log else limits
        ax.set_ylim(limits)
        if not len(shown): # none of the values is a number
            beyond = any(bool(plain(self._shown(t)).isfinite().any()) for t in trajs)
            told = f'no {self.label} below 1e250' if beyond else f'no finite {self.label}'
            ax.text(0.5, 0.5, told, transform=ax.transAxes, ha='center', va='center', color=VERMILION)
        shows = [show for k, t in enumerate(trajs) for show in self._draw_one(t, ax, k, len(trajs), limits, log)]
        self._name_more(ax, trajs)
        mark_steps([ax], trajs)
        lines = [line for k, t in enumerate(trajs) for line in self._lines(t, k, len(trajs))]
        lines += [('', *self._more(t)) for t in trajs]
        drawn = [steps for _, steps, _ in lines], [plain(values).double() for *_, values in lines]
        if len(entries_of(ax)) > 1: legend(ax, *map(filled, drawn), grow=len(trajs) == 1)
        gone = [left_at(np.arange(len(v)), v, ax.get_ylim()) if len(shown) else None
                for v in (plain(self._values(t)) for t in trajs)]
        shows.append(departure_note(ax, trajs, gone, drawn))

        def update(i): return [artist for show in shows for artist in show(i)]
        return update

    def _draw_one(self, traj, ax, k, total, limits, log):
        lines = self._lines(traj, k, total)
        looks = map(style, range(len(lines)))
        if total > 1: looks = ({**style(k), 'linestyle': LINESTYLES[j % len(LINESTYLES)]} for j in range(len(lines)))
        elif len(lines) == 1: looks = [{'color': BLUE}]
        return [self._line(traj, ax, *line, look, limits, log) for line, look in zip(lines, looks)]

    def _line(self, traj, ax, name, at, values, look, limits, log):
        values = within(values, limits, log) # far outside it is all the same, and matplotlib's pixels stay in range
        kept = extremes(values)
        steps, drawn = with_gaps(at[kept], values[kept], traj)
        if 'marker' in look: look = {**look, 'markevery': max(len(kept) // 8, 1), 'ms': 5}
        line, = ax.plot([], [], lw=1.8, label=name, zorder=3, **look)
        head, = ax.plot([], [], ls='none', marker=look.get('marker', 'o'), ms=7, color=look['color'], mec='white',
                        mew=0.8, zorder=4)

        def show(i):
            now = int(traj.shown[i]) # whose number is known: it was taken
            upto, stop = np.searchsorted(steps, now, 'right'), np.searchsorted(at, now, 'right')
            line.set_data(steps[:upto], drawn[:upto])
            head.set_data(at[:stop][-1:], values[:stop][-1:])
            return line, head
        return show

    def _name(self, traj, k, total): return self.label if total == 1 else label_of(traj, k)


class LRView(StepView):
    """The learning rate of each step; of one fit that of each parameter group, with a gap while it is frozen

    Raises ValueError for a setting of another kind, and when drawn with `momentum` for a fit without.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit_one_cycle(20, 0.3)
    >>> ax = LRView().plot(learn.record_params.trajectory)
    """
    def __init__(self,
        log: bool | None = None, # Log scale? None: when the values span two decades or more
        momentum: bool = False, # Show the momentum in place of the learning rate?
    ):
        super().__init__(log)
        self.momentum = check_flag('momentum', momentum)

    @property
    def label(self): return 'momentum' if self.momentum else 'learning rate'

    def draw(self, traj, ax):
        for t in as_list(traj):
            if self.momentum and 'mom' not in t.hypers:
                raise ValueError('momentum=True: this fit had no momentum, or none was recorded: leave it out')
        return super().draw(traj, ax)

    def _of_groups(self, traj):
        "Values of each group, (steps, groups), where they differ; else those of the last one"
        values = traj.hypers.get('mom' if self.momentum else 'lr', traj.lrs[:, None])
        same = all(torch.equal(v.nan_to_num(-1), values[:, -1].nan_to_num(-1)) for v in values.T)
        return values[:, -1:] if same else values

    def _values(self, traj): return self._of_groups(traj)[:, -1] if self.momentum else traj.lrs
    def _shown(self, traj): return self._of_groups(traj)

    def _lines(self, traj, k, total):
        values = self._of_groups(traj)
        if total > 1 or values.shape[1] < 2: return super()._lines(traj, k, total)
        names = [*traj.groups, *(f'group {j + 1}' for j in range(len(traj.groups), values.shape[1]))]
        return [along(name, v) for name, v in zip(names, values.T)]
