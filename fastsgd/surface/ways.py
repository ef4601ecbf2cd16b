"""Ways to the loss at many points: a loop over them, or many at once by `vmap`.

They differ in time alone. Torch only.
"""

import math

import torch
from torch.func import functional_call, vmap

from .first_layers import Replay
from .many_models import ManyModels


class Loop:
    """The plain way: the weights of a copy of the model are replaced, and it is called.

    With `views` its parameters are parts of one vector, which is filled in place: nothing is copied for a point. A
    model that keeps its weights' memory elsewhere too needs them written there, without `views`. `first` are layers
    known beforehand.
    """
    method, nbytes = 'loop', math.inf # one point at a time

    def __init__(self, objective, views: bool = True, first=None):
        self.objective, self.views, self.first, self.model = objective, views, first, objective.fresh_model()
        self.buffers = [[m._buffers, n, b, b.clone(), b._version] for m in self.model.modules()
                        for n, b in m._buffers.items() if b is not None]
        self.parts, start = [], 0
        params = [(n, p) for n, p in self.model.named_parameters() if first is None or n not in first.names]
        self.vector = torch.empty(sum(p.numel() for _, p in params), dtype=objective.dtype, device=objective.device)
        for _, p in params:
            part = self.vector[start:start + p.numel()].view(p.shape)
            start += p.numel()
            if views and p.dtype == part.dtype: p.data = part
            else: self.parts.append((p, part))
        if first is not None: first.spoil(self.model)

    def __call__(self, points, i: int, j: int) -> torch.Tensor:
        "The losses at points i to j"
        rest = points if self.first is None else self.first.rest(points)
        if j - i == 1: return self._loss(points, rest, i)[None]
        return torch.stack([self._loss(points, rest, k) for k in range(i, j)])

    def _loss(self, points, rest, k):
        if rest.dtype == self.vector.dtype: rest.vectors(k, k + 1, out=self.vector[None])
        else: self.vector.copy_(rest.vectors(k, k + 1)[0])
        for p, part in self.parts: p.data.copy_(part)
        self._set_buffers(points.buffers_at(k))
        if self.first is None: return self._result(lambda xs, piece: self.model(*xs))
        mixture = points.coefficients(k, k + 1)[0]

        def forward(xs, piece):
            with Replay(self.first.answers(piece, mixture)): return self.model(*xs)
        return self._result(forward)

    def _result(self, forward): return self.objective.loss(self.model, forward)

    def _set_buffers(self, own):
        "Each point begins with the same buffers, or with its `own`: a module may write to them also in evaluation mode"
        for entry in self.buffers:
            slot, name, b, value, version = entry
            if slot[name] is b and b._version == version: continue
            slot[name] = b.copy_(value)
            entry[-1] = b._version
        if own: # of this point alone: the next one sees that they were written to
            for name, b in self.model.named_buffers():
                if name in own: b.copy_(own[name])


class AtOnce:
    "Many points at once by `vmap`, which spares calls of operators where a model is small"
    method = 'vmap'

    def __init__(self, objective, first=None):
        self.objective, self.first, self.model = objective, first, objective.fresh_model()
        self.buffers = {n: b.clone() for n, b in self.model.named_buffers()}
        self.spec = [(n, p.shape, p.dtype, p.numel()) for n, p in self.model.named_parameters()
                     if first is None or n not in first.names]
        self.nbytes = objective.pieces.bytes_at_once() + 8 * sum(size for *_, size in self.spec) # of each point
        if first is not None: first.spoil(self.model)

    def __call__(self, points, i: int, j: int) -> torch.Tensor:
        "The losses at points i to j"
        rest = points if self.first is None else self.first.rest(points)
        vectors = rest.vectors(i, j)
        mixtures = points.coefficients(i, j) if self.first is not None else vectors.new_empty(j - i, 0)
        return vmap(self._loss, randomness='same')(vectors, mixtures)

    def _loss(self, vector, mixture):
        state = {n: b.clone() for n, b in self.buffers.items()}
        for (name, shape, dtype, _), part in zip(self.spec, vector.split([size for *_, size in self.spec])):
            state[name] = part.view(shape) if part.dtype == dtype else part.view(shape).to(dtype)

        def forward(xs, piece):
            answers = self.first.answers(piece, mixture) if self.first is not None else None
            with ManyModels(answers): return functional_call(self.model, state, xs)
        return self.objective.loss(self.model, forward, ManyModels)
