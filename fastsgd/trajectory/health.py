"""What a record shows beyond doubt about how a fit went, in a line each. Torch only."""

from typing import NamedTuple

import torch

from .divergence import diverged_at
from .norms import moves_of
from .overshoot import first_overshoot, overshoot

FEW = 40 # losses, below which noise is not told from rest
BLOCKS = 5 # in each half: how much their means differ tells how much noise there is
RISE = 0.05 # of the validation loss, beyond its best: what is worth a word
TOGETHER = 2**16 # numbers that are compared at once
SOME = 17 # steps, which stand for all
USUAL, TINY = 1e-3, 5e-5 # of its size is what a step changes in a weight: at a good pace, and where it takes ages


class Finding(NamedTuple):
    "Something that the record shows: from which step on, and what"
    step: int
    text: str

    def __str__(self): return f'{self.text} (step {self.step:,})'


class HowItWent:
    "What a `Trajectory` says about how its fit went"
    @property
    def diverged(self) -> int | None:
        """The step from which losses stay infinite, NaN or far above those at the start, noise apart; else None.

        Also the last step, if it made parameters infinite or NaN.
        """
        at = diverged_at(self.losses) if not self.parts else self._lost()
        if at is not None or not len(self) or int(self.steps[-1]) < self.n_steps: return at
        return None if self.params.ends_finite else self.n_steps

    def _lost(self) -> int | None:
        "The step from which losses of several parts are not finite: a GAN's may rise, since the other one got better"
        known = self.losses.isfinite().nonzero()
        first = int(known[-1]) + 1 if len(known) else 0
        return first if first < len(self.losses) else None

    @property
    def findings(self) -> list[Finding]:
        "What is beyond doubt about this fit, as `(step, text)` in the order of the steps; mostly nothing"
        at = self.diverged
        if at is not None: return [Finding(at, f'diverged: {self._why_diverged(at)}')]
        always = _standing_still, _no_gradient
        rules = always if self.parts else (_plateau, _overfitting, *always, _too_slow, _too_sharp)
        return sorted(found for rule in rules if (found := rule(self)) is not None)

    def _why_diverged(self, at) -> str:
        found = None if self.parts else first_overshoot(self)
        if found is None or found.start > at: return 'a smaller learning rate may help'
        return f'{found} from step {found.start:,} on'


def _too_sharp(traj):
    "The learning rate is above 2 / sharpness for long"
    if (found := overshoot(traj)) is None: return
    rises = f'the loss rises in {found.rises:,} of the next {found.stop - found.start:,} steps'
    return Finding(found.start, f'{rises}: {found}')


def _halves(losses):
    "Means of the blocks of both halves, the second of which is the later one"
    n = len(losses) // (2 * BLOCKS)
    return losses[-2 * BLOCKS * n:].double().view(2, BLOCKS, n).mean(2)


def _fall(losses):
    "How far the loss fell from the first half of `losses` to the second, and the error of that, told from neighbours"
    first, second = _halves(losses)
    noise = (first.diff().square().mean() + second.diff().square().mean()) / 2
    return float(first.mean() - second.mean()), float((noise / BLOCKS).sqrt())


def _plateau(traj):
    "The loss of the second half of the fit, cut in halves again, is the same to 1 %, and noise hides no fall"
    losses, n = traj.losses, len(traj.losses)
    last = losses[n // 2:].double()
    if n < FEW or not losses.isfinite().all() or not traj.lrs[n // 2:].any(): return
    level = float(last.mean())
    fall, error = _fall(last)
    if abs(fall) + 3 * error > 0.01 * abs(level) + 1e-12: return
    width = max(n // 20, 1)
    smooth = losses.double().unfold(0, width, 1).mean(1)
    near = (smooth - level).abs() <= 0.01 * abs(level) + 3 * smooth[n // 2:].std(unbiased=False) + 1e-12
    far = (~near).nonzero()
    step = int(far[-1]) + width if len(far) else 0
    return Finding(step, f'the loss no longer falls, {level:.4g} from here on')


def _overfitting(traj):
    "The validation loss rises for good after its best, by more than it swings, while the training loss falls"
    steps, values = traj.valid[0], traj.valid[1].double()
    if len(values) < 5 or not values.isfinite().all() or not (values > 0).all(): return
    best = int(values.argmin())
    after, step = values[best + 1:], int(steps[best])
    if len(after) < 3 or not 0 < step < len(traj.losses): return
    swing = float((after.diff() - after.diff().median()).abs().median())
    last = after[-max(len(after) // 3, 2):]
    if float(last.min()) < values[best] * (1 + RISE) + 3 * swing or last.mean() <= after[:len(last)].mean(): return
    losses = traj.losses[step:]
    if len(losses) < 4 * BLOCKS: return
    fall, error = _fall(losses)
    if fall <= 3 * error: return
    return Finding(step, f'the validation loss rises from {float(values[best]):.4g} to {float(values[-1]):.4g} '
                         'while the training loss falls: overfitting')


def _standing_still(traj):
    "Some parameters stay the same to the last bit for the last third of the fit or longer, while others move"
    n = len(traj)
    if n < 4 or not traj.lrs[int(traj.steps[n * 2 // 3]):].any(): return
    since = {name: _still_since(traj, name) for name, shape in traj.sizes.items() if shape.numel()}
    still = {name: i for name, i in since.items() if i <= n * 2 // 3}
    if not still or len(still) == len(since): return
    first, names, one = _earliest(still)
    moves = 'never changes' if one else 'never change'
    if first: moves = 'stands still from here on' if one else 'stand still from here on'
    return Finding(int(traj.steps[first]), f'{names} {moves}: frozen, or without a gradient')


def _earliest(since) -> tuple:
    "`(when, names, is it one)`: those for which it holds first, the first two of them by name"
    first = min(since.values())
    names = [name for name, i in since.items() if i == first]
    more = f' and {len(names) - 2} more' if len(names) > 2 else ''
    return first, f'{", ".join(names[:2])}{more}', len(names) == 1


def _still_since(traj, name) -> int:
    "The first point from which on `name` never changes"
    if traj.params.constant(name): return 0
    last, stop = traj.params.row(name, len(traj) - 1).reshape(-1), len(traj) - 1
    size = max(TOGETHER // len(last), 1)
    while stop:
        rows = traj.params.between(name, max(stop - size, 0), stop).reshape(-1, len(last))
        if (rows[-1, :1000] != last[:1000]).any(): return stop # a glance tells nearly always
        moved = (rows != last).any(1).nonzero()
        if len(moved): return stop - len(rows) + int(moved[-1]) + 1
        stop -= len(rows)
    return 0


def _no_gradient(traj):
    "Some gradients are zero to the last bit for the last third of the fit or longer, others are not; decay may go on"
    norms, n = traj.grad_norms, len(traj.grad_norms.at)
    if n < FEW or len(traj) < 2: return
    late, since, others = n * 2 // 3, {}, False
    for name in norms:
        rows = norms.rows[name]
        some = (rows != 0).nonzero() # of one that is frozen or not a number, too
        k = int(some[-1]) + 1 if len(some) else 0
        others |= bool((rows[late:] > 0).any())
        if k > late: continue
        start = min(int(torch.searchsorted(traj.steps, norms.at[k])), len(traj) - 2)
        # of one that stands still the other rule tells
        if not torch.equal(traj.params.row(name, start), traj.params.row(name, len(traj) - 1)): since[name] = k
    if not since or not others: return
    first, names, one = _earliest(since)
    gets = 'gets' if one else 'get'
    return Finding(int(norms.at[first]), f'{names} {gets} no gradient from here on: dead, or cut off from the loss')


def _too_slow(traj):
    "Steps hardly change the weights, and the loss falls along a straight line: the end of a valley is nowhere near"
    losses = traj.losses.double()
    if len(losses) < FEW or not losses.isfinite().all(): return
    (early, e1), (late, e2) = _fall(losses[:len(losses) // 2]), _fall(losses[len(losses) // 2:])
    fall, error = _fall(losses)
    if fall <= 3 * error or fall > 0.02 * float(_halves(losses)[0].mean()): return
    if not (early > 3 * e1 or late > 3 * e2) or not 0.75 * early < late < 1.33 * early: return
    weights = [n for n, shape in traj.sizes.items() if len(shape) > 1] or list(traj.sizes) # biases begin near zero
    paces = [pace for name in weights if (pace := _pace(traj, name)) is not None]
    if not paces or max(paces) > TINY: return
    return Finding(0, f'a step changes the weights by {max(paces):.1g} of their size at most ({USUAL:.0e} is usual): '
                      'the learning rate may be much too small')


def _pace(traj, name) -> float | None:
    "By what share of its size a step changes this parameter, as a rule; None for one that is zero or stands still"
    moves, size = moves_of(traj), float(traj.params.row(name, 0).double().norm())
    at = torch.linspace(0, len(moves.known[0]) - 1, min(SOME, len(moves.known[0]))).long()
    change = float(moves.of(name, at).median()) if len(at) else 0.
    return change / size if size and change else None
