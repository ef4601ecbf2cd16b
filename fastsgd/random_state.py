"""Keep the random state of torch, NumPy and Python as it was."""

import random
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def random_state_kept():
    "Restore all random states (torch on all devices, NumPy, Python) on exit"
    state, cpu, cuda = random.getstate(), torch.get_rng_state(), torch.cuda.is_initialized()
    numpy = np.random.get_state() # noqa: NPY002
    gpus = torch.cuda.get_rng_state_all() if cuda else []
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try: yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy) # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda: torch.cuda.set_rng_state_all(gpus)
        if mps is not None: torch.mps.set_rng_state(mps)


def within_64_bits(seed: int) -> int:
    "A whole number of any size as a seed that torch takes"
    return seed if -2**63 <= seed < 2**64 else seed % 2**63


def seed_all(seed, python=True):
    "Seed torch on all devices in use, NumPy and, unless told otherwise, Python, which takes longest"
    if python: random.seed(seed)
    seed = within_64_bits(seed)
    np.random.seed(seed % 2**32) # noqa: NPY002
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized(): torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available(): torch.mps.manual_seed(seed)
