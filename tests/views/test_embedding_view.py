"`EmbeddingView` moves a point if the model moved it, and not otherwise"

import copy
import itertools

import looked_at
import numpy as np
import pytest
import torch
from fits import axes, line, pixels

from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import EmbeddingView, LossView
from fastsgd.views.animate import animate
from fastsgd.views.asked import Asked


def places(ax): return np.concatenate([np.stack(one.get_data(), 1) for one in ax.lines])


def changed(t, params):
    return Trajectory(params, losses=t.losses, lrs=t.lrs, buffers=t.buffers, model=t.model, loss_func=t.loss_func,
                      samples=t.samples)


@pytest.mark.parametrize('name', [None, 'samples'])
def test_an_unchanged_model_does_not_move_by_a_pixel(name):
    t = looked_at.texts()
    still, ax = changed(t, {n: torch.cat([p[:1]] * len(t)) for n, p in t.params.items()}), axes()
    update = EmbeddingView(name).draw(still, ax)
    first = (update(0), pixels(ax))[1]
    for i in (7, len(t) - 1):
        update(i)
        assert np.array_equal(pixels(ax), first)


def test_distances_are_those_of_the_embedding():
    "In two dimensions nothing is lost: a projection keeps all distances"
    t = looked_at.texts()
    flat = {n: p.clone() for n, p in t.params.items()}
    flat['0.weight'][..., 2:] = 0
    t, ax = changed(t, flat), axes()
    update = EmbeddingView().draw(t, ax)
    for i in (0, 9):
        update(i)
        np.testing.assert_allclose(torch.cdist(*[torch.tensor(places(ax))] * 2),
                                   torch.cdist(*[t.params['0.weight'][i].double()] * 2), atol=1e-6)
    told = [int(axis.get_label_text().split(', ')[1].split('%')[0]) for axis in (ax.xaxis, ax.yaxis)]
    assert told[0] >= told[1] and 99 <= sum(told) <= 101


def test_names_stand_at_their_points():
    t, ax = looked_at.texts(), axes()
    ax.figure.set_size_inches(10, 8)
    update = EmbeddingView().draw(t, ax)
    update(4)
    at, words = places(ax), t.samples.embeddings['0.weight'][1]
    assert len(ax.texts) >= 4
    for text in ax.texts: np.testing.assert_allclose(text.get_position(), at[words.index(text.get_text().strip())])


def test_what_fastai_has_not_seen_goes_without_a_name():
    t, ax = looked_at.texts(), axes()
    samples = copy.deepcopy(t.samples)
    kind, words = samples.embeddings['0.weight']
    samples.embeddings['0.weight'] = kind, [w if k % 2 else '#na#' for k, w in enumerate(words)]
    EmbeddingView().draw(Trajectory(t.params, losses=t.losses, lrs=t.lrs, model=t.model, samples=samples), ax)(4)
    names = [text.get_text().strip() for text in ax.texts]
    assert any(names) and '#na#' not in names


def test_so_many_names_at_the_most():
    t = looked_at.texts()
    for most in (0, 2):
        ax = EmbeddingView(labels=most).plot(t, axes())
        assert len([text for text in ax.texts if text.get_text()]) == most


def test_names_never_cover_each_other_or_leave_the_plot():
    t = looked_at.texts()
    words = [f'a rather long word {k}' for k in range(len(t.samples.embeddings['0.weight'][1]))]
    t.samples.embeddings = {'0.weight': ('word', words)}
    for animation in (animate(t, EmbeddingView(), LossView(), LossView()), animate(t, EmbeddingView())):
        ax, shown = animation._fig.axes[0], []
        for i in range(len(t)):
            animation._func(i)
            boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
            shown.append(len(boxes))
            for box in boxes: assert ax.bbox.x0 - 1 <= box.x0 and box.x1 <= ax.bbox.x1 + 1
            for a, b in itertools.combinations(boxes, 2):
                assert min(a.x1, b.x1) - max(a.x0, b.x0) < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 1
        assert min(shown) > 0 and max(shown) > 3
        assert all(text.get_text().strip()[-2:] in ''.join(words) for text in ax.texts), 'their ends'


def test_what_the_last_layer_gets():
    t = looked_at.pictures()
    body = t.model[:-1].eval()
    for i in (0, 5):
        body.load_state_dict({n: v for n, v in t.state(i).items() if not n.startswith('5.')})
        with torch.no_grad(): torch.testing.assert_close(Asked(t, t.samples).before_last(i), body(t.samples.xs[0]))
    ax = EmbeddingView().plot(t, axes())
    assert {one.get_label() for one in ax.lines} == {'square',
                                                     'cross'} and len({one.get_marker() for one in ax.lines}) == 2


def test_update_is_pure_and_several_stand_side_by_side():
    ax = axes()
    update = EmbeddingView().draw(looked_at.texts(), ax)
    first, artists = (update(0), pixels(ax))[1], update(20)
    assert [id(a) for a in update(0)] == [id(a) for a in artists] and np.array_equal(pixels(ax), first)
    for a in artists: a.set_visible(False)
    still = pixels(ax)
    update(20)
    assert np.array_equal(pixels(ax), still)
    assert len(EmbeddingView().plot([looked_at.texts(), looked_at.texts()], axes()).child_axes) == 2


def test_what_does_not_fit():
    with pytest.raises(ValueError,
                       match="name='x': expected the name of a parameter with two dimensions, or 'samples'"):
        EmbeddingView('x').plot(looked_at.texts(), axes())
    with pytest.raises(ValueError, match='no layer with a matrix of weights'): EmbeddingView().plot(line(), axes())
    with pytest.raises(ValueError, match='labels=-1'): EmbeddingView(labels=-1)
    t = looked_at.texts()
    lost = changed(t, {n: torch.full_like(p, torch.nan) for n, p in t.params.items()})
    EmbeddingView().plot(lost, axes()).figure.canvas.draw()
