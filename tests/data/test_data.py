"""Points, and the batches that are cut out of them."""

import contextlib
import pickle
import random

import numpy as np
import pytest
import torch
from fastai.basics import DataLoaders, TfmdDL
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from fastsgd import linear_data, linear_dls, linear_learner, tensor_dls

finite = st.floats(-100, 100)
pairs = st.tuples(finite, finite)


@given(n=st.integers(1, 300), coef=pairs, noise=st.one_of(st.just('uniform'), st.floats(0, 10)),
       seed=st.integers(0, 2**70))
def test_linear_data(n, coef, noise, seed):
    x, y = linear_data(n, coef, noise, seed)
    assert x.shape == (n, 2) and y.shape == (n,) and x.dtype == y.dtype == torch.float32
    assert (x[:, 1] == 1).all() and (-1 <= x[:, 0]).all() and (x[:, 0] < 1).all()
    rest = y - x @ torch.tensor(coef)
    if noise == 'uniform': assert (rest > -1e-3).all() and (rest < 1 + 1e-3).all()
    else: assert (rest.abs() <= 8 * noise + 1e-3).all()
    again = linear_data(n, coef, noise, seed)
    assert torch.equal(x, again[0]) and torch.equal(y, again[1])


def test_noise_is_what_it_says():
    uniform = linear_data(20_000, (0, 0), seed=1)[1]
    assert abs(uniform.mean() - 1/2) < 0.01 and abs(uniform.var() - 1/12) < 0.002
    gaussian = linear_data(20_000, (0, 0), noise=0.25, seed=1)[1]
    assert abs(gaussian.mean()) < 0.01 and abs(gaussian.std() - 0.25) < 0.005
    x, y = linear_data(50, (3, 2), noise=0, seed=1)
    assert torch.equal(y, x @ torch.tensor([3., 2.]))


@contextlib.contextmanager
def random_state_untouched():
    states = lambda: (torch.get_rng_state().tolist(), random.getstate(),
                      pickle.dumps(np.random.get_state())) # noqa: NPY002
    before = states()
    yield
    assert states() == before


def test_a_seed_leaves_everyone_elses_random_state_alone():
    with random_state_untouched():
        dls = linear_dls(30, bs=7, seed=5)
        for _ in range(2): list(dls.train)
        dls.one_batch()
        list(dls.valid)


def test_without_a_seed_torchs_global_state_decides():
    points = []
    for _ in range(2):
        torch.manual_seed(3)
        points.append(linear_data())
    assert torch.equal(points[0][1], points[1][1]) and not torch.equal(points[0][1], linear_data()[1])


def batches(dls, epochs): return [xb for _ in range(epochs) for xb, _ in dls.train]


def test_a_seed_gives_the_same_batches_and_others_each_epoch():
    first, second = (batches(linear_dls(seed=8, bs=10), 3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second))
    assert not torch.equal(first[0], first[10]) and not torch.equal(first[10], first[20])
    assert not torch.equal(first[0], batches(linear_dls(seed=9, bs=10), 1)[0])


def test_looking_at_a_batch_does_not_shift_the_order():
    looked, plain = linear_dls(seed=8, bs=10), linear_dls(seed=8, bs=10)
    shown = looked.one_batch()[0]
    looked.one_batch()
    got = batches(looked, 2)
    assert torch.equal(shown, got[0])
    assert all(torch.equal(a, b) for a, b in zip(got, batches(plain, 2)))


@given(n=st.integers(1, 60), bs=st.one_of(st.none(), st.integers(1, 80)), n_valid=st.integers(0, 40))
def test_every_point_once_an_epoch(n, bs, n_valid):
    dls = linear_dls(n, bs=bs, n_valid=n_valid, seed=0)
    assert isinstance(dls, DataLoaders) and isinstance(dls.train, TfmdDL)
    sizes = [len(yb) for _, yb in dls.train]
    assert len(sizes) == len(dls.train) == -(-n // (bs or n)) and sum(sizes) == n == dls.train.n
    ys = torch.cat([yb for _, yb in dls.train])
    x, y = dls.train_ds.tensors
    assert torch.equal(ys.sort().values, y.sort().values)
    if bs is None: assert torch.equal(ys, y) # the full batch keeps the order
    rows = {(*a.tolist(), b.item()) for a, b in zip(x, y)}
    assert all((*a.tolist(), b.item()) in rows for xb, yb in dls.train for a, b in zip(xb, yb)) # x and y stay together
    assert sum(len(yb) for _, yb in dls.valid) == n_valid == len(dls.valid_ds)


def test_the_same_batches_as_fastais_own_loader():
    x, y = linear_data(23, seed=2)
    for drop_last in (False, True):
        theirs = TfmdDL(TensorDataset(x, y), bs=5, drop_last=drop_last, num_workers=0)
        ours = linear_dls(23, seed=2, n_valid=0).train.new(bs=5, drop_last=drop_last)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True): assert all(torch.equal(s, t) for s, t in zip(a, b, strict=True))


def test_validation_points_are_fresh_ones_of_the_same_line():
    dls = linear_dls(50, (7, -4), noise=0, n_valid=60, seed=1)
    x, y = dls.valid_ds.tensors
    assert len(y) == 60 and torch.equal(y, x @ torch.tensor([7., -4.]))
    assert not set(x[:, 0].tolist()) & set(dls.train_ds.tensors[0][:, 0].tolist())


def test_a_model_that_works_in_place_on_its_batch_leaves_the_data_alone():
    for bs in (None, 10):
        dls = linear_dls(bs=bs, seed=1)
        before = dls.train_ds.tensors[0].clone()
        for xb, yb in dls.train: xb.zero_(), yb.zero_()
        assert torch.equal(dls.train_ds.tensors[0], before)


def test_batches_of_several_inputs_and_of_images():
    a, b, y = torch.rand(12, 3), torch.rand(12, 1, 4, 4), torch.arange(12)
    dls = tensor_dls((a, b, y), (a[:5], b[:5], y[:5]), bs=4, seed=1)
    assert dls.n_inp == 2
    for ab, bb, yb in dls.train: assert torch.equal(ab, a[yb]) and torch.equal(bb, b[yb])


@pytest.mark.filterwarnings('ignore:IPython could not be loaded')
def test_show_batch_is_a_table(monkeypatch):
    shown = []
    monkeypatch.setattr('fastsgd.data.tensors.display_df', shown.append)
    linear_dls(seed=1, bs=10).show_batch(max_n=4)
    assert shown[0].shape == (4, 3) and list(shown[0].columns) == ['x[0]', 'x[1]', 'y']
    assert (shown[0]['x[1]'] == 1).all()
    images = torch.rand(6, 1, 4, 4)
    tensor_dls((images, images, torch.arange(6)), bs=3, seed=1).show_batch()
    assert list(shown[1].columns) == ['x0', 'x1', 'y'] and len(shown[1]) == 3
    assert shown[1]['x0'][0] == 'tensor (1, 4, 4)'


@pytest.mark.parametrize('items', [
    lambda x, y: x, lambda x, y: (x, y), lambda x, y: list(x), lambda x, y: x.tolist(), lambda x, y: list(zip(x, y)),
    lambda x, y: x.double().numpy(), lambda x, y: list(x.numpy()), lambda x, y: TensorDataset(x)],
    ids=['tensor', 'columns', 'rows', 'numbers', 'pairs', 'array', 'arrays', 'dataset'])
def test_test_dl_takes_items_in_each_form(items):
    x, y = linear_data(25, seed=1)
    dl = linear_dls(10, seed=0, n_valid=10).test_dl(items(x, y))
    assert torch.equal(torch.cat([b[0] for b in dl]), x)


def test_an_empty_version_for_export():
    dls = linear_dls(bs=10).new_empty()
    assert [len(dl) for dl in dls.loaders] == [0, 0] and dls.train_ds.tensors[0].shape == (0, 2)


def test_an_export_carries_no_row_of_the_data(tmp_path):
    learn = linear_learner(linear_dls(10_000, seed=0), path=tmp_path)
    learn.export('learner.pkl')
    assert (tmp_path/'learner.pkl').stat().st_size < 50_000 # the data takes 120,000
    for dl in linear_dls(bs=10, seed=0).new_empty().loaders:
        assert [t.untyped_storage().nbytes() for t in dl.dataset.tensors] == [0, 0]


@pytest.mark.parametrize('call, message', [
    (lambda: linear_data(0), 'n=0: expected a whole number of at least 1, for instance n=100'),
    (lambda: linear_data(2.5), 'n=2.5: expected a whole number'),
    (lambda: linear_data(True), 'n=True: expected a whole number'),
    (lambda: linear_data(coef=3), r'coef=3: expected 2 finite numbers, for instance coef=\(3.0, 2.0\)'),
    (lambda: linear_data(coef=(1, 2, 3)), r'coef=\(1, 2, 3\): expected 2 finite numbers'),
    (lambda: linear_data(coef=(1, float('nan'))), r'coef=\(1, nan\): expected 2 finite numbers'),
    (lambda: linear_data(coef='32'), "coef='32': expected 2 finite numbers"),
    (lambda: linear_data(noise='gauss'), "noise='gauss': expected 'uniform' or the standard deviation of a Gaussian"),
    (lambda: linear_data(noise=-1), 'noise=-1: expected .* at least 0, for instance noise=0.25'),
    (lambda: linear_data(noise=float('inf')), 'noise=inf: expected'),
    (lambda: linear_data(seed='x'), "seed='x': expected a whole number or None for torch's global random state"),
    (lambda: linear_dls(n=0), 'n=0: expected a whole number of at least 1'),
    (lambda: linear_dls(n_valid=-1), 'n_valid=-1: expected a whole number of at least 0, for instance n_valid=100'),
    (lambda: linear_dls(bs=0),
     'bs=0: expected a whole number of at least 1 or None for the full batch, for instance bs=10'),
    (lambda: linear_dls(seed=1.5), 'seed=1.5: expected a whole number'),
    (lambda: tensor_dls(torch.ones(3, 2)), r'train is of type Tensor: expected at least two tensors .* train=\(x, y\)'),
    (lambda: tensor_dls((torch.ones(3, 2), [1, 2, 3])),
     r'train\[1\] is of type list: expected a tensor .* torch.as_tensor'),
    (lambda: tensor_dls((torch.ones(3, 2), torch.tensor(1))), r'train\[1\] is a 0-dimensional tensor'),
    (lambda: tensor_dls((torch.ones(3, 2), torch.ones(4))),
     r'train has shapes \[\(3, 2\), \(4,\)\]: expected the same'),
    (lambda: tensor_dls((torch.ones(3, 2), torch.ones(3)), (torch.ones(3, 1), torch.ones(3))),
     r'valid has shapes \[\(3, 1\), \(3,\)\]: expected those of train but .* of rows, \[\(3, 2\), \(3,\)\]'),
])
def test_errors_name_the_argument_the_value_and_what_was_wanted(call, message):
    with pytest.raises(ValueError, match=message): call()


@settings(max_examples=30)
@given(n=st.integers(2, 40), bs=st.integers(1, 40), seed=st.integers(0, 999))
def test_numpy_integers_are_integers(n, bs, seed):
    a, b = linear_dls(np.int64(n), bs=np.int32(bs), seed=np.int64(seed)), linear_dls(n, bs=bs, seed=seed)
    assert all(torch.equal(s, t) for s, t in zip(batches(a, 1), batches(b, 1), strict=True))


def test_numpy_and_torch_scalars_are_numbers():
    x, y = linear_data(np.int64(20), np.array([3., 2.]), noise=np.float32(0.5), seed=torch.tensor(4))
    assert all(map(torch.equal, (x, y), linear_data(20, noise=0.5, seed=4)))
    dls = linear_dls(20, coef=torch.tensor([3., 2.]), noise=torch.tensor(0.5), n_valid=np.int64(0), seed=np.int64(4))
    assert torch.equal(dls.train_ds.tensors[1], y)
