"""`Reads`: which weights a copy of a model reads that are not its own and thus not recorded. Torch only."""

import warnings

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves


class Reads(TorchFunctionMode):
    "Notes the weights that are read inside"
    def __init__(self):
        super().__init__()
        self.weights = {} # address -> weight

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, '__name__', '') != '__get__': # a shape, for instance
            for t in tree_leaves((args, kwargs)):
                if isinstance(t, torch.Tensor) and t.numel() and t.layout is torch.strided and not t.is_meta:
                    if isinstance(t, nn.Parameter) or t.requires_grad and t.is_leaf:
                        self.weights[t.untyped_storage().data_ptr()] = t
        return func(*args, **kwargs)

    def of(self, model) -> str | None:
        "The name of the first parameter of `model` that was read"
        return next((n for n, p in model.named_parameters() if p.numel() and p.untyped_storage().data_ptr()
                     in self.weights), None)

    def check(self, copy):
        "Warn of weights that were read and that `copy` does not call its own: they were not recorded"
        own = {t.untyped_storage().data_ptr() for t in (*copy.parameters(), *copy.buffers())
               if t.layout is torch.strided} # of others none is noted
        other = [tuple(t.shape) for address, t in self.weights.items() if address not in own]
        if other:
            warnings.warn('the model, or its loss, reads weights that are not among its parameters, of shapes '
                          f'{other!r:.100}: they were not recorded, and are taken as they are now; register them, for '
                          'instance in an nn.ParameterList', stacklevel=2)
