"""`FitView`: the data, the model's curve at each point, and the batch of the step."""

import numpy as np
import pytest
import torch
from fits import axes, classes, line, mlp
from matplotlib.colors import to_hex

from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import FitView
from fastsgd.views.fit import one_input
from fastsgd.views.style import ORANGE


def labelled(ax): return {a.get_label(): a for a in (*ax.lines, *ax.collections)}


def times():
    class Times(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Parameter(torch.zeros(1))
        def forward(self, x): return x * self.a
    return Times()


def test_points_curve_and_ghost():
    t, ax = line(), axes()
    FitView().plot(t, ax, i=7)
    drawn = labelled(ax)
    x, y = t.data[0][0][:, 0], t.data[1][0]
    assert np.allclose(drawn['data'].get_offsets(), np.stack([x, y], 1))
    assert to_hex(drawn['data'].get_facecolor()[0]) == ORANGE.lower()
    for label, i in (('model', 7), ('first guess', 0)):
        at, values = drawn[label].get_data()
        slope, intercept = t.params['a'][i].tolist()
        assert np.allclose(values, slope * at + intercept, atol=1e-5)
        assert at.min() < x.min() and at.max() > x.max()


@pytest.mark.parametrize('make', [line, mlp])
def test_the_batch_of_the_step_stands_out(make):
    t, ax = make(bs=5), axes()
    update = FitView().draw(t, ax)
    ring = labelled(ax)['batch']
    for i in (3, 0, 11):
        assert ring in update(i)
        (x,), (y,) = t.batches[i]
        assert np.allclose(ring.get_xdata(), x[:, 0]) and np.allclose(ring.get_ydata(), y.reshape(-1))
    update(20)
    assert len(ring.get_xdata()) == 0, 'after the last step there is no batch to come'
    assert 'batch' not in labelled(FitView().plot(line(), axes()))
    assert 'batch' not in labelled(FitView(batch=False).plot(t, axes()))


def test_settings():
    t = line()
    ax = FitView(n=17, ghost=False).plot(t, axes())
    assert 'first guess' not in labelled(ax) and len(labelled(ax)['model'].get_xdata()) == 17
    x = torch.linspace(0, 1, 5)
    ax = FitView(torch.stack([x, torch.ones(5)], 1), x).plot(t, axes())
    assert len(labelled(ax)['data'].get_offsets()) == 5


def test_data_of_any_form():
    "Inputs (n,) or (n, 1), targets (n,) or (n, 1), constant columns anywhere"
    for shape in ((30,), (30, 1)):
        for yshape in ((30,), (30, 1)):
            x, y = torch.randn(shape), torch.randn(yshape)
            ax = FitView().plot(Trajectory({'a': torch.zeros(2, 1)}, model=times(), data=((x,), (y,))), axes())
            assert len(labelled(ax)['data'].get_offsets()) == 30
    assert one_input(torch.ones(4, 3)) is None and one_input(torch.ones(4, 1)) == 0
    assert one_input(torch.arange(4)) is None, 'categories are no axis'
    assert one_input(torch.empty(0, 2)) is None and one_input(torch.randn(4, 2, 2)) is None


def test_diverged_keeps_the_axes_of_the_data():
    ax = FitView().plot(line(n=60, lr=1.5), axes())
    low, high = ax.get_ylim()
    assert -10 < low < 0 and 5 < high < 15


def test_three_are_told_apart_by_colour_and_marker():
    ax = FitView().plot([line(label='SGD', lr=lr) for lr in (0.01, 0.1, 0.5)], axes())
    lines = [labelled(ax)[f'SGD, lr={lr}'] for lr in (0.01, 0.1, 0.5)]
    assert len({a.get_color() for a in lines}) == len({a.get_marker() for a in lines}) == 3


@pytest.mark.parametrize('make, message', [
    (lambda: FitView(torch.zeros(3)), 'x and y go together'),
    (lambda: FitView(torch.zeros(3), torch.zeros(2)), 'x has 3 rows and y 2'),
    (lambda: FitView(n=1), 'n=1: expected a whole number of at least 2'),
    (lambda: FitView().plot(classes(), axes()), r'x has shape \(60, 2\), expected .* LossView and ParamsView suit any'),
    (lambda: FitView().plot(Trajectory({'a': torch.zeros(2, 2)}), axes()), r'no data: give it, as in FitView\(x, y\)'),
    (lambda: FitView(torch.zeros(3, 1), torch.zeros(3)).plot(Trajectory({'a': torch.zeros(2, 2)}), axes()), 'no model'),
    (lambda: FitView().plot(Trajectory({'a': torch.zeros(2, 1)}, model=times(), data=((torch.randn(5), torch.randn(5)),
                                                                                     (torch.randn(5),))), axes()),
     'the model takes 2 tensors, expected one')])
def test_errors_teach(make, message):
    with pytest.raises(ValueError, match=message): make()


def test_several_outputs():
    model = torch.nn.Linear(1, 2)
    params = {n: p.detach()[None].repeat(2, *[1] * p.ndim) for n, p in model.named_parameters()}
    t = Trajectory(params, model=model, data=((torch.randn(9, 1),), (torch.randn(9, 2),)))
    with pytest.raises(ValueError, match=r'the model answers 2 inputs with shape \(2, 2\), expected one number each'):
        FitView().plot(t, axes())
