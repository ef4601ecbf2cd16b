"""Points of several classes: shapes, seeds, equal shares, and errors that teach."""

import random
import sys

import numpy as np
import pytest
import torch
from fastai.basics import get_c

from fastsgd import blobs_dls, circles_dls, moons_dls, spiral_dls

SETS = {moons_dls: 2, circles_dls: 2, blobs_dls: 3, spiral_dls: 2}
names = lambda o: getattr(o, '__name__', None)


@pytest.mark.parametrize('make, k', SETS.items(), ids=names)
def test_dls(make, k):
    dls = make(n=60, n_valid=20, bs=16, seed=1)
    x, y = dls.train.dataset.tensors
    assert x.shape == (60, 2) and x.dtype == torch.float32 and y.shape == (60,) and y.dtype == torch.int64
    assert y.unique().tolist() == list(range(k)) and get_c(dls) == k
    assert y.bincount().min() > 60 / k / 2, 'about as many of each class'
    assert len(dls.train) == 4 and len(dls.valid.dataset) == 20 and len(make(n_valid=0).valid) == 0
    assert dls.one_batch()[0].shape == (16, 2)


@pytest.mark.parametrize('make', SETS, ids=names)
def test_seeds(make):
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate() # noqa: NPY002
    first, again, other = (make(seed=s).train.dataset.tensors for s in (1, 1, 2))
    assert torch.equal(states[0], torch.get_rng_state()) and random.getstate() == states[2]
    assert np.random.get_state()[1].tolist() == states[1] # noqa: NPY002
    assert all(torch.equal(a, b) for a, b in zip(first, again)) and not torch.equal(first[0], other[0])
    torch.manual_seed(3)
    one = make().train.dataset.tensors[0]
    torch.manual_seed(3)
    assert torch.equal(one, make().train.dataset.tensors[0]) and not torch.equal(one, make().train.dataset.tensors[0])


def test_shapes():
    x, y = circles_dls(noise=0, factor=0.3, seed=1).train.dataset.tensors
    assert torch.allclose(x.norm(dim=1), torch.where(y == 0, 1., 0.3), atol=1e-5)
    x, y = spiral_dls(n=90, arms=3, turns=0, noise=0, seed=1).train.dataset.tensors
    angle = torch.atan2(x[:, 1], x[:, 0]) / (2 * torch.pi) * 3
    assert torch.allclose(angle.round() % 3, y.float()) and x.norm(dim=1).max() <= 1
    assert len(blobs_dls(centers=5, seed=1).train.dataset.tensors[1].unique()) == 5


@pytest.mark.parametrize('call, message', [
    (lambda: moons_dls(noise=-0.1), 'noise=-0.1: expected a finite number of at least 0, for instance noise=0.15'),
    (lambda: circles_dls(factor=1), 'factor=1: expected a finite number of at least 0 and below 1'),
    (lambda: blobs_dls(centers=1), 'centers=1: expected a whole number of at least 2'),
    (lambda: blobs_dls(spread='wide'), "spread='wide': expected a finite number of at least 0"),
    (lambda: spiral_dls(arms=0), 'arms=0: expected a whole number of at least 2'),
    (lambda: spiral_dls(turns=None), 'turns=None: expected a finite number'),
    (lambda: spiral_dls(n=0), 'n=0: expected a whole number of at least 1'),
    (lambda: moons_dls(seed=1.5), 'seed=1.5: expected a whole number')])
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message): call()


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn', None)
    with pytest.raises(ImportError,
                       match='make_moons is part of scikit-learn: pip install scikit-learn, or take spiral_dls'):
        moons_dls()
    spiral_dls()
