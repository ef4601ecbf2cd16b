"""`MetricsView`: what fastai's tables tell, one panel for each scale."""

import numpy as np
import torch
from matplotlib.lines import Line2D

from ..checks import check_in_list
from ..trajectory.several import as_list, label_of, name_of
from ..trajectory.tables import by_part
from .cells import CHAR, LINE, SIZE
from .legends import CORNERS, cleared, emptiest, filled, in_axes, labels_of, legend, small_legend
from .limits import finite, padded, within
from .marks import mark_steps
from .steps import extremes, spans_decades
from .style import GREY, LINESTYLES, class_style, literal, shortened, tidy
from .view import View

LOW = 1.5 # inches of a panel in which a legend of several rows covers too much


class MetricsView(View):
    """Losses and metrics as training tables have them, one panel for each scale, along steps or epochs.

    Above the raw loss of each step, pale, and the losses at the end of each epoch; below it metrics from 0 to 1, and
    others. Raises ValueError for another `x`, and when drawn for a fit without any loss.

    >>> from fastai.metrics import rmse
    >>> learn = linear_learner(seed=0, metrics=rmse)
    >>> learn.fit(20, lr=0.1)
    >>> ax = MetricsView(x='epoch').plot(learn.record_params.trajectory)
    """
    several = True
    def __init__(self,
        x: str = 'step', # 'step' or 'epoch': what the horizontal axis counts
    ):
        self.x = check_in_list('x', x, ('step', 'epoch'))

    def draw(self, traj, ax):
        trajs = as_list(traj)
        groups = panels(trajs)
        ax.set_axis_off()
        share = 1 / len(groups)
        parts = [ax.inset_axes([0, 1 - (row + 1) * share + (0.03 if row < len(groups) - 1 else 0), 1, share - 0.05])
                 for row in range(len(groups))]
        shows = []
        for part, (label, series) in zip(parts, groups):
            shows += self._panel(part, label, series, trajs)
            if part is not parts[-1]: part.tick_params(labelbottom=False)
        parts[-1].set_xlabel(self.x)
        if len(trajs) > 1: self._legend_of_fits(ax, trajs, groups)
        owner = max(trajs, key=lambda t: len(t.epochs))
        mark_steps(parts, trajs, lambda steps: self._along(owner, steps), steps=self.x == 'step')
        return lambda i: [artist for show in shows for artist in show(i)]

    def _along(self, traj, steps):
        "Where `steps` are on the horizontal axis"
        steps = np.asarray(steps, dtype=float)
        if self.x == 'step' or not len(traj.epochs): return steps
        ends = np.concatenate([[0.], traj.epochs.double().numpy()])
        beyond = np.maximum(steps - ends[-1], 0) / max(ends[-1] - ends[-2], 1) # an epoch that did not end
        return np.interp(steps, ends, np.arange(len(ends))) + beyond

    def _panel(self, ax, label, series, trajs):
        "One scale: `series` are `(name, fit, steps, values, pale)`"
        shown = torch.cat([finite(values) for *_, values, _ in series])
        if label == 'loss': shown = shown[shown <= 1000 * max(float(shown[0]), 1e-12)] if len(shown) else shown
        log = spans_decades(shown) and label != '0 to 1'
        limits = padded(shown[shown > 0].log10() if log else shown, 0.08) or (0., 1.)
        end = max(float(self._along(t, [max(t.n_steps, 1)])[0]) for t in trajs)
        tidy(ax, ylabel='' if label == '0 to 1' else shortened(label, 20), xlim=(-0.025 * end, 1.025 * end))
        if log: ax.set_yscale('log')
        ax.set_ylim([10**v for v in limits] if log else limits)
        ax.tick_params(labelsize=SIZE)
        ax.yaxis.label.set_fontsize(SIZE + 1)
        literal(ax.yaxis.label)
        names = list(dict.fromkeys(name for name, *_ in series))
        shows = [self._line(ax, names.index(one[0]), trajs, *one) for one in series]
        if len(trajs) > 1: return shows
        handles = [show.line for show in shows]
        if len(handles) > 1 or label != (handles or [ax])[0].get_label(): self._legend(ax, handles, shows)
        return shows

    def _legend(self, ax, handles, shows):
        "Names of the lines in the corner where fewest pass, side by side where the panel is low; room is made for them"
        labels, (width, height) = labels_of(handles), ax.get_window_extent().size / ax.figure.dpi
        width, height = width - 0.7, max(height - 0.2, 0.3) # once a layout took its part
        wide, columns = [0.45 + CHAR * len(name) for name in labels], 1
        if height < LOW: columns = len(labels) if sum(wide) < width else max(int(width / max(wide)), 1)
        rows = -(-len(labels) // columns)
        row, high = rows == 1 < columns, (0.12 + 1.1 * LINE * rows) / height # a row is above all lines
        box = (1, min(high, 0.5)) if row else (min(columns * max(wide) / width, 1), high)
        places = in_axes(ax, filled(show.x for show in shows), filled(show.y for show in shows))
        loc = cleared(ax, places, box, CORNERS[:2] if row else CORNERS) if box[1] < 0.6 else emptiest(places, box)
        small_legend(ax.legend, handles, labels, ax, loc=loc, fontsize=SIZE, framealpha=0.7, borderpad=0.2,
                     labelspacing=0.25, columnspacing=1., ncols=columns).set_zorder(6)

    def _legend_of_fits(self, ax, trajs, groups):
        "Below all panels: the fits by colour and marker, what is measured by the kind of line"
        handles = [Line2D([], [], **class_style(k), ls='-', ms=4.5, label=label_of(t, k)) for k, t in enumerate(trajs)]
        for label, series in groups:
            names = list(dict.fromkeys(name for name, *_ in series))
            handles += [Line2D([], [], color=GREY, ls=LINESTYLES[j % 4], label=name)
                        for j, name in enumerate(names) if names != [label]]
        everywhere = np.meshgrid(np.linspace(0, 1, 20), np.linspace(0, 1, 20)) # no corner is free
        legend(ax, *everywhere, handles, grow=False)

    def _line(self, ax, j, trajs, name, k, steps, values, pale):
        y = within(values, ax.get_ylim(), ax.get_yscale() == 'log')
        kept = extremes(y)
        steps, y = np.asarray(steps)[kept], y[kept]
        x = self._along(trajs[k], steps)
        one = len(trajs) == 1
        look = {**class_style(j if one else k), 'ls': LINESTYLES[j % 4], 'ms': 4.5, 'lw': 1.6,
                'markevery': max(len(y) // 12, 1), 'label': name if one else f'{name}, {name_of(trajs[k], k)}'}
        if pale: look.update(lw=1, alpha=0.35, marker='')
        line, = ax.plot([], [], zorder=2 if pale else 3, **look)

        def show(i):
            upto = np.searchsorted(steps, int(trajs[k].shown[i]) + (1 if pale else 0.5))
            line.set_data(x[:upto], y[:upto])
            return [line]
        show.line, show.x, show.y = line, x, y
        return show


def panels(trajs) -> list:
    "`(label, [(name, fit, steps, values, pale)])`: losses, what is between 0 and 1, and all else by its own scale"
    losses, shares, others = [], [], []
    for k, t in enumerate(trajs):
        for part, steps, values in by_part(t): losses.append((part, k, steps.numpy(), values, True))
        measured = dict(t.metrics)
        if not any(name.startswith('valid') for name in measured) and len(t.valid[0]): measured['valid_loss'] = t.valid
        # of functions as fastai names them
        for name, (steps, values) in ((n.lstrip('_'), o) for n, o in measured.items()):
            if not len(steps): continue
            known = finite(values)
            share = len(known) > 0 and known.min() >= 0 and known.max() <= 1
            kind = losses if 'loss' in name else shares if share else others
            kind.append((name, k, steps, values, False))
    res = [('loss', losses)] if losses else []
    if shares: res.append(('0 to 1' if len({one[0] for one in shares}) > 1 else shares[0][0], shares))
    names = list(dict.fromkeys(one[0] for one in others))
    res += [(name, [one for one in others if one[0] == name]) for name in names[:3]] # more would be too low to read
    if not res: raise ValueError('this trajectory has neither losses nor metrics: there is nothing to show')
    return res
