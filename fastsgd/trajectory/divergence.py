"""Did a fit diverge, and from which step on? Told from its losses, noise apart. Torch only."""

import torch

FAR = 100 # times the level of the first losses: what is worth a word
LEAP = 1e6 # the same for a single loss, which may be an outlier
CHANCE = 1e-4 # that noise explains a rise
CALM = 8 # losses in a row that tell how much noise there is


def diverged_at(losses: torch.Tensor) -> int | None: # The step from which the loss stays far above its first level
    """Find the step from which losses stay infinite or NaN, or far above what the fit began with, beyond their noise.

    A single first loss is no yardstick: that of a small batch may be next to nothing by luck.
    """
    losses = losses.double()
    known, n = losses.isfinite(), len(losses)
    if not n or not known.any(): return 0 if n else None
    sizes = losses[known].abs()
    values = torch.where(known, losses, torch.inf)
    tail = 1 if not known[-1] else _tail_beyond_noise(values, sizes[sizes > 0])
    if tail is None: return None
    first = sizes[:3] # one of which may be next to nothing by luck, unless they grow already
    level = first[0] if (first[1:] > FAR * first[:-1]).all() else first.median()
    level = torch.minimum(level, values[-tail:].max() / (10 * FAR)).clamp(min=1e-12)
    fine = (values[:n - tail] <= FAR * level).nonzero()
    return int(fine[-1]) + 1 if len(fine) else 0


def _tail_beyond_noise(values, sizes) -> int | None:
    "How many of the last `values` show that the fit diverged; None where it did not"
    n, m = len(values), 1
    while 2 * m <= n:
        last = values[-m:].kthvalue((m + 1) // 2).values # a fit that swings ever more widely has low losses at times
        top = sizes[:n // 2].max() if len(sizes) else 0
        leap = m > 2 or not _falls_as_far(float(last), sizes[:n - m])
        if last > top and leap and _beyond(float(last), sizes[:n - m], LEAP if m == 1 else FAR): return m
        m *= 2
    return _rise_of_calm(values, sizes)


def _beyond(last, sizes, far) -> bool:
    """Is `last` beyond what noise makes of the first k `sizes`, for some k?

    Of the noisiest losses, squares of one Gaussian error, k are all below the share s of another with a chance of
    s^(k/2).
    """
    for k in range(1, min(4, len(sizes)) + 1): # four that are far below are unlikely enough
        first = float(sizes[:k].max())
        if last < far * first: return False
        if (first / last)**(k / 2) <= CHANCE: return True
    return False


def _falls_as_far(last, sizes) -> bool:
    "Did the loss fall, from one step to the next, as far as `last` is above the first ones? Noise makes both."
    return len(sizes) > 1 and last / float(sizes[:4].max()) <= float((sizes[:-1] / sizes[1:]).max())


def _rise_of_calm(values, sizes) -> int | None:
    "The same for a jump right at the start, where the losses after it hardly differ from one to the next"
    if not len(sizes): return None
    fine = (values <= FAR * sizes[0]).nonzero()
    start = int(fine[-1]) + 1 if len(fine) else 0
    if len(values) - start < CALM or not values[-1] > 0: return None
    tail = values[start:].log()
    tail = tail[tail.isfinite()]
    steps = tail.diff()
    if len(steps) < CALM - 1: return None
    before = sizes[:start].max().log() # the first loss may be next to nothing by luck
    return len(tail) if tail[0] - before > 3 * (steps - steps.median()).abs().max() else None
