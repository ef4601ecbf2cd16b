"""What objects say about themselves in a notebook: small tables, and a trajectory as a DataFrame. Torch only."""

import html

import numpy as np
import torch

from .batches import rows_of, source_of


def html_table(title: str, rows: dict) -> str:
    "`rows`, name -> text, as an HTML table; no colours of its own, so that it suits light and dark pages"
    cells = ''.join(f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
                    f'<td style="text-align:left">{html.escape(text)}</td></tr>' for name, text in rows.items())
    return f'<table><caption style="text-align:left">{html.escape(title)}</caption><tbody>{cells}</tbody></table>'


def step_line(traj, i: int, step: int, n: int) -> str:
    "What to write above the picture of point `i` of `traj`, shown as one `step` of `n`; a fit that diverged says so"
    where = '' if traj.diverged is None or step < traj.diverged else f'   diverged at step {traj.diverged}'
    last = min(int(traj.shown[i]), len(traj.losses) - 1) # whose loss it is
    part = next((f'{part} ' for part, steps in traj.parts.items() if (steps == last).any()), '')
    return f'step {step} of {n}   {part}loss {traj.loss(i):.4g}{where}'


def by_part(traj) -> list:
    "`(part, steps, losses)`: of a GAN one for its generator and one for its critic, of other fits all steps as one"
    rest = torch.ones(len(traj.losses), dtype=torch.bool)
    for steps in traj.parts.values(): rest[steps] = False
    every = {**traj.parts, 'other' if traj.parts else 'each step': rest.nonzero()[:, 0]}
    return [(part, steps, traj.losses[steps]) for part, steps in every.items() if len(steps)]


def losses_of(traj) -> list:
    "`(name, losses)` of each part, by which they are told"
    return [(f'{part} loss' if traj.parts else 'loss', losses) for part, _, losses in by_part(traj)]


def several(n: int, what: str) -> str:
    "So many of something, in the plural unless it is one"
    return f'{n} {what}{"" if n == 1 else "es" if what.endswith("s") else "s"}'


def one_line(traj) -> str:
    "What a `Trajectory` is, in a line"
    thinned = '' if len(traj) == traj.n_steps + 1 else f', {len(traj)} of {traj.n_steps + 1} points kept'
    loss = ''.join(f', {name} {float(t[0]):.4g} to {float(t[-1]):.4g}' for name, t in losses_of(traj))
    counts = f'{several(traj.n_steps, "step")}, {several(traj.n_params, "parameter")}'
    return f'Trajectory: {counts}{loss}{thinned}'


def entry_name(name: str, shape, i: int, sep: str = ', ') -> str:
    "What to call entry `i`, counted along the rows, of the parameter `name` of this shape: its index in brackets"
    return f'{name}[{sep.join(str(int(k)) for k in np.unravel_index(i, shape))}]' if len(shape) else name


def kept(traj) -> str:
    "How many of the points there are, and how far apart"
    n = traj.n_steps + 1
    if len(traj) == n: return f'all {n:,}'
    gaps = traj.steps.diff()
    every = f', one every {int(gaps.median()):,} steps' if len(gaps) else ''
    return f'{len(traj):,} of {n:,}{every}'


def trajectory_rows(traj) -> dict:
    "What a `Trajectory` holds: name -> text"
    sizes = traj.sizes
    names = ', '.join(f'{name} {tuple(shape)}' for name, shape in list(sizes.items())[:4])
    more = f' and {len(sizes) - 4} more' if len(sizes) > 4 else ''
    rows = {'steps': f'{traj.n_steps:,}', 'points': kept(traj), 'parameters': f'{traj.n_params:,}: {names}{more}'}
    for name, losses in losses_of(traj):
        first, last, least = (float(o) for o in (losses[0], losses[-1], losses.min()))
        rows[name] = f'first {first:.4g}, last {last:.4g}, lowest {least:.4g}'
    if len(traj.valid[0]):
        rows['validation loss'] = f'{float(traj.valid[1][-1]):.4g} after step {int(traj.valid[0][-1]):,}'
    rates = traj.lrs
    if len(rates):
        low, high = float(rates.min()), float(rates.max())
        rows['learning rate'] = f'{low:.3g}' if low == high else f'{low:.3g} to {high:.3g}'
    if traj.ragged:
        data = [traj.data, *traj.ragged]
        rows['data'] = f'{sum(map(rows_of, data)):,} samples in {len(data):,} batches of different shapes'
    elif traj.drawn_from is not None and traj.data is not None: rows['data'] = source_of(traj).told(rows_of(traj.data))
    at = traj.diverged
    if at is not None: rows['diverged'] = f'at step {at:,}: {traj._why_diverged(at)}'
    elif found := traj.findings: rows['seen'] = '; '.join(map(str, found))
    return rows


def trajectory_df(traj, max_params: int):
    "A row for each point, with at most `max_params` single parameters"
    try:
        import pandas as pd
    except ImportError as e:
        raise ImportError('to_df needs pandas: pip install pandas') from e
    steps = traj.steps
    def per_step(values): # NaN after the last step, whose batch never came
        return torch.cat([values.double(), torch.tensor([torch.nan])])[steps.clamp(max=len(values))].numpy()
    columns = {'step': steps.numpy(), 'loss': per_step(traj.losses), 'lr': per_step(traj.lrs)}
    if len(traj.valid[0]):
        valid = torch.full((traj.n_steps + 1,), torch.nan, dtype=torch.float64)
        valid[traj.valid[0]] = traj.valid[1].double()
        columns['valid_loss'] = valid[steps].numpy()
    room = max_params
    for name in traj.params:
        if not room: break
        values = traj.params[name].detach()
        shape = values.shape[1:]
        flat = values.reshape(len(traj), shape.numel())[:, :room]
        for j, column in enumerate(flat.unbind(1)):
            column = column.float() if column.dtype == torch.bfloat16 else column # which numpy does not have
            called = entry_name(name, shape, j, sep=',')
            while called in columns: called = f'param.{called}' # one that is called 'loss', or 'a' beside 'a[0]'
            columns[called] = column.numpy()
        room -= flat.shape[1]
    return pd.DataFrame(columns)
