"""Synthetic points around a line, in fastai `DataLoaders`."""

import torch
from fastai.basics import DataLoaders

from ..checks import check_numbers, check_whole
from .noise import check_noise, draw_noise, seeded_generator
from .tensors import MOST, draw_dls


def linear_data(
    n: int = 100, # Number of points
    coef: tuple = (3., 2.), # True slope and intercept
    noise: str | float = 'uniform', # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    seed: int | None = None, # Seed of a generator of its own; None draws from torch's global state
) -> tuple: # `x` of shape (n, 2) and `y` of shape (n,)
    """Draw points around a line: `y = x @ coef + noise`; `x[:, 0]` is uniform on [-1, 1), `x[:, 1]` is the constant 1.

    Raises ValueError for an invalid argument.

    >>> x, y = linear_data(n=50, noise=0.25, seed=0)
    >>> x.shape, y.shape
    (torch.Size([50, 2]), torch.Size([50]))
    """
    n, coef = check_whole('n', n, 1, cap=2 * MOST, example=100), check_numbers('coef', coef, 2, example=(3., 2.))
    noise, gen = check_noise(noise), seeded_generator(seed)
    x = torch.ones(n, 2)
    x[:, 0].uniform_(-1, 1, generator=gen)
    return x, x @ torch.tensor(coef) + draw_noise(n, noise, gen)


def linear_dls(
    n: int = 100, # Number of training points
    coef: tuple = (3., 2.), # True slope and intercept
    noise: str | float = 'uniform', # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    n_valid: int = 100, # Number of validation points, drawn afresh from the same line; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU
) -> DataLoaders: # Batches of `x` (bs, 2) and `y` (bs,)
    """Serve `linear_data` by fastai `DataLoaders`. Raises ValueError for an invalid argument.

    >>> dls = linear_dls(n=100, bs=10, seed=0)
    >>> len(dls.train), [t.shape for t in dls.one_batch()]
    (10, [torch.Size([10, 2]), torch.Size([10])])
    """
    return draw_dls(lambda n: linear_data(n, coef, noise, seed), n, n_valid, bs, seed, device)
