"""Tables for `LayersView`: a number for each layer and step."""

from dataclasses import dataclass

import numpy as np

from ..trajectory.activations import ask_modules, modules_of
from ..trajectory.norms import moves_of, norms_of
from ..trajectory.spread import evenly
from .asked import samples_of
from .budget import points_within
from .histogram import time_edges
from .limits import refuse_complex

COLUMNS = 400 # of steps: more than a panel has pixels for
SECONDS, FEW, MANY = 10, 12, 100 # of counted work, for asking a model at more than so many points; at the most so many


@dataclass
class Table:
    "What `LayersView` colours"
    names: list # of the rows
    edges: np.ndarray # of the columns, steps, shape (columns + 1,)
    values: np.ndarray # (rows, columns); NaN where it is not known
    frozen: np.ndarray # (rows, columns): was there no gradient at all?
    steps: np.ndarray | None = None # (columns,); None: each column begins at its step


def updates_of(traj, names) -> Table:
    "How far each step moves a parameter, by its size: as recorded, else the change between points by their steps"
    updates, n = moves_of(traj), traj.n_steps
    at = updates.known[0]
    if len(at) < 0.9 * n: return _between_points(traj, names)
    steps = evenly(0, n - 1, COLUMNS)
    places = np.searchsorted(at.numpy(), steps.numpy())
    known = (places < len(at)) & (at.numpy()[np.minimum(places, len(at) - 1)] == steps.numpy())
    begun = np.searchsorted(updates.steps.numpy(), steps.numpy()[known], side='right') - 1
    values = np.full((len(names), len(steps)), np.nan)
    for j, name in enumerate(names):
        refuse_complex(traj, name)
        sizes = _sizes(updates.params, name, begun)
        values[j, known] = _ratio(updates.of(name, places[known]).double().numpy(), sizes)
    return Table(names, np.array([*steps.tolist(), n], dtype=float), values, _frozen(traj, names, steps))


def _between_points(traj, names):
    n, lost = len(traj), set(traj.breaks.tolist())
    ends = evenly(1, n - 1, COLUMNS).tolist() if n > 1 else []
    steps, res = traj.steps.tolist(), np.full((len(names), len(ends)), np.nan)
    moved = moves_of(traj).recorded
    row = {step: k for k, step in enumerate(moved.at.tolist())}
    for j, name in enumerate(names):
        refuse_complex(traj, name)
        told = moved.rows[name] if name in moved else None
        for k, i in enumerate(ends):
            if steps[i] == steps[i - 1] or any(steps[i - 1] < s <= steps[i] for s in lost): continue
            before = traj.params.row(name, i - 1).double()
            if told is not None and steps[i - 1] in row: pace = max(float(told[row[steps[i - 1]]]), 0.)
            else: pace = float((traj.params.row(name, i).double() - before).norm()) / (steps[i] - steps[i - 1])
            res[j, k] = _ratio(np.array(pace), np.array(float(before.norm())))
    edges = np.array([steps[0] if steps else 0, *(steps[i] for i in ends)], dtype=float)
    return Table(names, edges, res, _frozen(traj, names, edges[:-1]))


def _ratio(moved, sizes):
    "0 where nothing moved; NaN where there is no size"
    with np.errstate(all='ignore'): return np.where(moved == 0, 0., moved / np.where(sizes == 0, np.nan, sizes))


def _sizes(params, name, points):
    if params.constant(name): points = points[:0]
    known = {int(p): float(norms_of([params.row(name, int(p)).double()])[0]) for p in points}
    if not len(points): return float(norms_of([params.first[name].double()])[0])
    return np.array([known[int(p)] for p in points])


def _frozen(traj, names, steps):
    "Was there no gradient at all? False where norms of gradients were not recorded."
    norms, res = traj.grad_norms, np.zeros((len(names), len(steps)), dtype=bool)
    if not len(norms.at): return res
    rows = np.searchsorted(norms.at.numpy(), np.asarray(steps), side='right') - 1
    for j, name in enumerate(names):
        if name in norms: res[j] = (rows >= 0) & (norms.rows[name].numpy()[rows] < 0)
    return res


def gradients_of(traj, names) -> Table:
    "The norm of the gradient, as the optimiser saw it. Raises ValueError for a fit of which none was recorded."
    norms = traj.grad_norms
    if not norms:
        raise ValueError('this trajectory has no norms of gradients: record the fit with RecordParamsCallback(norms='
                         'True), or call recording.gradients() in a loop of your own')
    which = evenly(0, len(norms.at) - 1, COLUMNS)
    steps = norms.at[which]
    empty = np.full(len(steps), -1.)
    values = np.stack([norms.rows[name][which].double().numpy() if name in norms else empty for name in names])
    gap = int(norms.at.diff().max()) if len(norms.at) > 1 else 1
    edges = np.array([*steps.tolist(), min(int(norms.at[-1]) + gap, traj.n_steps)], dtype=float)
    return Table(names, edges, np.maximum(values, 0), values < 0)


def dead_of(traj, names, most) -> Table:
    "The share of units that no sample gets through the ReLU, asked of the recorded models. Raises ValueError for none."
    modules, samples = modules_of(traj, names), samples_of(traj)
    points = evenly(0, len(traj) - 1, points_within(traj, samples, SECONDS, FEW, MANY))
    answers = ask_modules(traj, samples.xs, modules, points)
    rows = (~answers.dead.isnan().all(0)).nonzero()[:, 0]
    if not len(rows): raise ValueError("of='dead': no ReLU follows any layer of this model: no unit can be dead")
    if names is None: rows = rows[evenly(0, len(rows) - 1, most)]
    values = answers.dead[:, rows].T.numpy()
    shown = [f'{answers.names[k]} {answers.kinds[k]}'.strip() for k in rows.tolist()]
    asked = traj.take(answers.points)
    return Table(shown, time_edges(asked), values, np.zeros(values.shape, dtype=bool), asked.shown.numpy())
