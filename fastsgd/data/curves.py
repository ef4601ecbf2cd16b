"""Synthetic points around a curve, with one input and one output, in fastai `DataLoaders`."""

import math

import torch
from fastai.basics import DataLoaders

from ..checks import check_number, check_numbers, check_whole
from .noise import check_noise, draw_noise, seeded_generator
from .tensors import MOST, draw_dls


def poly_data(
    n: int = 100, # Number of points
    coef: tuple = (2., 0., -1.5, 0.), # True coefficients, the highest power first, as in `numpy.polyval`
    noise: str | float = 0.1, # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    seed: int | None = None, # Seed of a generator of its own; None draws from torch's global state
) -> tuple: # `x` and `y`, both of shape (n, 1)
    """Draw points around a polynomial; `x` is uniform on [-1, 1). Raises ValueError for an invalid argument.

    >>> x, y = poly_data(n=50, coef=(1., 0., 0.), noise=0)
    >>> bool((y == x**2).all())
    True
    """
    coef = check_numbers('coef', coef, example=(2., 0., -1.5, 0.))
    return _curve(n, lambda x: sum(c * x**k for k, c in enumerate(reversed(coef))) + 0 * x, noise, seed)


def sine_data(
    n: int = 100, # Number of points
    freq: float = 1., # Waves per unit of `x`, which spans two units
    noise: str | float = 0.1, # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    seed: int | None = None, # Seed of a generator of its own; None draws from torch's global state
) -> tuple: # `x` and `y`, both of shape (n, 1)
    """Draw points around a sine wave of height 1; `x` is uniform on [-1, 1). Raises ValueError for an invalid argument.

    >>> x, y = sine_data(n=50, freq=2., seed=0)
    >>> x.shape, y.shape
    (torch.Size([50, 1]), torch.Size([50, 1]))
    """
    freq = check_number('freq', freq, example=1.)
    return _curve(n, lambda x: torch.sin(2 * math.pi * freq * x), noise, seed)


def _curve(n, f, noise, seed):
    n, noise, gen = check_whole('n', n, 1, cap=2 * MOST, example=100), check_noise(noise), seeded_generator(seed)
    x = torch.empty(n, 1).uniform_(-1, 1, generator=gen)
    return x, f(x) + draw_noise(n, noise, gen)[:, None]


def poly_dls(
    n: int = 100, # Number of training points
    coef: tuple = (2., 0., -1.5, 0.), # True coefficients, the highest power first
    noise: str | float = 0.1, # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    n_valid: int = 100, # Number of validation points, drawn afresh; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU
) -> DataLoaders: # Batches of `x` (bs, 1) and `y` (bs, 1)
    """Serve `poly_data` by fastai `DataLoaders`. Raises ValueError for an invalid argument.

    >>> dls = poly_dls(coef=(1., 0., 0.), bs=10, seed=0)
    >>> [t.shape for t in dls.one_batch()]
    [torch.Size([10, 1]), torch.Size([10, 1])]
    """
    return draw_dls(lambda n: poly_data(n, coef, noise, seed), n, n_valid, bs, seed, device)


def sine_dls(
    n: int = 100, # Number of training points
    freq: float = 1., # Waves per unit of `x`, which spans two units
    noise: str | float = 0.1, # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    n_valid: int = 100, # Number of validation points, drawn afresh; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU
) -> DataLoaders: # Batches of `x` (bs, 1) and `y` (bs, 1)
    """Serve `sine_data` by fastai `DataLoaders`. Raises ValueError for an invalid argument.

    >>> dls = sine_dls(freq=2., bs=10, seed=0)
    >>> [t.shape for t in dls.one_batch()]
    [torch.Size([10, 1]), torch.Size([10, 1])]
    """
    return draw_dls(lambda n: sine_data(n, freq, noise, seed), n, n_valid, bs, seed, device)
