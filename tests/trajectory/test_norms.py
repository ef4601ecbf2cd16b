"""Norms of gradients and updates in a record: of any loop, at each step or each point, in files, and thinned."""

import copy

import pytest
import torch
from torch import nn

import fastsgd.trajectory.pace as pace
import fastsgd.trajectory.points as points
from fastsgd import Recording, Trajectory, minimize
from fastsgd.trajectory.norms import Norms, norms_of
from fastsgd.trajectory.pace import NormRows

X = torch.linspace(-2, 2, 50)[:, None]


def net(wide=20):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, wide), nn.Tanh(), nn.Linear(wide, 1), nn.Linear(1, 1))
    model[3].requires_grad_(False)
    return model


def loop(recording, steps, lr=0.1, decay=0.):
    "Plain PyTorch; name -> norms of gradients and of updates, in double precision"
    model, grads, moves = recording.model, [], []
    opt = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, weight_decay=decay)
    for _ in range(steps):
        recording.point()
        loss = (model(X) - X.sin()).square().mean()
        loss.backward()
        recording.gradients()
        before = [p.detach().double().clone() for p in model.parameters()]
        grads.append([float(p.grad.double().norm()) if p.grad is not None else torch.nan for p in model.parameters()])
        opt.step()
        moves.append([float((p.detach() - old).norm()) for p, old in zip(model.parameters(), before)])
        opt.zero_grad()
        recording.step(loss, lr)
    names = [n for n, _ in model.named_parameters()]
    return [dict(zip(names, torch.tensor(rows, dtype=torch.float64).T)) for rows in (grads, moves)]


def agree(norms, wanted, at=slice(None), rtol=1e-6):
    for name, values in wanted.items():
        torch.testing.assert_close(norms[name].double()[at], values[at], rtol=rtol, atol=0, equal_nan=True)


def test_a_plain_loop_that_tells_of_its_gradients():
    recording = Recording(net())
    grads, moves = loop(recording, 30, decay=0.1)
    traj = recording.trajectory()
    agree(traj.grad_norms, grads)
    agree(traj.update_norms, moves)
    more, _ = loop(recording, 5) # fits append
    agree(recording.trajectory().grad_norms, {n: torch.cat([grads[n], more[n]]) for n in grads})
    assert len(traj.grad_norm) == 30, 'what was handed out stays'
    total = torch.stack([g.nan_to_num() for g in grads.values()]).square().sum(0).sqrt()
    torch.testing.assert_close(traj.grad_norm.double(), total, rtol=1e-6, atol=0)


def test_a_loop_that_does_not_tell_has_updates_alone():
    traj = minimize(lambda p: (p**2).sum(), (1., 2.), lr=0.1, steps=3)
    bare = Trajectory(traj.params, losses=traj.losses, lrs=traj.lrs)
    assert not bare.grad_norms and bare.grad_norm.isnan().all() and len(bare.grad_norm) == 3
    name, = traj.params
    assert torch.equal(bare.update_norms[name], traj.update_norms[name]) and traj.grad_norm.isfinite().all()


def test_thinned_and_taken_fits_keep_all_norms(tmp_path):
    recording = Recording(net())
    _, moves = loop(recording, 30)
    traj = recording.trajectory()
    for part in (traj.thin(4), traj.take([3, -1]), traj.at([5, 5, 9]), traj.thin(9).thin(2),
                 copy.deepcopy(traj.thin(3)), Trajectory.load(traj.thin(4).save(tmp_path / 'fit'))):
        assert torch.equal(part.grad_norm, traj.grad_norm)
        agree(part.update_norms, moves)


@pytest.mark.parametrize('budget, stride', [(50_000, 2), (12_000, 8)])
def test_where_not_every_point_is_kept_updates_are_known_at_those_that_are(budget, stride):
    recording = Recording(net(), budget) # a point has 252 bytes
    grads, moves = loop(recording, 300)
    traj = recording.trajectory()
    agree(traj.grad_norms, grads)
    assert recording.stride == stride
    known = ~traj.update_norms['0.weight'].isnan()
    agree(traj.update_norms, moves, known)
    assert known[::stride].all() and known[:budget // 252 - 1].all(), 'and before points were dropped, each of them'


def test_a_large_model_is_compared_a_step_later():
    recording = Recording(net(100_000))
    recording.expect(1000)
    assert recording.stride > 1
    grads, moves = loop(recording, 2 * recording.stride + 1, lr=1e-5)
    traj = recording.trajectory()
    agree(traj.grad_norms, grads)
    known = ~traj.update_norms['0.weight'].isnan()
    assert known.nonzero()[:, 0].tolist() == [0, recording.stride, 2 * recording.stride]
    agree(traj.update_norms, moves, known)


@pytest.mark.parametrize('wide, budget, steps, stride', [(20, 2**30, 1200, 1), (20, 50_000, 400, 2),
                                                         (100_000, 2**30, 33, 16)])
def test_rows_that_are_gathered_elsewhere_arrive(wide, budget, steps, stride, monkeypatch):
    "The way over a GPU, without one: points and norms are staged, and fetched in chunks"
    monkeypatch.setattr(points, 'all', lambda _: False, raising=False) # is everything on the CPU?
    recording = Recording(net(wide), budget)
    recording.expect(1000)
    grads, moves = loop(recording, steps, lr=1e-5)
    traj = recording.trajectory()
    assert recording.stride == stride
    agree(traj.grad_norms, grads)
    known = ~traj.update_norms['0.weight'].isnan()
    assert known[::stride].all()
    agree(traj.update_norms, moves, known)


def test_without_norms_none_are_taken():
    recording = Recording(net(), norms=False)
    loop(recording, 3)
    assert not recording.trajectory().grad_norms


@pytest.mark.parametrize('shape', [(), (0,), (3,), (64, 64), (4097,), (1000, 777), (30, 20, 3, 3)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64])
def test_a_norm_is_right_to_the_sixth_digit(shape, dtype):
    t = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    for x in (t, t.mT if t.ndim > 1 else t):
        wide = x.to(torch.complex128 if x.is_complex() else torch.float64)
        for norm in norms_of([x, torch.ones(2)])[:1] + norms_of([torch.ones(2, dtype=torch.float64), x])[1:]:
            assert norm.dtype in (torch.float32, torch.float64)
            torch.testing.assert_close(norm.double(), torch.linalg.vector_norm(wide), rtol=1e-6, atol=0)


def test_rows_beyond_the_budget_are_dropped_every_other_one(monkeypatch):
    monkeypatch.setattr(pace, 'LEAST_BYTES', 1000)
    rows = NormRows(['a', 'b'], 16)
    for n in range(1000):
        if rows.wanted(n): rows.add(n, ('a', 'b'), [torch.tensor(float(n)), torch.tensor(2. * n)])
    norms = rows.norms(1000)
    assert norms.at.tolist() == list(range(0, 1000, 16)) and len(norms['b']) == 1000
    assert norms['b'][norms.at].tolist() == [2. * n for n in range(0, 1000, 16)]
    assert norms['b'].isnan().sum() == 1000 - len(norms.at) == norms.together().isnan().sum()


def test_a_row_that_an_interrupt_left_is_replaced():
    rows = NormRows(['a'], 2**30)
    for n, value in [(0, 1.), (1, 2.), (1, 3.)]: rows.add(n, ('a',), [torch.tensor(value)])
    assert rows.norms(2)['a'].tolist() == [1, 3] and rows.norms(1)['a'].tolist() == [1]
    for n in (1, 2): rows.add(n, ('a',), [torch.tensor(n + 9.)]) # what was read is replaced as well
    assert rows.norms(3)['a'].tolist() == [1, 10, 11]


def test_none_and_not_a_number_are_told_apart_in_the_norm_of_all():
    norms = Norms({'a': torch.tensor([3., -1., torch.nan, -1.]), 'b': torch.tensor([4., 5., 1., -1.])},
                  torch.tensor([0, 2, 3, 4]), 6)
    assert norms.together().nan_to_num(-1).tolist() == [5, -1, 5, -1, -1, -1]
    assert norms['a'].nan_to_num(-1).tolist() == [3, -1, -1, -1, -1, -1]
    assert repr(norms) == 'Norms of 2 parameters, known at 4 of 6 steps'
    assert repr(Norms({'a': torch.ones(1)}, torch.tensor([0]), 1)) == 'Norms of 1 parameter, known at 1 of 1 step'


def test_norms_of_a_trajectory_of_ones_own(count):
    def make(**kwargs):
        return Trajectory({'a': torch.tensor([[0.], [3.], [4.]])}, losses=[1., 1.], lrs=[1., 1.], **kwargs)
    traj = make(grad_norms={'a': [1., torch.nan]}, update_norms={'a': [5., torch.nan]})
    assert traj.grad_norm.nan_to_num(-1).tolist() == [1, -1] and traj.update_norms['a'][0] == 5
    assert make().update_norms['a'].tolist() == [3, 1] and make(breaks=[2]).update_norms['a'].isnan().tolist() == [
        False, True]
    for bad, message in [({'a': [1.]}, r"grad_norms\['a'\] has 1 values: expected 2, one for each step"),
                         ({'b': [1., 2.]}, "grad_norms has 'b', which is not in params"),
                         ({'a': 'x'}, r"grad_norms\['a'\]"), ([1, 2], 'grad_norms is of type list')]:
        with pytest.raises((ValueError, TypeError), match=message): make(grad_norms=bad)
        count('bad inputs refused')
