"""fastai `DataLoaders` that cut whole batches out of tensors."""

import random

import pandas as pd
import torch
from fastai.basics import DataLoaders, TfmdDL, delegates, display_df, explode_types, to_device
from torch.utils.data import TensorDataset

from ..checks import check_seed, check_whole, refuse
from .noise import seeded_generator

MOST = 10**8 # points that are drawn


class Tensors(TensorDataset):
    "A `TensorDataset` that a Learner can export: it has an empty version of itself"
    def new_empty(self): return type(self)(*(t[:0].clone() for t in self.tensors)) # a view would carry all rows along


def _as_tensors(items, like):
    """Return items to predict on as `Tensors`, with the types of the tensors in `like`

    They may be a tensor of rows `x`, a tuple of such columns `(x, ..., y)`, or a list of items.
    """
    if isinstance(items, TensorDataset): return items
    if isinstance(items, torch.Tensor): items = (items,)
    elif not isinstance(items, tuple): # items, of which each is an x or a tuple (x, ..., y)
        columns = zip(*(item if isinstance(item, tuple) else (item,) for item in items))
        items = [torch.stack([torch.as_tensor(v) for v in column]) for column in columns]
    if not items: return Tensors(*like).new_empty()
    return Tensors(*(torch.as_tensor(t).to(o.dtype) for t, o in zip(items, like)))


def _show_table(rows, names):
    "Show samples as a table with a column for each number; a tensor of several dimensions takes one column"
    table = []
    for row in rows:
        cells = {}
        for name, t in zip(names, row):
            if t.ndim == 1: cells.update({f'{name}[{j}]': v for j, v in enumerate(t.tolist())})
            else: cells[name] = t.item() if t.ndim == 0 else f'tensor {tuple(t.shape)}'
        table.append(cells)
    display_df(pd.DataFrame(table))


class TensorDL(TfmdDL):
    "A fastai `TfmdDL` over a `TensorDataset` that cuts each batch out of the tensors at once, not item by item"
    @delegates(TfmdDL.__init__)
    def __init__(self,
        dataset, # A `TensorDataset`
        bs: int | None = None, # Batch size; None is the full batch
        shuffle: bool = False, # A new order each epoch?
        seed: int | None = None, # Seed of the shuffling; None draws from torch's global state
        num_workers: int = 0, # Kept at 0: there is no item to prepare
        **kwargs
    ):
        self.seed, self.n_shuffles = check_seed('seed', seed), 0
        state = random.getstate() # fastai's `DataLoader` draws from Python's global state
        try: super().__init__(dataset, bs=bs or max(len(dataset), 1), shuffle=shuffle, num_workers=0, **kwargs)
        finally: random.setstate(state)
        self._n_inp, self._types = max(len(dataset.tensors) - 1, 1), explode_types(dataset.tensors)

    def new(self, dataset=None, cls=None, **kwargs):
        "Return a new version of self with a few changed attributes; `dataset` may be items to predict on"
        if dataset is not None: dataset = _as_tensors(dataset, self.dataset.tensors)
        return super().new(dataset, cls, **{'seed': self.seed, **kwargs})

    def shuffle_fn(self, idxs):
        "Return a permutation of `idxs`, another one at each call; the same sequence for the same seed"
        gen = None if self.seed is None else seeded_generator(self.seed * 1_000_003 + self.n_shuffles)
        self.n_shuffles += 1
        return [idxs[i] for i in torch.randperm(len(idxs), generator=gen).tolist()]

    def one_batch(self):
        "Return the first batch of the next epoch; looking at it does not change what the next epoch gets"
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
        "Show `max_n` samples as a table"
        if not show: return super().show_batch(b, max_n=max_n, show=False, **kwargs)
        samples = super().show_batch(b, max_n=max_n, show=False)[2]
        _show_table(samples, self._names(len(samples[0]), self.n_inp))

    def show_results(self, b, out, max_n=9, ctxs=None, show=True, **kwargs):
        "Show `max_n` samples as a table, with the model's predictions"
        res = super().show_results(b, out, max_n=max_n, show=False, **kwargs)
        if not show: return res
        samples = [(*sample, *predicted) for sample, predicted in zip(res[2], res[3])]
        _show_table(samples, [*self._names(len(res[2][0]), self.n_inp), 'prediction'])


def check_tensors(name, tensors) -> tuple:
    "Return `tensors` as a tuple. Raises ValueError unless they are at least two, with the same number of rows."
    if not isinstance(tensors, (tuple, list)) or len(tensors) < 2:
        raise ValueError(f'{name} is of type {type(tensors).__name__}: expected at least two tensors in a tuple, as in '
                         f'{name}=(x, y)')
    for k, t in enumerate(tensors):
        if not isinstance(t, torch.Tensor) or t.ndim == 0:
            what = 'a 0-dimensional tensor' if isinstance(t, torch.Tensor) else f'of type {type(t).__name__}'
            raise ValueError(f'{name}[{k}] is {what}: expected a tensor with a row for each item, for instance '
                             'torch.as_tensor(...)')
    if len({len(t) for t in tensors}) > 1:
        shapes = [tuple(t.shape) for t in tensors]
        raise ValueError(f'{name} has shapes {shapes}: expected the same number of rows in each')
    return tuple(tensors)


def check_bs(bs) -> int | None:
    "`bs` as an int, or None. Raises ValueError for anything else."
    return None if bs is None else check_whole('bs', bs, 1, example=10, or_else=' or None for the full batch')


def check_device(device) -> torch.device:
    "`device` as torch has it; None is the CPU. Raises ValueError for one that is not there."
    if device is None: return torch.device('cpu')
    try:
        res = torch.device(device)
        torch.empty(1, device=res)
    except (TypeError, ValueError, RuntimeError, AssertionError, OverflowError): res = None
    if res is None or res.type == 'meta': refuse('device', device, 'a device of this machine', 'cpu')
    return res


def tensor_dls(
    train: tuple, # Training tensors `(x, ..., y)` of equal length
    valid: tuple | None = None, # Validation tensors; None or of length 0: no validation
    bs: int | None = None, # Batch size; None is the full batch. Mini-batches are shuffled
    seed: int | None = None, # Seed of the shuffling; None draws from torch's global state
    device: str | torch.device | None = None, # Where the batches go; None is the CPU, the fastest for small data
) -> DataLoaders: # Batches are tuples `(x, ..., y)`, each with up to `bs` rows of its tensor
    """Make fastai `DataLoaders` that cut their batches out of whole tensors. Raises ValueError for an invalid argument.

    >>> import torch
    >>> dls = tensor_dls((torch.rand(60, 3), torch.rand(60)), bs=20, seed=0)
    >>> len(dls.train)
    3
    """
    bs = check_bs(bs)
    device, seed = check_device(device), check_seed('seed', seed)
    train = check_tensors('train', train)
    train_ds = Tensors(*train)
    valid_ds = train_ds.new_empty() if valid is None else Tensors(*check_tensors('valid', valid))
    train_shapes, valid_shapes = ([tuple(t.shape) for t in ds.tensors] for ds in (train_ds, valid_ds))
    if [shape[1:] for shape in train_shapes] != [shape[1:] for shape in valid_shapes]:
        raise ValueError(f'valid has shapes {valid_shapes}: expected those of train but for the number of rows, '
                         f'{train_shapes}')
    return DataLoaders(TensorDL(train_ds, bs, shuffle=bs is not None, seed=seed, device=device),
                       TensorDL(valid_ds, bs, seed=seed, device=device), device=device)


def draw_dls(draw, n, n_valid, bs, seed, device) -> DataLoaders:
    "Make `DataLoaders` of `n` training and `n_valid` validation points, one stream from `draw(n + n_valid) -> x, y`"
    n = check_whole('n', n, 1, cap=MOST, example=100)
    n_valid = check_whole('n_valid', n_valid, 0, cap=MOST, example=100)
    check_bs(bs), check_seed('seed', seed), check_device(device)
    x, y = draw(n + n_valid)
    return tensor_dls((x[:n], y[:n]), (x[n:], y[n:]), bs=bs, seed=seed, device=device)
