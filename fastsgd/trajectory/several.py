"""Several fits side by side: their names, and their points brought to common steps."""

import re

import torch

from .spread import evenly


def as_list(traj) -> list:
    "One trajectory or several, as a list"
    trajs = list(traj) if isinstance(traj, (list, tuple)) else [traj]
    if not trajs: raise ValueError('traj is an empty list: expected at least one Trajectory')
    for t in trajs:
        if not hasattr(t, 'params') or not hasattr(t, 'steps'):
            raise TypeError(f'traj is of type {type(t).__name__}, expected a Trajectory or a list of them: a Learner '
                            'keeps its own in learn.record_params.trajectory, None before the first training step')
        if not len(t): raise ValueError('traj has no points: expected at least one')
    return trajs


def name_of(traj, k: int) -> str:
    "What to call the k-th of several trajectories"
    return traj.label or f'fit {k + 1}'


def label_of(traj, k: int) -> str:
    "The k-th of several trajectories in a legend: its name, and its learning rate unless the name tells it"
    label = name_of(traj, k)
    lrs = traj.lrs[traj.lrs.isfinite()] if len(traj.lrs) else traj.lrs
    if not len(lrs) or re.search(r'\blr', label): return label
    low, high = f'{float(lrs.min()):.3g}', f'{float(lrs.max()):.3g}'
    return f'{label}, lr={high}' if low == high else f'{label}, lr up to {high}'


def check_shared(trajs: list, names, shapes: bool = True):
    "Raise ValueError unless all trajectories have the parameters `names` of the first one, with its `shapes` too"
    for k, t in enumerate(trajs):
        for name in names:
            has, wanted = t.sizes.get(name), trajs[0].sizes[name]
            if has is None or shapes and has != wanted:
                raise ValueError(f'the parameter {name!r} has the shape {tuple(wanted)} in {name_of(trajs[0], 0)!r} '
                                 f'and {"none" if has is None else tuple(has)} in {name_of(t, k)!r}: expected fits of '
                                 'one model, or in names= what they share; LossView takes fits of any models')


def in_step(trajs: list, max_frames: int | None = None) -> list:
    """Resample trajectories to common steps, at most `max_frames`; a fit that ended stays at its last point.

    Frames are shared among fits of different length, so that a short one is still visible: time runs faster after it.
    """
    if max_frames is None: max_frames = max(sum(len(t) for t in trajs), 2)
    if len(trajs) == 1: return [_thinned_from(trajs[0], _frames_of(trajs[0], max_frames))]
    lengths = {int(t.steps[-1]): t for t in sorted(trajs, key=len)}
    steps = lengths[max(lengths)].thin(max_frames).steps
    if len(lengths) > 1:
        parts, left = [], max_frames
        for k, length in enumerate(sorted(lengths)): # what a short one leaves goes to the longer ones
            parts.append(lengths[length].thin(max(left // (len(lengths) - k), 2)).steps)
            left -= len(parts[-1])
        steps = torch.cat(parts).unique()
        if len(steps) > max_frames: steps = steps[evenly(0, len(steps) - 1, max_frames)]
    return [_thinned_from(t, t.at(steps)) for t in trajs]


def _frames_of(traj, max_frames):
    "At most `max_frames` points, evenly spread; of a fit that kept few of them one for each step: losses are complete"
    if len(traj) >= min(traj.n_steps + 1, max_frames) or not traj.as_recorded: return traj.thin(max_frames)
    return traj.at(evenly(int(traj.steps[0]), traj.n_steps, max_frames))


def _thinned_from(traj, res):
    if res is not traj: res.denser = traj if traj.denser is None else traj.denser
    return res
