"""An axis of steps says where epochs end, further fits begin and parameters are frozen, in letters that never touch."""

import itertools

import pytest
import torch
from fits import axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from fastsgd import (
    ActivationsView,
    HistogramView,
    LayersView,
    LossView,
    LRView,
    MetricsView,
    ParamsView,
    SharpnessView,
    Trajectory,
    animate,
    linear_learner,
)

FINE_TUNE = [(0, 'freeze'), (20, 'fit'), (20, 'unfreeze')]


def fit(n=60, every=10, **kwargs):
    gen = torch.Generator().manual_seed(0)
    return Trajectory({'a': torch.rand(n + 1, 9, generator=gen)}, losses=torch.rand(n, generator=gen) + 1,
                      lrs=[0.1] * n, epochs=range(every, n + 1, every), **kwargs)


def wide(): return Figure(figsize=(16, 3)).add_subplot()
def parts(ax): return ax.child_axes or [ax]
def said(ax): return [a.get_text() for a in parts(ax)[0].texts if isinstance(a, Annotation) and a.get_text()]
def numbers(ax): return [a.get_text() for a in parts(ax)[0].texts if not isinstance(a, Annotation)]
def lines(ax): return {float(s[0, 0]): c.get_linestyle()[0][1] for c in ax.collections for s in c.get_segments()}


VIEWS = LossView(), LRView(), ParamsView(), MetricsView()


@pytest.mark.parametrize('view', VIEWS, ids=lambda v: type(v).__name__)
def test_fine_tune(view):
    ax = view.plot(fit(marks=FINE_TUNE), axes())
    assert said(ax) == ['frozen', '2nd fit, unfrozen'] and numbers(ax) == ['epoch 1', *'23456']
    for part in parts(ax):
        drawn = lines(part)
        assert list(drawn) == [10, 30, 40, 50, 60, 20], 'a mark stands in place of the end of an epoch'
        assert drawn[20] and not drawn[10], 'dashed: told apart by more than colour'


def test_an_axis_of_epochs():
    ax = MetricsView(x='epoch').plot(fit(marks=FINE_TUNE), axes())
    assert list(lines(ax.child_axes[0])) == [2] and said(ax) == ['frozen', '2nd fit, unfrozen'] and not numbers(ax)


def test_unfrozen_in_part():
    lr = torch.full((60, 3), 0.1, dtype=torch.float64)
    lr[:20, :2] = lr[20:40, 0] = torch.nan
    marks = [(0, 'freeze'), (20, 'unfreeze'), (40, 'unfreeze')]
    ax = LossView().plot(fit(marks=marks, hypers={'lr': lr}), wide())
    assert said(ax) == ['frozen', 'partly unfrozen', 'unfrozen']


def test_ordinals():
    ax = LossView().plot(fit(n=240, every=20, marks=[(20 * k, 'fit') for k in range(1, 12)]), wide())
    assert [text.split()[0] for text in said(ax)] == [
        '2nd', '3rd', '4th', '5th', '6th', '7th', '8th', '9th', '10th', '11th', '12th']


def boxes(fig):
    fig.draw_without_rendering()
    return [a.get_window_extent() for ax in fig.axes for part in parts(ax) for a in (*part.texts, part.title)
            if a.get_text()]


@pytest.mark.parametrize('marks', [FINE_TUNE, [(k, 'fit') for k in range(10, 60, 10)],
                                   [(k, kind) for k in range(5, 60, 5) for kind in ('fit', 'freeze', 'unfreeze')],
                                   [(58, 'fit'), (59, 'fit'), (59, 'unfreeze')],
                                   [(1, 'fit'), (2, 'fit'), (3, 'unfreeze')]])
def test_letters_never_touch(marks):
    for views in (VIEWS, VIEWS[:1], VIEWS[:3], VIEWS * 2):
        fig = animate(fit(marks=marks), *views)._fig
        for a, b in itertools.combinations(boxes(fig), 2):
            if not (a.height and b.height): continue
            assert not a.overlaps(b), (a, b)
        for ax in fig.axes: assert said(ax) or ax.name != 'rectilinear'


def test_too_many_are_not_marked():
    ax = LossView().plot(fit(n=200, every=1, marks=[(k, 'fit') for k in range(1, 200)]), axes())
    assert not lines(ax) and not said(ax)


def test_of_several_fits_what_they_share_is_marked():
    one, other = fit(marks=FINE_TUNE), fit(marks=[(20, 'fit'), (30, 'fit')])
    assert said(LossView().plot([one, other], axes())) == ['2nd fit']
    assert list(lines(LossView().plot([one, fit()], axes()))) == [10, 20, 30, 40, 50, 60]


def test_ticks_of_ones_own_stay():
    ax = axes()
    ax.set_xticks([0, 30, 60])
    LossView().plot(fit(marks=FINE_TUNE), ax)
    assert ax.get_xticks().tolist() == [0, 30, 60]


def test_of_many_epochs_those_with_a_number_have_a_line():
    ax = LossView().plot(fit(n=600), wide())
    assert list(lines(ax)) == [80, 160, 240, 320, 400, 480, 560]
    assert numbers(ax) == ['epoch 8', *map(str, range(16, 60, 8))]


@pytest.mark.parametrize('n', [1, 3, 6])
def test_of_small_panels_no_legend_covers_a_line_and_no_label_is_cut(n):
    rise = torch.linspace(0.05, 1, 20, dtype=torch.float64)
    once = torch.cat([rise, rise[-1] - rise[:1] * torch.arange(40) / 2.1]) * 0.01
    t = fit(marks=FINE_TUNE, hypers={'lr': torch.stack([once, once / 3, once / 9], 1)}, valid=([10, 60], [1.4, 0.6]))
    t.losses = (t.losses - 1) * 0.3 + torch.linspace(1.5, 0.4, 60) # ticks at 0.75 where there were some at 0.8
    fig = animate(t, *[LossView(), LRView(), ParamsView()][:n], *[LRView()] * (n - 3))._fig
    fig.draw_without_rendering()
    for ax in fig.axes:
        assert ax.yaxis.label.get_window_extent().x0 >= 0
        if ax.get_legend() is None or isinstance(ax.get_legend()._loc, int): continue
        box = ax.get_legend().get_window_extent()
        for line in ax.lines:
            places = line.get_transform().transform(line.get_xydata())
            assert not any(box.contains(*place) for place in places), line


@pytest.mark.parametrize('view', [HistogramView(), LayersView(), ActivationsView(), SharpnessView()],
                         ids=lambda view: type(view).__name__)
def test_pictures_of_few_steps_count_them_in_whole_numbers(view):
    learn = linear_learner(seed=0)
    learn.fit(12, lr=0.1)
    fig = Figure(figsize=(3.2, 3))
    ax = view.plot(learn.record_params.trajectory, fig.add_subplot())
    steps = [part for part in (ax, *ax.child_axes) if part.get_xlabel() == 'step']
    assert len(steps) == 1
    for width in (2, 3, 4, 5, 6, 8): # of some, matplotlib's ticks are 2.5 steps apart
        fig.set_figwidth(width)
        assert all(tick == round(tick) for tick in steps[0].get_xticks())
