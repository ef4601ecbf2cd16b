"""`ParamsView`: the parameters along the fit."""

import numpy as np
import torch
from matplotlib.lines import Line2D

from ..checks import check_names, check_whole
from ..trajectory.several import as_list, check_shared, label_of
from ..trajectory.tables import entry_name
from .legends import departure_note, legend
from .limits import calm, left_at, padded, plain, real, step_limits, with_gaps, within
from .marks import mark_steps
from .steps import extremes
from .style import GREY, LINESTYLES, meaning, style, tidy
from .view import View


class ParamsView(View):
    """The value of each parameter per step; of a large model those that moved most

    Raises ValueError or TypeError for a setting that does not fit.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> traj = learn.record_params.trajectory
    >>> ax = ParamsView(names=['a']).plot(traj)
    """
    several = True
    def __init__(self,
        names: tuple | None = None, # Parameters to choose from, by name; None: all
        most: int = 6, # Lines at the most: the entries that moved furthest
    ):
        self.names = check_names('names', names, 'names of parameters, or None')
        self.most = check_whole('most', most, 1, example=6)

    def _entries(self, trajs):
        "The `(name, index)` of what is shown, the same for all trajectories, and how many there were to choose from"
        names = list(trajs[0].params) if self.names is None else list(self.names)
        for name in names:
            if name not in trajs[0].params:
                raise ValueError(f'names has {name!r}, expected names among {list(trajs[0].params)}')
        check_shared(trajs, names)
        most, total, best = max(self.most // len(trajs), 1), 0, []
        for name in names:
            moved = sum(_range(real(t, name)[:calm(t)]) for t in trajs)
            total += len(moved)
            best += [(v, name, j) for v, j in zip(*(o.tolist() for o in moved.topk(min(most, len(moved)))))]
        best = sorted(best, key=lambda o: -o[0])[:most]
        return sorted(((name, j) for _, name, j in best), key=lambda o: (names.index(o[0]), o[1])), total

    def draw(self, traj, ax):
        trajs = as_list(traj)
        entries, total = self._entries(trajs)
        whole = [t if t.denser is None else t.denser for t in trajs] # a line has all points, not those of the frames
        curves = {(k, e): plain(t.params.entry(*e)).double() for k, t in enumerate(whole) for e in entries}
        limits = padded(torch.cat([c[:calm(whole[k])] for (k, _), c in curves.items()])) or (-1., 1.)
        tidy(ax, xlabel='step', ylabel='parameter value', xlim=step_limits(trajs), ylim=limits)
        height = mark_steps([ax], trajs)
        if len(entries) < total:
            ax.set_title(f'the {len(entries)} that moved most, of {total:,}'.replace('the 1 ', 'the one '),
                         fontsize='small', pad=6 + height)
        lines = []
        for (k, e), curve in curves.items():
            t, j = whole[k], entries.index(e)
            look = style(j if len(trajs) == 1 else k)
            if len(trajs) > 1: look['linestyle'] = LINESTYLES[j % 4]
            label = _label(trajs[0], *e) if len(trajs) == 1 else label_of(t, k)
            kept = np.union1d(extremes(curve.numpy()), np.searchsorted(t.steps.numpy(), trajs[k].steps.numpy()))
            line, = ax.plot([], [], lw=1.8, ms=5, markevery=max(len(kept) // 8, 1), label=label, **look)
            lines.append((trajs[k], *with_gaps(t.steps.numpy()[kept], within(curve, limits)[kept], t), line))
        self._legend(ax, trajs, entries, lines)
        gone = [left_at(whole[k].steps, curve, ax.get_ylim()) for (k, _), curve in curves.items()]
        for step, (_, steps, values, _) in zip(gone, lines): # beyond it would only come and go
            if step is not None: values[np.searchsorted(steps, step) + 1:] = np.nan
        first = [min((step for step, (j, _) in zip(gone, curves) if j == k and step is not None), default=None)
                 for k in range(len(trajs))]
        note = departure_note(ax, trajs, first, ([o[1] for o in lines], [o[2] for o in lines]))

        def update(i):
            for t, steps, values, line in lines:
                stop = np.searchsorted(steps, int(t.shown[i]), side='right')
                line.set_data(steps[:stop], values[:stop])
            return [*(line for *_, line in lines), *note(i)]
        return update

    def _legend(self, ax, trajs, entries, lines):
        handles = [line for *_, line in lines]
        if len(trajs) > 1: # the fit by colour and marker, the parameter by the kind of line
            names = [_label(trajs[0], *e) for e in entries]
            handles = handles[::len(entries)] + [Line2D([], [], color=GREY, ls=LINESTYLES[j % 4], label=name)
                                                 for j, name in enumerate(names)]
        drawn = [steps for _, steps, *_ in lines], [values for *_, values, _ in lines]
        legend(ax, *drawn, handles, grow=len(trajs) == 1)


def _range(values):
    "How far each entry of `values` (points, ...) moved"
    values = values.reshape(len(values), -1)
    return (values.amax(0) - values.amin(0)).double().nan_to_num(0, 0, 0)


def _label(traj, name, j):
    return meaning(traj, entry_name(name, traj.params[name].shape[1:], j))
