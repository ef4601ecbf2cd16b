"""`LossView`: the raw loss of each step."""

import torch

from .base import BLUE, ORANGE, View, as_list, name_of, padded, style


def spans_decades(values: torch.Tensor, decades: float = 2) -> bool:
    "Are all finite `values` positive, and the largest at least 10 ** `decades` times the smallest?"
    values = values[values.isfinite()]
    return len(values) > 1 and float(values.min()) > 0 and float(values.max()) >= 10**decades * float(values.min())


class LossView(View):
    "Raw loss per step and, where there was one, the validation loss; on a log scale when it spans decades"
    several = True
    def __init__(self,
        log: bool | None = None, # Log scale? None: when the loss spans two decades or more
    ): self.log = log

    def draw(self, traj, ax):
        trajs = as_list(traj)
        losses = [t.losses.double() for t in trajs]
        every = torch.cat([*losses, *(t.valid[1].double() for t in trajs)])
        log = spans_decades(every) if self.log is None else self.log
        ax.set(xlabel='step', ylabel='loss', xlim=(0, max(max(t.n_steps for t in trajs), 1)))
        if log: ax.set_yscale('log')
        shown = every[every > 0].log10() if log else every
        limits = padded(shown)
        if limits: ax.set_ylim([10**v for v in limits] if log else limits)
        lines = []
        for k, t in enumerate(trajs):
            one = len(trajs) == 1
            look = {'color': BLUE} if one else {**style(k), 'markevery': max(t.n_steps // 8, 1), 'ms': 5}
            train, = ax.plot([], [], lw=1.8, label='training' if one else name_of(t, k), **look)
            look = {'color': ORANGE, 'marker': 'o', 'ms': 3.5} if one else {'color': style(k)['color'], 'marker': '.'}
            valid = ax.plot([], [], ls='none', label='validation' if one else None, **look)[0] if len(t.valid[0]) else None
            head, = ax.plot([], [], 'o', ms=6, color=look['color'] if not one else BLUE, zorder=4)
            lines.append((t, losses[k].where(losses[k].isfinite(), torch.nan).numpy(), train, valid, head))
        if len(trajs) > 1 or any(valid is not None for *_, valid, _ in lines): ax.legend(loc='upper right', fontsize='small')
        artists = [a for _, _, *row in lines for a in row if a is not None]

        def update(i):
            for t, values, train, valid, head in lines:
                step = int(t.steps[i])
                upto = min(step + 1, len(values))
                train.set_data(range(upto), values[:upto])
                head.set_data([upto - 1] if upto else [], values[upto - 1:upto])
                if valid is not None:
                    seen = t.valid[0] <= step
                    valid.set_data(t.valid[0][seen], t.valid[1][seen])
            return artists
        return update
