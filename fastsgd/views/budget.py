"""What a picture that nobody asked for may take: by counted work, so that it is the same on every machine."""

import math

from ..surface.work import Work, counted
from ..trajectory.samples import leaves, map_leaves
from .forms import FORMS

# Of counted work, nominally, for what the model is asked of its samples: real networks take a quarter of that on two
# cores of today, and half on older ones
SECONDS = 6
# of a film that still moves, and of a picture that still shows something: at first, and where that is too much
FEW_POINTS, FEW_ITEMS = (16, 6), (12, 6)
MOST_POINTS = 200 # which an animation has frames for
# of pictures that the model makes, one for each point and item: in all, for each pixel, and for each picture beside
MOST_BYTES, PIXEL_BYTES, MORE_BYTES, MOST_SIDE = 1_500_000, 1.5, 1200, 84


def within_budget(traj) -> tuple:
    """`(trajectory, what was left out)`: with fewer points and samples where the model would be asked for too long.

    First points go, then samples, then both again. Raises what the model raises when it is asked.
    """
    samples = traj.samples
    if samples is None or traj.model is None: return traj, ''
    form = FORMS[samples.target_kind]
    made = min(samples.n, form.most) if form.makes_pictures else 0
    items = made if samples.target_kind == 'new image' else samples.n # of noise no more than is shown
    every = min(len(traj), MOST_POINTS)
    points = max(min(every, MOST_BYTES // (made * bytes_of_picture(samples))), 2) if made else every
    for_point, for_item = work_of_samples(traj)
    seconds = lambda p, n: p * (for_point.seconds + n * for_item.seconds)
    p, n = points, items
    for few_points, few_items in zip(FEW_POINTS, FEW_ITEMS):
        p = next((k for k in range(p, few_points, -1) if seconds(k, n) <= SECONDS), min(few_points, p))
        n = next((k for k in range(n, few_items, -1) if seconds(p, k) <= SECONDS), min(few_items, n))
    while seconds(p, n) > SECONDS and (p > 2 or n > 1): p, n = max(p * 3 // 4, 2), max(n * 3 // 4, 1)
    if (p, n) == (every, items): return traj, ''
    res = traj.thin(p)
    res.as_recorded = True # scalars move on from step to step
    if n < items:
        res = res.take(range(len(res))) if res is traj else res
        res.samples, res.as_recorded = samples.take(n), True
    told = [f'{p} of {len(traj)} points' * (p < every), f'{n} of {items} samples' * (n < items)]
    why = 'the model is large' if (p, n) != (points, items) else 'pictures take room'
    return res, f'{" and ".join(filter(None, told))}, since {why}'


def points_within(traj, samples, seconds: float, few: int, many: int) -> int:
    "At how many points the model can be asked of all `samples` in `seconds` of counted work: from `few` to `many`"
    one, item = work_of_samples(traj, samples)
    return min(max(int(seconds / (one.seconds + samples.n * item.seconds)), few), many)


def bytes_of_picture(samples) -> int:
    "Of a picture that the model makes, as a player holds it"
    sides = [min(side, MOST_SIDE) for t in leaves(samples.ys)[:1] if t.ndim > 2 for side in t.shape[-2:]]
    return MORE_BYTES + int(PIXEL_BYTES * math.prod(sides)) * bool(sides)


def work_of_samples(traj, samples=None) -> tuple:
    "Counted work of asking the model at one point: once for each point, and more for each item"
    samples = traj.samples if samples is None else samples
    ask = lambda n: traj.predict(0, *map_leaves(lambda t: t[:n], samples.xs))
    ask(1) # the first time the model is copied, which does not count
    one = counted(ask, 1).work
    if samples.n == 1: return one, Work()
    two = counted(ask, 2).work
    item = Work(*(max(b - a, 0) for a, b in zip(one, two)))
    return Work(*(max(a - b, 0) for a, b in zip(one, item))), item
