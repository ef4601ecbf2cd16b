"""`Recording`: every step within the budget, in any loop, without waiting for the device."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from learners import DEVICES, check, same_state
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.recording import Recording


def train(model, recording, steps, lr=0.1, seed=0):
    "Plain PyTorch: a step along random gradients"
    gen = torch.Generator().manual_seed(seed)
    states = []
    for _ in range(steps):
        recording.point()
        states.append({n: t.detach().cpu().clone() for n, t in model.state_dict().items()})
        with torch.no_grad():
            for p in model.parameters():
                if p.requires_grad: p.add_(torch.randn(p.shape, generator=gen).to(p.device, p.dtype), alpha=-lr)
        recording.step(torch.rand((), generator=gen), lr)
    states.append({n: t.detach().cpu().clone() for n, t in model.state_dict().items()})
    return states


def numbers(n): # a model of n numbers
    model = nn.Module()
    model.w = nn.Parameter(torch.zeros(n))
    return model


@pytest.mark.parametrize('device', DEVICES)
def test_a_plain_pytorch_loop_is_recorded_too(device):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).to(device)
    recording = Recording(model)
    states = train(model, recording, 20)
    traj = recording.trajectory()
    check(traj, steps=20)
    for i, state in enumerate(states): same_state(traj.state(i), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('size', [2, 1000, 10**6])
def test_a_step_never_waits_for_the_gpu(size):
    model = numbers(size).to('cuda')
    model.frozen = nn.Parameter(torch.ones(size, device='cuda'), requires_grad=False)
    recording, noise = Recording(model, max_bytes=20 * 4 * size), torch.rand(size, device='cuda')
    torch.cuda.set_sync_debug_mode('error')
    try:
        for _ in range(100):
            recording.point()
            model.w.grad = noise
            recording.gradients()
            with torch.no_grad(): model.w.add_(noise)
            recording.step(model.w.detach().sum(), 0.1)
    finally: torch.cuda.set_sync_debug_mode('default')
    traj = recording.trajectory()
    assert len(traj.losses) == 100 and torch.equal(traj.params['w'][-1], model.w.detach().cpu())
    assert traj.grad_norm == pytest.approx([float(noise.norm())] * 100, rel=1e-5)
    assert traj.params.constant('frozen') and recording.stored_bytes <= 22 * 4 * size


# -- the budget

@given(steps=st.integers(0, 300), budget=st.integers(1, 4000), size=st.integers(1, 20), rows=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_any_budget_keeps_first_and_last_and_tells_the_truth(steps, budget, size, rows):
    import fastsgd.trajectory.points as module
    old, module.BLOCK_ROWS = module.BLOCK_ROWS, rows # blocks of all sizes
    try:
        model = numbers(size)
        recording = Recording(model, budget)
        states = train(model, recording, steps)
        traj = recording.trajectory()
    finally: module.BLOCK_ROWS = old
    kept = traj.steps.tolist()
    assert kept[0] == 0 and kept[-1] == steps == traj.n_steps == len(traj.losses) == len(traj.lrs)
    assert kept == sorted({*range(0, steps + 1, recording.stride), steps})
    for i, step in enumerate(kept): same_state(traj.state(i), states[step])
    assert traj.flat.shape == (len(kept), size)
    # the first values, and at least one point beside them
    assert recording.stored_bytes <= max(budget, 2 * 4 * size)
    # no point was dropped that had room
    if recording.stride > 1: assert 4 * size * (1 + steps // (recording.stride // 2)) > budget


def test_small_models_keep_every_step():
    recording = Recording(numbers(2))
    train(recording.model, recording, 3000)
    check(recording.trajectory(), steps=3000)


def test_what_was_handed_out_does_not_change():
    model = numbers(4)
    recording = Recording(model, 40 * 16)
    train(model, recording, 30)
    first = recording.trajectory()
    flat, losses = first.flat, first.losses.clone()
    train(model, recording, 500)
    assert recording.stride > 1 and torch.equal(first.flat, flat) and torch.equal(first.losses,
                                                                                  losses) and len(first) == 31
    assert recording.trajectory() is recording.trajectory()


def test_a_tensor_that_never_changes_is_kept_once():
    model = nn.Sequential(nn.Linear(1000, 1000), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    recording = Recording(model)
    train(model, recording, 50)
    assert recording.stored_bytes < 1.02 * 4 * 1001 * 1000
    traj = recording.trajectory()
    check(traj, steps=50)
    assert traj.params['0.weight'].untyped_storage().nbytes() == 4 * 10**6 # one value, seen 51 times
    assert traj.thin(5).params['0.weight'].untyped_storage().nbytes() == 4 * 10**6


@pytest.mark.parametrize('width', [2, 100])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_a_tensor_that_starts_to_move_late_has_its_past_too(width, dtype):
    model = nn.Sequential(nn.Linear(width, width), nn.Linear(width, 1)).to(dtype)
    model[0].requires_grad_(False)
    recording = Recording(model)
    states = train(model, recording, 10)[:-1]
    model[0].requires_grad_(True)
    states += train(model, recording, 10)
    traj = recording.trajectory()
    for i, state in enumerate(states): same_state(traj.state(i), state)
    for i, row in enumerate(traj.params['0.weight']): assert torch.equal(row, states[i]['0.weight'])
    assert torch.equal(traj.flat, torch.stack([torch.cat([t.flatten() for t in s.values()]) for s in states]))


# -- kinds of models and losses

@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_parameters_of_any_type(dtype):
    model = nn.Sequential(nn.Linear(2, 2, dtype=dtype), nn.Linear(2, 1))
    model.count = nn.Parameter(torch.arange(3, dtype=torch.int32), requires_grad=False)
    recording = Recording(model)
    states = train(model, recording, 5)
    traj = recording.trajectory()
    for i, state in enumerate(states): same_state(traj.state(i), state)
    assert traj.flat.dtype == torch.promote_types(torch.float32, dtype)


@pytest.mark.parametrize('loss', [torch.tensor(2.), torch.tensor([1., 3.]), torch.tensor(2., dtype=torch.float16),
                                  torch.tensor(2., dtype=torch.float64), torch.tensor(2)])
def test_losses_of_any_type_and_shape(loss):
    recording = Recording(numbers(1))
    for _ in range(3):
        recording.point()
        recording.step(loss, 0.1)
    assert recording.trajectory().losses.tolist() == [2, 2, 2]


def test_losses_that_are_no_numbers_stay_so():
    recording = Recording(numbers(1))
    for loss in (1., float('inf'), float('nan')): recording.step(torch.tensor(loss), 0.1)
    losses = recording.trajectory().losses
    assert losses[0] == 1 and losses[1].isinf() and losses[2].isnan() and recording.trajectory().diverged == 1


def test_nan_parameters_are_recorded():
    model = numbers(2)
    recording = Recording(model)
    train(model, recording, 2)
    with torch.no_grad(): model.w.fill_(float('nan'))
    recording.step(torch.tensor(1.), 0.1)
    traj = recording.trajectory()
    assert traj.params['w'][-1].isnan().all() and traj.params['w'][:-1].isfinite().all()


def test_tensors_that_are_not_strided_are_left_out():
    model = nn.Linear(2, 1)
    model.register_buffer('adjacency', torch.eye(3).to_sparse())
    recording = Recording(model)
    train(model, recording, 3)
    traj = recording.trajectory()
    assert set(traj.buffers) == set() and traj.predict(2, torch.ones(1, 2)).shape == (1, 1)


def test_parameters_in_any_memory_layout():
    model = nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)
    recording = Recording(model)
    states = train(model, recording, 3)
    for i, state in enumerate(states): same_state(recording.trajectory().state(i), state)


def test_a_model_without_parameters_that_move():
    model = nn.Linear(2, 1).requires_grad_(False)
    recording = Recording(model)
    train(model, recording, 5)
    check(recording.trajectory(), steps=5)


# -- models that change

@pytest.mark.parametrize('swap, same', [
    (lambda m: setattr(m, '1', nn.Linear(3, 1)), True),
    (lambda m: setattr(m[1], 'weight', nn.Parameter(torch.ones(1, 3))), True),
    (lambda m: setattr(m, '1', nn.Linear(3, 2)), False),
    (lambda m: setattr(m[1], 'weight', nn.Parameter(torch.ones(2, 3))), False),
    (lambda m: setattr(m[1], 'bias', None), False),
    (lambda m: m.append(nn.Linear(1, 1)), False),
    (lambda m: m.double(), False),
    (lambda m: setattr(m[1], 'extra', nn.Parameter(torch.ones(1))), False),
    (lambda m: m.__delitem__(1), False),
    (lambda m: setattr(m[0], 'weight', m[1].weight), False)])
def test_replaced_parameters_are_noticed(swap, same, count):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    recording = Recording(model)
    states = train(model, recording, 5)
    assert recording.follows(model)
    recording.finish()
    swap(model)
    assert recording.follows(model) == same
    traj = recording.trajectory()
    for i, state in enumerate(states): same_state(traj.state(i), state)
    if same:
        recording.resume()
        states = states[:-1] + train(model, recording, 3)
        traj = recording.trajectory()
        for i, state in enumerate(states): same_state(traj.state(i), state)
    count('replacements of parameters noticed')


@pytest.mark.parametrize('swap', [lambda m: setattr(m, '1', nn.Linear(3, 1)),
                                  lambda m: setattr(m[1], 'weight', nn.Parameter(torch.ones(1, 3)))])
def test_layers_put_in_place_of_others_between_two_steps_are_followed(swap):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    recording = Recording(model)
    states = train(model, recording, 4)[:-1]
    swap(model)
    states += train(model, recording, 4)
    traj = recording.trajectory()
    for i, state in enumerate(states): same_state(traj.state(i), state)


@pytest.mark.parametrize('swap', [lambda m: m.append(nn.Linear(1, 1)), lambda m: m.double(),
                                  lambda m: setattr(m[1], 'weight', nn.Parameter(torch.ones(2, 3)))])
def test_a_model_with_other_parameters_stops_the_recording_and_not_the_loop(swap):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    recording = Recording(model)
    states = train(model, recording, 4)
    swap(model)
    with pytest.warns(UserWarning, match='parameters are others by now, and recording stopped: make a new Recording'):
        train(model, recording, 4)
    traj = recording.trajectory()
    assert traj.n_steps == 4 and len(traj) == 4
    for i in range(4): same_state(traj.state(i), states[i])


def test_a_point_whose_step_failed_is_taken_anew():
    model, states = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)), []
    recording, opt = Recording(model), torch.optim.SGD(model.parameters(), 0.1)
    for i in range(8):
        recording.point()
        before = copy.deepcopy(model.state_dict())
        loss = model(torch.randn(9, 2)).square().mean()
        loss.backward()
        opt.step()
        opt.zero_grad()
        if i == 4: continue # as after an error that the loop survives
        recording.step(loss, 0.1)
        states.append(before)
    traj = recording.trajectory()
    for i, state in enumerate(states): same_state(traj.state(i), state)


def test_what_a_trajectory_is_asked_with_counts_each_time():
    model, data = nn.Linear(2, 1), ((torch.rand(5, 2),), (torch.rand(5, 1),))
    recording = Recording(model)
    train(model, recording, 3)
    assert recording.trajectory() is recording.trajectory() and recording.trajectory().loss_func is None
    traj = recording.trajectory(loss_func=F.mse_loss, data=data)
    assert traj.loss_func is F.mse_loss and traj.data is not None
    assert recording.trajectory(loss_func=F.mse_loss, data=data) is traj
    assert recording.trajectory(loss_func=F.l1_loss, data=data).loss_func is F.l1_loss


def test_without_an_end_the_last_point_of_a_replaced_model_is_left_out():
    model = nn.Linear(2, 1)
    recording = Recording(model)
    train(model, recording, 5)
    model.weight = nn.Parameter(torch.ones(4, 2))
    traj = recording.trajectory()
    assert traj.steps.tolist() == [0, 1, 2, 3, 4] and len(traj.losses) == 5


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_model_that_moves_between_devices():
    model = nn.BatchNorm1d(3)
    recording = Recording(model)
    states = train(model, recording, 5)[:-1]
    states += train(model.cuda(), recording, 5)[:-1]
    states += train(model.cpu(), recording, 5)
    traj = recording.trajectory()
    for i, state in enumerate(states): same_state(traj.state(i), state)


def test_a_model_whose_tensors_are_put_elsewhere_is_followed():
    "What `model.to(device)` does, without a second device"
    model = nn.BatchNorm1d(3)
    recording = Recording(model)
    states = train(model, recording, 5)[:-1]
    model._apply(lambda t: t.clone())
    for name, t in list(model._buffers.items()): model._buffers[name] = t.clone()
    states += train(model, recording, 5)
    traj = recording.trajectory()
    for i, state in enumerate(states): same_state(traj.state(i), state)


@pytest.mark.parametrize('put', [
    lambda p: p.data.clone(),
    lambda p: p.data.t(), # in the same memory, in another order
    lambda p: p.data.view(2, 8),
    lambda p: torch.cat([p.data, p.data])[2:6],
], ids=['elsewhere', 'transposed', 'another shape', 'a part'])
def test_data_that_is_exchanged_within_a_parameter_is_followed(put):
    model = nn.Module()
    model.w, model.idle = nn.Parameter(torch.arange(16.).view(4, 4)), nn.Parameter(torch.ones(3))
    recording, expected = Recording(model), []
    for i in range(8):
        recording.point()
        expected.append(model.w.detach().flatten().clone())
        with torch.no_grad(): model.w.add_(1)
        if i in (3, 5): model.w.data = put(model.w) if i == 3 else model.w.data.clone().contiguous().view(4, 4)
        recording.step(0., 0.1)
    expected.append(model.w.detach().flatten().clone())
    seen = recording.trajectory().params['w'].flatten(1)
    assert torch.equal(seen, torch.stack(expected))
