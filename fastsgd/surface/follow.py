"""`Follow`: is a model a chain of linear layers? Seen from one call, whatever its modules are. Torch only."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from .elementwise import ELEMENTWISE
from .first_layers import LINEAR
from .many_models import has_statistics

SIZES = {torch.Tensor.size, torch.Tensor.dim, torch.Tensor.__len__} # they tell no numbers


class Layer(NamedTuple):
    "Its number among calls of `LINEAR`, its parameters, whether it makes a row for each sample, and what follows it"
    call: int
    names: list
    rows: bool
    functions: list


class Follow(TorchFunctionMode):
    """Follows one call of a model: do its parameters belong to linear layers in a row, with nothing but functions of
    single numbers and BatchNorm's statistics between?

    `layers` are these, and `input` is what the first one takes if it is an ordinary one.
    """
    def __init__(self, model):
        super().__init__()
        self.names, self.count, self.input, self.version = {id(p): n for n, p in model.named_parameters()}, 0, None, 0
        self.layers, self.used, self.broken, self.closed = [], [], False, False
        self.past, self.now = [], [] # tensors before the last layer, and what it made and became

    @property
    def is_chain(self) -> bool:
        "Does each parameter have its one place there?"
        last = self.layers[-1:]
        return (not self.broken and sorted(self.used) == sorted(self.names.values())
                and all(layer.rows for layer in self.layers if len(self.layers) > 1)
                and not any(func is F.batch_norm for layer in last for func, *_ in layer.functions))

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, last = kwargs or {}, self.now[-1] if self.now else None
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        mine = [self.names[id(t)] for t in tensors if id(t) in self.names]
        goes_on, version = bool(args) and args[0] is last and not self.closed, getattr(last, '_version', 0)
        res = func(*args, **kwargs)
        self.count += func in LINEAR
        if func in SIZES or getattr(func, '__name__', '') == '__get__' and not isinstance(res, torch.Tensor): return res
        self.broken |= _any_of(tensors, self.past)
        normed = func is F.batch_norm and has_statistics(args, kwargs) and len(mine) == 2
        if goes_on and (normed or func in ELEMENTWISE and len(tensors) == 1):
            self.layers[-1].functions.append((func, (*args[1:], *mine), {'eps': kwargs['eps']} if normed else kwargs))
            self.used += mine
            if res is not last: self.now.append(res)
        elif mine: self._layer(func, args, mine, goes_on and len(mine) == len(tensors) - 1, res)
        # a dropout that does nothing hands on what it got
        elif _any_of(tensors, self.now): self.closed |= not (goes_on and res is last and last._version == version)
        return res

    def _layer(self, func, args, names, goes_on, res):
        if not self.layers:
            self.broken |= func not in LINEAR or id(args[0]) in self.names
            if func is F.linear: self.input, self.version = args[0], args[0]._version
        else: self.broken |= func is not F.linear or not goes_on
        self.layers.append(Layer(self.count - 1, names, isinstance(res, torch.Tensor) and res.dim() == 2, []))
        self.used += names
        self.past, self.now = self.past + self.now, [res]


def _any_of(tensors, others): return any(t is o for t in tensors for o in others)
