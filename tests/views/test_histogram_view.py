"""`HistogramView`: NumPy's histograms of parameters and updates, layer by layer."""

import numpy as np
import pytest
import torch
from fits import axes, classes, line, mlp, pixels

from fastsgd.trajectory.columns import Block, Columns
from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import HistogramView, animate
from fastsgd.views.histogram import time_edges


def ticks(ax): return [t.get_text() for t in ax.get_yticklabels()]


def test_a_band_for_each_layer_with_its_range():
    ax = HistogramView().plot(classes(2), axes())
    assert [t.split('\n')[0] for t in ticks(ax)] == ['0.weight', '0.bias', '2.weight', '2.bias']
    w = classes(2).params['0.weight']
    assert ticks(ax)[0].split('\n')[1] == f'{w.min():.2g} to {w.max():.2g}'
    assert ax.get_title(loc='left') == 'values of the parameters'
    assert len(ticks(HistogramView(most=2).plot(classes(2), axes()))) == 2
    assert ticks(HistogramView(names='2.bias').plot(classes(2), axes()))[0].startswith('2.bias')


def test_histogram_is_numpys():
    t = classes(2)
    share, limits = HistogramView(bins=7)._histogram(t, '0.weight')
    for i in (0, 11, 20):
        expected, _ = np.histogram(t.params['0.weight'][i].double().flatten(), 7, limits)
        assert np.array_equal(share[:, i] * t.params['0.weight'][i].numel(), expected)


@pytest.mark.parametrize('of', ['values', 'updates'])
def test_no_column_is_put_together(of, monkeypatch):
    "A column of a large parameter may not fit into memory: entries are picked point by point, the same ones"
    values = torch.randn(9, 30, 1000, generator=torch.Generator().manual_seed(0)).cumsum(0)
    whole = Trajectory({'w': values})
    block = lambda i, j: Block(range(i, j), {'w': ('w', 0, 30_000)}, {'w': values[i:j].reshape(j - i, -1)})
    parts = Columns({'w': values[0]}, [block(0, 4), block(4, 9)])
    wanted = HistogramView(of)._histogram(whole, 'w')
    x = values.reshape(9, -1)[:, ::3].double()
    x = x if of == 'values' else torch.cat([torch.zeros_like(x[:1]), x.diff(dim=0)])
    assert wanted[1] == (x.min(), x.max())
    assert np.allclose(wanted[0][:, 5] * 10_000, np.histogram(x[5], 40, wanted[1])[0])
    monkeypatch.delattr(Columns, '__getitem__')
    for thin in (9, 4):
        t = Trajectory(parts).thin(thin)
        HistogramView(of).plot(t, axes())
        if thin == 9: assert np.array_equal(HistogramView(of)._histogram(t, 'w')[0], wanted[0])


def test_updates_are_changes_per_step():
    params = {'w': torch.tensor([[0., 0.], [1., 3.], [3., 7.]])}
    t = Trajectory(params, steps=[0, 1, 3], losses=torch.ones(3), lrs=torch.ones(3))
    share, limits = HistogramView('updates')._histogram(t, 'w')
    assert limits == (0, 3)
    assert share[:, 1].nonzero()[0].tolist() == [1, len(share) - 1] # changes 1 and 3
    assert share[:, 2].nonzero()[0].tolist() == [1, 3] # 2 / 2 and 4 / 2


def test_what_is_to_come_is_covered():
    t, ax = classes(2), axes()
    update = HistogramView().draw(t, ax)
    cover, now = update(5)
    assert cover.get_x() == now.get_xdata()[0] == 5.5
    assert cover.get_x() + cover.get_width() == pytest.approx(ax.get_xlim()[1])


@pytest.mark.parametrize('count', [1, 3])
@pytest.mark.parametrize('of', ['values', 'updates'])
@pytest.mark.parametrize('make', [mlp, line, lambda: line(n=1), lambda: line().take([0]), lambda: line(n=30, lr=1.5),
                                  lambda: Trajectory({'a': torch.full((4, 2), torch.nan)})])
def test_contract(make, of, count):
    traj, ax = [make() for _ in range(count)], axes()
    n = len(traj[0])
    update = HistogramView(of, bins=5).draw(traj if count > 1 else traj[0], ax)
    artists = [id(a) for a in update(0)]
    shown = {i: (update(i), pixels(ax))[1] for i in (n - 1, 0)}
    assert [id(a) for a in update(n - 1)] == artists and np.array_equal(pixels(ax), shown[n - 1])
    for a in update(0): a.set_visible(False)
    still = pixels(ax)
    update(n - 1)
    assert np.array_equal(pixels(ax), still)


def test_three_share_the_bands():
    ax = HistogramView(most=6).plot([mlp(label=name) for name in 'abc'], axes())
    assert [t.split('\n')[0] for t in ticks(ax)][:3] == ['0.weight, a', '0.weight, b', '0.weight, c']
    assert len(ticks(ax)) == 6


def test_edges():
    assert time_edges(line(n=2)).tolist() == [-0.5, 0.5, 1.5, 2.5]
    assert time_edges(line().take([0])).tolist() == [-0.5, 0.5]
    assert (np.diff(time_edges(line(n=3).take([0, 1, 3, 3, 3]))) >= 0).all()


def test_errors_teach():
    with pytest.raises(ValueError, match="of='gradients': expected one of 'values', 'updates'"):
        HistogramView('gradients')
    with pytest.raises(ValueError, match='bins=0: expected a whole number of at least 1'): HistogramView(bins=0)
    with pytest.raises(ValueError, match=r"names has 'x', expected names among \['a'\]"):
        HistogramView(names='x').plot(line(), axes())
    empty = {'a': torch.rand(3, 2), 'none': torch.zeros(3, 0)}
    assert ticks(HistogramView().plot(Trajectory(empty), axes()))[0].startswith('a')
    with pytest.raises(ValueError, match=r"names has 'none', expected names among \['a'\]"):
        HistogramView(names='none').plot(Trajectory(empty), axes())
    with pytest.raises(ValueError, match='the parameters hold no numbers'):
        HistogramView().plot(Trajectory({'none': torch.zeros(3, 0)}), axes())


@pytest.mark.parametrize('lengths', [(5, 40), (40, 5)])
def test_fits_of_different_length_keep_their_own_times(lengths):
    "The columns of the longer one were squeezed into the steps of the shorter one, where that came first"
    fits = [mlp(n=n, label=f'{n} steps') for n in lengths]
    anim = animate(fits, HistogramView(names=['0.weight']))
    ax = anim._fig.axes[0]
    meshes = [c for c in ax.collections if hasattr(c, 'get_coordinates')][::-1] # drawn from the bottom up
    for mesh, traj in zip(meshes, fits):
        times = mesh.get_coordinates()[0, :, 0]
        assert times[0] == -0.5 and times[-1] == traj.n_steps + 0.5
        wide = np.diff(times) > 0.9
        assert wide.sum() == traj.n_steps + (traj.n_steps == 40)
        shares = mesh.get_array().filled(0)
        values = traj.params['0.weight'].flatten(1)
        for i in (0, 3, 4, 30)[:4 if traj.n_steps == 40 else 3]:
            low, high = float(values.min()), float(values.max())
            counts = np.histogram(values[i].double(), np.linspace(low, high, len(shares) + 1))[0]
            assert np.allclose(shares[:, i], counts / values.shape[1], atol=0.13), 'a value on an edge'
    assert ax.fmt_xdata(39.9) == '40'
