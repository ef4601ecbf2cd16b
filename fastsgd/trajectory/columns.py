"""How points are kept: `Block`, some points in a row, and `Columns`, all of them by name. Torch only."""

from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from itertools import accumulate

import torch

from ..checks import check_type


def as_plain(name, values) -> torch.Tensor:
    "`values` as a plain strided tensor on the CPU. Raises ValueError or TypeError for what is none."
    try: t = torch.as_tensor(values).detach()
    except (TypeError, ValueError, RuntimeError) as e:
        raise TypeError(f'{name} is of type {type(values).__name__}: expected a tensor ({str(e)[:100]})') from None
    if t.layout is not torch.strided: raise ValueError(f'{name} has the layout {t.layout}: expected a strided tensor')
    if t.device.type == 'meta': raise ValueError(f'{name} is on the device meta: expected a tensor with numbers')
    return t.as_subclass(torch.Tensor).cpu()


class Block:
    """Some points in a row.

    `data` holds key -> tensor (rows, numbers), which `layout` cuts into name -> (key, start, stop).

    A name that is not in `layout` had its first value all along.
    """
    def __init__(self, steps, layout, data): self.steps, self.layout, self.data = steps, layout, data

    def __len__(self): return len(self.steps)

    def get(self, name, shape):
        "The values of `name`, shape (rows, *shape)"
        key, start, stop = self.layout[name]
        return self.data[key][:, start:stop].reshape(len(self), *shape)


def as_columns(what: str, tensors) -> 'Columns':
    """Name -> tensor (points, *shape) as `Columns`, without a copy.

    Raises ValueError or TypeError, naming `what`, for others.
    """
    if isinstance(tensors, Columns): return tensors
    check_type(what, tensors, Mapping, 'a dict, name -> tensor of shape (points, *shape)')
    first, layout, data, points = {}, {}, {}, None
    for name, values in tensors.items():
        t = as_plain(f'{what}[{name!r}]', values)
        check_type(f'a name in {what}', name, str, 'a string')
        if not t.ndim:
            raise ValueError(f'{what}[{name!r}] is a single number: expected a tensor of shape (points, *shape)')
        points = len(t) if points is None else points
        if len(t) != points: raise ValueError(f'{what}[{name!r}] has {len(t)} points, expected {points} as the others')
        first[name] = t[0] if points else t.new_empty(t.shape[1:])
        if points > 1 and t.stride(0) == 0: continue # one value for all points
        data[name] = t.reshape(points, first[name].numel())
        layout[name] = name, 0, first[name].numel()
    return Columns(first, [Block(torch.arange(points or 0), layout, data)])


class Columns(Mapping):
    "Name -> tensor (points, *shape), put together from blocks when asked for"
    def __init__(self, first, blocks, points=None):
        self.first, self.blocks = first, blocks # name -> value at the start of the fit
        self.points = points # the rows that are shown, in this order; None: all
        self.starts = list(accumulate(map(len, blocks), initial=0))

    def __iter__(self): return iter(self.first)
    def __len__(self): return len(self.first)
    def __contains__(self, name): return name in self.first
    def _ipython_key_completions_(self): return list(self.first)

    @property
    def n_points(self): return self.starts[-1] if self.points is None else len(self.points)

    def row(self, name, i):
        "The value of `name` at point `i`, without touching the other points"
        if self.points is not None: i = int(self.points[i])
        k = bisect_right(self.starts, i) - 1
        block, first = self.blocks[k], self.first[name]
        if name not in block.layout: return first
        key, start, stop = block.layout[name]
        return block.data[key][i - self.starts[k], start:stop].view(first.shape)

    def __getitem__(self, name):
        first = self.first[name]
        if self.constant(name): return first.expand(self.n_points, *first.shape)
        if len(self.blocks) == 1:
            values = self.blocks[0].get(name, first.shape)
            return values if self.points is None else values[self.points]
        if self.points is not None and not len(self.points): return first.new_empty(0, *first.shape)
        if self.points is not None: return torch.stack([self.row(name, i) for i in range(self.n_points)])
        return torch.cat([b.get(name, first.shape) if name in b.layout else first.expand(len(b), *first.shape)
                          for b in self.blocks])

    def between(self, name, i, j):
        "The values of `name` from point `i` on, before point `j`"
        first = self.first[name]
        if self.points is not None: return torch.stack([self.row(name, k) for k in range(i, j)])
        parts = []
        for k in range(bisect_right(self.starts, i) - 1, len(self.blocks)):
            block, start = self.blocks[k], self.starts[k]
            if start >= j: break
            a, b = max(i - start, 0), min(j - start, len(block))
            if name not in block.layout: parts.append(first.expand(b - a, *first.shape))
            else:
                key, left, right = block.layout[name]
                parts.append(block.data[key][a:b, left:right].view(b - a, *first.shape))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def entry(self, name, j):
        "The `j`-th number of `name` at all points, shape (points,)"
        res = torch.cat([b.data[b.layout[name][0]][:, b.layout[name][1] + j] if name in b.layout
                         else self.first[name].flatten()[j].expand(len(b)) for b in self.blocks])
        return res if self.points is None else res[self.points]

    def constant(self, name) -> bool:
        "Did `name` keep its first value all along?"
        return not any(name in b.layout for b in self.blocks)

    def still(self, name) -> int:
        "For how many points, from the beginning on, `name` keeps its first value; 0 if that is kept for one at most"
        of_block = [name not in b.layout for b in self.blocks]
        if self.points is None:
            lead = next((k for k, fixed in enumerate(of_block) if not fixed), len(of_block))
            still = self.starts[lead]
        else:
            fixed = [of_block[bisect_right(self.starts, i) - 1] for i in self.points.tolist()]
            still = next((k for k, yes in enumerate(fixed) if not yes), len(fixed))
        return still if still > 1 else 0

    def moving(self, name, still) -> torch.Tensor:
        "The first value, if it is kept for `still` points, and those of the points that follow"
        if not still: return self[name]
        return torch.stack([self.first[name], *(self.row(name, i) for i in range(still, self.n_points))])

    def only(self, names): return Columns({n: self.first[n] for n in names}, self.blocks, self.points)

    def point(self, i) -> dict:
        "Name -> value at point `i`"
        return {name: self.row(name, i) for name in self.first}

    @cached_property
    def ends_finite(self) -> bool:
        "Is every number of the last point finite?"
        return all(t.sum().isfinite() or t.isfinite().all() for t in self.point(self.n_points - 1).values())

    def take(self, idxs): return Columns(self.first, self.blocks, idxs if self.points is None else self.points[idxs])

    def flat(self):
        "All columns side by side, shape (points, P), filled name by name so that nothing is held twice"
        dtype = torch.float32
        for t in self.first.values(): dtype = torch.promote_types(dtype, t.dtype)
        res, start = torch.empty(self.n_points, sum(t.numel() for t in self.first.values()), dtype=dtype), 0
        for name, t in self.first.items():
            res[:, start:start + t.numel()] = self[name].reshape(len(res), t.numel())
            start += t.numel()
        return res
