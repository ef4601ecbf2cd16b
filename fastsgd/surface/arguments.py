"""Arguments of `loss_surface` that are wrong whatever the model and the data. Torch only."""

from ..checks import as_whole, check_numbers, check_whole
from .plane import Plane

PLANES = 'params', 'pca', 'random'
MOST = 10_000 # points along an axis


def check_surface_arguments(given: dict):
    "Raise ValueError for an argument of `loss_surface`, by name, that is wrong whatever the model and the data"
    for name, value in given.items():
        if name == 'n': grid_size(value)
        elif name in ('ulim', 'vlim'): bounds(name, value)
        elif name in ('max_samples', 'max_bytes'): check_whole(name, value, 1, cap=2**62)
        elif name == 'seed': check_whole(name, value)
        elif name == 'plane' and not (value is None or isinstance(value, Plane) or isinstance(value,
                                                                                              str) and value in PLANES):
            raise ValueError(f"plane={value!r:.100}: expected a Plane, None, 'params', 'pca' or 'random'")


def grid_size(n) -> tuple:
    "`n` as `(nu, nv)`"
    sizes = [as_whole(k) for k in (n if isinstance(n, tuple | list) else (n, n))]
    if len(sizes) != 2 or any(k is None or not 2 <= k <= MOST for k in sizes):
        raise ValueError(f'n={n!r:.100}: expected a whole number from 2 to {MOST}, or two of them, (nu, nv)')
    return tuple(sizes)


def bounds(name: str, limits) -> tuple | None:
    "`limits` as two floats that rise, or None"
    if limits is None: return None
    try: low, high = check_numbers(name, limits, 2)
    except ValueError: low = high = 0.
    if low < high: return low, high
    raise ValueError(f'{name}={limits!r:.100}: expected two finite numbers, low before high, such as {name}=(-1, 1)')
