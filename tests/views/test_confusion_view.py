"`ConfusionView` counts what the model of each point predicts"

import re

import looked_at
import numpy as np
import pytest
import torch
from fits import axes, classes, line, pixels
from torch.nn import functional as F

from fastsgd.trajectory.samples import Samples
from fastsgd.views import ConfusionView


def wide(width=8, height=6):
    ax = axes()
    ax.figure.set_size_inches(width, height)
    return ax


def counted(t, i, x, y, k):
    says = t.predict(i, x).argmax(1).flatten()
    res = np.zeros((k, k), int)
    for a, b in zip(y.flatten().tolist(), says.tolist()): res[a, b] += 1
    return res


def shares(ax): return np.asarray(ax.images[0].get_array())


@pytest.mark.parametrize('i', [0, 4, -1])
def test_counts_are_those_of_the_model(i):
    t, ax = looked_at.pictures(), wide()
    ConfusionView().plot(t, ax, i)
    counts = counted(t, i, t.samples.xs[0], t.samples.ys[0], 2)
    assert [text.get_text() for text in ax.texts] == [str(c) if c else '' for c in counts.flat]
    np.testing.assert_allclose(shares(ax), counts / counts.sum(1, keepdims=True))
    assert ax.get_title('left').startswith(f'{np.trace(counts)} of 12 items right')
    assert [label.get_text() for label in ax.get_yticklabels()] == t.samples.classes


def test_rows_are_true_and_columns_predicted():
    t, ax = looked_at.pictures(), wide()
    t.samples.targets = [0] * 12 # all of one true class
    ConfusionView().plot(t, ax, -1)
    assert shares(ax)[0].sum() == pytest.approx(1) and shares(ax)[1].sum() == 0
    assert ax.get_xlabel() == 'predicted' and ax.get_ylabel() == 'true'


def test_a_larger_sample():
    t, ax = looked_at.pictures(), wide()
    x, y, *_ = looked_at.shapes(50)
    ConfusionView(data=(x, y)).plot(t, ax, 3)
    np.testing.assert_allclose(shares(ax), (c := counted(t, 3, x, y, 2)) / c.sum(1, keepdims=True))
    assert ' of 50 items right' in ax.get_title('left')


def test_one_output_and_masks():
    t, ax = looked_at.KINDS['one output'](), wide()
    ConfusionView().plot(t, ax, 5)
    says, true = t.predict(5, *t.samples.xs).flatten() > 0, torch.tensor(t.samples.targets)
    assert shares(ax)[1, 1] == pytest.approx(float(says[true == 1].float().mean()))
    t, ax = looked_at.masks(), wide()
    ConfusionView().plot(t, ax, 9)
    counts = counted(t, 9, t.samples.xs[0], t.samples.ys[0], 3)
    np.testing.assert_allclose(shares(ax), counts / counts.sum(1, keepdims=True))
    assert 'pixels right' in ax.get_title('left')


def many(k):
    gen = torch.Generator().manual_seed(0)
    x = torch.randn(200, 4, generator=gen)
    y = torch.arange(200) % k
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Linear(4, k)
    return looked_at.fit(model, F.cross_entropy, Samples((x,), (y,), 'values', 'category', None, y.tolist(),
                                                         [f'a long class name {c}' for c in range(k)]), n=4)


@pytest.mark.parametrize('k', [3, 30, 100])
def test_names_do_not_overlap(k):
    ax = wide(5, 4)
    ConfusionView().plot(many(k), ax)
    ax.figure.canvas.draw()
    for axis, a, b in ((ax.xaxis, 'x0', 'x1'), (ax.yaxis, 'y0', 'y1')):
        boxes = sorted((getattr(box, a), getattr(box, b)) for box in
                       (label.get_window_extent() for label in axis.get_ticklabels()))
        assert len(boxes) >= 3 and all(low[1] <= high[0] + 0.5 for low, high in zip(boxes, boxes[1:]))
    assert shares(ax).shape == (k, k)


def test_of_too_many_classes_the_most_confused_ones():
    t, ax = many(120), wide()
    ConfusionView(most=20).plot(t, ax)
    assert shares(ax).shape == (20, 20) and '20 of 120 classes' in ax.get_title('left')


def test_update_is_pure_and_the_scale_stands():
    t, ax = looked_at.pictures(), axes()
    update = ConfusionView().draw(t, ax)
    first, last = (update(0), pixels(ax))[1], update(8)
    assert [id(a) for a in update(3)] == [id(a) for a in last] and ax.images[0].get_clim() == (0, 1)
    update(0)
    assert np.array_equal(pixels(ax), first)
    for a in last: a.set_visible(False)
    still = pixels(ax)
    update(8)
    assert np.array_equal(pixels(ax), still)


def test_several_and_recorded_data_and_what_has_no_classes():
    ax = ConfusionView().plot([looked_at.pictures(), looked_at.pictures(n=3)], wide())
    assert len([part for part in ax.child_axes if part.images]) == 2
    assert ConfusionView().plot(classes(3), axes()).images[0].get_array().shape == (3, 3)
    with pytest.raises(ValueError, match='ConfusionView is for classes; ParityView'): ConfusionView().plot(line(),
                                                                                                           axes())
    with pytest.raises(ValueError, match='data is of type int: expected Samples'): ConfusionView(data=3)
    with pytest.raises(ValueError, match='most=1: expected a whole number of at least 2'): ConfusionView(most=1)


@pytest.mark.parametrize('width', [2.2, 3.3, 6.])
def test_what_is_mistaken_is_told_whole(width):
    "In two lines that reach no further than the colour bar, with the ends of names that are too long"
    t = many(30)
    t.samples.classes = [f'american pit bull terrier {c}' for c in range(30)]
    ax = wide(width, 3)
    ConfusionView().plot(t, ax, 0)
    right, mostly = ax.get_title('left').split('\n')
    counts = counted(t, 0, t.samples.xs[0], t.samples.ys[0], 30)
    np.fill_diagonal(counts, 0)
    true, said = np.unravel_index(counts.argmax(), counts.shape)
    first, second = re.fullmatch(rf'(\S.*) taken for (\S.*): {counts.max()}', mostly).groups()
    assert ' of 200 items right' in right and first.endswith(f'{true}'[-1]) and second.endswith(f'{said}'[-1])
    ax.figure.canvas.draw()
    box = ax._left_title.get_window_extent()
    assert box.x1 <= ax.get_window_extent().x1 + 0.7 * ax.figure.dpi
