"`MetricsView` shows what was measured, when it was measured, on a scale of its own"

import looked_at
import numpy as np
import pytest
import torch
from fits import axes, line, pixels

from fastsgd.views import MetricsView

STEPS = torch.tensor([5, 10, 15, 20])
METRICS = {'train_loss': (STEPS, torch.tensor([4., 2., 1., 0.5])),
           'valid_loss': (STEPS, torch.tensor([5., 3., 2., 1.])),
           'accuracy': (STEPS, torch.tensor([0.2, 0.4, 0.6, 0.9])),
           'f1_score': (STEPS, torch.tensor([0.1, 0.3, 0.5, 0.8])),
           'perplexity': (STEPS, torch.tensor([90., 50., 20., 8.]))}


def measured(**kwargs):
    t = line(**kwargs)
    t.metrics, t.epochs = METRICS, STEPS
    return t


def lines(ax): return {one.get_label(): one for part in ax.child_axes for one in part.lines}


def test_one_panel_for_each_scale():
    ax = MetricsView().plot(measured(), axes())
    names = [[one.get_label() for one in part.lines] for part in ax.child_axes]
    assert names == [['each step', 'train_loss', 'valid_loss'], ['accuracy', 'f1_score'], ['perplexity']]
    assert [part.get_ylabel() for part in ax.child_axes] == ['loss', '', 'perplexity']


def test_a_value_is_seen_when_it_was_measured_and_not_before():
    t, ax = measured(), axes()
    update = MetricsView().draw(t, ax)
    for i, seen in ((4, 0), (5, 1), (14, 2), (15, 3), (20, 4), (5, 1)):
        update(i)
        for name, (steps, values) in METRICS.items():
            x, y = lines(ax)[name].get_data()
            assert np.array_equal(x, steps[:seen]) and np.allclose(y, values[:seen])
        x, y = lines(ax)['each step'].get_data()
        assert np.array_equal(x, range(min(i + 1, 20))) and np.allclose(y, t.losses[:len(x)])


def test_the_legend_of_a_low_panel_is_a_row_above_its_lines():
    ax = axes()
    ax.figure.set_size_inches(6, 3)
    MetricsView().plot(measured(), ax)
    ax.figure.canvas.draw()
    for part in ax.child_axes[:2]:
        legend = part.get_legend().get_window_extent()
        assert legend.height < 0.25 * ax.figure.dpi
        for one in part.lines: assert one.get_window_extent().y1 <= legend.y0 + 2


def test_an_axis_of_epochs():
    t = measured()
    t.epochs = torch.tensor([5, 15]) # of different length, and one that did not end
    ax = MetricsView(x='epoch').plot(t, axes())
    np.testing.assert_allclose(lines(ax)['accuracy'].get_xdata(), [1, 1.5, 2, 2.5])
    assert ax.child_axes[-1].get_xlabel() == 'epoch'


def test_epochs_are_marked():
    ax = MetricsView().plot(measured(), axes())
    for part in ax.child_axes:
        assert [segment[0][0] for segment in part.collections[0].get_segments()] == [5, 10, 15, 20]
    assert [text.get_text() for text in ax.child_axes[0].texts] == ['epoch 1', '2', '3', '4']


def test_several_fits_in_one_panel():
    fits = [measured(label='slow'), measured(n=10, label='fast')]
    ax = MetricsView().plot(fits, axes())
    assert {'accuracy, slow', 'accuracy, fast'} <= lines(ax).keys()
    colours = {lines(ax)[f'accuracy, {name}'].get_color() for name in ('slow', 'fast')}
    markers = {lines(ax)[f'accuracy, {name}'].get_marker() for name in ('slow', 'fast')}
    assert len(colours) == len(markers) == 2


def test_without_metrics_there_are_losses():
    ax = MetricsView().plot(line(), axes())
    assert lines(ax).keys() == {'each step', 'valid_loss'}
    t = looked_at.Trajectory({'a': torch.zeros(2, 1)})
    with pytest.raises(ValueError, match='neither losses nor metrics'): MetricsView().plot(t, axes())


def test_what_is_not_finite_leaves_a_hole_and_the_limits_stand():
    t = measured()
    t.metrics = {'accuracy': (STEPS, torch.tensor([0.2, torch.nan, 0.6, torch.inf])),
                 'rmse': (STEPS, torch.full((4,), torch.nan))}
    ax = axes()
    update = MetricsView().draw(t, ax)
    update(20)
    limits = [part.get_ylim() for part in ax.child_axes]
    assert np.isfinite(limits).all() and np.isnan(lines(ax)['accuracy'].get_ydata()).tolist() == [False, True, False,
                                                                                                  True]
    update(0)
    assert [part.get_ylim() for part in ax.child_axes] == limits
    MetricsView().plot(line(n=30, lr=1.5), axes()).figure.canvas.draw()


def test_update_is_pure():
    ax = axes()
    update = MetricsView().draw(measured(), ax)
    first, artists = (update(3), pixels(ax))[1], update(20)
    assert [id(a) for a in update(3)] == [id(a) for a in artists] and np.array_equal(pixels(ax), first)
    for a in artists: a.set_visible(False)
    still = pixels(ax)
    update(20)
    assert np.array_equal(pixels(ax), still)


def test_settings_that_do_not_fit():
    with pytest.raises(ValueError, match="x='time': expected one of 'step', 'epoch'"): MetricsView(x='time')


def test_values_below_zero_are_drawn_where_they_are():
    traj, values = measured(), torch.tensor([-4., -3., -2., -1.])
    traj.metrics = {'log_likelihood': (STEPS, values)}
    assert lines(MetricsView().plot(traj, axes()))['log_likelihood'].get_ydata().tolist() == values.tolist()
