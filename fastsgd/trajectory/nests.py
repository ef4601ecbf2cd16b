"""Nests of lists, dicts, texts, numbers and tensors, as plain JSON and tensors by name. Torch only."""

import torch


def to_json(nest, tensors: dict, prefix: str):
    "`nest` as JSON holds it; its tensors go into `tensors`, under names that begin with `prefix`"
    if isinstance(nest, torch.Tensor):
        name = f'{prefix}.{len(tensors)}'
        tensors[name] = nest
        return {'tensor': name}
    if isinstance(nest, dict): return {'dict': {str(k): to_json(v, tensors, prefix) for k, v in nest.items()}}
    if isinstance(nest, (list, tuple)): return [to_json(v, tensors, prefix) for v in nest]
    if nest is None or isinstance(nest, (str, int, float)): return nest
    return str(nest)


def from_json(packed, tensors: dict):
    "What `to_json` was given, with lists for tuples; its tensors are taken out of `tensors`"
    if isinstance(packed, list): return [from_json(v, tensors) for v in packed]
    if not isinstance(packed, dict): return packed
    (kind, value), = packed.items()
    if kind == 'tensor': return tensors.pop(value)
    if kind == 'dict': return {k: from_json(v, tensors) for k, v in value.items()}
    raise ValueError(f'unknown part {kind!r:.100}')
