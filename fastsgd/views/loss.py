"""`LossView`: the raw loss of each step."""

import torch

from ..trajectory.several import label_of
from ..trajectory.tables import by_part
from .limits import finite, plain
from .steps import StepView, along
from .style import ORANGE, ink, style


class LossView(StepView):
    """Raw loss per step and, where there was one, the validation loss; on a log scale when it spans decades

    A GAN's are two lines: one for the steps of the generator, one for those of the critic. Raises ValueError for
    another `log` than True, False or None.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> traj = learn.record_params.trajectory
    >>> ax = LossView(log=True).plot(traj)
    """
    label = 'loss'

    def _values(self, traj): return traj.losses

    def _lines(self, traj, k, total):
        if not traj.parts: return super()._lines(traj, k, total)
        name = f'{label_of(traj, k)}, ' if total > 1 else ''
        return [along(f'{name}{part}', losses, steps) for part, steps, losses in by_part(traj)]

    def _shown(self, traj):
        "Losses before the fit diverged, and a little of how it went on: far more on a log scale, where there is room"
        losses, valid = plain(traj.losses).double(), plain(traj.valid[1]).double()
        if traj.diverged is None: return torch.cat([losses, valid])
        before = finite(losses[:max(traj.diverged, 1)])
        top = (3 if self.log is False else 200) * max(float(before.abs().max()) if len(before) else 0, 1e-12)
        return torch.cat([losses[losses <= top], valid[valid <= top]])

    def _name(self, traj, k, total): return 'training' if total == 1 else label_of(traj, k)

    def _more(self, traj): return traj.valid

    def _name_more(self, ax, trajs):
        if len(trajs) > 1 and any(len(t.valid[0]) for t in trajs): # one entry, in no fit's colour
            ax.plot([], [], marker='D', ms=4.5, ls='none', mec=ink(), mfc='none', label='validation')

    def _draw_one(self, traj, ax, k, total, limits, log):
        shows = super()._draw_one(traj, ax, k, total, limits, log)
        steps, values = traj.valid[0].numpy(), plain(traj.valid[1]).double().numpy()
        if not len(steps): return shows
        look = ({'color': ORANGE, 'ls': '--', 'label': 'validation'} if total == 1 else
                {'color': style(k)['color'], 'ls': 'none', 'mec': ink()})
        line, = ax.plot([], [], marker='D', ms=4.5, lw=1.5, markevery=max(len(steps) // 8, 1), zorder=3.5, **look)

        def show(i):
            seen = steps <= int(traj.shown[i])
            line.set_data(steps[seen], values[seen])
            return line,
        return [*shows, show]
