"""`losses_and_errors`: the loss at each point, and how far it may be from the loss over all the data. Torch only.

Of n samples of N, drawn without replacement, a mean has the standard error `s / n**0.5 * (1 - n / N)**0.5`, where `s`
is the standard deviation of what the single samples lose.
"""

import torch
from torch.func import vmap
from torch.utils._pytree import tree_map

from .pieces import rows_of
from .ways import Loop


def losses_and_errors(objective, points) -> tuple:
    """The loss at each of the `points`, and its standard error, both of shape (points,)

    It is 0 where nothing was left out, and NaN where the samples were not drawn at random.
    """
    of = objective.source
    if not of.first and objective.n_samples < of.total: return tuple(objective(points, WithErrors).reshape(-1, 2).T)
    losses = objective(points) # by the fastest way
    return losses, torch.full_like(losses, torch.nan if of.first else 0)


class WithErrors(Loop):
    "The loop, for losses and their standard errors, shape (points, 2)"
    def __init__(self, objective): super().__init__(objective, objective.loop.views)

    def _result(self, forward):
        loss, alone, o = 0., [], self.objective
        for out, batch in o.outputs(self.model, forward):
            loss = loss + o.loss_of(out, batch.ys).double() * batch.share
            alone.append(losses_of_samples(o.loss_of, out, batch.ys))
        known = all(t is not None for t in alone)
        error = torch.full_like(loss, torch.nan)
        if known: error = standard_error(torch.cat(alone).double(), loss, o.source.total)
        return torch.stack([loss, error])


def losses_of_samples(loss_of, out, ys):
    "What each sample loses by itself, shape (n,); None where the loss of a single one can't be asked for"
    n = rows_of(((), ys))
    dims = tree_map(lambda t: 0 if isinstance(t, torch.Tensor) and t.dim() and len(t) == n else None, (out, ys))

    def loss_of_one(out, ys): return loss_of(*tree_map(lambda t, d: t if d is None else t[None], (out, ys), dims))
    try: res = vmap(loss_of_one, dims, randomness='same')(out, ys)
    except torch.OutOfMemoryError: raise
    except Exception: return None # a loss may raise whatever it likes
    return res if res.dim() == 1 else None


def standard_error(losses, loss, total: int):
    """The standard error of `loss`, of samples with these `losses`, of `total` in all; NaN where it can't be known.

    It can where the loss is their mean or their sum: not where it weighs them by their targets, say.
    """
    n, near = len(losses), lambda other: torch.allclose(other, loss, 1e-4, 1e-6)
    scale = 1 if near(losses.mean()) else n if near(losses.sum()) else torch.nan
    return losses.std() * ((1 - n / total) / n)**0.5 * scale if n > 1 else torch.full_like(loss, torch.nan)


def error_told(error) -> str:
    "A standard error in words, '' where there is none"
    return f'± {error:.2g} (standard error)' if error > 0 else ''
