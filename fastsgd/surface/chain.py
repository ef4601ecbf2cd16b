"""`Chain`: linear layers in a row, at many points at once and without `vmap`. Torch only.

What they answer for a few points stays in the cache of a processor, feature by feature, and activations take its place.
`vmap` is left the loss, and what a model does after its last layer.
"""

import torch
import torch.nn.functional as F
from torch.func import functional_call, vmap
from torch.overrides import TorchFunctionMode

from .elementwise import in_place
from .first_layers import LINEAR
from .follow import Follow
from .many_models import ManyModels, scale_and_shift

CACHE_BYTES = 2**20 # of what two layers answer for some points


class Chain:
    "Many points at once of a model that is a chain, see `Follow`. Raises ValueError for any other."
    method = 'vmap'

    def __init__(self, objective, first=None):
        self.objective, self.first, self.model = objective, first, objective.fresh_model()
        self.buffers = {n: b.clone() for n, b in self.model.named_buffers()}
        self.layers, self.inputs = None, [] # of each piece of the data, feature by feature
        self.kept = {} # memory for answers, the same in each call: allocators may leave freed pieces unused
        objective.loss(self.model, self._follow)
        names, pieces = set() if first is None else first.names, objective.pieces
        self.spec = [(n, p.shape, p.dtype, p.numel()) for n, p in self.model.named_parameters() if n not in names]
        shapes = {n: shape for n, shape, *_ in self.spec}
        self.widths = [shapes.get(layer.names[0], self.inputs[0].shape[1:])[0] for layer in self.layers]
        # of each point, beside its block; a loss that takes twice as much as expected still fits
        self.nbytes = 2 * pieces.row_bytes_of_loss * pieces.n_samples + 4 * sum(size for *_, size in self.spec)
        room = min(CACHE_BYTES, objective.max_bytes) if objective.device.type == 'cpu' else objective.max_bytes // 4
        two = max(a + b for a, b in zip(self.widths, (*self.widths[1:], 0)))
        self.block = max(1, int(room // (4 * two * pieces.rows)))
        if first is not None: first.spoil(self.model)

    def _follow(self, xs, piece):
        with Follow(self.model) as seen: res = self.model(*xs)
        known = None if self.first is None else self.first.pieces[piece]
        fits, plain = seen.is_chain and self.layers in (None, seen.layers), seen.input is not None
        if known is None: fits = fits and plain and seen.layers[0].rows and seen.input._version == seen.version
        else: fits = fits and len(known) == 1 and self.first.names == set(seen.layers[0].names)
        if not fits: raise ValueError('this is no chain of linear layers')
        self.layers, x = seen.layers, seen.input.t() if known is None else next(iter(known.values()))
        turn = seen.layers[0].rows and not plain # as `FirstLayers` has it for ordinary layers
        self.inputs.append(x.transpose(1, 2).contiguous() if turn else x)
        return res

    def __call__(self, points, i: int, j: int) -> torch.Tensor:
        "The losses at points i to j"
        rest = points if self.first is None else self.first.rest(points)
        parts = rest.vectors(i, j).split([size for *_, size in self.spec], 1)
        weights = {n: part.view(j - i, *shape, *(1,) * (len(shape) == 1)).to(dtype) # biases as columns
                   for (n, shape, dtype, _), part in zip(self.spec, parts)}
        if self.first is not None: weights[None] = points.coefficients(i, j).to(self.inputs[0].dtype)
        answers = [self._answers(piece, x, weights, j - i) for piece, x in enumerate(self.inputs)]
        return vmap(self._loss, randomness='same')(answers).clone() # a loss may be a part of them

    def _room(self, key, like, *shape) -> torch.Tensor:
        "The memory kept under this key, of at least this length"
        kept = self.kept.get(key)
        if kept is None or len(kept) < shape[0]: kept = self.kept[key] = like.new_empty(shape)
        return kept[:shape[0]]

    def _answers(self, piece: int, x, weights, n: int) -> torch.Tensor:
        "What the last layer says at n points, shape (n, features, samples)"
        if len(self.layers) == 1 and self.first is not None: # whatever its shape
            return torch.mm(weights[None], x.flatten(1)).view(n, *x.shape[1:])
        block = min(self.block * torch.get_num_threads(), n)
        res = self._room((piece, 'last'), x, n, self.widths[-1], x.shape[-1])
        room = [self._room((k, x.shape[-1]), x, block, width, x.shape[-1]) for k, width in enumerate(self.widths[:-1])]
        parts = {name: w.split(block) for name, w in weights.items()}
        for k, last in enumerate(res.split(block)):
            few, h = {name: w[k] for name, w in parts.items()}, x
            if len(last) < block: room = [t[:len(last)] for t in room]
            for layer, out in zip(self.layers, (*room, last)):
                _linear(h, few, layer.names, out)
                h = out
                if layer is self.layers[-1]: break
                for function in layer.functions: h = _function(h, few, *function)
        return res

    def _loss(self, answers):
        def forward(xs, piece):
            with Given(self.layers, self.widths, answers[piece]):
                return functional_call(self.model, {n: b.clone() for n, b in self.buffers.items()}, xs)
        return self.objective.loss(self.model, forward, ManyModels)


def _linear(x, weights, names, out):
    if names[0] not in weights: torch.mm(weights[None], x.flatten(1), out=out.flatten(1)) # known of the first layer
    else:
        torch.bmm(weights[names[0]], x.expand(len(out), *x.shape[-2:]), out=out)
        if len(names) > 1: out.add_(weights[names[1]]) # `baddbmm` would write it there first


def _function(x, weights, func, args, kwargs):
    if func is not F.batch_norm: return in_place(x, func, args, kwargs)
    mean, var, weight, bias = args
    scale, shift = scale_and_shift(mean[:, None], var[:, None], weights[weight], weights[bias], **kwargs)
    return x.mul_(scale).add_(shift)


class Given(TorchFunctionMode):
    "Answers for the layers of a chain: `last` for the last one, and no numbers for the others: a use of them is seen"
    def __init__(self, layers, widths, last):
        super().__init__()
        self.left, self.last, self.count = {layer.call: (layer, width) for layer, width in zip(layers, widths)}, last, 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        layer, width = self.left.pop(self.count, (None, 0)) if func in LINEAR else (None, 0)
        self.count += func in LINEAR
        if layer is None: return func(*args, **(kwargs or {}))
        if not self.left: return self.last.t() if layer.rows else self.last
        # the same for all points
        return torch.full((self.last.shape[1], width), torch.nan, dtype=self.last.dtype, device=self.last.device)
