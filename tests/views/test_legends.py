"""Legends of an animation."""

import pytest
import torch

from fastsgd import LossView, ParamsView, Trajectory, View, animate

T = Trajectory({'a': torch.linspace(0, 1, 30)[:, None] * torch.tensor([1., -1.])}, losses=torch.linspace(3, 1, 29),
               lrs=[0.1] * 29, valid=(torch.tensor([10, 20]), torch.tensor([2., 1.5])))


class CrossingView(View):
    def draw(self, traj, ax):
        line, = ax.plot([0, 1], [0, 0], label='line')
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.legend()
        def update(i):
            line.set_ydata([i / 29, 1 - i / 29])
            return [line]
        return update


@pytest.mark.parametrize('view', [CrossingView(), ParamsView(), LossView()], ids=repr)
def test_legends_stay_where_they_are(view):
    animation = animate(T, view)
    legend = animation._fig.axes[0].get_legend()
    places, axes = set(), animation._fig.axes[0].bbox
    for i in (0, 29, 5):
        animation._func(i)
        animation._fig.canvas.draw()
        places.add(tuple(round(v) for v in legend.get_window_extent().extents))
    assert len(places) == 1
    x0, y0, x1, y1 = places.pop()
    assert axes.x0 - 1 <= x0 < x1 <= axes.x1 + 1 and axes.y0 - 1 <= y0 < y1 <= axes.y1 + 1
