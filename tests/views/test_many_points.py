"""200,000 points make a small page, in each view that draws data, and the picture says what was done with them."""

import numpy as np
import pytest
import torch
from fits import axes, train
from torch import nn
from torch.nn import functional as F

from fastsgd import BoundaryView, EmbeddingView, FitView, HistogramView, ParityView, animate

N, STEPS = 200_000, 20


def numbers():
    gen = torch.Generator().manual_seed(1)
    x = torch.rand(N, 1, generator=gen)
    return train(nn.Linear(1, 1), x, 2 * x + torch.randn(N, 1, generator=gen) * 0.3, F.mse_loss, n=STEPS, valid=False)


def classes():
    x = torch.rand(N, 2, generator=torch.Generator().manual_seed(1))
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))
    return train(model, x, (x[:, 0] * 3).long(), F.cross_entropy, n=STEPS, lr=1., valid=False)


def words():
    x = torch.randint(0, N, (100, 1), generator=torch.Generator().manual_seed(1))
    return train(nn.Sequential(nn.Embedding(N, 3), nn.Flatten(), nn.Linear(3, 1)), x, x / N, F.mse_loss, n=2)


@pytest.mark.parametrize('fit, view, told', [
    (numbers, FitView(), '200,000 points, drawn as one image'),
    (classes, BoundaryView(n=40), '200,000 points, drawn as one image'),
    (numbers, ParityView(), '; 2,000 of 200,000 drawn'),
    (classes, EmbeddingView('samples'), 'what the last layer gets of 1,000 of 200,000 samples'),
    (words, EmbeddingView('0.weight'), 'embedding of 0.weight, 1,000 of 200,000 rows'),
    (words, HistogramView(), 'values, at most 10,000 entries each')], ids=repr)
def test_the_page_is_small_and_says_so(fit, view, told):
    anim = animate(fit(), view)
    assert len(anim.to_jshtml()) < 1_000_000
    assert told in anim._fig.axes[0].get_title(loc='left')


def test_fewer_points_are_all_drawn_and_nothing_is_said():
    x = torch.rand(1500, 1)
    t = train(nn.Linear(1, 1), x, 2 * x, F.mse_loss, n=2)
    ax = ParityView().plot(t, axes())
    assert len(ax.lines[-1].get_xdata()) == 1500 and 'drawn' not in ax.get_title(loc='left')
    assert FitView().plot(t, axes()).get_title(loc='left') == ''
    assert HistogramView().plot(t, axes()).get_title(loc='left') == 'values of the parameters'


def test_the_error_is_that_of_all_points_and_dots_are_what_the_model_says():
    t = numbers()
    ax = ParityView().plot(t, axes(), i=3)
    (x,), (y,) = t.data
    says = t.predict(3, x)
    assert f'RMSE {float((says - y).square().mean().sqrt()):.3g},' in ax.get_title(loc='left')
    dots = ax.lines[-1]
    assert np.allclose(dots.get_xdata(), y[::100, 0]) and np.allclose(dots.get_ydata(), says[::100, 0], atol=1e-6)


def test_small_points_are_seen_in_the_legend():
    marks = FitView().plot(numbers(), axes()).get_legend().legend_handles
    assert marks[0].get_sizes()[0] == 18
    marks = BoundaryView(n=4).plot(classes(), axes()).get_legend().legend_handles
    assert all(mark.get_markersize() >= 5 for mark in marks[:3])


def test_errors_of_many_fits_are_told_whatever_they_are_called():
    fits = lambda n, name: [train(nn.Linear(1, 1), torch.rand(9, 1), torch.rand(9, 1), F.mse_loss, n=2,
                                  label=f'{name} {k}') for k in range(n)]
    title = lambda fits: ParityView().plot(fits, axes()).get_title(loc='left')
    errors = lambda fits: [f'{float((t.predict(-1, t.data[0][0]) - t.data[1][0]).square().mean().sqrt()):.3g}'
                           for t in fits]
    two, many = fits(2, 'x' * 500), fits(30, 'fit')
    assert len(title(two)) <= 64 and all(f' {error}' in title(two) for error in errors(two))
    low, high = min(errors(many), key=float), max(errors(many), key=float)
    assert title(many) == f'RMSE {low} to {high}'
