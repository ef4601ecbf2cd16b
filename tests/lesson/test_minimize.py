"""A function in place of a model: the steps are those of a loop in NumPy, and all views show them."""

from functools import partial

import numpy as np
import pytest
import torch
from fastai.basics import SGD, Adam, OptimWrapper
from matplotlib.figure import Figure

from fastsgd import LossView, ParamsView, PathView, Plane, Trajectory, animate, loss_surface, minimize
from fastsgd.views import choose_views


def rosenbrock(p): return (1 - p[0])**2 + 100 * (p[1] - p[0]**2)**2
def himmelblau(p): return (p[0]**2 + p[1] - 11)**2 + (p[0] + p[1]**2 - 7)**2
def beale(p): return (1.5 - p[0] + p[0] * p[1])**2 + (2.25 - p[0] + p[0] * p[1]**2)**2


def gradient(p):
    "Of Rosenbrock's function, by hand"
    return np.array([-2 * (1 - p[0]) - 400 * p[0] * (p[1] - p[0]**2), 200 * (p[1] - p[0]**2)])


@pytest.mark.parametrize('momentum', [0., 0.9])
def test_the_way_is_that_of_a_loop_in_numpy(momentum):
    start = torch.tensor([-1.5, 2.], dtype=torch.float64)
    traj = minimize(rosenbrock, start, partial(SGD, mom=momentum), lr=5e-4, steps=150)
    p, v, way = np.array([-1.5, 2.]), 0, []
    for _ in range(150):
        way.append(p)
        v = momentum * v + gradient(p)
        p = p - 5e-4 * v
    assert traj.params['x'].dtype == torch.float64 and len(traj) == 151 and traj.n_steps == 150
    np.testing.assert_allclose(traj.params['x'].numpy(), [*way, p], rtol=1e-9)
    np.testing.assert_allclose(traj.losses.numpy(), [rosenbrock(p) for p in way], rtol=1e-6)
    assert start.tolist() == [-1.5, 2.] and traj.lrs.tolist() == [5e-4] * 150


@pytest.mark.parametrize('function, start, end', [(himmelblau, (0., 0.), (3, 2)), (beale, [1, 1], (3, 0.5))])
def test_known_minima_are_found(function, start, end):
    traj = minimize(function, start, Adam, lr=0.1, steps=600)
    assert traj.params['x'][-1].tolist() == pytest.approx(end, abs=0.05)
    surface = loss_surface(traj, n=7)
    for v, row in zip(surface.v.tolist(), surface.loss.tolist()):
        assert row == pytest.approx([float(function((u, v))) for u in surface.u.tolist()], rel=1e-5, abs=1e-5)


def test_views_and_files(tmp_path):
    traj = minimize(himmelblau, (0., 0.), lr=0.01, steps=40, label='SGD')
    assert [type(v).__name__ for v in choose_views(traj)[0]] == ['PathView', 'LossView']
    ax = PathView(n=9).plot(traj, Figure().subplots())
    assert ax.get_xlabel() == 'x[0]' and 'loss' in {a.get_ylabel() for a in (*ax.figure.axes, *ax.child_axes)}
    fits = [traj, minimize(himmelblau, (0., 0.), partial(OptimWrapper, opt=torch.optim.Adagrad), lr=0.5, steps=30)]
    assert '<svg' in animate(fits, ParamsView(), LossView(), max_frames=5).to_jshtml()
    loaded = Trajectory.load(traj.save(tmp_path/'fit'))
    assert torch.equal(loaded.flat, traj.flat) and loaded.label == 'SGD'


def test_many_dimensions_and_schedules():
    traj = minimize(lambda p: (p - torch.arange(50.)).square().sum(), torch.zeros(50), lr=0.4, steps=60,
                    fit='fit_one_cycle')
    assert traj.losses[-1] < 1e-3 * traj.losses[0] and traj.lrs.max() == pytest.approx(0.4, rel=1e-2)
    assert loss_surface(traj, plane=Plane.pca(traj), n=3).loss.isfinite().all()


def test_it_is_quiet_and_may_diverge(capsys):
    traj = minimize(rosenbrock, (-1.5, 2.), lr=0.1, steps=30)
    assert traj.diverged is not None and len(traj) == 31 and capsys.readouterr() == ('', '')


@pytest.mark.parametrize('args, kwargs, error, text', [
    ((3, (0.,)), {}, TypeError, 'function is of type int: expected a function of a tensor'),
    ((rosenbrock, 'here'), {}, ValueError, "start='here': expected finite numbers in a row"),
    ((rosenbrock, (float('nan'), 1.)), {}, ValueError, 'expected finite numbers in a row'),
    ((rosenbrock, torch.zeros(2, 2)), {}, ValueError, 'expected finite numbers in a row'),
    ((rosenbrock, (1.,)), {}, ValueError, 'function fails at start: IndexError'),
    ((lambda p: p, (1., 2.)), {}, ValueError, r'function returns a tensor of shape \(2,\): expected a single number'),
    ((lambda p: 3., (1., 2.)), {}, ValueError, 'function returns 3.0: expected'),
    ((rosenbrock, (1., 2.)), dict(steps=0), ValueError, 'steps=0: expected a whole number'),
    ((rosenbrock, (1., 2.)), dict(lr='fast'), ValueError, "lr='fast': expected"),
    ((rosenbrock, (1., 2.)), dict(fit='leave'), ValueError, "fit='leave': expected the name of a method that fits")])
def test_errors_teach(args, kwargs, error, text, count):
    with pytest.raises(error, match=text): minimize(*args, **kwargs)
    count('bad inputs refused')
