"""The lesson's model, and the `Learner` that fits it."""

import torch
from fastai.basics import SGD, DataLoaders, L, Learner, MSELossFlat, defaults, delegates
from torch import nn

from ..callbacks import AnimateFitCallback, LogLossCallback, RecordParamsCallback, SkipEmptyValidCallback
from ..callbacks.import_fastai import ProgressCallback
from ..checks import check_numbers, check_type, check_whole
from ..data import linear_dls
from ..progress import in_terminal_ipython, watched
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
        check_type('x', x, torch.Tensor, 'a tensor (n, 2)')
        if x.ndim == 0 or x.shape[-1] != 2:
            raise ValueError(f'x has shape {tuple(x.shape)}, expected (n, 2): one row per point, with the point and a '
                             'constant 1; a transposed x wants x.T')
        try: return x @ self.a
        except RuntimeError as e: raise ValueError(f'x is {x.dtype} on {x.device}: {e}') from e


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

    For predictions call `learn.model(x)`, or `learn.get_preds(dl=learn.dls.test_dl(x))` for two rows or more: of one
    item, as in `learn.predict`, fastai can only gather outputs that have a second dimension. Raises TypeError for `dls`
    or views of another kind, ValueError for any other invalid argument.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(100, lr=0.1)
    >>> learn.animate_fit
    AnimateFitCallback: ...
    """
    if dls is not None and seed is not None:
        raise ValueError(f'seed={seed!r} applies only when dls is None: pass it to linear_dls instead')
    dls = linear_dls(seed=seed) if dls is None else dls
    check_type('dls', dls, DataLoaders, 'DataLoaders, for instance linear_dls(bs=10)')
    if log_every is not None: log_every = check_whole('log_every', log_every, 1, example=10,
                                                      or_else=" or None for fastai's table")
    cbs = [RecordParamsCallback(), AnimateFitCallback(*as_views(views), live=live)]
    if log_every is not None: cbs.append(LogLossCallback(log_every))
    if not len(dls.valid): cbs.append(SkipEmptyValidCallback())
    if watched() and ProgressCallback not in defaults.callbacks: cbs.append(ProgressCallback())
    kwargs['cbs'] = L(cbs) + L(kwargs.get('cbs'))
    learn = Learner(dls, LinearModel(init), **{'loss_func': MSELossFlat(), 'opt_func': SGD, **kwargs})
    return learn.remove_cbs(ProgressCallback) if in_terminal_ipython() else learn # it would write HTML there
