"""The noise of synthetic points, and the generators that it comes from."""

import torch

from ..checks import as_number, check_seed


def _generator(seed):
    "A generator of our own for a given seed; None leaves the choice to torch's global one, as everywhere in torch"
    seed = check_seed('seed', seed)
    return None if seed is None else torch.Generator().manual_seed(seed % 2**63)


def _check_noise(noise):
    "Raise ValueError unless `noise` is 'uniform' or a standard deviation"
    sigma = as_number(noise)
    if noise != 'uniform' if sigma is None else sigma < 0:
        raise ValueError(f"noise={noise!r:.100}: expected 'uniform' or the standard deviation of a Gaussian, "
                         'a number of at least 0, for instance noise=0.25')


def _spread(n, noise, gen):
    return torch.rand(n, generator=gen) if noise == 'uniform' else torch.randn(n, generator=gen) * noise
