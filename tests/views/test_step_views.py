"""`LossView`, `LRView` and `ParamsView`: what was recorded, step by step."""

import numpy as np
import pytest
import torch
from fits import axes, line
from hypothesis import given
from hypothesis import strategies as st

from fastsgd.trajectory.several import label_of
from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import LossView, LRView, ParamsView, PathView, animate
from fastsgd.views.limits import padded
from fastsgd.views.steps import extremes, spans_decades


def labelled(ax): return {a.get_label(): a for a in ax.lines}


def losses(values, **kwargs):
    values = torch.as_tensor(values)
    return Trajectory({'a': torch.zeros(len(values) + 1, 1)}, losses=values, lrs=torch.ones(len(values)), **kwargs)


def test_loss_is_raw_and_grows_step_by_step():
    t, ax = line(), axes()
    update = LossView().draw(t, ax)
    for i in (5, 0, 20):
        update(i)
        x, y = labelled(ax)['training'].get_data()
        shown = min(i + 1, 20) # the loss at the last point, a step that was not taken, is not known
        assert np.array_equal(x, range(shown)) and np.allclose(y, t.losses[:shown])


def test_validation_comes_at_the_end_of_its_epoch():
    t, ax = line(), axes()
    update = LossView().draw(t, ax)
    dots = labelled(ax)['validation']
    for i, seen in ((4, 0), (5, 1), (19, 3), (20, 4)):
        update(i)
        assert np.array_equal(dots.get_xdata(), t.valid[0][:seen]) and np.allclose(dots.get_ydata(), t.valid[1][:seen])
    assert 'validation' not in labelled(LossView().plot(line(valid=False), axes()))


@pytest.mark.parametrize('values, scale', [
    ([5., 1., 0.01], 'log'), ([5., 1., 0.5], 'linear'), ([5., 0.01, -1.], 'linear'), ([5., 0.01, 0.], 'log'),
    ([0., 0., 0.], 'linear'), ([torch.nan] * 3, 'linear'), ([5., torch.inf, torch.nan], 'linear'), ([5.], 'linear')])
def test_log_scale_when_the_loss_spans_decades(values, scale):
    ax = LossView().plot(losses(values), axes())
    assert ax.get_yscale() == scale
    assert np.isfinite(ax.get_ylim()).all() and ax.get_ylim()[0] < ax.get_ylim()[1]
    ax.figure.canvas.draw()


def test_log_can_be_chosen():
    assert LossView(log=True).plot(losses([5., 4.]), axes()).get_yscale() == 'log'
    assert LossView(log=False).plot(losses([5., 0.001]), axes()).get_yscale() == 'linear'
    assert LossView(log=True).plot(losses([0., 0.]), axes()).get_yscale() == 'linear', 'no logarithm of zero'


def test_nan_is_a_hole_and_no_end():
    ax = LossView().plot(losses([3., torch.nan, 2., torch.inf, 1.]), axes())
    assert np.array_equal(np.isnan(labelled(ax)['loss' if 'loss' in labelled(ax) else 'training'].get_ydata()),
                          [False, True, False, True, False])


def notes(update, i): return [a.get_text() for a in update(i) if hasattr(a, 'get_text')]


@pytest.mark.parametrize('view', [LossView(), LossView(log=False), ParamsView()], ids=repr)
def test_a_line_that_leaves_the_plot_says_so_where_it_does(view):
    t, ax = line(n=60, lr=1.5), axes()
    update, limits = view.draw(t, ax), ax.get_ylim()
    curves = [t.losses.numpy()] if isinstance(view, LossView) else list(t.params['a'].T.numpy())
    outside = [(c < limits[0]) | (c > limits[1]) for c in curves]
    step = min(np.flatnonzero(~o)[-1] + 1 for o in outside)
    assert notes(update, step - 1) == ['']
    assert notes(update, step) == notes(update, 60) == [f'left the plot at step {step}']
    assert np.abs(limits).max() < 1e5 * float(t.losses[0])


def test_a_line_in_sight_has_not_left():
    "A fit that diverges slowly is still in the plot"
    t, ax = losses([8.] * 50 + [900., 1000., 1100., 1293.]), axes()
    update = LossView().draw(t, ax)
    assert t.diverged is not None and ax.get_ylim()[1] > 1293 and notes(update, 54) == []


def test_one_huge_loss_does_not_stretch_the_axis():
    t, ax = losses([3., 2., 5., 2e6, 1e30]), axes()
    LossView().draw(t, ax)
    assert ax.get_ylim()[1] < 1e5


def test_a_line_that_ends_has_not_left():
    assert notes(LossView().draw(losses([3., 2., torch.nan, torch.nan]), axes()), 4) == []


def test_diverged_beside_others():
    trajs = [line(lr=0.1, label='calm'), line(lr=1.5, label='$wild$')]
    ax = axes()
    update = LossView().draw(trajs, ax)
    (text,), top = notes(update, 20), ax.get_ylim()[1]
    assert text == f'$wild$ left the plot at step {int((trajs[1].losses <= top).nonzero()[-1]) + 1}'


def test_many_that_leave_are_counted():
    update = LossView().draw([line(lr=1.5 + k / 10) for k in range(6)], axes())
    assert notes(update, 20) == ['6 fits left the plot']


def test_the_note_stands_off_the_line_and_the_legend():
    ax = animate(line(n=60, lr=1.5), LossView())._fig.axes[0]
    ax.figure.draw_without_rendering()
    note, legend = ax.texts[-1].get_window_extent(), ax.get_legend().get_window_extent()
    line_, = [a for a in ax.lines if a.get_label() == 'training']
    assert not note.overlaps(legend) and not line_.get_path().transformed(line_.get_transform()).intersects_bbox(note)
    assert ax.bbox.x0 <= note.x0 and note.x1 <= ax.bbox.x1 and ax.bbox.y0 <= note.y0 and note.y1 <= ax.bbox.y1, 'inside'


def test_a_gap_where_the_model_was_replaced():
    t = line(n=20)
    t.breaks = [8]
    for view, name in ((LossView(), 'training'), (ParamsView(), 'a[0]')):
        x, y = labelled(view.plot(t, axes()))[name].get_data()
        gap = np.flatnonzero(np.isnan(y))
        assert len(gap) == 1 and (x[gap - 1], x[gap + 1]) == (7, 8)
        update = view.draw(t, ax := axes())
        update(8)
        assert labelled(ax)[name].get_xdata()[-1] == 8 and np.isfinite(labelled(ax)[name].get_ydata()[-1])


def test_epochs_are_marked_where_they_end():
    def marks(ax):
        return [seg[0, 0] for c in ax.collections for seg in c.get_segments()], [a.get_text() for a in ax.texts]
    t = losses(torch.rand(12), epochs=[4, 8, 12])
    for view in (LossView(), LRView()): assert marks(view.plot(t, axes())) == ([4, 8, 12], ['epoch 1', '2', '3'])
    assert marks(LossView().plot(losses(torch.rand(3), epochs=[1, 2, 3]), axes())) == ([], []), 'each step is one'
    assert marks(LossView().plot([losses(torch.rand(9)), t], axes()))[0] == [4, 8, 12]


def test_long_fits_are_drawn_with_few_points():
    values = torch.rand(50_000)
    values[12_345], values[23_456] = 9., -9.
    ax = LossView().plot(losses(values), axes())
    x, y = labelled(ax)['training'].get_data()
    assert len(x) <= 2000 and y.max() == 9 and y.min() == -9 and x[0] == 0 and x[-1] == 49_999


@given(st.lists(st.floats(allow_nan=True, width=32), min_size=1, max_size=300), st.integers(8, 100))
def test_extremes_keep_ends_lowest_and_highest(values, most):
    values = np.array(values)
    kept = extremes(values, most)
    assert len(kept) <= max(most, 8) and kept[0] == 0 and kept[-1] == len(values) - 1 and (np.diff(kept) > 0).all()
    known = np.nan_to_num(values)
    assert known[kept].max() == known.max() and known[kept].min() == known.min()


@given(st.lists(st.floats(), max_size=20))
def test_padded_is_finite_and_not_empty(values):
    limits = padded(values)
    assert limits is None or np.isfinite(limits).all() and limits[0] < limits[1]


def test_spans_decades():
    assert spans_decades([1., 100.])
    assert not any(map(spans_decades, ([1., 99.], [], [-1., 1e5])))


def test_learning_rate():
    lrs = torch.linspace(0.1, 1, 20)
    t = line()
    t = Trajectory(t.params, losses=t.losses, lrs=lrs)
    ax = LRView().plot(t, axes(), i=9)
    assert np.allclose(labelled(ax)['learning rate'].get_ydata(), lrs[:10])
    assert ax.get_ylabel() == 'learning rate' and ax.get_xlabel() == 'step'


def test_label_tells_the_learning_rate_once():
    t = line(lr=0.1)
    assert label_of(t, 1) == 'fit 2, lr=0.1'
    t.label = 'Adam'
    assert label_of(t, 0) == 'Adam, lr=0.1'
    t.label = 'SGD lr=0.1'
    assert label_of(t, 0) == 'SGD lr=0.1'
    t.label, t.lrs = '1cycle', torch.linspace(0.01, 0.3, 20)
    assert label_of(t, 0) == '1cycle, lr up to 0.3'
    assert label_of(Trajectory({'a': torch.zeros(2, 1)}), 0) == 'fit 1'


def test_params_grow_step_by_step():
    t, ax = line(), axes()
    update = ParamsView().draw(t, ax)
    update(4)
    for j, label in enumerate(('a[0]', 'a[1]')):
        assert np.allclose(labelled(ax)[label].get_ydata(), t.params['a'][:5, j])


def big():
    params = {'w': torch.zeros(4, 50, 3), 'b': torch.zeros(4)}
    params['w'][:, 7, 2] = torch.arange(4) * 2.
    params['w'][:, 9, 0] = torch.arange(4) * 3.
    params['b'] = torch.arange(4) * 1.
    return Trajectory(params)


def test_params_that_moved_most():
    ax = ParamsView(most=3).plot(big(), axes())
    assert list(labelled(ax)) == ['w[7, 2]', 'w[9, 0]', 'b']
    assert ax.get_title() == 'the 3 that moved most, of 151'
    assert list(labelled(ParamsView('b').plot(big(), axes()))) == ['b']


def test_params_of_three_are_the_same_ones():
    ax = ParamsView(most=6).plot([big(), big(), big()], axes())
    lines = ax.lines
    assert len(lines) == 6 and len({(a.get_color(), a.get_linestyle()) for a in lines}) == 6
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {'fit 1', 'fit 2', 'fit 3', 'w[7, 2]', 'w[9, 0]'}


def test_params_errors_teach():
    with pytest.raises(ValueError, match=r"names has 'x', expected names among \['w', 'b'\]"):
        ParamsView(['x']).plot(big(), axes())
    with pytest.raises(ValueError, match='most=0: expected a whole number of at least 1'): ParamsView(most=0)


@pytest.mark.parametrize('view', [LossView, LRView, PathView])
@pytest.mark.parametrize('bad', ['x', 1, 10.])
def test_log_is_checked_at_once(view, bad, count):
    with pytest.raises(ValueError, match=f'log={bad!r}: expected True, False, or None for a log scale'): view(log=bad)
    assert view(log=np.True_).log
    count('bad inputs refused')


def test_diverged_after_a_first_loss_that_is_no_number():
    t = losses([torch.inf, 1., 2., 1e9, torch.nan])
    ax = LossView().plot(t, axes())
    assert t.diverged == 3 and ax.get_ylim()[1] < 10, 'the axis shows what came before'


@pytest.mark.parametrize('size', [1e120, 1e240])
def test_large_losses_are_drawn(size):
    ax = LossView().plot(Trajectory({'a': torch.rand(4, 2)}, losses=size * torch.arange(1, 4, dtype=torch.float64),
                                    lrs=torch.ones(3)), axes())
    assert not ax.texts and ax.get_ylim()[0] < size < 3 * size < ax.get_ylim()[1]
    ax.figure.canvas.draw()
    for losses, told in (([1e290] * 3, 'no loss below 1e250'), ([float('nan')] * 3, 'no finite loss')):
        losses = torch.tensor(losses, dtype=torch.float64)
        ax = LossView().plot(Trajectory({'a': torch.rand(4, 2)}, losses=losses, lrs=torch.ones(3)), axes())
        assert [o.get_text() for o in ax.texts] == [told]
