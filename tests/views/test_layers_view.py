"""`LayersView` against a loop of its own, and five planted faults that it, or `ActivationsView`, must show."""

import numpy as np
import pytest
import torch
from fastai.basics import SGD, Learner, MSELossFlat
from matplotlib.figure import Figure
from torch import nn

from fastsgd import ActivationsView, LayersView, Recording, RecordParamsCallback, Trajectory, animate, tensor_dls
from fastsgd.trajectory.activations import ask_modules
from fastsgd.views.layer_tables import updates_of
from fastsgd.views.layers import USUAL

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


def drawn(traj, of='updates', **kwargs):
    "The axes, and the numbers in them, (layers, columns), 0 where it is grey"
    ax = LayersView(of, **kwargs).plot(traj, ax=Figure().add_subplot())
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
    table = updates_of(traj, ['a'])
    ratios = table.values
    assert table.edges.tolist() == [0, 1, 3, 4, 5] and ratios[0, [0, 1, 3]] == pytest.approx([1., 1., 0.1])
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


def test_gradients_are_those_of_autograd():
    model = net()
    traj = fit(model, bs=100, n=3)
    ax, norms = drawn(traj, 'gradients')
    for i in range(3):
        model.load_state_dict(traj.state(i))
        model.zero_grad()
        MSELossFlat()(model(X), X.sin()).backward()
        assert norms[:, i] == pytest.approx([float(p.grad.norm()) for p in model.parameters()], rel=1e-5)
    assert ax.get_title(loc='left') == 'norm of the gradient of 6 layers; grey: none'


@pytest.mark.parametrize('budget', [2**30, 30_000])
def test_ratios_are_those_of_single_steps_whatever_points_are_kept(budget, tmp_path):
    model = net()
    recording, wanted = Recording(model, budget), []
    for k in range(60):
        recording.point()
        moved = [torch.randn_like(p) * 0.01 / (k + 1) for p in model.parameters()]
        wanted.append([float(m.norm() / p.detach().norm()) for m, p in zip(moved, model.parameters())])
        with torch.no_grad():
            for p, m in zip(model.parameters(), moved): p += m
        recording.step(1., 0.1)
    traj = recording.trajectory()
    assert (recording.stride > 1) == (budget < 2**30)
    for each in (traj, Trajectory.load(traj.save(tmp_path / 'fit'))) + ((traj.thin(5),) if budget == 2**30 else ()):
        table = updates_of(each, ROWS)
        for k, step in enumerate(table.edges[:-1].astype(int).tolist()):
            assert table.values[:, k] == pytest.approx(wanted[step], rel=1e-3)


def test_dead_units_are_counted_on_the_samples():
    traj = fit(net(), init=3., lr=0.1)
    ax = LayersView('dead').plot(traj, ax=Figure().add_subplot())
    shares = ax.collections[1].get_array()
    assert [t.get_text() for t in ax.get_yticklabels()] == ['0 Linear', '2 Linear']
    twin, x = net(), traj.samples.xs[0]
    for i in (0, len(traj) - 1):
        twin.load_state_dict(traj.state(i))
        for k, (first, last) in enumerate([(0, 2), (0, 4)]):
            dead = (twin[first:last](x) == 0).all(0).double().mean()
            assert shares[k, 0 if i == 0 else -1] == pytest.approx(float(dead))
    assert shares.max() > 0 and [t.get_text() for t in LayersView('dead', ['2']).plot(
        traj, ax=Figure().add_subplot()).get_yticklabels()] == ['2 Linear']


def test_what_was_frozen_at_first_says_so_there():
    groups = lambda m: [list(m[0].parameters()), list(m[2].parameters()), list(m[4].parameters())]
    learn = Learner(tensor_dls((X, X.sin()), bs=20, seed=0), net(), loss_func=MSELossFlat(), opt_func=SGD,
                    splitter=groups, cbs=RecordParamsCallback())
    with learn.no_bar(), learn.no_logging():
        learn.freeze()
        learn.fit(2, 0.02)
        learn.unfreeze()
        learn.fit(2, 0.02)
    for of in ('updates', 'gradients'):
        ax, numbers = drawn(learn.record_params.trajectory, of)
        assert [t.get_text() for t in ax.texts] == ['4 layers: frozen']
        assert not numbers[:4, :10].any() and (numbers[:4, 10:] > 0).all() and (numbers[4:] > 0).all()


@pytest.mark.parametrize('of', ['updates', 'gradients'])
def test_fits_without_an_end_or_a_beginning_are_drawn(of):
    lost = torch.tensor([[0.], [1.], [torch.nan], [torch.inf], [torch.inf]])
    for values in (lost, lost[:1], lost[:2], lost[2:], torch.zeros(3, 1), torch.full((3, 1), 1e30)):
        n = len(values) - 1
        traj = Trajectory({'a': values}, losses=[1.] * n, lrs=[1.] * n, grad_norms={'a': values[:n, 0]} if n else None)
        if of == 'updates' or n: animate(traj, LayersView(of))._fig.canvas.draw()


def test_what_a_fit_does_not_have_is_refused(count):
    traj = Trajectory({'a': torch.rand(3, 2)}, losses=[1., 1.], lrs=[1., 1.])
    for of, message in (('gradients', r'no norms of gradients: record the fit with RecordParamsCallback\(norms=True\)'),
                        ('dead', 'no model')):
        with pytest.raises(ValueError, match=message): drawn(traj, of)
    with pytest.raises(ValueError, match="of='dead': no ReLU follows any layer"):
        drawn(fit(nn.Sequential(nn.Linear(1, 2), nn.Tanh(), nn.Linear(2, 1))), 'dead')
    with pytest.raises(ValueError, match='names has'): drawn(fit(net()), 'dead', names=['x'])
    with pytest.raises(ValueError, match="of='both'"): LayersView('both')
    count('bad inputs refused', 5)


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
    shares = LayersView('dead').plot(traj, ax=Figure().add_subplot()).collections[1].get_array()
    assert (shares[1] == 1).all() and (shares[0] < 0.9).all()
    told = drawn(traj, 'gradients')
    assert (told[1][:5] == 0).all() and '5 layers: no gradient' in [t.get_text() for t in told[0].texts]
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
