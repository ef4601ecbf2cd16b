"""The loss over a sample says how far it may be from the loss over all the data, and is right about it."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.losses import CrossEntropyLossFlat
from matplotlib.figure import Figure
from torch import nn

from fastsgd import Trajectory, loss_surface
from fastsgd.surface.pieces import some_of
from fastsgd.views import CurveView, PathView

N, SAMPLE = 600, 150


def made(loss_func=F.cross_entropy, points=3):
    "A fit with BatchNorm, and its data"
    torch.manual_seed(0)
    x, y = torch.randn(N, 4) * 2, torch.arange(N) * 3 // N
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))
    params = {n: torch.stack([p.detach() * (1 + k) for k in range(points)]) for n, p in model.named_parameters()}
    buffers = {n: torch.stack([b + k for k in range(points)]) for n, b in model.named_buffers()}
    return Trajectory(params, buffers=buffers, model=model, loss_func=loss_func, data=((x,), (y,))), x, y


def alone(traj, i, x, y):
    "What each sample loses at point i, in NumPy"
    logits = traj.predict(i, x).double().numpy()
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y.numpy()]


@pytest.mark.parametrize('loss_func, scale', [
    (F.cross_entropy, 1), (nn.CrossEntropyLoss(), 1), (CrossEntropyLossFlat(), 1),
    (lambda out, y: -out.log_softmax(1)[torch.arange(len(y)), y].mean(), 1),
    (partial(F.cross_entropy, reduction='sum'), SAMPLE), (nn.CrossEntropyLoss(reduction='sum'), SAMPLE),
    (nn.CrossEntropyLoss(reduction='none'), 1)])
def test_it_is_the_spread_of_the_samples(loss_func, scale):
    traj, x, y = made(loss_func)
    surface = loss_surface(traj, 'random', n=2, max_samples=SAMPLE, seed=5)
    losses, errors = surface.loss_at(traj, errors=True)
    ((xs,), (ys,)), = some_of([((x,), (y,))], SAMPLE, 5)
    for i in range(len(traj)):
        each = alone(traj, i, xs, ys)
        assert float(losses[i]) == pytest.approx(each.mean() * scale, rel=1e-4)
        assert float(errors[i]) == pytest.approx(
            each.std(ddof=1) / SAMPLE**0.5 * (1 - SAMPLE / N)**0.5 * scale, rel=1e-3)
    torch.testing.assert_close(surface.loss_at(traj), losses)
    one = surface.loss_at(torch.cat([traj.params[n][-1].reshape(-1) for n in traj.params]), errors=True)
    torch.testing.assert_close(torch.stack(one), torch.stack([losses[-1], errors[-1]]))
    what = 'sum' if scale > 1 else 'mean'
    told = f'{what} over a random sample of 150 of 600 samples, ± {float(errors[-1]):.2g} (standard error) at the last'
    assert told in surface.note


def test_many_samples_differ_as_much_as_one_of_them_says():
    traj, x, y = made()
    error = float(loss_surface(traj, 'random', n=2, max_samples=SAMPLE).loss_at(traj, errors=True)[1][-1])
    each, g = alone(traj, -1, x, y), np.random.default_rng(0)
    means = [g.choice(each, SAMPLE, replace=False).mean() for _ in range(2000)]
    assert error == pytest.approx(np.std(means), rel=0.15)
    assert error < 0.9 * each.std() / SAMPLE**0.5, 'a quarter of all was seen'


def counts_some(out, y): return F.cross_entropy(out, y, ignore_index=0)
def looks_at_numbers(out, y): return F.cross_entropy(out, y) if float(out.sum()) != 3 else out.mean()


@pytest.mark.parametrize('loss_func', [nn.CrossEntropyLoss(weight=torch.tensor([1., 2., 9.])), counts_some,
                                       looks_at_numbers, lambda out, y: F.cross_entropy(out, y).sqrt()])
def test_what_cannot_be_known_is_not_said(loss_func):
    traj, *_ = made(loss_func)
    surface = loss_surface(traj, 'random', n=2, max_samples=SAMPLE)
    losses, errors = surface.loss_at(traj, errors=True)
    assert errors.isnan().all() and torch.allclose(losses, surface.loss_at(traj))
    assert '±' not in surface.note and 'mean over a random sample of 150 of 600' in surface.note
    ax = PathView(surface).plot(traj, Figure().add_subplot())
    assert '±' not in ax.get_title(loc='left') + ax.child_axes[0].get_ylabel()


def test_of_all_the_data_there_is_none():
    traj, *_ = made(counts_some)
    surface = loss_surface(traj, 'random', n=2)
    assert not surface.loss_at(traj, errors=True)[1].any() and '±' not in surface.note
    with pytest.raises(ValueError, match='errors=2: expected True or False'): surface.loss_at(traj, errors=2)


def test_a_model_of_sequences_is_sampled_by_the_sequence():
    torch.manual_seed(0)
    x, y = torch.randint(0, 9, (80, 7)), torch.randint(0, 5, (80, 7))
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 5))
    learn = SimpleNamespace(model=model, loss_func=CrossEntropyLossFlat())
    surface = loss_surface(learn, 'random', n=2, data=(x, y), max_samples=40)
    loss, error = surface.loss_at(nn.utils.parameters_to_vector(model.parameters()).detach(), errors=True)
    ((xs,), (ys,)), = some_of([((x,), (y,))], 40, 0)
    each = F.cross_entropy(model(xs).transpose(1, 2), ys, reduction='none').mean(1).detach()
    assert float(error) == pytest.approx(float(each.std() / 80**0.5), rel=1e-3)
    assert float(loss) == pytest.approx(float(each.mean()), rel=1e-5)
    assert 'at the model as it is' in surface.note


def test_the_pictures_say_it():
    traj, *_ = made()
    surface = loss_surface(traj, n=4, max_samples=SAMPLE)
    losses, errors = surface.loss_at(traj, errors=True)
    ax = Figure().add_subplot()
    update = PathView(surface).draw(traj, ax)
    for i in (2, 0):
        update(i)
        assert f'loss {float(losses[i]):.4g} ± {float(errors[i]):.2g}' in ax.get_title(loc='left')
    assert ax.child_axes[0].get_ylabel() == 'loss over 150 of 600 samples,\n± its standard error'
    ax = CurveView(n=5, max_samples=SAMPLE).plot(traj, ax=Figure().add_subplot())
    assert ax.get_ylabel() == f'loss over 150 of 600 samples,\n± {float(errors[-1]):.2g} (standard error)'
