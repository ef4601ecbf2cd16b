"""Copy a model, and let the copy answer with the weights of any point. Torch only."""

import copy
import io
import threading
import types
import weakref
from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map_only

from ..random_state import random_state_kept
from .reads import Reads

# What can't be copied, and tells nothing of what a model answers: a copy has the same one
SHARED = (types.ModuleType, io.IOBase, threading.local, threading.Event, threading.Condition, threading.Semaphore,
          type(threading.Lock()), type(threading.RLock()))
_ANSWERING = threading.RLock() # one copy answers for all threads: its weights change from call to call


def unwrapped(model) -> nn.Module:
    "The module inside `DataParallel`, `DistributedDataParallel` and `torch.compile`, whose names have no prefix"
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)): model = model.module
        elif isinstance(getattr(model, '_orig_mod', None), nn.Module): model = model._orig_mod
        else: return model


def copy_memo(model) -> dict: # For `copy.deepcopy`
    """What modules keep as attributes and `copy.deepcopy` refuses: copies of tensors with a history, and the same locks
    and open files.

    The old `weight_norm` and `spectral_norm` leave such tensors behind, and so does fastai's AWD_LSTM.
    """
    kept = [o for m in model.modules() for o in tree_leaves(vars(m))]
    tensors = {id(t): t.detach().clone() for t in kept if isinstance(t, torch.Tensor) and not t.is_leaf}
    return tensors | {id(o): o for o in kept if isinstance(o, SHARED)}


def copy_model(
    model: nn.Module, # Wrapped or not; it is not touched
    device='cpu', # None: where the model is
) -> nn.Module:
    """A copy of the model inside any wrapper, in evaluation mode and without gradients.

    Raises ValueError where that fails.
    """
    model = unwrapped(model)
    try: res = _deep_copy(model)
    except Exception as e: raise ValueError(f'the model cannot be copied: {type(e).__name__}: {str(e)[:200]}') from e
    for m in res.modules():
        m.training = False
        # compiling a copy would take longer than asking it
        if isinstance(getattr(m, '_orig_mod', None), nn.Module): vars(m)['forward'] = m._orig_mod.__call__
    for p in res.parameters(): p.requires_grad_(False) # a scripted model has no such method itself
    if any(p.is_meta for p in res.parameters()): return res.to_empty(device=device or 'cpu') # a point has the numbers
    return res if device is None else res.to(device)


@torch.no_grad() # scripted parts would keep a history
def _deep_copy(model):
    "Where what its hooks hold can't be copied, such as a learner or activations, the copy has the same hooks"
    try: return copy.deepcopy(model, copy_memo(model))
    except Exception:
        hooks = [hook for m in model.modules() for name, held in vars(m).items() if name.endswith('_hooks')
                 for hook in held.values()]
        owners = [getattr(hook, '__self__', hook) for hook in hooks]
        return copy.deepcopy(model, copy_memo(model) | {id(o): o for o in owners if not isinstance(o, nn.Module)})


class Answering:
    "A copy of a model that answers with the weights of any point; what the points hold is never written to"
    def __init__(self, model, point):
        model = unwrapped(model)
        self._check({n: t.shape for n, t in _named(model)}, {n: t.shape for n, t in point.items()})
        self.model, self.original = copy_model(model), weakref.ref(model) # None once it was asked
        for n, t in _named(self.model): t.data = t.data.to(point[n].dtype)
        if hasattr(self.model, 'gen_mode'): self.model.gen_mode = True # fastai's GANs: the generator answers

    def _check(self, has, wants):
        for name in sorted(has.keys() | wants.keys()):
            if has.get(name) == wants.get(name): continue
            theirs, ours = (tuple(o[name]) if name in o else 'none' for o in (has, wants))
            raise ValueError(f'the model does not suit this trajectory: {name!r} has shape {theirs} in the model '
                             f'and {ours} in the trajectory')

    @torch.no_grad()
    def answer(self, point, xs):
        "The model's output for the inputs `xs`, as tensors of their own"
        with _ANSWERING, random_state_kept():
            # fastai's convention for a state between batches; before the weights, since it may change them
            if callable(getattr(self.model, 'reset', None)): self.model.reset()
            self._put(point)
            reads = None if self.original is None else Reads()
            try:
                with reads or nullcontext(): out = self.model(*_own(tuple(xs)))
            except torch.OutOfMemoryError: raise
            except Exception as e:
                raise ValueError(f'the model fails on x, {_told(xs)}: {type(e).__name__}: {e}') from e
            if reads is not None: self._see(reads)
            return _own(out)

    def _see(self, reads):
        "The first time: are these its own weights? A closure is not copied."
        original = self.original()
        if original is not None and (name := reads.of(original)):
            raise ValueError(f'a copy of the model reads {name!r} of the model itself, through a closure or a global '
                             'name: what it answered at other points is not known')
        reads.check(self.model)
        self.original = None

    def __getstate__(self): return {**vars(self), 'original': None}

    def _put(self, point):
        "In place, so that whatever refers to the weights sees them: a plain list of them, for instance"
        for name, t in _named(self.model):
            if name not in point: continue # made by the model as it ran
            try: t.copy_(point[name])
            except RuntimeError: # of another shape by now, or several numbers in one place
                prefix, _, key = name.rpartition('.')
                module = self.model.get_submodule(prefix)
                (module._buffers if key in module._buffers else module._parameters)[key] = point[name].clone()


def _named(model):
    return [(n, t) for n, t in (*model.named_parameters(), *model.named_buffers()) if t.layout is torch.strided]


def _told(xs) -> str:
    told = [f'{t.dtype} of shape {tuple(t.shape)}' if isinstance(t, torch.Tensor) else f'of type {type(t).__name__}'
            for t in tree_leaves(tuple(xs))]
    return ', '.join(told).replace('torch.', '')[:200] or 'nothing'


def _own(tensors):
    "Copies on the CPU of all tensors in tuples, lists and dicts; anything else stays"
    return tree_map_only(torch.Tensor, lambda t: t.detach().cpu().clone(), tensors)


def stacked(outs):
    """One output from several, each of its tensors with a first dimension more.

    Raises TypeError for what can't be stacked.
    """
    first = outs[0]
    if isinstance(first, Mapping): return {k: stacked([o[k] for o in outs]) for k in first}
    if isinstance(first, (tuple, list)): return tuple(map(stacked, zip(*outs, strict=True)))
    if all(o is None for o in outs): return None
    if not isinstance(first, torch.Tensor):
        raise TypeError(f'the model returns a value of type {type(first).__name__}: expected tensors, or tuples and '
                        'dicts of them; ask for one point at a time')
    if len({o.shape for o in outs}) > 1:
        raise TypeError(f'the model returns tensors of shapes {[tuple(o.shape) for o in outs]!r:.100}: ask for one '
                        'point at a time')
    return torch.stack(outs)
