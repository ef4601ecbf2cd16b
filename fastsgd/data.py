"""Synthetic tensors, and the fastai `DataLoaders` that serve them as whole batches."""

import math
import random
from numbers import Integral, Real

import pandas as pd
import torch
from fastai.basics import DataLoaders, TfmdDL, delegates, display_df, explode_types, to_device
from torch.utils.data import TensorDataset

__all__ = ['linear_data', 'linear_dls', 'tensor_dls', 'TensorDL']


def _count(name, value, least, hint):
    "`value` as an int, or an error that says what `name` wants"
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f'{name}={value!r}: expected a whole number of at least {least}, for instance {hint}')
    return int(value)


def _numbers(name, value, how_many, hint):
    "`value` as finite floats, or an error that says what `name` wants"
    try: res = [] if isinstance(value, str) else [float(v) for v in value]
    except (TypeError, ValueError): res = []
    if not res or not all(map(math.isfinite, res)) or how_many == 'two' and len(res) != 2:
        what = 'finite number' + ('s' if how_many != 'a' else '')
        shown = value[0] if how_many == 'a' else value
        raise ValueError(f'{name}={shown!r}: expected {how_many} {what}, for instance {name}={hint}')
    return res


def _pair(name, value, hint): return _numbers(name, value, 'two', hint)


def _generator(seed):
    "A generator of our own for a given seed; None leaves the choice to torch's global one, as everywhere in torch"
    if seed is None: return None
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise ValueError(f'seed={seed!r}: expected a whole number, or None for torch\'s global random state')
    return torch.Generator().manual_seed(int(seed) % 2**63)


def linear_data(
    n: int = 100, # Number of points
    coef: tuple = (3., 2.), # True slope and intercept
    noise: str | float = 'uniform', # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    seed: int | None = None, # Seed of a generator of its own; None draws from torch's global state
) -> tuple: # `x` of shape (n, 2) and `y` of shape (n,)
    """Points around a line: `y = x @ coef + noise`; `x[:, 0]` is uniform on [-1, 1), `x[:, 1]` is the constant 1.

    Raises ValueError for an argument out of its range.

    >>> x, y = linear_data(n=50, noise=0.25, seed=0)
    >>> x.shape, y.shape
    (torch.Size([50, 2]), torch.Size([50]))
    """
    n, coef, gen = _count('n', n, 1, 'n=100'), _pair('coef', coef, '(3., 2.)'), _generator(seed)
    _check_noise(noise)
    x = torch.ones(n, 2)
    x[:, 0].uniform_(-1, 1, generator=gen)
    return x, x @ torch.tensor(coef) + _spread(n, noise, gen)


def _check_noise(noise):
    number = isinstance(noise, Real) and not isinstance(noise, bool) and math.isfinite(noise) and noise >= 0
    if not number and noise != 'uniform':
        raise ValueError(f"noise={noise!r}: expected 'uniform' or the standard deviation of a Gaussian, "
                         "a number of at least 0, for instance noise=0.25")


def _spread(n, noise, gen):
    return torch.rand(n, generator=gen) if noise == 'uniform' else torch.randn(n, generator=gen) * noise


class Tensors(TensorDataset):
    "A `TensorDataset` that a Learner can export: it has an empty version of itself"
    def new_empty(self): return type(self)(*(t[:0] for t in self.tensors))


def _as_tensors(items, like):
    """Items to predict on as `Tensors`: a tensor of rows `x`, a tuple of such columns `(x, ..., y)`, or a list of items.

    Numbers take the types of the tensors in `like`.
    """
    if isinstance(items, TensorDataset): return items
    if isinstance(items, torch.Tensor): items = (items,)
    elif not isinstance(items, tuple): # items, of which each is an x or a tuple (x, ..., y)
        columns = zip(*(item if isinstance(item, tuple) else (item,) for item in items))
        items = [torch.stack([torch.as_tensor(v) for v in column]) for column in columns]
    return Tensors(*(torch.as_tensor(t).to(o.dtype) for t, o in zip(items, like))) if items else Tensors(*(t[:0] for t in like))


def _show_table(rows, names):
    "Samples as a table, one column for each number; a tensor of more than one dimension takes one column in all"
    table = []
    for row in rows:
        cells = {}
        for name, t in zip(names, row):
            if t.ndim == 1: cells.update({f'{name}[{j}]': v for j, v in enumerate(t.tolist())})
            else: cells[name] = t.item() if t.ndim == 0 else f'tensor {tuple(t.shape)}'
        table.append(cells)
    display_df(pd.DataFrame(table))


class TensorDL(TfmdDL):
    "A fastai `TfmdDL` over a `TensorDataset` that cuts a batch out of the tensors at once, not item by item"
    @delegates(TfmdDL.__init__)
    def __init__(self,
        dataset, # A `TensorDataset`
        bs: int | None = None, # Batch size; None is the full batch
        shuffle: bool = False, # A new order each epoch?
        seed: int | None = None, # Seed of the shuffling; None draws from torch's global state
        num_workers: int = 0, # Kept at 0: there is no item to prepare
        **kwargs
    ):
        _generator(seed) # a wrong seed is told here, not in the middle of the first epoch
        state = random.getstate() # fastai's `DataLoader` draws from Python's global state
        try: super().__init__(dataset, bs=bs or max(len(dataset), 1), shuffle=shuffle, num_workers=0, **kwargs)
        finally: random.setstate(state)
        self.seed, self.n_shuffles = seed, 0
        self._n_inp, self._types = max(len(dataset.tensors) - 1, 1), explode_types(dataset.tensors)

    def new(self, dataset=None, cls=None, **kwargs):
        "A new version of self with a few changed attributes; `dataset` may be items to predict on"
        if dataset is not None: dataset = _as_tensors(dataset, self.dataset.tensors)
        return super().new(dataset, cls, **{'seed': self.seed, **kwargs})

    def shuffle_fn(self, idxs):
        "A permutation of `idxs`, another one at each call; the same sequence for the same seed"
        gen = None if self.seed is None else _generator(self.seed * 1_000_003 + self.n_shuffles)
        self.n_shuffles += 1
        return [idxs[i] for i in torch.randperm(len(idxs), generator=gen).tolist()]

    def one_batch(self):
        "The first batch of the next epoch; looking at it does not change what the next epoch gets"
        n_shuffles = self.n_shuffles
        try: return super().one_batch()
        finally: self.n_shuffles = n_shuffles

    def __iter__(self):
        self.before_iter()
        stop, idxs = len(self) * self.bs, None
        if self.shuffle or 'get_idxs' in self.__dict__: idxs = torch.as_tensor(list(self.get_idxs()))
        for start in range(0, stop, self.bs):
            part = slice(start, start + self.bs)
            # a copy also where a view would do: a model may work in place on its input
            b = tuple(t[part].clone() if idxs is None else t[idxs[part]] for t in self.dataset.tensors)
            if self.device is not None and self.device.type != 'cpu': b = to_device(b, self.device)
            yield self.after_batch(b)
        self.after_iter()

    def _names(self, n, n_inp):
        return ['x'] * (n_inp == 1) + [f'x{k}' for k in range(n_inp)] * (n_inp > 1) + ['y', 'y1', 'y2'][:n - n_inp]

    def show_batch(self, b=None, max_n=9, ctxs=None, show=True, **kwargs):
        "A table of `max_n` samples"
        if not show: return super().show_batch(b, max_n=max_n, show=False, **kwargs)
        samples = super().show_batch(b, max_n=max_n, show=False)[2]
        _show_table(samples, self._names(len(samples[0]), self.n_inp))

    def show_results(self, b, out, max_n=9, ctxs=None, show=True, **kwargs):
        "A table of `max_n` samples, with what the model predicts for them"
        res = super().show_results(b, out, max_n=max_n, show=False, **kwargs)
        if not show: return res
        samples = [(*sample, *predicted) for sample, predicted in zip(res[2], res[3])]
        _show_table(samples, [*self._names(len(res[2][0]), self.n_inp), 'prediction'])


def _columns(name, tensors):
    "`tensors` as a tuple of tensors of equal length, or an error that says what `name` wants"
    if not isinstance(tensors, (tuple, list)) or len(tensors) < 2:
        raise ValueError(f'{name} is a {type(tensors).__name__}, expected a tuple of at least two tensors, {name}=(x, y)')
    for k, t in enumerate(tensors):
        if not isinstance(t, torch.Tensor) or t.ndim == 0:
            raise ValueError(f'{name}[{k}] is {"a tensor without rows" if isinstance(t, torch.Tensor) else type(t).__name__}, '
                             'expected a tensor with a row for each item, for instance torch.as_tensor(...)')
    if len({len(t) for t in tensors}) > 1:
        raise ValueError(f'{name} has shapes {[tuple(t.shape) for t in tensors]}, expected the same number of rows in each')
    return tuple(tensors)


def tensor_dls(
    train: tuple, # Training tensors `(x, ..., y)` of equal length
    valid: tuple | None = None, # Validation tensors; None or of length 0: no validation
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of the shuffling; None draws from torch's global state
    device=None, # Where the batches go; None is the CPU, which is the fastest for data this small
) -> DataLoaders: # Batches are tuples `(x, ..., y)`, each with up to `bs` rows of its tensor
    """fastai `DataLoaders` that cut their batches out of whole tensors. Raises ValueError for an argument that does not fit.

    >>> import torch
    >>> dls = tensor_dls((torch.rand(60, 3), torch.rand(60)), bs=20, seed=0)
    >>> len(dls.train)
    3
    """
    if bs is not None: bs = _count('bs', bs, 1, 'bs=10, or bs=None for the full batch')
    device = torch.device('cpu' if device is None else device)
    train = _columns('train', train)
    valid = [t[:0] for t in train] if valid is None else _columns('valid', valid)
    if [t.shape[1:] for t in train] != [t.shape[1:] for t in valid]:
        raise ValueError(f'valid has shapes {[tuple(t.shape) for t in valid]}, expected them as in train but for the number '
                         f'of rows: {[tuple(t.shape) for t in train]}')
    train_ds, valid_ds = Tensors(*train), Tensors(*valid)
    return DataLoaders(TensorDL(train_ds, bs, shuffle=bs is not None, seed=seed, device=device),
                       TensorDL(valid_ds, bs, seed=seed, device=device), device=device)


def linear_dls(
    n: int = 100, # Number of training points
    coef: tuple = (3., 2.), # True slope and intercept
    noise: str | float = 'uniform', # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    n_valid: int = 100, # Number of validation points, drawn afresh from the same line; 0 for none
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of points and batches; None draws from torch's global state
    device=None, # Where the batches go; None is the CPU
) -> DataLoaders: # Batches of `x` (bs, 2) and `y` (bs,)
    """`linear_data` in fastai `DataLoaders`. Raises ValueError for an argument out of its range.

    >>> dls = linear_dls(n=100, bs=10, seed=0)
    >>> len(dls.train), [t.shape for t in dls.one_batch()]
    (10, [torch.Size([10, 2]), torch.Size([10])])
    """
    return _split_dls(lambda n: linear_data(n, coef, noise, seed), n, n_valid, bs, seed, device)


def _split_dls(data, n, n_valid, bs, seed, device):
    "`data(n + n_valid)`, one stream of points, cut in two"
    n_valid = _count('n_valid', n_valid, 0, 'n_valid=100, or n_valid=0 for no validation')
    n = _count('n', n, 1, 'n=100')
    x, y = data(n + n_valid)
    return tensor_dls((x[:n], y[:n]), (x[n:], y[n:]), bs=bs, seed=seed, device=device)
