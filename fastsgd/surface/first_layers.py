"""First layers on a plane: their input is the data, so that three evaluations tell what they answer everywhere.

Torch only.

Of parameters `origin + u * d1 + v * d2`, a layer that is linear in them makes `y0 + u * y1 + v * y2`.
"""

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

# Functions that are linear in their parameters: how many of these come second and third
LINEAR = {F.linear: 2, F.conv1d: 2, F.conv2d: 2, F.conv3d: 2, F.embedding: 1, F.embedding_bag: 1, torch.matmul: 1,
          torch.Tensor.matmul: 1, torch.Tensor.__matmul__: 1}


class Trace(TorchFunctionMode):
    """Follows one call of a model: which layers have an input that no parameter goes into, and what else uses
    parameters.

    `layers` has, by the number of the call, the function, all its arguments and the names of its parameters.
    """
    def __init__(self, model, inputs):
        super().__init__()
        self.names = {id(p): n for n, p in model.named_parameters()}
        # tensors that no parameter goes into; kept, so that no other gets the same id
        self.fixed = {id(t): t for t in (*inputs, *model.buffers())}
        self.layers, self.elsewhere, self.count = {}, set(), 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        mine = {self.names[id(t)] for t in tensors if id(t) in self.names}
        fixed = all(id(t) in self.fixed for t in tensors)
        versions = [(t, t._version) for t in tensors if id(t) in self.fixed] if not fixed else ()
        first = func in LINEAR and self._is_first(func, args, kwargs)
        if first: self.layers[self.count] = func, args, kwargs, [self.names[id(p)] for p in _params_of(func, args)]
        self.count += func in LINEAR
        res = func(*args, **kwargs)
        made = [t for t in tree_leaves(res) if isinstance(t, torch.Tensor)]
        if fixed: self.fixed.update((id(t), t) for t in made)
        elif mine and not first and (made or getattr(func, '__name__', '') != '__get__'): self.elsewhere |= mine
        for t, version in versions: # written to in place
            if t._version != version: self.fixed.pop(id(t), None)
        return res

    def _is_first(self, func, args, kwargs):
        params = _params_of(func, args)
        if kwargs: # embeddings have them by name
            linear = func in (F.embedding, F.embedding_bag) and kwargs.get('mode') != 'max'
            if not linear or kwargs.get('max_norm') is not None: return False
        others = (*args[1 + LINEAR[func]:], *kwargs.values())
        return (id(args[0]) in self.fixed and bool(params) and all(id(p) in self.names for p in params)
                and not any(isinstance(a, torch.Tensor) and id(a) not in self.fixed for a in others))

    def first(self):
        "The layers whose parameters are used nowhere else"
        layers, elsewhere = dict(self.layers), set(self.elsewhere)
        while used := [k for k, (*_, names) in layers.items() if elsewhere & set(names)]:
            for k in used: elsewhere |= set(layers.pop(k)[-1])
        return layers


def _params_of(func, args): return [p for p in args[1:1 + LINEAR[func]] if p is not None]


class FirstLayers:
    "What the first layers answer on a plane, for all the data; `names` are the parameters that nothing else needs"
    def __init__(self, objective, points, max_bytes: int):
        model, self.parts, self.pieces = objective.fresh_model(), {}, []
        start, spec = 0, {}
        for n, p in model.named_parameters():
            spec[n] = slice(start, start + p.numel()), p.shape, p.dtype
            start += p.numel()
        self.names, nbytes = None, 0

        def forward(xs, piece):
            nonlocal nbytes
            with Trace(model, xs) as trace: res = model(*xs)
            layers = trace.first()
            names = {n for *_, own in layers.values() for n in own}
            if self.names not in (None, names): raise ValueError('pieces of the data go different ways')
            self.names, answers = names, {}
            for k, (*layer, own) in layers.items():
                answers[k] = torch.stack([self._answer(*layer, own, spec, v) for v in
                                          (points.origin, *points.directions)])
                nbytes += answers[k].numel() * answers[k].element_size()
            if nbytes > max_bytes: raise ValueError('what the first layers answer takes too much memory')
            self.pieces.append(answers)
            return res
        objective.loss(model, forward)
        keep = torch.ones(start, dtype=torch.bool, device=points.origin.device)
        for n in self.names: keep[spec[n][0]] = False
        self.origin, self.directions = points.origin[keep], points.directions[:, keep].contiguous()

    def _answer(self, func, args, kwargs, names, spec, vector):
        params = iter([vector[part].view(shape).to(dtype) for part, shape, dtype in map(spec.get, names)])
        own = [a if a is None else next(params) for a in args[1:1 + LINEAR[func]]]
        res = func(args[0], *own, *args[1 + LINEAR[func]:], **kwargs)
        # feature by feature, as `ManyModels` has it
        return res.t().contiguous() if func is F.linear and res.dim() == 2 else res

    def rest(self, points):
        "The points without the parameters of these layers"
        res = object.__new__(type(points))
        res.__dict__.update(points.__dict__, origin=self.origin, directions=self.directions, n_params=len(self.origin))
        return res

    def spoil(self, model):
        "No number in place of the parameters that aren't set: a use of them elsewhere is seen"
        for n, p in model.named_parameters():
            if n in self.names and p.is_floating_point(): p.data.fill_(torch.nan)

    def answers(self, piece: int, mixture) -> 'Answers':
        "What the layers answer to a piece of the data, at the point with coefficients 1, u, v"
        return Answers(self.pieces[piece], mixture)


class Answers:
    "Answers the calls of first layers in their order; None to all others"
    def __init__(self, layers, mixture): self.layers, self.mixture, self.count = layers, mixture, 0

    def __call__(self, func):
        if func not in LINEAR: return None
        known = self.layers.get(self.count)
        self.count += 1
        if known is None: return None
        res = torch.matmul(self.mixture.to(known.dtype), known.flatten(1)).view(known.shape[1:])
        return res.t() if func is F.linear and res.dim() == 2 else res


class Replay(TorchFunctionMode):
    "First layers are not called, but answered for"
    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def __torch_function__(self, func, types, args=(), kwargs=None):
        res = self.answers(func) if func in LINEAR else None
        return func(*args, **(kwargs or {})) if res is None else res
