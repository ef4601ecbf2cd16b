"""`Trajectory.diverged` against fits whose end is known: noise is no divergence, and no divergence is missed."""

import numpy as np
import pytest
import torch

from fastsgd import Trajectory
from fastsgd.trajectory.divergence import diverged_at


def losses_of(seed, n=100, bs=1, lr=0.05, noise=1., near=False, steps=200, loss='squares', schedule=None, mom=0.,
              errors='standard_normal', init=1., trained=0):
    "Batch losses of SGD on a linear model with two parameters, in plain NumPy"
    rng = np.random.default_rng(seed)
    x, true = rng.normal(size=(n, 2)), rng.normal(size=2) * 2
    y = x @ true + noise * getattr(rng, errors)(n)
    if loss != 'squares': y = np.where(y > 0, 1., -1.)
    w, velocity, order, res = np.linalg.lstsq(x, y, rcond=None)[0] if near else rng.normal(size=2) * init, 0, [], []
    if trained: w = true * trained
    for step in range(steps):
        if len(order) < bs: order = list(rng.permutation(n))
        at, order = order[:bs], order[bs:]
        out = x[at] @ w
        if loss == 'squares': value, slope = (out - y[at])**2, 2 * (out - y[at])
        elif loss == 'logistic': value, slope = np.logaddexp(0, -y[at] * out), -y[at] / (1 + np.exp(y[at] * out))
        else:
            gap = (loss == 'hinge') - y[at] * out
            value, slope = np.maximum(gap, 0), -y[at] * (gap > 0)
        res.append(value.mean())
        velocity = mom * velocity + slope @ x[at] / bs
        w = w - lr * (schedule(step / steps) if schedule else 1) * velocity
    return torch.tensor(np.array(res))


def restarts(t): return (1 + np.cos(np.pi * (4 * t % 1))) / 2
def warm_up(t): return min(1, 4 * t)


GOOD = {
    'near the optimum': dict(near=True, lr=0.02),
    'the lesson, single items': dict(noise=0.3),
    'a long fit': dict(lr=0.02, noise=0.3, steps=600),
    'ten steps': dict(steps=10),
    'mini-batches': dict(bs=10, lr=0.1),
    'hinge loss': dict(loss='hinge', lr=0.1, noise=0.3),
    'perceptron': dict(loss='perceptron', lr=0.5, noise=0.5, init=0.1),
    'logistic': dict(loss='logistic', lr=0.5, noise=0.1),
    'warm restarts': dict(lr=0.1, bs=2, schedule=restarts),
    'warm-up': dict(lr=0.1, schedule=warm_up),
    'momentum': dict(lr=0.01, mom=0.9),
    'outliers': dict(lr=0.002, errors='standard_cauchy'),
}
BAD = {
    'full batch': dict(bs=100, lr=1.6, steps=100),
    'full batch, a few steps': dict(bs=100, lr=4., steps=10),
    'single items': dict(lr=1.2),
    'mini-batches': dict(bs=10, lr=1.6, steps=100),
    'momentum': dict(bs=100, lr=4., mom=0.9),
    'late': dict(bs=10, lr=2., schedule=lambda t: 0.01 if t < 0.7 else 1),
    'warm-up': dict(bs=10, lr=3., schedule=warm_up),
    'away from the optimum': dict(lr=1.5, near=True),
    'at once': dict(bs=100, lr=1e6, steps=20),
}


def test_at_most_one_good_fit_in_a_thousand_is_called_diverged(tell, count):
    called = {kind: [seed for seed in range(100) if diverged_at(losses_of(seed, **how)) is not None]
              for kind, how in GOOD.items()}
    assert sum(map(len, called.values())) <= 1, called
    tell('false divergence', f'{sum(map(len, called.values()))} of {100 * len(GOOD)} good fits of {len(GOOD)} kinds')
    count('good fits that are not called diverged', 100 * len(GOOD))


@pytest.mark.parametrize('kind', BAD)
@pytest.mark.filterwarnings('ignore:overflow|invalid value:RuntimeWarning')
def test_no_divergence_is_missed(kind, count):
    for seed in range(30):
        losses = losses_of(seed, **BAD[kind])
        at = diverged_at(losses)
        assert at is not None and at < len(losses), seed
        low, high = losses[:3].min(), losses[:3].max()
        assert (losses[at:].nan_to_num(torch.inf) > 10 * low).all(), 'from there on it never came back'
        assert at == 0 or not losses[at - 1] > 100 * high, 'and no step before'
    count('divergences found', 30)


TRAINED = dict(loss='logistic', trained=20, lr=0.01, steps=50)
ODD = [(TRAINED, seed) for seed in (129, 141, 157, 292, 302, 495, 521, 554)] + [
    (dict(near=True, noise=1e-3, steps=100), seed) for seed in (778, 1420, 1592, 2630)]


@pytest.mark.parametrize('how, seed', ODD)
def test_a_first_loss_near_zero_and_a_last_one_that_leaps_are_noise(how, seed):
    losses = losses_of(seed, **how)
    assert diverged_at(losses) is None
    assert diverged_at(torch.cat([losses, losses.max() * torch.tensor([1e5, 1e8, 1e12])])) is not None


def test_a_last_step_that_ruins_the_parameters_counts():
    a = torch.tensor([[1.], [2.], [torch.inf]])
    assert Trajectory({'a': a}, losses=[2., 1.], lrs=[1., 1.]).diverged == 2
    assert Trajectory({'a': a[:2]}, losses=[2.], lrs=[1.]).diverged is None
