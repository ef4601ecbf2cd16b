"`WeightsView` shows the weights themselves, on one scale for all frames"

import looked_at
import numpy as np
import pytest
import torch
from fits import axes, line, pixels
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.samples import Samples
from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import SamplesView, WeightsView, animate


def shown(ax): return np.stack([np.asarray(im.get_array()) for im in ax.images])


def said(ax): return ax.texts[0].get_text()


@pytest.mark.parametrize('i', [0, 3, -1])
def test_filters_of_the_first_convolution(i):
    t, ax = looked_at.pictures(), axes()
    WeightsView().plot(t, ax, i)
    np.testing.assert_array_equal(shown(ax), t.params['0.weight'][i, :, 0].double())
    low, high = ax.images[0].get_clim()
    assert -low == high >= float(t.params['0.weight'].abs().max()) * 0.9


def test_filters_of_three_channels_are_coloured():
    t, ax = looked_at.pictures(channels=3), axes()
    WeightsView().plot(t, ax)
    pictures, weights = shown(ax), t.params['0.weight'][-1].movedim(1, -1).numpy()
    assert pictures.shape == (6, 3, 3, 3) and pictures.min() >= 0 and pictures.max() <= 1
    inside = (pictures > 0) & (pictures < 1)
    slope = (pictures[inside] - 0.5) / weights[inside]
    np.testing.assert_allclose(slope, slope[0], rtol=1e-4), 'zero is grey, and all is to one scale'


def on_pixels(rows=True):
    gen = torch.Generator().manual_seed(0)
    x, y = torch.rand(20, 64, generator=gen), torch.arange(20) % 2
    samples = Samples((x,), (y,), 'values', 'category', None, y.tolist(), ['three', 'seven'])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Linear(64, 2) if rows else Columns()
    return looked_at.fit(model, F.cross_entropy, samples)


class Columns(nn.Module):
    "As in fastbook's chapter 4: `xb @ weights + bias`"
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(64, 2))
    def forward(self, x): return x @ self.weights


@pytest.mark.parametrize('rows', [True, False])
def test_a_linear_layer_on_pixels_is_a_picture_per_output(rows):
    t, ax = on_pixels(rows), axes()
    WeightsView().plot(t, ax, 2)
    weight = t.params['weight' if rows else 'weights'][2].double()
    np.testing.assert_array_equal(shown(ax), (weight if rows else weight.T).reshape(2, 8, 8))
    assert [text.get_text() for text in ax.texts[1:]] == ['three', 'seven']


def test_changes_since_the_start():
    t, ax = looked_at.pictures(), axes()
    WeightsView(of='changes').plot(t, ax)
    weight = t.params['0.weight'].double()
    np.testing.assert_array_equal(shown(ax), (weight[-1] - weight[0])[:, 0])


def test_frozen_weights_say_so():
    t = looked_at.pictures()
    params = {n: p.clone() for n, p in t.params.items()}
    params['0.weight'] = params['0.weight'][:1].expand(len(t), *params['0.weight'].shape[1:])
    frozen = Trajectory(params, losses=t.losses, lrs=t.lrs, samples=t.samples)
    ax = axes()
    update = WeightsView().draw(frozen, ax)
    update(5)
    assert said(ax) == '0.weight: frozen, never changes'
    params['0.weight'] = torch.cat([t.params['0.weight'][:1]] * 5 + [t.params['0.weight'][5:]])
    later = Trajectory(params, losses=t.losses, lrs=t.lrs, samples=t.samples)
    ax = axes()
    update = WeightsView().draw(later, ax)
    told = {i: (update(i), said(ax))[1] for i in (0, 4, 8)}
    assert told[0] == told[4] == '0.weight: unchanged' and 'moved by' in told[8]


def test_one_scale_for_all_frames_and_pure():
    t, ax = looked_at.pictures(), axes()
    update = WeightsView().draw(t, ax)
    limits = ax.images[0].get_clim()
    first, artists = (update(0), pixels(ax))[1], update(8)
    assert ax.images[0].get_clim() == limits and [id(a) for a in update(0)] == [id(a) for a in artists]
    assert np.array_equal(pixels(ax), first)
    for a in artists: a.set_visible(False)
    still = pixels(ax)
    update(8)
    assert np.array_equal(pixels(ax), still)


def test_several_fits_side_by_side():
    ax = WeightsView().plot([looked_at.pictures(), looked_at.pictures(n=3)], axes())
    assert [len(part.images) for part in ax.child_axes] == [6, 6]


def test_what_does_not_fit():
    with pytest.raises(ValueError,
                       match='neither a convolution nor a layer that sees pixels'): WeightsView().plot(line(), axes())
    with pytest.raises(ValueError, match="name='x': expected one of"): WeightsView(name='x').plot(looked_at.pictures(),
                                                                                                  axes())
    with pytest.raises(ValueError,
                       match='expected a convolution'): WeightsView(name='5.bias').plot(looked_at.pictures(), axes())
    with pytest.raises(ValueError, match="of='sizes': expected one of 'values', 'changes'"): WeightsView(of='sizes')
    with pytest.raises(ValueError, match='most=0'): WeightsView(most=0)


def test_what_is_not_finite_is_drawn():
    t = looked_at.pictures()
    params = {n: p.clone() for n, p in t.params.items()}
    for p in params.values(): p[4:] = torch.nan
    lost = Trajectory(params, losses=t.losses, lrs=t.lrs, samples=t.samples)
    WeightsView().plot(lost, axes()).figure.canvas.draw()


def test_how_many_of_all_are_shown():
    t, ax = on_pixels(True), axes()
    WeightsView(most=1).plot(t, ax)
    assert said(ax).startswith('weight, 1 of 2: ')
    WeightsView().plot(t, ax := axes())
    assert said(ax).startswith('weight: ')


@pytest.mark.parametrize('others', [0, 2])
def test_the_numbers_of_the_colour_bar_have_room(others):
    fig = animate(looked_at.pictures(), *[SamplesView()] * others, WeightsView())._fig
    fig.draw_without_rendering()
    bar, = fig.axes[-1].child_axes
    assert bar.get_tightbbox().x1 <= fig.axes[-1].get_window_extent().x1 <= fig.bbox.x1
