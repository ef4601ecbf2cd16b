"""Does the learning rate exceed 2 / sharpness? Told from losses, and proved at some of the points. Torch only.

A step s of plain gradient descent on a loss f changes it by -|s|² / lr + |s|² c / 2, where c is the curvature along s,
averaged over the step: c is above 2 / lr exactly where f rises, and the sharpness, the curvature along the sharpest
direction, is so all the more. From batch to batch the loss rises by chance as well: there the gradients, which are the
moves divided by the learning rate, tell of another curvature than the losses do.
"""

import math
from typing import NamedTuple

import torch

ROUNDING = 2.**-20 # of a loss, by which it may seem to rise
OFTEN, WITHIN, LONG = 5, 50, 20 # so many rises within so many steps, so many times, are no episode
PROOFS, LEAST = 16, 3 # steps that are looked at, spread over the rises; fewer prove nothing
MOST_WRONG = 1 / 4 # of them, where a step reaches too far for one curvature to describe the way
SAME = 0.1 # of a curvature: how much losses and gradients may differ in it


class Overshoot(NamedTuple):
    "The steps between which the loss rises often, how often, and 2 / sharpness beside the rate there"
    start: int
    stop: int
    rises: int
    rate: float
    limit: float

    def __str__(self):
        return f'the learning rate {self.rate:.3g} is above 2 / sharpness (about {self.limit:.3g})'


def overshoot(traj) -> Overshoot | None:
    "Where the loss of a full batch rises often, since the learning rate is above 2 / sharpness; None in doubt"
    rises = _rises(traj)
    often = (rises[OFTEN - 1:] - rises[:1 - OFTEN] < WITHIN).nonzero()[:, 0] if len(rises) >= LONG else ()
    if not len(often): return None
    rises = rises[int(often[0]):int(often[-1]) + OFTEN]
    return _proved(traj, rises) if len(rises) >= LONG else None


def first_overshoot(traj) -> Overshoot | None:
    "The same for the first rises of a fit that diverged"
    return _proved(traj, _rises(traj)[:PROOFS])


def _rises(traj): # The steps after which the loss is higher
    losses = traj.losses.double()
    return (losses.diff() > ROUNDING * losses[:-1].abs()).nonzero()[:, 0]


def _proved(traj, rises):
    "Is the curvature along some of these steps above 2 / rate beyond doubt?"
    there = torch.isin(rises, traj.steps) & torch.isin(rises + 1, traj.steps) & torch.isin(rises + 2, traj.steps)
    whole = rises[there] # of this step and the next one each point is there
    if len(whole) < LEAST or not traj.grad_norms: return None
    chosen = whole[torch.linspace(0, len(whole) - 1, min(PROOFS, len(whole))).round().long()]
    gradients, found, wrong = traj.grad_norm.double(), [], 0
    for step in chosen.tolist():
        ratio = _ratio(traj, step, gradients)
        if ratio is None: wrong += 1
        else: found.append((ratio, float(traj.lrs[step])))
        if wrong > MOST_WRONG * len(chosen): return None
    ratio, rate = sorted(found)[len(found) // 2]
    return Overshoot(int(rises[0]), int(rises[-1]) + 1, len(rises), rate, rate / ratio)


def _ratio(traj, step, gradients) -> float | None:
    "The curvature along `step`, in units of 2 / rate; None where losses and gradients do not agree on it"
    i = int(torch.searchsorted(traj.steps, step))
    this = mixed = following = 0.
    for name in traj.params:
        if traj.params.constant(name): continue
        a, b, c = (traj.params.row(name, i + k).reshape(-1) for k in range(3))
        if not a.is_floating_point(): return None
        move, then = (b - a).double(), (c - b).double()
        this, mixed, following = this + move @ move, mixed + move @ then, following + then @ then
    this, mixed, following = map(float, (this, mixed, following))
    rate, then = traj.lrs[step:step + 2].tolist()
    if not (this and following and rate > 0 and then > 0 and math.isfinite(this * following)): return None
    lengths = rate * float(gradients[step]), then * float(gradients[step + 1])
    if not all(abs(got**0.5 - length) <= 0.01 * length for got, length in zip((this, following), lengths)): return None
    by_loss = 1 + float(traj.losses[step + 1].double() - traj.losses[step].double()) * rate / this
    by_gradients = (1 - rate / then * mixed / this) / 2
    if not abs(by_loss - by_gradients) <= SAME * by_loss: return None
    # of the gradient's whole change, which has more of the sharpest direction than the part along the step
    return math.sqrt(max(1 - 2 * rate / then * mixed / this + (rate / then)**2 * following / this, 0.)) / 2
