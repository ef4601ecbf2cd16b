"""A trajectory from state dicts, as training loops save them. Torch only."""

from collections.abc import Mapping

import torch

from ..checks import check_type
from .models import unwrapped
from .slots import Slots


def from_states(cls, states, model, **context):
    "Tell parameters, buffers and other names for the same tensor apart, by `model`; without one all are parameters"
    states = list(check_type('states', states, (list, tuple), 'a list of state dicts, one for each point'))
    if not states: raise ValueError('states is empty: expected at least one state dict')
    for i, state in enumerate(states): check_type(f'states[{i}]', state, Mapping, 'a state dict, name -> tensor')
    if model is not None:
        own = unwrapped(check_type('model', model, torch.nn.Module, 'a torch.nn.Module')).state_dict()
        states = [_unwrapped(state, own) for state in states]
    for i, state in enumerate(states): _check(f'states[{i}]', state, states[0])
    if model is None:
        stacked = {n: _stacked(states, n) for n in states[0]}
        params = {n: t for n, t in stacked.items() if t.is_floating_point() or t.is_complex()}
        return cls(params, buffers={n: t for n, t in stacked.items() if n not in params}, **context)
    model = unwrapped(model)
    slots, has = Slots(model), states[0].keys()
    known = {*slots.params, *slots.buffers}
    wanted = known & slots.persistent
    for name, told in [*((n, 'lacks') for n in sorted(wanted - has)),
                       *((n, 'has') for n in sorted(has - known - {*slots.aliases}))]:
        raise ValueError(f'states[0] {told} {name!r}, which the model {"has" if told == "lacks" else "has not"}: '
                         'expected the state dicts of this model')
    # a buffer that is not saved is the same all along
    live = {n: b.detach().cpu().expand(len(states), *b.shape) for n, b in model.named_buffers() if n not in has}
    buffers = {n: _stacked(states, n) if n in has else live[n] for n in slots.buffers}
    return cls({n: _stacked(states, n) for n in slots.params}, model=model, aliases=dict(slots.aliases),
               buffers=buffers, persistent=slots.persistent, **context)


def _unwrapped(state, own):
    "With the names of the model inside `DataParallel`, `DistributedDataParallel` and `torch.compile`"
    for prefix in ('_orig_mod.', 'module.', '_orig_mod.'):
        if not own.keys() & state.keys() and all(str(name).startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): t for name, t in state.items()}
    return state


def _check(arg, state, first):
    for name, t in state.items():
        if isinstance(t, torch.Tensor): continue
        within = f'; for the state dict in it, give {arg}[{name!r}]' if isinstance(t, Mapping) else ''
        raise ValueError(f'{arg}[{name!r}] is of type {type(t).__name__}: expected a tensor{within}')
    for name in {**first, **state}:
        told = [f'shape {tuple(s[name].shape)}' if name in s else 'no tensor' for s in (first, state)]
        if told[0] != told[1]:
            raise ValueError(f'{name!r} has {told[0]} in states[0] and {told[1]} in {arg}: expected the same tensors '
                             'in each state')


def _stacked(states, name): return torch.stack([s[name].detach().cpu().as_subclass(torch.Tensor) for s in states])
