"""What a loss is taken over is called what it is: a random sample, or the first ones."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.callback.data import PartialDL, WeightedDL
from fastai.data.load import DataLoader as FastaiLoader
from fastai.text.data import SortedDL
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from fastsgd import Trajectory, loss_surface
from fastsgd.surface.loaders import drawn_from
from fastsgd.views import PathView

N, SOME = 90, 30
X, Y = torch.arange(1. * N)[:, None].repeat(1, 200) / N, torch.arange(N) * 3 // N # in order, and so are the classes
ROWS = TensorDataset(X, Y)
ITEM = X[0].nbytes + Y[0].nbytes


class Stream(IterableDataset):
    "Gives one after the other"
    def __init__(self, size=None): self.size = size
    def __iter__(self): return iter(ROWS)


class Sized(Stream):
    def __len__(self): return N


class Tens(BatchSampler):
    "A user's own order"


def fastai(**kwargs): return FastaiLoader(ROWS, bs=10, **kwargs)


RANDOM = {
    'unshuffled': lambda: DataLoader(ROWS, 10), 'shuffled': lambda: DataLoader(ROWS, 10, shuffle=True),
    'data set': lambda: ROWS, 'list of batches': lambda: [ROWS[i:i + 10] for i in range(0, N, 10)],
    'tensors': lambda: (X, Y), 'fastai': fastai, 'fastai, shuffled': lambda: fastai(shuffle=True),
    'last batch left out': lambda: DataLoader(ROWS, 7, drop_last=True),
    'item by item': lambda: DataLoader(ROWS, 10, collate_fn=lambda rows: tuple(map(torch.stack, zip(*rows)))),
    'of all numbers': lambda: DataLoader(ROWS, 10, sampler=SubsetRandomSampler(range(N)))}
FIRST = {
    'a stream': (lambda: DataLoader(Stream(), 10), ''),
    'a stream of known length': (lambda: DataLoader(Sized(), 10), f' of {N}'),
    "a user's own batches": (lambda: DataLoader(ROWS, batch_sampler=Tens(SequentialSampler(ROWS), 10, False)),
                             f' of {N}'),
    'a generator': (lambda: (ROWS[i:i + 10] for i in range(0, N, 10)), ''),
    'fastai, a stream': (lambda: FastaiLoader(Stream(), bs=10), '')}
LIMITS = [dict(max_samples=SOME), dict(max_bytes=SOME * ITEM + 5)]


def learner(loss_func=F.cross_entropy):
    torch.manual_seed(0)
    return SimpleNamespace(model=nn.Linear(200, 3), loss_func=loss_func)


def taken(surface): return torch.cat([batch[0][0][:, 0] for batch in surface.objective.data]) * N


@pytest.mark.parametrize('limits', LIMITS, ids=['samples', 'bytes'])
@pytest.mark.parametrize('kind', RANDOM)
def test_a_sample_is_drawn_at_random_wherever_one_can_be(kind, limits):
    drawn = []
    for seed in range(4):
        surface = loss_surface(learner(), 'random', n=2, data=RANDOM[kind](), seed=seed, **limits)
        drawn.append(taken(surface))
        n = len(drawn[-1])
        assert f'mean over a random sample of {n} of {N} samples, ± ' in surface.note, surface.note
        assert SOME / 2 < n <= SOME and len(drawn[-1].unique()) == n
    every = torch.cat(drawn)
    # of some 30 numbers at random, four times
    assert every.max() > 0.8 * N and abs(float(every.mean()) - N / 2) < 5 * N / 12**0.5 / len(every)**0.5
    assert len({tuple(d.tolist()) for d in drawn}) == 4


@pytest.mark.parametrize('limits', LIMITS, ids=['samples', 'bytes'])
@pytest.mark.parametrize('kind', FIRST)
def test_the_first_ones_are_called_so_and_have_no_error(kind, limits):
    make, of = FIRST[kind]
    surface = loss_surface(learner(), 'random', n=2, data=make(), **limits)
    assert taken(surface).round().tolist() == list(range(SOME))
    assert f'mean over the first {SOME}{of} samples' in surface.note and '±' not in surface.note
    losses, errors = surface.loss_at(torch.ones(2, 603), errors=True)
    assert errors.isnan().all() and losses.isfinite().all()


@pytest.mark.parametrize('kind', [*RANDOM, *FIRST])
def test_all_of_them_are_no_sample(kind):
    make = RANDOM[kind] if kind in RANDOM else FIRST[kind][0]
    surface = loss_surface(learner(), 'random', n=2, data=make())
    assert f'mean over {N} samples' in surface.note and taken(surface).round().sort().values.tolist() == list(range(N))
    assert not surface.loss_at(torch.ones(603), errors=True)[1]


def test_a_weighted_order_is_no_random_sample_of_the_data():
    dl = DataLoader(ROWS, 10, sampler=WeightedRandomSampler(np.ones(N).tolist(), N))
    surface = loss_surface(learner(), 'random', n=2, data=dl, max_samples=SOME)
    assert f'the first {SOME} of {N} samples' in surface.note and '±' not in surface.note


def test_fewer_of_the_first_ones_where_their_outputs_take_too_much_memory():
    learn = SimpleNamespace(model=nn.Linear(200, 3000), loss_func=F.cross_entropy)
    surface = loss_surface(learn, 'random', n=2, data=FIRST['a stream of known length'][0](), max_bytes=60 * ITEM)
    n = surface.objective.n_samples
    assert n < 60 and f'mean over {n} of the first 60 of {N} samples' in surface.note


def test_the_picture_says_how_many():
    torch.manual_seed(0)
    model, (make, _) = nn.Linear(200, 3), FIRST['a stream of known length']
    traj = Trajectory({n: torch.stack([p.detach() * k for k in (1, 2, 3)]) for n, p in model.named_parameters()},
                      model=model, loss_func=F.cross_entropy)
    ax = PathView(loss_surface(traj, n=4, data=make(), max_samples=SOME)).plot(traj, Figure().add_subplot())
    assert ax.child_axes[0].get_ylabel() == f'loss over {SOME} of {N} samples'
    assert '±' not in ax.get_title(loc='left')


class Halves(FastaiLoader):
    "A user's own order"
    def shuffle_fn(self, idxs): return sorted(idxs, reverse=True)


WEIGHTS = np.where(np.arange(N) < 30, 8., 1.)
ORDERED = {'sorted': lambda: SortedDL(ROWS, lambda row: row[0][0].item(), bs=10, shuffle=True),
           'weighted': lambda: WeightedDL(ROWS, 10, WEIGHTS, shuffle=True), "a user's own": lambda: Halves(
               ROWS, bs=10, shuffle=True),
           'given': lambda: FastaiLoader(ROWS, bs=10, shuffle=True, shuffle_fn=lambda idxs: sorted(idxs))}


@pytest.mark.parametrize('kind', ORDERED)
def test_a_loader_with_an_order_of_its_own_is_not_drawn_from_by_it(kind):
    "The sample is drawn from its data set, at random"
    assert drawn_from(ORDERED[kind]()) == (N, False) # what a fit recorded is none
    drawn = []
    for seed in range(4):
        surface = loss_surface(learner(), 'random', n=2, data=ORDERED[kind](), seed=seed, max_samples=SOME)
        assert f'mean over a random sample of {SOME} of {N} samples, ± ' in surface.note
        drawn.append(taken(surface))
        assert len(drawn[-1].unique()) == SOME
    every = torch.cat(drawn)
    assert every.max() > 0.8 * N and abs(float(every.mean()) - N / 2) < 5 * N / 12**0.5 / len(every)**0.5
    assert len({tuple(d.tolist()) for d in drawn}) == 4
    whole = loss_surface(learner(), 'random', n=2, data=ORDERED[kind]())
    assert f'mean over {N} samples' in whole.note and taken(whole).round().sort().values.tolist() == list(range(N))


def test_tables_are_drawn_from_at_random_unless_weighted():
    pd = pytest.importorskip('pandas')
    from fastai.tabular.core import Categorify, TabularPandas
    table = pd.DataFrame({'a': np.arange(N) / N, 'y': np.arange(N) % 2.})
    dl = TabularPandas(table, [Categorify], cont_names=['a'], y_names='y').dataloaders(10).train
    assert drawn_from(dl) == (N, True)
    dl.wgts = WEIGHTS / WEIGHTS.sum()
    assert drawn_from(dl) == (N, False)
    assert drawn_from(PartialDL(ROWS, 10, 30, shuffle=True)) == (N, False)
