"""Data too large to be kept is recorded in part, and what is drawn later says of how much, and whether at random."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.basics import DataLoaders, Learner, nn
from fastai.data.load import DataLoader
from learners import silent
from torch.utils.data import DataLoader as PlainLoader
from torch.utils.data import TensorDataset

from fastsgd import CurveView, RecordParamsCallback, Trajectory, loss_surface, sharpness
from fastsgd.trajectory import batches

N, BS, KEPT = 120, 12, 48
torch.manual_seed(1)
ROWS = TensorDataset(torch.randn(N, 4), torch.arange(N) * 3 // N)
PARAMS = {'a': torch.rand(3, 2)}


@pytest.fixture
def small(monkeypatch): monkeypatch.setattr(batches, 'SAMPLE_BYTES', KEPT * 24 + 100)


def fitted(train, epochs=2):
    torch.manual_seed(0)
    learn = silent(Learner(DataLoaders(train, DataLoader(ROWS, bs=BS)), nn.Linear(4, 3), F.cross_entropy, lr=0.1,
                           cbs=RecordParamsCallback()))
    learn.fit(epochs)
    return learn.record_params.trajectory


@pytest.mark.parametrize('train, of', [
    (lambda: DataLoader(ROWS, bs=BS, shuffle=True), (N, True)), (lambda: DataLoader(ROWS, bs=BS), (N, False)),
    (lambda: PlainLoader(ROWS, BS, shuffle=True), (N, True)), (lambda: PlainLoader(ROWS, BS), (N, False)),
    (lambda: DataLoader(ROWS, bs=100, shuffle=True), (N, True))])
def test_it_is_known_of_how_many(train, of, small, tmp_path):
    traj = fitted(train())
    n = len(traj.data[1][0])
    assert traj.drawn_from == of and KEPT - BS < n <= KEPT + 5
    told = f'a random sample of {n} of {N} samples' if of[1] else f'the first {n} of {N} samples'
    for same in (traj, traj.thin(3), Trajectory.load(traj.save(tmp_path/'fit'), traj.model, traj.loss_func)):
        surface = loss_surface(same, 'random', n=2)
        losses, errors = surface.loss_at(same, errors=True)
        assert f'mean over {told}' in surface.note and told in same._repr_html_()
        assert ('±' in surface.note) is of[1]
        if not of[1]:
            assert errors.isnan().all()
            continue
        logits = same.predict(-1, *same.data[0]).double()
        each = F.cross_entropy(logits, *same.data[1], reduction='none').numpy()
        assert float(losses[-1]) == pytest.approx(each.mean(), rel=1e-4)
        assert float(errors[-1]) == pytest.approx(each.std(ddof=1) / n**0.5 * (1 - n / N)**0.5, rel=1e-3)
    assert told in sharpness(traj, 2).note
    assert Trajectory.load(traj.save(tmp_path/'fit', data=False)).drawn_from is None


def test_fewer_still(small):
    traj = fitted(DataLoader(ROWS, bs=BS, shuffle=True))
    surface = loss_surface(traj, 'random', n=2, max_samples=20)
    assert f'a random sample of 20 of {N} samples, ±' in surface.note
    traj = fitted(DataLoader(ROWS, bs=BS))
    assert f'mean over 20 of the first {KEPT} of {N} samples' in loss_surface(traj, 'random', n=2, max_samples=20).note
    assert CurveView(n=5).plot(traj).get_ylabel() == f'loss over {KEPT} of {N} samples'


def test_all_of_it_is_no_part():
    traj = fitted(DataLoader(ROWS, bs=BS, shuffle=True))
    assert traj.drawn_from is None and len(traj.data[1][0]) == N
    surface = loss_surface(traj, 'random', n=2)
    assert f'mean over {N} samples' in surface.note and '±' not in surface.note
    assert '<th' in traj._repr_html_() and 'data' not in traj._repr_html_()


@pytest.mark.parametrize('given, error', [
    (3, TypeError), ((1, 2, 3), TypeError), ((3, 1), ValueError), ((-1, False), ValueError), ((0, True), ValueError),
    ((2.5, True), ValueError)])
def test_what_is_no_such_pair_is_refused(given, error, count):
    with pytest.raises(error, match='drawn_from'): Trajectory(PARAMS, drawn_from=given)
    count('bad inputs refused')


def test_numbers_of_any_kind_will_do_and_0_where_it_is_unknown():
    assert Trajectory(PARAMS, drawn_from=[np.int64(7), np.True_]).drawn_from == (7, True)
    traj = Trajectory(PARAMS, data=((torch.rand(5, 2),), (torch.rand(5),)), drawn_from=(0, False))
    assert 'the first 5 samples' in traj._repr_html_()
