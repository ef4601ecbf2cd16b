"""A film has a frame for each step, whatever points were kept: scalars move on, the model stands where it was kept."""

import torch
from matplotlib.figure import Figure

from fastsgd import HistogramView, LossView, Trajectory, animate
from fastsgd.trajectory.several import in_step

KEPT = Trajectory({'a': torch.arange(5.)[:, None]**2}, steps=[0, 4, 8, 12, 16], losses=torch.linspace(2, 1, 16),
                  lrs=torch.full((16,), 0.1))


def test_a_frame_for_each_step():
    traj, = in_step([KEPT], 200)
    assert traj.shown.tolist() == list(range(17)) and traj.steps.tolist() == sorted([*[0, 4, 8, 12] * 4, 16])
    assert traj.params['a'][:, 0].tolist() == [(s // 4)**2 for s in range(17)]
    assert [round(traj.loss(i), 4) for i in (0, 5, 16)] == [2., round(float(KEPT.losses[5]), 4), 1.]


def test_at_most_so_many():
    traj, = in_step([KEPT], 9)
    assert traj.shown.tolist() == list(range(0, 17, 2))


def test_points_that_somebody_picked_stay_as_they_are():
    for picked in (KEPT.thin(3), KEPT.take([0, 4]), KEPT.at([0, 16])):
        traj, = in_step([picked], 200)
        assert len(traj) == len(picked)


def test_the_loss_moves_on_between_points():
    ax = Figure().add_subplot()
    traj, = in_step([KEPT], 200)
    update = LossView().draw(traj, ax)
    ends = []
    for i in range(17):
        update(i)
        ends.append(ax.lines[0].get_xdata()[-1])
    assert ends == [*range(16), 15]


def test_labels_tell_each_step():
    assert animate(KEPT, LossView()).labels[:6] == [f'step {s} of 16' for s in range(6)]


def test_updates_are_those_between_points():
    traj, = in_step([KEPT], 200)
    share, (low, high) = HistogramView('updates')._histogram(traj, 'a')
    assert (low, high) == (0., 7 / 4) # ((k + 1)^2 - k^2) / 4 for k up to 3, and nothing before the first
    bins = share.argmax(0).tolist() # of five, each 0.35 wide
    assert bins == [0] * 4 + [0] * 4 + [2] * 4 + [3] * 4 + [4]
