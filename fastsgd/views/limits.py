"""Axis limits that hold what can be drawn, whatever a fit did."""

import numpy as np
import torch
from matplotlib.ticker import MaxNLocator


def plain(t) -> torch.Tensor:
    "A tensor of any subclass, dtype and device as one that matplotlib draws: on the CPU, float64 if it is fractional"
    t = torch.as_tensor(t).detach().cpu().as_subclass(torch.Tensor)
    return t.double() if t.is_floating_point() else t


def real(traj, name) -> torch.Tensor:
    "All points of the parameter `name`, to draw. Raises ValueError for complex numbers."
    refuse_complex(traj, name)
    values = traj.params[name] # a copy, where points are kept in parts
    return values.to(torch.uint8) if values.dtype == torch.bool else values


def refuse_complex(traj, name):
    "Raise ValueError if the parameter `name` holds complex numbers, which can't be drawn"
    if traj.params.first[name].is_complex():
        raise ValueError(f'the parameter {name!r} holds complex numbers: expected real ones; LossView and MetricsView '
                         'suit any model')


def finite(values) -> torch.Tensor:
    "Those of `values` that can be drawn, as a flat float64 tensor"
    values = torch.as_tensor(values, dtype=torch.float64).flatten()
    return values[values.isfinite() & (values.abs() < 1e250)]


def padded(values, pad=0.05) -> tuple | None:
    "Axis limits around the finite `values`, with a margin and never empty; None if there is nothing finite"
    values = finite(values)
    if not len(values): return None
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * pad
    if margin < 1e-9 * max(abs(low), abs(high)): margin = 0 # rounding errors of a constant are no picture
    margin = margin or abs(low) * pad or pad
    return low - margin, high + margin


def within(values, limits: tuple | None, log: bool = False) -> np.ndarray:
    "`values` as an array that can be drawn on an axis with `limits`: cut off far outside, with a hole where not finite"
    values = plain(values).double().numpy()
    values = np.where(np.isfinite(values), values, np.nan)
    if limits is None: return np.full_like(values, np.nan)
    if log: return np.clip(values, limits[0] / 1e3, limits[1] * 1e3)
    far = 100 * (limits[1] - limits[0])
    return np.clip(values, limits[0] - far, limits[1] + far)


def left_at(steps, values, limits: tuple) -> int | None:
    "The step at which `values`, one for each of `steps`, leave the `limits` for good; None if they do not"
    values = plain(values).double().numpy()
    inside, known = (values >= limits[0]) & (values <= limits[1]), np.isfinite(values)
    if not len(values) or inside[-1] or not (known & ~inside).any(): return None
    out = np.flatnonzero(inside)[-1] + 1 if inside.any() else 0
    return int(steps[out]) if known[out] else None


def with_gaps(steps: np.ndarray, values: np.ndarray, traj) -> tuple:
    "`steps` and `values` of a line, with a gap wherever the model was replaced between two fits"
    at = [k for k in np.searchsorted(steps, list(getattr(traj, 'breaks', ()))) if 0 < k < len(steps)]
    return np.insert(steps, at, steps[at]) if at else steps, np.insert(values, at, np.nan) if at else values


def calm(traj) -> int:
    "Number of points before the fit diverged, at least one: what axis limits are made from"
    if traj.diverged is None: return len(traj)
    return max(int((traj.steps < traj.diverged).sum()), 1)


def step_limits(trajs: list) -> tuple:
    "Limits of an axis of steps, with room for a marker at both ends"
    n = max(max(t.n_steps for t in trajs), 1)
    return -0.025 * n, 1.025 * n


def count_in_whole_steps(ax):
    "Let the ticks of an axis of steps stand at whole numbers"
    locator = ax.xaxis.get_major_locator()
    if isinstance(locator, MaxNLocator): locator.set_params(integer=True)
