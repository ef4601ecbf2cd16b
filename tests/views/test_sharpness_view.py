"""`SharpnessView` against the lesson's known Hessian, and what it says of learning rate and momentum."""

import numpy as np
import pytest
import torch
from fastai.basics import SGD, Adam, Learner, MSELossFlat, partial
from matplotlib.figure import Figure
from torch import nn

from fastsgd import RecordParamsCallback, SharpnessView, linear_dls, linear_learner, sharpness, tensor_dls


def lesson(lr, n=20, **kwargs):
    learn = linear_learner(linear_dls(seed=0), log_every=None, **kwargs)
    with learn.no_bar(), learn.no_logging(): learn.fit(n, lr)
    return learn.record_params.trajectory


def drawn_by(view, traj, **kwargs):
    "The lines by name"
    ax = view.plot(traj, ax=Figure().add_subplot(), **kwargs)
    return {line.get_label(): line for line in ax.lines}


@pytest.mark.parametrize('lr', [0.3, 1.2])
def test_the_lesson_is_stable_below_two_by_learning_rate(lr):
    traj = lesson(lr)
    x = traj.data[0][0].double()
    true = float(torch.linalg.eigvalsh(2 / len(x) * x.T @ x)[-1])
    drawn = drawn_by(SharpnessView(n=6), traj)
    assert drawn['sharpness'].get_xdata().tolist() == [0, 4, 8, 12, 16, 20]
    assert drawn['sharpness'].get_ydata() == pytest.approx([true] * 6, rel=1e-5)
    assert drawn['2 / learning rate'].get_ydata() == pytest.approx(np.full(21, 2 / lr))
    fell = float(traj.losses[-1]) < float(traj.losses[0])
    assert (true < 2 / lr) == fell == (lr == 0.3), 'the picture says what the fit does'


def test_a_frame_shows_what_was_measured_by_its_step():
    traj = lesson(0.3)
    assert drawn_by(SharpnessView(n=6), traj, i=9)['sharpness'].get_xdata().tolist() == [0, 4, 8]


def test_momentum_moves_the_line_and_adam_has_none():
    x = torch.linspace(-1, 1, 40)[:, None]
    def fit(opt_func):
        learn = Learner(tensor_dls((x, x.sin()), bs=40, seed=0), nn.Linear(1, 1), loss_func=MSELossFlat(),
                        opt_func=opt_func, cbs=RecordParamsCallback())
        with learn.no_bar(), learn.no_logging(): learn.fit(4, 0.1)
        return learn.record_params.trajectory
    drawn = drawn_by(SharpnessView(), fit(partial(SGD, mom=0.5)))
    assert drawn['2 (1 + momentum) / learning rate'].get_ydata() == pytest.approx(np.full(5, 30.))
    assert not any('learning rate' in name for name in drawn_by(SharpnessView(), fit(Adam)))


def test_the_line_follows_a_schedule():
    learn = linear_learner(linear_dls(seed=0), log_every=None)
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(12, 0.5)
    traj = learn.record_params.trajectory
    drawn = drawn_by(SharpnessView(n=3), traj)
    name = next(name for name in drawn if 'learning rate' in name)
    mom = traj.hypers['mom'][:, -1] if 'mom' in traj.hypers else 0
    seen, true = drawn[name].get_ydata()[:-1], (2 * (1 + mom) / traj.lrs).numpy()
    near = true < 10 * seen.min()
    assert near.any() and seen[near] == pytest.approx(true[near])


def test_a_thinned_fit_has_the_sharpness_of_the_whole():
    from fastsgd import animate
    traj = lesson(0.3, n=30)
    animation = animate(traj, SharpnessView(n=5), max_frames=4)
    animation._func(3)
    drawn = next(line for line in animation._fig.axes[0].lines if line.get_label() == 'sharpness')
    assert drawn.get_xdata().tolist() == sharpness(traj, n=5).steps.tolist()
