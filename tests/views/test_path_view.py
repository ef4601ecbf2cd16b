"""`PathView`: the path lies where the surface has its loss, and says so where it leaves the plane."""

import inspect
import re
import warnings

import numpy as np
import pytest
import torch
from fits import Line, axes, classes, line, mlp, pixels
from matplotlib.colors import LogNorm
from torch import nn
from torch.nn import functional as F

from fastsgd.surface.plane import Plane
from fastsgd.surface.surface import Surface, loss_surface
from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import PathView
from fastsgd.views.animate import animate
from fastsgd.views.path import decade_ticks
from fastsgd.views.trail import PathOnSurface, between, travelled


def line_and_head(ax): return [a for a in ax.lines if a.get_zorder() in (3, 4)]


def told(ax): return ax.get_title(loc='left')


def test_the_lessons_path_on_the_exact_surface():
    t, ax = line(), axes()
    update = PathView(n=20).draw(t, ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ('a[0]', 'a[1]')
    path, head = line_and_head(ax)
    for i in (7, 0, 20):
        update(i)
        assert np.allclose(np.stack(path.get_data()), t.params['a'][:i + 1].T)
        assert np.allclose(np.stack(head.get_data())[:, 0], t.params['a'][i])
        true = f'{float(t.losses[i]):.4g}' if i < 20 else ''
        assert re.fullmatch(rf'loss {true}[\d.]*', told(ax)), 'the plane is exact, and the loss is said once'


def test_meaning_of_parameters():
    t = line()
    t.model.param_meanings = {'a[1]': 'intercept'}
    assert PathView(n=5).plot(t, axes()).get_ylabel() == 'a[1], intercept'


def test_surface_and_true_loss_agree_where_the_path_lies_in_the_plane():
    t = line()
    path = PathOnSurface(t, loss_surface(t, n=5))
    assert path.off.max() < 1e-6 and np.abs(path.true - path.below).max() < 1e-4
    assert np.abs(path.true[:-1] - t.losses.numpy()).max() < 1e-4


def test_off_the_plane():
    t = mlp()
    surface = loss_surface(t, 'random', n=5)
    path, ax = PathOnSurface(t, surface), axes()
    update = PathView(surface).draw(t, ax)
    for i in (3, 0):
        update(i)
        losses, where = told(ax).split('\n')
        assert losses == f'loss {path.true[i]:.4g}, on the surface {path.below[i]:.4g}'
        assert where == f'{path.off[i]:.2g} off the plane, {path.far[i]:.2g} from the start'
    assert np.isclose(path.true[3], float(t.losses[3]), atol=1e-5), 'the true loss, not that in the plane'
    assert path.off[0] > 0.01
    assert np.allclose(travelled(t), (t.flat - t.flat[0]).norm(dim=1))


def test_explained_variance_is_on_the_axes():
    ax = PathView(n=5).plot(mlp(), axes())
    assert '%' in ax.get_xlabel() and '%' in ax.get_ylabel()


@pytest.mark.parametrize('kind', ['flat', '3d'])
def test_three_paths_lie_on_one_surface(kind):
    trajs = [line(lr=lr, label='SGD') for lr in (0.01, 0.1, 0.5)]
    ax = PathView(n=8, kind=kind).plot(trajs, axes(PathView(kind=kind)))
    lines = [a for a in ax.lines if a.get_zorder() == 3]
    assert [a.get_label() for a in lines] == ['SGD, lr=0.01', 'SGD, lr=0.1', 'SGD, lr=0.5']
    assert len({a.get_color() for a in lines}) == len({a.get_marker() for a in lines}) == 3
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for t in trajs:
        u, v = t.params['a'].T
        assert left <= u.min() and u.max() <= right and low <= v.min() and v.max() <= high
    rows = [t.get_text() for t in ax.get_legend().get_texts()]
    assert [r.split(': loss')[0] for r in rows] == ['SGD, lr=0.01', 'SGD, lr=0.1', 'SGD, lr=0.5']
    assert all(re.fullmatch(r'SGD, lr=[\d.]+: loss [\d.]+', r) for r in rows), 'said once'


def test_of_many_paths_the_legend_is_below():
    trajs = [line(lr=0.01 * (k + 1), label=f'_$fit {k}$', n=3) for k in range(30)]
    fig = animate(trajs, PathView(n=4))._fig
    assert len({t.get_text() for t in fig.legends[0].get_texts()}) == 30 and not fig.axes[0].get_legend()



def with_batchnorm(lr):
    "A fit with BatchNorm in training mode, and the loss of the model itself at each point"
    gen = torch.Generator().manual_seed(3)
    x = torch.randn(200, 4, generator=gen) * 5 + 3
    y = x[:, :1]**2
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))
    opt, states, true = torch.optim.Adam(model.parameters(), lr), [], []
    for _ in range(13):
        states.append({n: t.clone() for n, t in model.state_dict().items()})
        true.append(F.mse_loss(model.eval()(x), y).item())
        opt.zero_grad()
        F.mse_loss(model.train()(x), y).backward()
        opt.step()
    stacked = {n: torch.stack([s[n] for s in states]) for n in states[0]}
    params = {n: stacked.pop(n) for n, _ in model.named_parameters()}
    traj = Trajectory(params, buffers=stacked, model=model, loss_func=F.mse_loss, data=((x,), (y,)), label=f'lr {lr}')
    return traj, true


def test_paths_with_batchnorm_have_each_its_own_statistics():
    fits, true = zip(*map(with_batchnorm, (1e-3, 0.05)))
    surface = loss_surface(list(fits), n=3)
    assert 'last point of the first fit' in surface.note
    ax = axes()
    update = PathView(surface).draw(list(fits), ax)
    for i in (0, 5, 12):
        update(i)
        for text, t, losses in zip(ax.get_legend().get_texts(), fits, true):
            name, loss = re.match(r'(.*): loss ([^,]*)', text.get_text()).groups()
            assert name == t.label and float(loss) == pytest.approx(losses[i], rel=6e-3)


@pytest.mark.parametrize('kind', ['flat', '3d'])
@pytest.mark.parametrize('scale', [1e-300, 1e120, 1e300])
def test_numbers_of_any_size_are_losses(scale, kind):
    bowl = (torch.linspace(-1, 1, 6, dtype=torch.float64)**2 + 0.1) * torch.ones(5, 1, dtype=torch.float64) * scale
    for log in (False, True):
        ax = PathView(given(bowl), kind=kind, log=log).plot(line(), axes(PathView(kind=kind)))
        assert not [a for a in ax.texts if 'no finite' in a.get_text()]
        ax.figure.canvas.draw()


@pytest.mark.parametrize('kind', ['flat', '3d'])
def test_diverged_leaves_the_picture_and_names_the_step(kind):
    t, ax = line(n=60, lr=1.5), axes(PathView(kind=kind))
    update = PathView(n=8, kind=kind).draw(t, ax)
    assert np.abs([*ax.get_xlim(), *ax.get_ylim()]).max() < 100
    texts = lambda i: [a.get_text() for a in update(i) if hasattr(a, 'get_text')]
    note = lambda i: ''.join(text for text in texts(i) if not text.startswith('loss'))
    step = int(note(60).rsplit(' ', 1)[1])
    assert 0 < step <= t.diverged and note(step - 1) == '' and note(step) == f'left the plot at step {step}'
    ax.figure.canvas.draw()


@pytest.mark.parametrize('kind', ['flat', '3d'])
def test_nan_and_infinity_leave_a_hole(kind):
    t = line()
    surface = loss_surface(t, n=9)
    surface.loss[2:4, 3:6] = torch.nan
    surface.loss[6, 6] = torch.inf
    ax = PathView(surface, kind=kind).plot(t, axes(PathView(kind=kind)))
    whole = PathView(loss_surface(t, n=9), kind=kind).plot(t, axes(PathView(kind=kind)))
    assert (pixels(ax) != pixels(whole)).any()
    surface.loss[:] = torch.nan
    ax = PathView(surface, kind=kind).plot(t, axes(PathView(kind=kind)))
    assert 'no finite loss on this surface' in [a.get_text() for a in ax.texts]
    ax.figure.canvas.draw()


def given(loss, plane=None):
    plane = plane or Plane(torch.zeros(2), torch.tensor([1., 0.]), torch.tensor([0., 1.]), labels=('a[0]', 'a[1]'))
    loss = torch.as_tensor(loss, dtype=torch.float64)
    return Surface(plane, torch.linspace(0, 4, loss.shape[1]), torch.linspace(0, 3, loss.shape[0]), loss)


@pytest.mark.parametrize('loss, log', [
    (torch.tensor([[1., 2.], [3., 9.]]), False), (torch.tensor([[1., 2.], [3., 20.]]), True),
    (torch.tensor([[0., 2.], [3., 20.]]), True), (torch.tensor([[-1., 2.], [3., 200.]]), False),
    (torch.zeros(2, 3), False), (torch.full((3, 2), 7.), False)])
def test_levels(loss, log):
    "On a log scale where a decade is spanned; a flat surface, zeros and numbers below zero draw too"
    ax = PathView(given(loss)).plot(line(), axes())
    norm = next(c for c in ax.collections if c.get_array() is not None and len(c.get_array())).norm
    assert isinstance(norm, LogNorm) == log
    ax.figure.canvas.draw()


def test_asymmetric_surface_on_a_grid_that_is_not_square():
    "Rows are v, columns are u: the coldest spot is where it belongs"
    u, v = np.linspace(0, 4, 30), np.linspace(0, 3, 20)
    surface = given((u[None] - 3)**2 + (v[:, None] - 0.5)**2)
    assert np.isclose(between(surface, np.array([3.]), np.array([0.5])), 0, atol=0.02)
    assert np.isnan(between(surface, np.array([5.]), np.array([0.5]))[0])
    image = pixels(PathView(surface, log=False).plot(line(), ax := axes()))
    where = lambda x, y: tuple(np.round(ax.transData.transform((x, y))).astype(int))
    lightness = lambda x, y: int(image[image.shape[0] - where(x, y)[1], where(x, y)[0], :3].astype(int).sum())
    assert lightness(2.9, 0.6) < lightness(1.2, 2.7)


def test_given_surface_without_a_model_is_interpolated():
    t = line()
    ax = PathView(given([[1., 2.], [3., 4.]])).plot(t, axes(), i=0)
    u, v = t.params['a'][0].tolist()
    assert told(ax).startswith(f'loss {float(t.losses[0]):.4g}, on the surface {1 + u / 4 + 2 * v / 3:.4g}')


def test_the_first_and_the_last_point_are_there_when_thinned():
    t = line(n=599)
    anim = animate(t, PathView(n=5))
    anim._func(0)
    path, head = line_and_head(anim._fig.axes[0])
    assert np.allclose(head.get_xdata(), t.params['a'][0, 0])
    anim._func(anim._save_count - 1)
    assert np.allclose(head.get_xdata(), t.params['a'][-1, 0]) and len(path.get_xdata()) == 600


@pytest.mark.parametrize('kind', ['flat', '3d'])
@pytest.mark.parametrize('n', [299, 3000])
def test_a_thinned_path_cuts_no_corners(kind, n):
    t = line(n=n, lr=0.9) # zigzags: every other point is on the other side
    for trajs in (t, [t, line(n=100, lr=0.05)]):
        anim = animate(trajs, PathView(n=5, kind=kind), max_frames=10)
        paths = [a for a in anim._fig.axes[0].lines if a.get_zorder() == 3]
        for i in (2, len(anim.labels) - 1, 5):
            anim._func(i)
            step = int(re.search(r'step (\d+)', anim.labels[i])[1])
            x, y = (np.asarray(o) for o in (paths[0].get_data_3d() if kind == '3d' else paths[0].get_data())[:2])
            assert (x[-1], y[-1]) == pytest.approx(t.params['a'][step].tolist(), abs=1e-5), 'it ends at the head'
            if n < 1000: np.testing.assert_allclose(np.stack([x, y], 1), t.params['a'][:step + 1], atol=1e-5)
            else: assert step / 4 < len(x) <= 1010


def test_decade_ticks():
    assert decade_ticks([0.5, 30])[:5] == [0.1, 0.2, 0.5, 1, 2] and decade_ticks([1e-6, 1e6])[1] == pytest.approx(1e-5)


class Hard(Line):
    def forward(self, x): return x @ self.a if (x @ self.a).sum().item() > -1e9 else x @ self.a


def test_a_model_that_cannot_be_vectorised_draws_without_a_warning():
    t = line()
    t = Trajectory(t.params, losses=t.losses, lrs=t.lrs, model=Hard(), loss_func=t.loss_func, data=t.data)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        PathView(n=3).plot(t, axes())


def test_errors_teach():
    with pytest.raises(ValueError, match="kind='solid': expected one of 'flat', '3d'"): PathView(kind='solid')
    with pytest.raises(TypeError, match='surface is of type int: expected a Surface'): PathView(3)
    with pytest.raises(ValueError, match='surface cannot be combined with max_samples: pass these to loss_surface'):
        PathView(given([[1., 2.], [3., 4.]]), max_samples=3)
    with pytest.raises(ValueError,
                       match=r"ax has the projection 'rectilinear': PathView\(kind='3d'\) wants axes made with"):
        PathView(kind='3d').plot(line(), axes())
    with pytest.raises(ValueError, match='training data'): PathView().plot(Trajectory(
        {'a': torch.zeros(3, 2)}, model=Line(), loss_func=torch.nn.functional.mse_loss), axes())


def test_classification(): PathView(n=5).plot(classes(3), axes())


@pytest.mark.parametrize('settings, error, message', [
    ({'nonsense': 1}, TypeError,
     'nonsense=1: PathView has no such argument, expected one of surface, kind, log, n, plane, ulim'),
    ({'learn': 1}, TypeError, 'learn=1: PathView has no such argument'),
    ({'n': 1}, ValueError, 'n=1: expected a whole number from 2 to'),
    ({'plane': 'pcs'}, ValueError, "plane='pcs': expected a Plane, None, 'params', 'pca' or 'random'"),
    ({'ulim': (1, 0)}, ValueError, r'ulim=\(1, 0\): expected two finite numbers'),
    ({'max_samples': 0}, ValueError, 'max_samples=0: expected a whole number of at least 1'),
    ({'seed': 'x'}, ValueError, "seed='x': expected a whole number")])
def test_settings_of_the_surface_are_checked_at_once(settings, error, message, count):
    with pytest.raises(error, match=message): PathView(**settings)
    count('bad inputs refused')


def test_help_names_the_settings_of_the_surface():
    shown = inspect.signature(PathView).parameters
    assert list(shown)[:5] == ['surface', 'kind', 'log', 'n', 'plane'] and {'max_samples', 'seed'} < set(shown)
    assert shown['n'].default == 50 and 'learn' not in shown


FLAT, SOLID = PathView(n=6), PathView(n=6, kind='3d')


@pytest.mark.parametrize('views', [[SOLID], [FLAT, FLAT, SOLID]], ids=len)
def test_all_labels_of_a_solid_are_in_the_figure(views):
    fig = animate(line(n=100), *views)._fig
    fig.draw_without_rendering()
    ax = next(ax for ax in fig.axes if ax.name == '3d')
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        box = axis.label.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= fig.bbox.x1 and box.y0 >= 0
