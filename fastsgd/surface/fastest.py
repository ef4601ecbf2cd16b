"""Which way to go on: all are compared with the model itself, and then measured on a few points. Torch only."""

import time

import torch

from ..trajectory.reads import Reads
from .first_layers import FirstLayers
from .points import PlanePoints
from .ways import AtOnce, Loop
from .work import OPERATIONS, counted

# of tensors at a time under `vmap`: more gain nothing, and larger blocks are fetched anew each time
AT_ONCE_BYTES = 2**25
SEVERAL = 64 # points for which it pays to measure
SLOW = 1e-3 # seconds for a point, from which on it is work and no longer calls that take the time
TOO_SLOW, CLEARLY = 3, 1.5 # times the time of another way, by a first measurement and by a good one
NOTABLE = 0.02 # share of the time that calls of operators must take, for `vmap` to be able to save any
MOST = 0.8 # the same for them to take nearly all of it: many points in one call are sure to be faster


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


def fastest(objective, points) -> tuple:
    "`(way, points at a time)`: of the ways that agree with the loop, the one that takes the least time on a few points"
    first, device = first_layers(objective, points), objective.device
    wanted, seconds = timed(objective.loop, points, 2, device)
    ways = [[seconds / 2, objective.loop, 1]]
    work = objective.cost
    if first is not None and not calls_dominate(work):
        work = counted(lambda: Loop(objective, first=first)(points, 0, 1)).work
    for make, size in ((AtOnce, points_at_once(objective, points, first, work)), (Loop, first is not None)):
        if not size: continue
        try:
            way = make(objective, first=first)
            losses, seconds = timed(way, points, 2, device)
            if seconds / 2 > TOO_SLOW * ways[0][0]: # a first call sets much up, and for two points as much as for many
                k = min(int(size), 8, max(2, len(points) // SEVERAL))
                seconds = min(seconds, timed(way, points, k, device)[1] / k * 2)
        except (KeyboardInterrupt, torch.OutOfMemoryError): raise
        except Exception: continue # it can't be vectorised
        if not agree(losses, wanted): continue
        # as many as it will be measured with: more may be slower, where they leave a processor's caches
        ways.append([seconds / 2, way, min(int(size), max(8, len(points) // 16))])
        if make is AtOnce and size >= SEVERAL and calls_dominate(work) and seconds < 8 * ways[0][0]:
            return way, int(size)
    for again in range(2 * (len(ways) > 1)): # in turns, while the race is open
        best = min(seconds for seconds, *_ in ways)
        for entry in ways:
            before, way, size = entry
            if before > (CLEARLY if again else TOO_SLOW) * best and (again or before > SLOW): continue
            k = max(size, 4)
            seconds = timed(way, points, k, device)[1] / k
            entry[0] = min(seconds, before) if again else seconds
    return min(ways, key=lambda entry: entry[0])[1:]


def calls_dominate(work) -> bool:
    "Do calls of operators take nearly all of the time?"
    return work.operations / OPERATIONS > MOST * work.seconds


def timed(way, points, size, device) -> tuple:
    """Some losses, and the seconds they took: on a CPU those of this thread, whatever else the machine does

    Those of all threads would count a second time how long the others wait for work.
    """
    clock = time.thread_time if device.type == 'cpu' else time.perf_counter
    begin = clock()
    losses = way(points, 0, size).cpu()
    return losses, clock() - begin


def first_layers(objective, points):
    "What can be known of first layers on a plane, or None"
    if not isinstance(points, PlanePoints): return None
    try: res = FirstLayers(objective, points, objective.max_bytes // 4)
    except (KeyboardInterrupt, torch.OutOfMemoryError): raise
    except Exception: return None # they are called like all others
    return res if res.names else None


def points_at_once(objective, points, first, work) -> int:
    """How many points `vmap` takes at a time; 0 where it can save nothing

    Calls of operators may cost next to nothing already; and a CPU is slow at convolutions with many weights in groups.
    """
    if work.operations / OPERATIONS < NOTABLE * work.seconds: return 0
    if objective.device.type == 'cpu' and work.convolved > work.flops / 2 and work.seconds > SLOW: return 0
    nbytes = objective.pieces.bytes_at_once() + 8 * (len(first.origin) if first else objective.size)
    return min(max(1, int(min(AT_ONCE_BYTES, objective.max_bytes) // nbytes)), len(points))
