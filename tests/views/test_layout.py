"""Panels stand apart, inside of the figure, and stay where they are."""

import itertools

import pytest
import torch
from fastai.learner import Learner
from torch import nn

from fastsgd import (
    BoundaryView,
    ConfusionView,
    FitView,
    HistogramView,
    LossView,
    LRView,
    MetricsView,
    ParamsView,
    PathView,
    RecordParamsCallback,
    SamplesView,
    animate,
    linear_learner,
    moons_dls,
)
from fastsgd.views.layout import axes_for


@pytest.fixture(scope='module')
def lines():
    "A fit of the lesson, and one that steps far too far"
    fits = []
    for lr in (0.1, 0.9):
        learn = linear_learner(seed=0, log_every=None)
        with learn.no_bar(), learn.no_logging(): learn.fit(30, lr=lr)
        fits.append(learn.record_params.trajectory)
    return fits


@pytest.fixture(scope='module')
def moons():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    learn = Learner(moons_dls(seed=0), model, nn.CrossEntropyLoss(), cbs=RecordParamsCallback())
    with learn.no_bar(), learn.no_logging(): learn.fit(3, 0.1)
    return learn.record_params.trajectory


CASES = {
    'lines': [(FitView(), PathView(n=15), LossView()), (LossView(log=True),), (PathView(n=15),),
              (FitView(), LossView()), (FitView(), LossView(), PathView(n=15), ParamsView()),
              (ParamsView(), LRView(), LossView(), FitView(), PathView(n=9))],
    'moons': [(BoundaryView(n=20), LossView()), (PathView(n=9, max_samples=50), HistogramView()),
              (BoundaryView(n=20), PathView(n=9, max_samples=50), LossView(), HistogramView())],
}


@pytest.mark.parametrize('fit, k', [(name, k) for name, cases in CASES.items() for k in range(len(cases))])
def test_panels_stand_apart(fit, k, request):
    trajs = request.getfixturevalue(fit)
    for traj in (trajs, trajs[0]) if fit == 'lines' else (trajs,):
        anim = animate(traj, *CASES[fit][k])
        fig = anim._fig
        for i in (0, len(anim.labels) // 2, len(anim.labels) - 1):
            anim._func(i)
            fig.draw_without_rendering()
            boxes = [ax.get_tightbbox() for ax in fig.axes]
            for box in boxes:
                assert box.x0 >= -1 and box.y0 >= -1, 'cut off'
                assert box.x1 <= fig.bbox.x1 + 1 and box.y1 <= fig.bbox.y1 + 1, 'cut off'
            for a, b in itertools.combinations(boxes, 2):
                wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
                assert wide < 1 or high < 1, 'one over another'


def test_axes_stay_where_they_are(lines):
    anim = animate(lines[1], FitView(), PathView(n=15), LossView())
    places = []
    for i in range(0, len(anim.labels), 5):
        anim._func(i)
        anim._fig.draw_without_rendering()
        places.append([(ax.get_position().bounds, ax.get_title(loc='left') and ax._left_title.get_position())
                       for ax in anim._fig.axes])
    assert all(p == places[0] for p in places)


def test_given_axes_are_taken():
    fig, axs = axes_for([FitView(), LossView()])
    assert axes_for([FitView(), LossView()], axs) == (fig, axs)
    with pytest.raises(ValueError, match='axs has 2 axes, expected 1: one for each view'): axes_for([FitView()], axs)


def test_a_page_beside_two_panels_is_as_high_as_both():
    fig, (page, upper, lower) = axes_for([SamplesView(), ConfusionView(), MetricsView()])
    assert fig.get_figwidth() <= 10 and page.bbox.width > upper.bbox.width
    assert page.bbox.height > 1.9 * upper.bbox.height and page.bbox.x1 <= upper.bbox.x0 + 1
    assert upper.bbox.x0 == lower.bbox.x0 and upper.bbox.y0 >= lower.bbox.y1 - 1
    for views in ([MetricsView(), SamplesView(), ConfusionView()], [SamplesView(), MetricsView()]):
        _, axs = axes_for(views)
        assert len({ax.bbox.height for ax in axs}) == 1
