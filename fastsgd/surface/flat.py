"""Parameters by name as one flat vector, and back: what an entry of it is called. Torch only."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from ..checks import as_whole, check_tensor, check_type, refuse
from ..trajectory import Trajectory
from ..trajectory.tables import entry_name


def state_of(source, i: int = -1) -> dict:
    "Name -> parameter, on the CPU: of point `i` of a Trajectory, of a model, or of a learner's model"
    if isinstance(source, Trajectory):
        return {n: t.detach().cpu() for n, t in source.point(i).items() if n in source.params}
    model = check_type('source', getattr(source, 'model', source), nn.Module, 'a Trajectory, a model or a learner')
    return {n: p.detach().cpu().clone() for n, p in model.named_parameters()}


def frozen_names(source) -> set:
    "Names of the parameters that are not trained, where there is a model that tells"
    model = source if isinstance(source, nn.Module) else getattr(source, 'model', None)
    return {n for n, p in model.named_parameters() if not p.requires_grad} if model is not None else set()


def flatten(arg: str, values, shapes: dict | None = None) -> torch.Tensor:
    "A copy of `values` as a flat vector; of name -> tensor in the order of `shapes`, zero for names that are left out"
    if isinstance(values, Mapping):
        shapes = shapes or shapes_of(arg, values)
        if extra := [n for n in values if n not in shapes]:
            raise ValueError(f'{arg} has {extra[0]!r}: expected names of origin, {list(shapes)}')
        values = {n: _vector(f'{arg}[{n!r}]', t).reshape(-1) for n, t in values.items()}
        values = torch.cat([values.get(n, torch.zeros(s.numel())) for n, s in shapes.items()])
    values = _vector(arg, values).clone()
    if values.dim() != 1:
        raise ValueError(f'{arg} has the shape {tuple(values.shape)}: expected flat parameters, shape (P,)')
    if values.is_complex(): raise ValueError(f'{arg} has complex parameters: a plane needs real ones')
    # of half precision: sums are exact
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _vector(arg, values) -> torch.Tensor:
    return check_tensor(arg, values, 'parameters, flat or name -> tensor').cpu()


def shapes_of(arg, values) -> dict:
    "Name -> shape of name -> tensor. Raises TypeError or ValueError for what are none."
    if not values: refuse(arg, values, 'at least one parameter, name -> tensor')
    return {n: _vector(f'{arg}[{n!r}]', t).shape for n, t in values.items()}


def coordinates(name, values) -> torch.Tensor:
    "`values` as float64, of any shape. Raises TypeError or ValueError for what are no real numbers."
    t = check_tensor(name, values, 'numbers')
    if t.is_complex() or t.dtype == torch.bool: refuse(name, values, 'real numbers')
    return t.to('cpu', torch.float64)


def pair_of(u, v) -> tuple:
    "Two coordinates of one shape. Raises TypeError or ValueError for what are none."
    u, v = coordinates('u', u), coordinates('v', v)
    try: return torch.broadcast_tensors(u, v)
    except RuntimeError:
        raise ValueError(f'u and v have the shapes {tuple(u.shape)} and {tuple(v.shape)}: expected the same') from None


def entry_label(state: dict, i: int) -> str:
    "What entry `i` of the flat vector is called"
    for name, t in state.items(): # noqa: B007
        if i < t.numel(): break
        i -= t.numel()
    return name if t.numel() == 1 else entry_name(name, t.shape, i)


def entries_called(state: dict, name) -> list:
    "Entries of the flat vector that `name` stands for: an index, one element of a tensor, or a whole tensor"
    start, total = 0, sum(t.numel() for t in state.values())
    idx = as_whole(name)
    if idx is not None and -total <= idx < total: return [idx % total]
    base, _, place = str(name).partition('[')
    for n, t in state.items():
        if n == base and not place: return list(range(start, start + min(t.numel(), 3)))
        if n == base and re.fullmatch(r'(\s*\d+\s*,?)+\]', place):
            try: return [start + int(np.ravel_multi_index([int(k) for k in re.findall(r'\d+', place)], t.shape))]
            except ValueError: break
        start += t.numel()
    shapes = ', '.join(f'{n} {tuple(t.shape)}' for n, t in list(state.items())[:4])
    raise ValueError(f'names has {name!r}: expected an index below {total}, or a name with its index such as '
                     f'{entry_label(state, 0)!r}; the parameters are {shapes}{", ..." if len(state) > 4 else ""}')
