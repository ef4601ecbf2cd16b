"""A list of checkpoints as a Trajectory: each point is the model as it was saved."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fastsgd import Trajectory, loss_surface


class Shared(nn.Module):
    "A tied weight, BatchNorm, and a buffer that is not saved"
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(4, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 4)
        self.b.weight = self.a.weight
        self.register_buffer('scale', torch.ones(1), persistent=False)
    def forward(self, x): return self.b(self.norm(self.a(x))) * self.scale


def checkpoints(model, x, y, n=6):
    opt, states, losses = torch.optim.SGD(model.parameters(), lr=0.1), [], []
    for _ in range(n):
        states.append(copy.deepcopy(model.state_dict()))
        loss = F.mse_loss(model(x), y)
        losses.append(loss.item())
        loss.backward()
        opt.step()
        opt.zero_grad()
    return [*states, copy.deepcopy(model.state_dict())], losses


@pytest.mark.parametrize('wrap', [lambda m: m, nn.DataParallel])
def test_each_point_is_a_checkpoint(wrap):
    torch.manual_seed(0)
    model, x, y = Shared(), torch.randn(20, 4), torch.randn(20, 4)
    states, losses = checkpoints(model, x, y)
    traj = Trajectory.from_states(states, wrap(model), losses=losses, lrs=[0.1] * 6, loss_func=F.mse_loss,
                                  data=((x,), (y,)), label='by hand')
    assert len(traj) == 7 and traj.n_steps == 6 and traj.label == 'by hand'
    assert set(traj.params) == {'a.weight', 'norm.weight', 'norm.bias', 'b.bias'}
    assert traj.aliases == {'b.weight': 'a.weight'}
    assert set(traj.buffers) == {'scale', 'norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked'}
    for i, state in enumerate(states):
        got = traj.state(i)
        assert got.keys() == state.keys() and all(torch.equal(got[n], state[n]) for n in state)
        model.load_state_dict(state)
        model.eval()
        with torch.no_grad(): assert torch.allclose(traj.predict(i, x), model(x))
    with torch.no_grad(): wanted = float(F.mse_loss(model(x), y))
    surface = loss_surface(traj, n=3)
    assert float(surface.loss_at(traj)[-1]) == pytest.approx(wanted, rel=1e-5)
    # the data, in forms that people have
    for data in ((x, y), (x.numpy(), y.numpy()), [x, y]):
        assert float(loss_surface(traj, n=3, data=data).loss_at(traj)[-1]) == pytest.approx(wanted, rel=1e-5)


def eager(model): return torch.compile(model, backend='eager')


@pytest.mark.parametrize('given', [lambda m: m, nn.DataParallel, eager])
@pytest.mark.parametrize('saved', [nn.DataParallel, eager, lambda m: eager(nn.DataParallel(m))])
def test_states_of_a_wrapped_model(saved, given):
    torch.manual_seed(0)
    model, x = Shared(), torch.randn(20, 4)
    states = [copy.deepcopy(wrapped.state_dict()) for wrapped in (saved(model), model)]
    assert states[0].keys().isdisjoint(states[1])
    traj = Trajectory.from_states(states, given(model), loss_func=F.mse_loss, data=(x, x)) # also some wrapped, some not
    model.eval()
    with torch.no_grad(): answer = model(x)
    assert torch.equal(traj.predict(0, x), answer) and torch.equal(traj.predict(1, x), answer)
    assert float(loss_surface(traj, 'random', n=2).loss_at(traj)[0]) == pytest.approx(float(F.mse_loss(answer, x)))


def test_without_a_model_all_that_is_fractional_is_a_parameter():
    states, _ = checkpoints(Shared(), torch.randn(9, 4), torch.randn(9, 4), n=2)
    traj = Trajectory.from_states(states)
    assert set(traj.buffers) == {'norm.num_batches_tracked'} and 'b.weight' in traj.params and traj.n_steps == 2


ONE = {'weight': torch.ones(1, 2), 'bias': torch.ones(1)}


@pytest.mark.parametrize('states, model, error, text', [
    ([], None, ValueError, 'states is empty'), (ONE, None, TypeError, 'states is .*expected a list of state dicts'),
    ([3], None, TypeError, r'states\[0\] is .*expected a state dict'),
    ([ONE, {'weight': torch.ones(1, 2)}], None, ValueError, r"'bias' has shape \(1,\) in states\[0\] and no tensor in"),
    ([ONE, {**ONE, 'bias': torch.ones(2)}], None, ValueError, r"'bias' has shape \(1,\) .* and shape \(2,\) in states"),
    ([{'epoch': 3}], None, ValueError, r"states\[0\]\['epoch'\] is of type int: expected a tensor$"),
    ([{'model': ONE, 'epoch': 3}], nn.Linear(2, 1), ValueError,
     r"states\[0\]\['model'\] is of type dict: expected a tensor; for the .* in it, give states\[0\]\['model'\]$"),
    ([ONE], nn.BatchNorm1d(2), ValueError, "states.0. lacks 'num_batches_tracked', which the model has"),
    ([{**ONE, 'more': torch.ones(1)}], nn.Linear(2, 1), ValueError, "has 'more', which the model has not"),
    ([ONE], 'Linear', TypeError, 'model is .*expected a torch.nn.Module')])
def test_errors_teach(states, model, error, text, count):
    with pytest.raises(error, match=text): Trajectory.from_states(states, model)
    count('bad inputs refused')
