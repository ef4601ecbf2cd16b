"""Batches of tensors of any shapes in few tensors, as a file holds them. Torch only."""

import torch


def expect(true, message):
    "Raise ValueError with this message unless it is `true`"
    if not true: raise ValueError(message)


def pack(tensors, prefix, batches):
    """All batches in two tensors for each input and target, numbers and shapes: a tensor of its own for each would be
    slow.

    Returns how many inputs and targets there are.
    """
    sizes = {tuple(map(len, batch)) for batch in batches} or {(0, 0)}
    if len(sizes) > 1:
        raise ValueError(f'{prefix} has batches of {sorted(sizes)} inputs and targets: expected the same for all')
    (n_x, n_y), = sizes
    for side, k, name in _places(prefix, n_x, n_y):
        parts = [torch.as_tensor(batch[side][k]) for batch in batches]
        expect(len({(t.dtype, t.ndim) for t in parts}) <= 1, f'{name}: expected one type and number of dimensions')
        tensors[name] = torch.cat([t.flatten() for t in parts])
        shapes = torch.tensor([list(t.shape) for t in parts], dtype=torch.int64)
        tensors[f'{name}.shape'] = shapes.reshape(len(parts), -1)
    return n_x, n_y


def _places(prefix, n_x, n_y):
    return [(side, k, f'{prefix}.{"xy"[side]}.{k}') for side, n in enumerate((n_x, n_y)) for k in range(n)]


def unpack(tensors, prefix, sizes, n=None):
    "The batches that `pack` wrote: `n`, or as many as there are shapes, at least one"
    n_x, n_y = sizes
    expect(all(type(k) is int and 0 <= k < 1000 for k in (n_x, n_y)), f'{prefix} has {sizes} inputs and targets')
    places = _places(prefix, n_x, n_y)
    if n is None: # never more than the file has numbers for
        every = [tensors[f'{name}.shape'] for *_, name in places]
        n = len(every[0]) if every else 1
        expect(1 <= n <= max([1, *(t.numel() for t in every)]), f'{prefix} has {n} batches')
    batches = [([], []) for _ in range(n)]
    for side, _, name in places:
        numbers, shapes = tensors.pop(name), tensors.pop(f'{name}.shape')
        expect(shapes.ndim == 2 and len(shapes) == n and shapes.dtype == torch.int64 and bool((shapes >= 0).all()),
               f'{name} has shapes {tuple(shapes.shape)}')
        for batch, part, shape in zip(batches, numbers.split(shapes.prod(1).tolist()), shapes.tolist()):
            batch[side].append(part.reshape(shape))
    return [tuple(map(tuple, batch)) for batch in batches]
