"`ParityView` shows what the model of each point predicts against what is true, and how far it is off"

import looked_at
import numpy as np
import pytest
import torch
from fits import axes, classes, line, pixels, train
from torch.nn import functional as F

from fastsgd.views import ParityView


def dots(ax): return [one for one in ax.lines if one.get_linestyle() == 'None']


@pytest.mark.parametrize('i', [0, 3, -1])
def test_values_are_the_models(i):
    t, ax = looked_at.rows(n=20), axes()
    ParityView().plot(t, ax, i)
    true, says = torch.tensor(t.samples.targets), t.predict(i, *t.samples.xs).flatten()
    x, y = dots(ax)[0].get_data()
    np.testing.assert_allclose(x, true)
    np.testing.assert_allclose(y, says.clamp(*ax.get_ylim()), rtol=1e-5)
    assert ax.get_title('left').startswith(f'RMSE {float(F.mse_loss(says, true)**0.5):.3g}')


def test_the_line_is_where_both_are_equal_and_the_band_is_the_error():
    t, ax = looked_at.rows(n=20), axes()
    ParityView().plot(t, ax)
    line = next(one for one in ax.lines if one.get_linestyle() != 'None')
    assert np.array_equal(*line.get_data()) and ax.get_xlim() == ax.get_ylim()
    error = float(F.mse_loss(t.predict(-1, *t.samples.xs).flatten(), torch.tensor(t.samples.targets))**0.5)
    corners = ax.patches[0].get_xy()
    np.testing.assert_allclose(np.abs(corners[:4, 1] - corners[:4, 0]), error, rtol=1e-4)


def test_several_outputs_and_several_fits():
    t, ax = looked_at.rows(n=20, outputs=2), axes()
    ParityView(names=('north', 'east')).plot(t, ax)
    assert [d.get_label() for d in dots(ax)] == ['north', 'east'] and len({d.get_marker() for d in dots(ax)}) == 2
    for j, d in enumerate(dots(ax)):
        np.testing.assert_allclose(d.get_ydata(), t.predict(-1, *t.samples.xs)[:, j].clamp(*ax.get_ylim()), rtol=1e-5)
    fits = [looked_at.rows(n=20), looked_at.rows(n=5, lr=0.05)]
    ax = ParityView().plot(fits, axes())
    assert [d.get_label() for d in dots(ax)] == ['fit 1', 'fit 2'] and 'fit 2' in ax.get_title('left')


def test_what_lies_beyond_the_plot_is_counted():
    t, ax = looked_at.rows(n=20), axes()
    ParityView().plot(t, ax, 0) # predictions around 0, values around 10
    assert '12 beyond the plot' in ax.get_title('left') and (dots(ax)[0].get_ydata() == ax.get_ylim()[0]).all()


def test_a_larger_sample_and_recorded_data():
    t, x = looked_at.rows(), torch.randn(50, 3)
    ax = ParityView(data=(x, x.sum(1))).plot(t, axes())
    assert np.array_equal(dots(ax)[0].get_xdata(), x.sum(1).double())
    assert len(dots(ParityView().plot(line(), axes()))[0].get_xdata()) == 50


@pytest.mark.parametrize('width', [4, 8])
def test_the_errors_of_several_outputs_fit_above_the_plot(width):
    t, ax = looked_at.rows(outputs=2), axes()
    ax.figure.set_size_inches(width, 4)
    ParityView(names=('a rather long name of an output', 'and the other one with a longer name')).plot(t, ax)
    box = ax._left_title.get_window_extent(ax.figure.canvas.get_renderer())
    assert box.x1 <= ax.bbox.x1 and ax.get_title(loc='left').startswith('RMSE')


def test_update_is_pure():
    ax = axes()
    update = ParityView().draw(looked_at.rows(), ax)
    first, artists = (update(3), pixels(ax))[1], update(8)
    assert [id(a) for a in update(3)] == [id(a) for a in artists] and np.array_equal(pixels(ax), first)
    for a in artists: a.set_visible(False)
    still = pixels(ax)
    update(8)
    assert np.array_equal(pixels(ax), still)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="kind 'category': ParityView is for numbers; ConfusionView"):
        ParityView().plot(classes(), axes())
    with pytest.raises(ValueError, match='data is of type int'): ParityView(data=3)
    with pytest.raises(ValueError, match='the model answers with 1 number for 2 targets an item'):
        ParityView(data=looked_at.rows(outputs=2).samples).plot(looked_at.rows(), axes())


def test_what_is_not_finite_is_left_out():
    t = looked_at.rows()
    lost = looked_at.Trajectory({n: torch.full_like(p, torch.nan) for n, p in t.params.items()}, losses=t.losses,
                                lrs=t.lrs,
                                model=t.model, loss_func=t.loss_func, samples=t.samples)
    ParityView().plot(lost, axes()).figure.canvas.draw()


def test_counts_of_a_loss_of_logarithms_are_numbers_and_no_classes():
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    counts = (x.sum(1, keepdim=True) * 0.4).exp().round()
    t = train(torch.nn.Linear(3, 1), x, counts, torch.nn.PoissonNLLLoss(), n=9)
    ax = ParityView().plot(t, axes())
    low, high = ax.get_ylim()
    np.testing.assert_allclose(dots(ax)[0].get_ydata(), t.predict(-1, x).exp().flatten().clamp(low, high), rtol=1e-5)
