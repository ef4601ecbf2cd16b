"""Which way to go on: all are compared with the model itself, and then take turns until one is the fastest. Torch only.
"""

import math
import time
from dataclasses import dataclass

import torch

from ..trajectory.reads import Reads
from .chain import Chain
from .first_layers import FirstLayers
from .points import PlanePoints
from .ways import AtOnce, Loop
from .work import OPERATIONS, counted

# of tensors at a time under `vmap`: more gain nothing, and larger blocks are fetched anew each time
AT_ONCE_BYTES = 2**25
SEVERAL = 64 # points for which it pays to measure
SLOW = 1e-3 # seconds for a point, from which on it is work and no longer calls that take the time
TOO_SLOW, CLEARLY = 3, 1.5 # times the time of another way, by a first look and by a good one
SURE = 16 # times the time of a point, which a call for two may take where a chain is sure to be faster
TURNS, SURELY = 3, 1.1 # of each way; and how much faster than the plain loop another one must then be
NOTABLE = 0.02 # share of the time that calls of operators must take, for `vmap` to be able to save any
MOST = 0.8 # the same for them to take nearly all of it


def checked_loop(objective, points) -> tuple:
    """`(loop, work of one point)`: the quick loop where it agrees with a model whose weights are written in place.

    Raises ValueError where the copy reads weights of the original model, which a surface must not move.
    """
    plain, probe, true = Loop(objective, views=False), len(points) - 1, []
    with Reads() as reads: count = counted(lambda: true.append(plain(points, probe, probe + 1)))
    model = objective.original()
    params = {} if model is None else {p.untyped_storage().data_ptr(): n for n,
                                       p in model.named_parameters() if p.numel()}
    if names := [n for address, n in params.items() if address in count.touched]:
        raise ValueError(f'a copy of the model, or the loss, reads {names[0]!r} of the model itself, through a '
                         'closure or a global name: its loss at other points cannot be evaluated')
    reads.check(plain.model)
    quick = Loop(objective)
    return (quick if agree(quick(points, probe, probe + 1), true[0]) else plain), count.work


def agree(a, b) -> bool:
    "The same but for rounding?"
    return bool(torch.allclose(a.double().cpu(), b.double().cpu(), rtol=1e-4, atol=1e-6, equal_nan=True))


def fastest(objective, points) -> 'Race':
    "The ways that agree with the loop and may be faster, by a first look at few points"
    first, device = first_layers(objective, points), objective.device
    wanted, seconds = timed(objective.loop, points, 0, 2, device)
    race, work = Race([Runner(objective.loop, 1, seconds / 2)], device), objective.cost
    if first is not None and not calls_dominate(work):
        work = counted(lambda: Loop(objective, first=first)(points, 0, 1)).work
    for make in (Chain, AtOnce, Loop):
        if make is AtOnce and not may_gain(objective, work) or make is Loop and first is None: continue
        try:
            way = make(objective, first=first)
            size = min(max(1, int(min(AT_ONCE_BYTES, objective.max_bytes // 2) // way.nbytes)), len(points))
            sure = make is Chain and size >= SEVERAL and calls_dominate(work)
            losses, seconds = timed(way, points, 0, 2, device)
            # a first call sets much up, and one for two points takes as long as one for many
            if seconds > (SURE if sure else 2 * TOO_SLOW) * race.best.seconds:
                k = min(size, 8, max(2, len(points) // SEVERAL))
                seconds = min(seconds, timed(way, points, 0, k, device)[1] / k * 2)
        except (KeyboardInterrupt, torch.OutOfMemoryError): raise
        except Exception: continue # it is no chain, or can't be vectorised
        if not agree(losses, wanted): continue
        if sure and seconds <= SURE * race.best.seconds: return Race([Runner(way, size)], device)
        race.runners.append(Runner(way, size, seconds / 2))
        if make is Chain: break # the others do the same in more time
    race.drop(TOO_SLOW, SLOW)
    return race


@dataclass
class Runner:
    "A way, how many points it takes at a time, at most, the seconds for one, and how often they were measured"
    way: object
    size: int
    seconds: float = 0.
    runs: int = 0


class Race:
    "Several ways in turns, on points that count, until it is known which one is the fastest: that one goes on alone"
    def __init__(self, runners, device):
        self.runners, self.plain, self.device = runners, runners[0], device # the first one is the plain loop

    @property
    def best(self) -> Runner:
        "The fastest as far as is known"
        return min(self.runners, key=lambda runner: runner.seconds)

    def drop(self, times: float, seconds: float = 0.):
        "Drop what takes more than so many `times` the time of the fastest, and more than `seconds` a point"
        limit = max(times * self.best.seconds, seconds)
        self.runners = [runner for runner in self.runners if runner.seconds <= limit]

    def run(self, points, i: int) -> torch.Tensor:
        "The losses at some points from `i` on"
        if len(self.runners) == 1:
            runner, = self.runners
            return runner.way(points, i, min(i + runner.size, len(points))).cpu()
        runner = min(self.runners, key=lambda runner: runner.runs)
        j = i + max(min(runner.size, len(points) // 8), 4) # a single point tells little
        if j > len(points): # too few are left to learn anything
            self.runners = [self.best]
            return self.run(points, i)
        losses, seconds = timed(runner.way, points, i, j, self.device)
        runner.seconds = min(seconds / (j - i), runner.seconds if runner.runs else math.inf)
        runner.runs += 1
        if all(runner.runs for runner in self.runners): self.drop(CLEARLY)
        if all(runner.runs == TURNS for runner in self.runners):
            others = [o for o in self.runners if o is not self.plain and o.seconds * SURELY < self.plain.seconds]
            self.runners = [min(others or [self.plain], key=lambda o: o.seconds)]
        return losses


def calls_dominate(work) -> bool:
    "Do calls of operators take nearly all of the time?"
    return work.operations / OPERATIONS > MOST * work.seconds


def timed(way, points, i, j, device) -> tuple:
    """The losses at points i to j, and the seconds they took: on a CPU those of this thread, whatever else happens

    Those of all threads would count a second time how long the others wait for work.
    """
    clock = time.thread_time if device.type == 'cpu' else time.perf_counter
    begin = clock()
    losses = way(points, i, j).cpu()
    return losses, clock() - begin


def first_layers(objective, points):
    "What can be known of first layers on a plane, or None"
    if not isinstance(points, PlanePoints): return None
    try: res = FirstLayers(objective, points, objective.max_bytes // 4)
    except (KeyboardInterrupt, torch.OutOfMemoryError): raise
    except Exception: return None # they are called like all others
    return res if res.names else None


def may_gain(objective, work) -> bool:
    """May `vmap` save any time?

    Calls of operators may cost next to nothing already; and a CPU is slow at convolutions with many weights in groups.
    """
    convolves = work.convolved > work.flops / 2 and work.seconds > SLOW
    return work.operations / OPERATIONS >= NOTABLE * work.seconds and not (convolves and objective.device.type == 'cpu')
