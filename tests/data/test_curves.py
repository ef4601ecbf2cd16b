"""Points along a curve: NumPy's values, noise, seeds, and errors that teach."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fastsgd import poly_data, poly_dls, sine_data, sine_dls


@given(st.integers(1, 50), st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_poly_is_numpys_polyval(n, coef):
    x, y = poly_data(n, coef, noise=0, seed=1)
    assert x.shape == y.shape == (n, 1) and x.dtype == y.dtype == torch.float32
    assert (x >= -1).all() and (x < 1).all()
    assert np.allclose(y, np.polyval(coef, x.double().numpy()), atol=1e-4)


@given(st.integers(1, 50), st.floats(-3, 3))
def test_sine(n, freq):
    x, y = sine_data(n, freq, noise=0, seed=1)
    assert x.shape == y.shape == (n, 1)
    assert np.allclose(y, np.sin(2 * np.pi * freq * x.double().numpy()), atol=1e-4)


@pytest.mark.parametrize('make', [poly_dls, sine_dls])
def test_dls(make):
    dls = make(n=30, n_valid=7, bs=10, seed=3)
    assert len(dls.train) == 3 and len(dls.valid.dataset) == 7
    x, y = dls.one_batch()
    assert x.shape == y.shape == (10, 1)
    again = make(n=30, n_valid=7, bs=10, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(dls.train.dataset.tensors, again.train.dataset.tensors))
    assert not torch.equal(dls.train.dataset.tensors[0], make(n=30, seed=4).train.dataset.tensors[0])
    assert len(make(n_valid=0).valid) == 0 and len(make(seed=1).train) == 1


@pytest.mark.parametrize('make', [poly_dls, sine_dls])
def test_noise(make):
    spread = lambda noise: make(n=5000, noise=noise, seed=1).train.dataset.tensors[1] - make(
        n=5000, noise=0, seed=1).train.dataset.tensors[1]
    assert abs(float(spread(0.3).std()) - 0.3) < 0.02 and abs(float(spread('uniform').mean()) - 0.5) < 0.02


@pytest.mark.parametrize('make', [poly_dls, sine_dls])
def test_a_seed_leaves_the_global_state_alone(make):
    state = torch.get_rng_state()
    make(seed=1)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(5)
    first = make().train.dataset.tensors[0]
    torch.manual_seed(5)
    assert torch.equal(first, make().train.dataset.tensors[0])


@pytest.mark.parametrize('call, message', [
    (lambda: poly_dls(coef=()),
     r'coef=\(\): expected finite numbers in a row, for instance coef=\(2.0, 0.0, -1.5, 0.0\)'),
    (lambda: poly_dls(coef='cubic'), "coef='cubic': expected finite numbers in a row"),
    (lambda: poly_dls(n=0), 'n=0: expected a whole number of at least 1'),
    (lambda: sine_dls(freq=float('nan')), 'freq=nan: expected a finite number, for instance freq=1.'),
    (lambda: sine_dls(freq='fast'), "freq='fast': expected a finite number"),
    (lambda: sine_dls(noise=-1), 'noise=-1: expected .uniform. or the standard deviation'),
    (lambda: sine_dls(n_valid=-1), 'n_valid=-1: expected a whole number of at least 0'),
    (lambda: poly_dls(bs=0), 'bs=0: expected'), (lambda: poly_dls(seed='x'), "seed='x': expected a whole number")])
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message): call()
