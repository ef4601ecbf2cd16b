"""`BoundaryView` shows what the model answers: regions, boundary, classes, one fit or several."""

import numpy as np
import pytest
import torch
from fits import axes, classes, line, pixels

from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import BoundaryView
from fastsgd.views.animate import animate
from fastsgd.views.boundary import boundary, shade, two_inputs


def labelled(ax): return {a.get_label(): a for a in ax.lines}


def at_points(t, i, line):
    "Probabilities on the drawn boundary"
    xy = np.stack(line.get_data(), 1)
    xy = torch.as_tensor(xy[~np.isnan(xy[:, 0])], dtype=torch.float32)
    return t.predict(i, xy)


@pytest.mark.parametrize('k, outputs', [(2, 1), (2, 2), (3, 3)])
def test_the_boundary_is_where_the_model_changes_its_mind(k, outputs):
    t, ax = classes(k, outputs, n=60, lr=0.5), axes()
    update = BoundaryView(n=60).draw(t, ax)
    for i in (60, 20):
        update(i)
        out = at_points(t, i, labelled(ax)['boundary'])
        assert len(out) > 10
        if outputs == 1: assert out.abs().max() < 0.2
        else:
            best = out.softmax(1).topk(2).values
            assert (best[:, 0] - best[:, 1]).max() < 0.1


@pytest.mark.parametrize('k, outputs', [(2, 1), (2, 2)])
def test_the_background_is_the_probability_of_class_1(k, outputs):
    t, ax = classes(k, outputs), axes()
    update = BoundaryView(n=7).draw(t, ax)
    update(20)
    image, = ax.images
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    out = t.predict(20, torch.tensor([[left, low], [right, high]], dtype=torch.float32))
    p = out.sigmoid()[:, 0] if outputs == 1 else out.softmax(1)[:, 1]
    shown = image.get_array()
    assert np.allclose([shown[0, 0], shown[-1, -1]], p, atol=1e-5)


def test_the_background_is_stored_as_it_was_asked_for():
    "Not resampled for the screen: that made a page several times as large"
    anim = animate(classes(2), BoundaryView())
    assert len(anim.to_jshtml()) < 21 * 20_000


def test_classes_are_told_apart_by_colour_and_marker():
    ax = BoundaryView(n=5, names=('a', 'b', 'c')).plot(classes(3), axes())
    points = [labelled(ax)[name] for name in 'abc']
    assert len({a.get_color() for a in points}) == len({a.get_marker() for a in points}) == 3
    assert sum(len(a.get_xdata()) for a in points) == 60


def test_of_three_the_boundaries_are_compared():
    ax = BoundaryView(n=20).plot([classes(2, label='SGD', n=30, lr=lr) for lr in (0.01, 0.1, 0.5)], axes())
    lines = [labelled(ax)[f'SGD, lr={lr}'] for lr in (0.01, 0.1, 0.5)]
    assert len({a.get_color() for a in lines}) == len({a.get_marker() for a in lines}) == 3 and not ax.images


@pytest.mark.parametrize('count', [1, 3])
@pytest.mark.parametrize('make', [lambda: classes(2), lambda: classes(2, 1), lambda: classes(4)])
def test_contract(make, count):
    traj, ax = [make() for _ in range(count)], axes()
    update = BoundaryView(n=9).draw(traj if count > 1 else traj[0], ax)
    children, artists = set(ax.get_children()), [id(a) for a in update(20)]
    shown = {i: (update(i), pixels(ax))[1] for i in (5, 2)}
    assert [id(a) for a in update(5)] == artists and np.array_equal(pixels(ax), shown[5])
    assert not np.array_equal(shown[2], shown[5]) and set(ax.get_children()) == children
    for a in update(5): a.set_visible(False)
    still = pixels(ax)
    update(2)
    assert np.array_equal(pixels(ax), still)


@pytest.mark.parametrize('k', [2, 3])
def test_nan_draws(k):
    t = classes(k)
    params = {name: p.clone() for name, p in t.params.items()}
    for p in params.values(): p[3:] = torch.nan
    t = Trajectory(params, losses=t.losses, lrs=t.lrs, model=t.model, data=t.data, loss_func=t.loss_func)
    pixels(BoundaryView(n=5).plot(t, axes()))


def test_boundary_and_shade_of_given_probabilities():
    gx = gy = np.linspace(0, 1, 11)
    p = np.stack([1 - np.tile(gx, (11, 1)), np.tile(gx, (11, 1))], -1)
    x, _ = boundary(gx, gy, p)
    assert np.allclose(x[~np.isnan(x)], 0.5)
    assert len(boundary(gx, gy, np.stack([np.ones((11, 11)), np.zeros((11, 11))], -1))[0]) == 0, 'one class everywhere'
    thirds = shade(np.full((1, 1, 3), 1 / 3))
    assert np.allclose(thirds, 1), 'white where nothing is known'


def test_data_and_activation_can_be_given():
    t = classes(2)
    t.data = None
    quarter = lambda o: torch.full((len(o),), 0.25)
    ax = BoundaryView(torch.randn(9, 2), torch.arange(9) % 2, activation=quarter, n=5).plot(t, axes())
    assert np.allclose(ax.images[0].get_array(), 0.25)


def data(x, y): return ((x,), (y,))


@pytest.mark.parametrize('given, message', [
    (None, r'recorded no data: give it, as in BoundaryView\(x, y\)'),
    (((torch.zeros(3, 2), torch.zeros(3)), (torch.zeros(3),)), 'has 2 inputs and 1 targets, expected one tensor each'),
    (data(torch.zeros(3, 1), torch.zeros(3)), r'x has shape \(3, 1\), expected \(n, 2\)'),
    (data(torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3)), 'fractional numbers'),
    (data(torch.zeros(3, 2), torch.zeros(3, 4)), r'y has shape \(3, 4\) .* in shape \(n,\) or \(n, 1\)'),
    (data(torch.zeros(3, 2), torch.tensor([0., 1., 0.5])), 'expected classes 0, 1')])
def test_other_data_is_told_so(given, message):
    with pytest.raises(ValueError, match=message): two_inputs(given)


def test_errors_teach():
    with pytest.raises(ValueError, match='x and y go together'): BoundaryView(torch.zeros(3, 2))
    with pytest.raises(ValueError, match='x has 3 rows and y 2'): BoundaryView(torch.zeros(3, 2), torch.zeros(2))
    with pytest.raises(ValueError, match='n=0: expected a whole number'): BoundaryView(n=0)
    with pytest.raises(ValueError, match='names has 2 names, expected 3: one for each class'):
        BoundaryView(names=('a', 'b')).plot(classes(3), axes())
    with pytest.raises(ValueError, match='PathView and LossView suit any model'):
        BoundaryView().plot(line(bs=5), axes())
