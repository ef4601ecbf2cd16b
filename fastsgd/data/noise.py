"""The noise of synthetic points, and the generators that it comes from."""

import torch

from ..checks import as_number, check_seed, refuse


def seeded_generator(seed):
    "A generator of our own for a given seed; None leaves the choice to torch's global one, as everywhere in torch"
    seed = check_seed('seed', seed)
    return None if seed is None else torch.Generator().manual_seed(seed % 2**63)


def check_noise(noise):
    "Return `noise` as 'uniform' or a float. Raises ValueError for anything but 'uniform' or a standard deviation."
    if isinstance(noise, str) and noise == 'uniform': return noise
    sigma = as_number(noise)
    if sigma is None or sigma < 0:
        refuse('noise', noise, "'uniform' or the standard deviation of a Gaussian, a number of at least 0", 0.25)
    return sigma


def draw_noise(n, noise, gen):
    "`n` random numbers as `check_noise` describes them"
    return torch.rand(n, generator=gen) if noise == 'uniform' else torch.randn(n, generator=gen) * noise
