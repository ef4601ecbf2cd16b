"""`LayersView` against a loop of its own, and five planted faults that it, or `ActivationsView`, must show."""

import numpy as np
import pytest
import torch
from fastai.basics import SGD, Learner, MSELossFlat
from matplotlib.figure import Figure
from torch import nn

from fastsgd import ActivationsView, LayersView, RecordParamsCallback, Trajectory, animate, tensor_dls
from fastsgd.trajectory.activations import ask_modules
from fastsgd.views.layers import USUAL, paces

X = torch.linspace(-3, 3, 100)[:, None]
ROWS = ['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias']


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))


def fit(model, lr=0.02, n=4, bs=20, init=1.):
    with torch.no_grad():
        for p in model.parameters(): p.mul_(init)
    learn = Learner(tensor_dls((X, X.sin()), (X[::4], X[::4].sin()), bs=bs, seed=0), model, loss_func=MSELossFlat(),
                    opt_func=SGD, cbs=RecordParamsCallback())
    with learn.no_bar(), learn.no_logging(): learn.fit(n, lr)
    return learn.record_params.trajectory


def drawn(traj, **kwargs):
    "The axes, and the ratios in them, (layers, columns), 0 where it is grey"
    ax = LayersView(**kwargs).plot(traj, ax=Figure().add_subplot())
    still, mesh = (c.get_array() for c in ax.collections[:2])
    return ax, np.where(~np.ma.getmaskarray(still), 0., np.ma.filled(mesh, np.nan))


def test_each_ratio_is_learning_rate_times_gradient_by_size():
    model = net()
    traj = fit(model, bs=100, n=3)
    _, ratios = drawn(traj)
    for i in range(3): # plain SGD on the whole data
        model.load_state_dict(traj.state(i))
        model.zero_grad()
        MSELossFlat()(model(X), X.sin()).backward()
        true = [0.02 * float(p.grad.norm() / p.detach().norm()) for p in model.parameters()]
        assert ratios[:, i] == pytest.approx(true, rel=1e-3)


def test_rows_are_the_layers_from_the_top_down_and_the_cover_hides_what_is_to_come():
    traj = fit(net())
    ax, _ = drawn(traj)
    assert [t.get_text() for t in ax.get_yticklabels()] == ROWS and ax.yaxis_inverted()
    animation = animate(traj, LayersView())
    cover = next(a for a in animation._func(5) if hasattr(a, 'get_bbox') and hasattr(a, 'get_width'))
    assert cover.get_x() == 5 and cover.get_x() + cover.get_width() >= traj.n_steps


def test_left_out_points_and_loaded_weights():
    values = torch.tensor([[1.], [2.], [6.], [60.], [66.]])
    traj = Trajectory({'a': values}, steps=[0, 1, 3, 4, 5], losses=[1.] * 5, lrs=[1.] * 5, breaks=[4])
    edges, ratios = paces(traj, ['a'])
    assert edges.tolist() == [0, 1, 3, 4, 5] and ratios[0, [0, 1, 3]] == pytest.approx([1., 1., 0.1])
    assert np.isnan(ratios[0, 2]), 'no step leads to weights that were loaded'


@pytest.mark.parametrize('n', [1, 3])
def test_many_layers_and_many_steps_stay_a_picture(n):
    traj = Trajectory({f'layer{k}.weight': torch.rand(1200, 1) for k in range(200 * n)}, losses=[1.] * 1199,
                      lrs=[1.] * 1199)
    ax, ratios = drawn(traj)
    assert ratios.shape == (200, 400) and len(ax.get_yticks()) <= 24 and not ax.texts


def test_a_name_that_is_not_there_is_refused(count):
    with pytest.raises(ValueError, match=r"names has 'x', expected names among \['0.weight'"):
        drawn(fit(net()), names=['x'])
    count('bad inputs refused')


# -- planted faults, each beside a good fit

def dead_share(traj):
    "Of the two hidden layers, at the last point"
    return ask_modules(traj, traj.samples.xs, ['0', '2'], torch.tensor([len(traj) - 1])).dead[0].tolist()


@pytest.fixture(scope='module')
def good(): return fit(net())


def test_good_fit_learns_at_a_usual_pace(good):
    ax, ratios = drawn(good)
    assert np.isfinite(ratios).all() and (ratios > 0).all() and not ax.texts
    assert 0.1 * USUAL < np.median(ratios) < 10 * USUAL and max(dead_share(good)) < 0.9


def test_planted_dead_layer():
    model = net()
    nn.init.constant_(model[2].bias, -100.)
    traj = fit(model)
    ax, ratios = drawn(traj)
    assert (ratios[:4] == 0).all() and (ratios[5] > 0).all(), 'nothing goes back through it; the last bias still learns'
    assert '5 layers: no gradient' in [t.get_text() for t in ax.texts] and dead_share(traj)[1] == 1
    page = ActivationsView().plot(traj, ax=Figure(figsize=(6, 5)).add_subplot())
    assert '100% dead' in [t.get_text() for part in page.child_axes for t in part.texts]


def test_planted_death_at_a_step():
    traj = fit(net())
    params = {n: t.clone() for n, t in traj.params.items()}
    for n in ROWS[:3]: params[n][9:] = params[n][9]
    dead = Trajectory(params, losses=traj.losses, lrs=traj.lrs, model=traj.model)
    _, ratios = drawn(dead)
    assert (ratios[:3, 9:] == 0).all() and (ratios[:3, :9] > 0).all() and (ratios[3:] > 0).all()


def test_planted_frozen_layer():
    model = net()
    model[2].requires_grad_(False)
    ax, ratios = drawn(fit(model))
    assert (ratios[2:4] == 0).all() and (ratios[[0, 1, 4, 5]] > 0).all()
    assert [t.get_text() for t in ax.texts] == ['2 layers: frozen']


@pytest.mark.parametrize('times', [100, 0.01])
def test_planted_learning_rate(good, times):
    first = drawn(fit(net(), lr=0.02 * times))[1][:, 0] / drawn(good)[1][:, 0]
    assert first == pytest.approx(np.full(6, times), rel=0.02), 'the first step is as much longer or shorter'
    assert (np.median(drawn(fit(net(), lr=0.02 * times))[1][:, 0]) > 10 * USUAL) == (times == 100)


def test_planted_large_initialisation(good):
    traj, at = fit(net(), init=10.), torch.tensor([0])
    spread = [ask_modules(t, t.samples.xs, ['0', '2'], at).std[0] for t in (traj, good)]
    assert (spread[0] > 9 * spread[1]).all(), 'ActivationsView tells the spread beside each layer'
    view = ActivationsView().plot(traj, ax=Figure(figsize=(6, 5)).add_subplot(), i=0)
    assert any(f'± {spread[0][1]:.2g}' in t.get_text() for part in view.child_axes for t in part.texts)
