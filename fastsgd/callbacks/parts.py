"""Which part of what a model returns the loss sees: fastai's RNNCallback, and others, pick one in `after_pred`."""

import torch


class Watch:
    "Look at what `model` returns, once; a scripted one lets nobody look"
    def __init__(self, model):
        self.out, self.handle = None, None
        if not isinstance(model, torch.jit.ScriptModule): self.handle = model.register_forward_hook(self._see)

    def leave(self):
        if self.handle is not None: self.handle.remove()

    def _see(self, module, inputs, out): self.out = out

    def part(self, pred) -> tuple:
        "Where `pred`, which the loss is about to see, stands in what the model returned; () if it is all of it, or new"
        self.leave()
        out, self.out = self.out, None # it holds the graph of this step
        return (None if out is None else place_of(pred, out)) or ()


def place_of(pred, out):
    "The keys by which one gets from `out` to `pred`, () for itself; None if it is not in there"
    if isinstance(out, torch.Tensor): return () if same(pred, out) else None
    items = out.items() if isinstance(out, dict) else enumerate(out) if isinstance(out, (list, tuple)) else ()
    if pred is out: return ()
    for key, part in items:
        place = place_of(pred, part)
        if place is not None: return key, *place


def same(a, b) -> bool:
    "The same tensor, maybe in another precision?"
    if a is b: return True
    return isinstance(a, torch.Tensor) and a.shape == b.shape and a.device == b.device and torch.equal(
        a.detach().float(), b.detach().float())
