"""`ParamsView`: the parameters along the fit."""

import torch

from .base import View, as_list, name_of, padded, style


class ParamsView(View):
    "The value of each parameter per step; of a large model those that moved most"
    several = True
    def __init__(self,
        names: tuple | None = None, # Parameters to show by name, all their entries; None: those that moved most
        most: int = 6, # Lines at the most
    ): self.names, self.most = names, most

    def _curves(self, traj):
        "label -> values (points,), and how many there are in all"
        names = list(traj.params) if self.names is None else list(self.names)
        for name in names:
            if name not in traj.params:
                raise ValueError(f'names has {name!r}, expected names among {list(traj.params)}')
        total, best = 0, []
        for name in names:
            values = traj.params[name].reshape(len(traj), -1)
            total += values.shape[1]
            finite = values.float().nan_to_num(0, 0, 0)
            moved = finite.amax(0) - finite.amin(0)
            for v, j in zip(*(o.tolist() for o in moved.topk(min(self.most, len(moved))))):
                index = ','.join(str(int(k)) for k in torch.unravel_index(torch.tensor(j), traj.params[name].shape[1:]))
                best.append((v, name, j, f'{name}[{index}]' if index else name, values[:, j].float().numpy()))
        best.sort(key=lambda o: -o[0])
        best = sorted(best[:self.most], key=lambda o: (names.index(o[1]), o[2]))
        return {label: values for *_, label, values in best}, total

    def draw(self, traj, ax):
        trajs = as_list(traj)
        lines, shown = [], []
        for k, t in enumerate(trajs):
            curves, total = self._curves(t)
            until = t.diverged
            for j, (label, values) in enumerate(curves.items()):
                look = style(j if len(trajs) == 1 else k)
                if len(trajs) > 1: look['linestyle'], label = ('-', '--', '-.', ':')[j % 4], f'{label}, {name_of(t, k)}'
                shown.append(torch.as_tensor(values if until is None else values[:max(int((t.steps <= until).sum()), 2)]))
                line, = ax.plot([], [], lw=1.8, ms=4, markevery=max(len(t) // 8, 1), label=label, **look)
                lines.append((t.steps.numpy(), values, line))
            if len(curves) < total: ax.set_title(f'the {len(curves)} of {total:,} parameters that moved most', fontsize='small')
        ax.set(xlabel='step', ylabel='parameter value', xlim=(0, max(max(t.n_steps for t in trajs), 1)))
        limits = padded(torch.cat(shown))
        if limits: ax.set_ylim(limits)
        ax.legend(loc='best', fontsize='small')
        artists = [line for *_, line in lines]

        def update(i):
            stop = i + 1
            for steps, values, line in lines: line.set_data(steps[:stop], values[:stop])
            return artists
        return update
