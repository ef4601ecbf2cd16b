"""Synthetic points of several classes in the plane, in fastai `DataLoaders`; most are scikit-learn's."""

import math

import torch
from fastai.basics import DataLoaders

from ..checks import check_number, check_whole
from .noise import seeded_generator
from .tensors import draw_dls


def moons_dls(
    n: int = 200, # Number of training points
    noise: float = 0.15, # Standard deviation of a Gaussian
    n_valid: int = 100, # Number of validation points, drawn afresh; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU
) -> DataLoaders: # Inputs (bs, 2), classes (bs,): 0 or 1
    """Draw two interleaving half circles by scikit-learn's `make_moons`.

    Raises ValueError for an invalid argument, ImportError without scikit-learn.

    >>> dls = moons_dls(bs=20, seed=0)
    >>> [t.shape for t in dls.one_batch()]
    [torch.Size([20, 2]), torch.Size([20])]
    """
    noise = check_number('noise', noise, 0, example=0.15)
    return _draw_by_sklearn('make_moons', dict(noise=noise), 2, n, n_valid, bs, seed, device)


def circles_dls(
    n: int = 200, # Number of training points
    noise: float = 0.08, # Standard deviation of a Gaussian
    factor: float = 0.5, # Radius of the inner circle; that of the outer one is 1
    n_valid: int = 100, # Number of validation points, drawn afresh; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU
) -> DataLoaders: # Inputs (bs, 2), classes (bs,): 0 or 1
    """Draw a circle in a circle by scikit-learn's `make_circles`.

    Raises ValueError for an invalid argument, ImportError without scikit-learn.

    >>> dls = circles_dls(bs=20, seed=0)
    >>> [t.shape for t in dls.one_batch()]
    [torch.Size([20, 2]), torch.Size([20])]
    """
    noise = check_number('noise', noise, 0, example=0.08)
    factor = check_number('factor', factor, 0, below=1, example=0.5)
    return _draw_by_sklearn('make_circles', dict(noise=noise, factor=factor), 2, n, n_valid, bs, seed, device)


def blobs_dls(
    n: int = 200, # Number of training points
    centers: int = 3, # Number of classes
    spread: float = 1., # Standard deviation of each
    n_valid: int = 100, # Number of validation points, drawn afresh; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU
) -> DataLoaders: # Inputs (bs, 2), classes (bs,) from 0 to `centers - 1`
    """Draw Gaussian clusters by scikit-learn's `make_blobs`.

    Raises ValueError for an invalid argument, ImportError without scikit-learn.

    >>> dls = blobs_dls(bs=20, seed=0)
    >>> [t.shape for t in dls.one_batch()]
    [torch.Size([20, 2]), torch.Size([20])]
    """
    spread = check_number('spread', spread, 0, example=1.)
    centers = check_whole('centers', centers, 2, cap=10_000, example=3)
    kwargs = dict(centers=centers, cluster_std=spread)
    return _draw_by_sklearn('make_blobs', kwargs, centers, n, n_valid, bs, seed, device)


def spiral_dls(
    n: int = 300, # Number of training points
    arms: int = 2, # Number of classes
    turns: float = 1.25, # Full turns of each arm
    noise: float = 0.03, # Standard deviation of a Gaussian; the arms reach out to 1
    n_valid: int = 100, # Number of validation points, drawn afresh; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU
) -> DataLoaders: # Inputs (bs, 2), classes (bs,) from 0 to `arms - 1`
    """Draw spirals that wind about each other. Raises ValueError for an invalid argument.

    >>> dls = spiral_dls(bs=20, seed=0)
    >>> [t.shape for t in dls.one_batch()]
    [torch.Size([20, 2]), torch.Size([20])]
    """
    arms = check_whole('arms', arms, 2, cap=10_000, example=2)
    turns, noise = check_number('turns', turns, 0, cap=1e6, example=1.25), check_number('noise', noise, 0, example=0.03)

    def points(n):
        gen = seeded_generator(seed)
        y = torch.randperm(n, generator=gen) % arms # as many of each class as can be
        out = torch.rand(n, generator=gen).sqrt() # evenly along the arm: it gets longer with each turn
        angle = 2 * math.pi * (turns * out + y / arms)
        x = torch.stack([angle.cos(), angle.sin()], 1) * out[:, None]
        return x + noise * torch.randn(n, 2, generator=gen), y
    return _draw_classes(points, arms, n, n_valid, bs, seed, device)


def _draw_by_sklearn(name, kwargs, n_classes, n, n_valid, bs, seed, device):
    "Make `DataLoaders` of what scikit-learn's function `name` draws"
    def points(n):
        try:
            from sklearn import datasets
        except ImportError as e:
            raise ImportError(f'{name} is part of scikit-learn: pip install scikit-learn, or take spiral_dls') from e
        # a seed of its own for NumPy, whose global state stays as it is
        state = int(torch.randint(2**31, (1,), generator=seeded_generator(seed)))
        x, y = getattr(datasets, name)(n, random_state=state, **kwargs)
        return torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y, dtype=torch.int64)
    return _draw_classes(points, n_classes, n, n_valid, bs, seed, device)


def _draw_classes(draw, n_classes, *args):
    dls = draw_dls(draw, *args)
    dls.c = n_classes # what fastai's `get_c` looks for
    return dls
