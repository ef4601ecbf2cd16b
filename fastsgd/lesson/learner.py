"""The lesson's model, and the `Learner` that fits it."""

import torch
from fastai.basics import SGD, DataLoaders, L, Learner, MSELossFlat, delegates
from torch import nn

from ..callbacks import AnimateFitCallback, LogLossCallback, RecordParamsCallback, SkipEmptyValidCallback
from ..checks import check_numbers, check_whole
from ..data import linear_dls
from ..views.given import as_views


class LinearModel(nn.Module):
    """A line as the lesson has it: `forward(x) = x @ a`; `x` has shape (n, 2), the parameter `a` shape (2,)

    Raises ValueError for an `init` or an `x` that does not fit.

    >>> x, y = linear_data(n=4)
    >>> LinearModel(init=(3., 2.))(x).shape
    torch.Size([4])
    """
    param_meanings = {'a[0]': 'slope', 'a[1]': 'intercept'} # for views
    def __init__(self,
        init: tuple = (0.5, 0.75), # First guess of slope and intercept
    ):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(check_numbers('init', init, 2, example=(0.5, 0.75))))

    def forward(self, x):
        if x.ndim == 0 or x.shape[-1] != 2:
            raise ValueError(f'x has shape {tuple(x.shape)}, expected (n, 2): one row per point, with the point and a '
                             'constant 1; a transposed x wants x.T')
        return x @ self.a


@delegates(Learner.__init__)
def linear_learner(
    dls=None, # `DataLoaders` of `x` (n, 2) and `y` (n,); None: `linear_dls(seed=seed)`
    init: tuple = (0.5, 0.75), # First guess of slope and intercept
    seed: int | None = None, # Seed of the points where `dls` is None
    log_every: int | None = 10, # Steps from one logged loss to the next; None keeps fastai's table
    views: tuple = (), # Views to animate, or one of them; none: those that suit
    live: bool = False, # In a notebook, show the fit while it runs?
    **kwargs
) -> Learner:
    """The lesson as a `Learner`: `LinearModel`, mean squared error, fastai's SGD, with recorder and animation attached.

    For predictions call `learn.model(x)`, or `learn.get_preds(dl=learn.dls.test_dl(x))` for two rows or more: of one item,
    as in `learn.predict`, fastai can only gather outputs that have a second dimension. Raises TypeError for `dls` or views
    of another kind, ValueError for any other argument that does not fit.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(100, lr=0.1)
    >>> learn.animate_fit
    AnimateFitCallback: ...
    """
    if dls is None: dls = linear_dls(seed=seed)
    elif not isinstance(dls, DataLoaders):
        raise TypeError(f'dls is a {type(dls).__name__}, expected DataLoaders, for instance linear_dls(bs=10)')
    elif seed is not None: raise ValueError(f'seed={seed} is for points that are drawn here: with dls, give it to linear_dls')
    if log_every is not None: check_whole('log_every', log_every, 1, example=10, or_else=" or None for fastai's table")
    cbs = [RecordParamsCallback(), AnimateFitCallback(*as_views(views), live=live)]
    if log_every is not None: cbs.append(LogLossCallback(log_every))
    if not len(dls.valid): cbs.append(SkipEmptyValidCallback())
    kwargs['cbs'] = L(cbs) + L(kwargs.get('cbs'))
    return Learner(dls, LinearModel(init), **{'loss_func': MSELossFlat(), 'opt_func': SGD, **kwargs})
