"""`Trajectory`: what it holds, what it answers, and that asking costs no copy of the record."""

import numpy as np
import pytest
import torch
from learners import line_learner, net_learner
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fastsgd import Plane, Trajectory
from fastsgd.trajectory import Recording


def made(points=6, **kwargs):
    "A trajectory made by hand"
    return Trajectory({'a': torch.arange(points * 2.).reshape(points, 2)}, losses=torch.arange(points - 1.),
                      lrs=torch.ones(points - 1), **kwargs)


@pytest.fixture(scope='module')
def learn():
    learn = net_learner()
    learn.fit(2)
    return learn


def test_it_works_without_a_learner():
    traj = made()
    assert len(traj) == 6 and traj.n_steps == 5 and traj.flat.shape == (6, 2) and traj.state(1)['a'].tolist() == [2, 3]
    assert repr(traj) == 'Trajectory: 5 steps, 2 parameters, loss 0 to 4'
    assert 'points kept' in repr(traj.thin(3)) and traj.loss(0) == 0 and traj.loss(-1) == 4


@pytest.mark.parametrize('kwargs, message', [
    ({'params': {}}, 'params is empty'),
    ({'params': {'a': torch.ones(3, 1), 'b': torch.ones(2, 1)}}, r"params\['b'\] has 2 points, expected 3"),
    ({'params': {'a': torch.ones(())}}, r"params\['a'\] is a single number"),
    ({'params': {'a': torch.ones(3)}, 'buffers': {'b': torch.ones(2)}}, 'buffers has 2 points, expected 3'),
    ({'params': {'a': torch.ones(3).to_sparse()}}, 'strided'),
    ({'params': {'a': torch.ones(3)}, 'losses': [1, 2], 'lrs': [1]}, 'losses has 2 values and lrs 1'),
    ({'params': {'a': torch.ones(3)}, 'losses': [1], 'lrs': [1]}, 'steps ends at 2'),
    ({'params': {'a': torch.ones(3)}, 'steps': [0, 2, 1]}, 'in order'),
])
def test_wrong_parts_are_refused(kwargs, message, count):
    with pytest.raises(ValueError, match=message): Trajectory(**kwargs)
    count('bad inputs refused')


def test_one_kind_of_storage_whatever_it_was_made_of():
    p, still = torch.rand(4, 2, 3), torch.rand(3).expand(4, 3)
    traj = Trajectory({'p': p, 'still': still, 'array': np.arange(4.), 'none': torch.zeros(4, 0)},
                      buffers={'b': torch.rand(4)})
    assert type(traj.params) is type(net_learner_record().params)
    assert traj.sizes == {'p': (2, 3), 'still': (3,), 'array': (), 'none': (0,)} and traj.n_params == 10
    assert torch.equal(traj.params['p'], p) and traj.params['p'].data_ptr() == p.data_ptr() # no copy
    assert traj.params['still'].stride(0) == 0 and traj.flat.shape == (4, 10) and traj.take([]).flat.shape == (0, 10)
    assert list(traj.point(-1)) == ['p', 'still', 'array', 'none', 'b'] and torch.equal(traj.point(1)['p'], p[1])


def net_learner_record():
    recording = Recording(nn.Linear(1000, 1))
    for _ in range(600):
        recording.point()
        with torch.no_grad(): recording.model.weight += 1
        recording.step(torch.tensor(1.), 0.1)
    return recording.trajectory()


class Largest(TorchDispatchMode):
    "The bytes of the largest tensor that is made inside, views apart"
    most = 0
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        res = func(*args, **(kwargs or {}))
        known = {t.untyped_storage().data_ptr() for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        for t in tree_leaves(res):
            if isinstance(t, torch.Tensor) and t.untyped_storage().data_ptr() not in known:
                self.most = max(self.most, t.untyped_storage().nbytes())
        return res


def test_what_is_asked_of_one_point_copies_no_record():
    traj = net_learner_record()
    size = 4 * 601 * 1001
    for t in (traj, Trajectory({'w': torch.rand(600, 1000)})):
        for ask in (repr, Trajectory._repr_html_, len, lambda t: t.n_params, lambda t: t.sizes, lambda t: t.point(3),
                    lambda t: t.state(-1), lambda t: t.thin(9), lambda t: t.at([0, 5]), lambda t: t.loss(2),
                    lambda t: Plane.params(t, [0, 1]), lambda t: Plane.random(t)):
            with Largest() as largest: ask(t)
            assert largest.most < size / 50, ask
    with Largest() as largest: traj.flat.sum() # the record itself
    assert largest.most == size


@pytest.mark.parametrize('i', [np.int64(1), np.int32(1), torch.tensor(1), np.array(1), -5])
def test_numbers_of_any_library_are_points(i):
    traj = made(model=Several(lambda o: o))
    assert traj.index(i) == 1 and torch.equal(traj.predict(i, torch.ones(3, 2)), torch.full((3,), 5.))
    assert traj.loss(i) == 1 and traj.state(i)['a'].tolist() == [2, 3]


@pytest.mark.parametrize('i', [1.5, '1', True, None])
def test_what_is_no_whole_number_is_no_point(i, count):
    for ask in (made().index, made().state, made().point, made().loss):
        with pytest.raises(ValueError, match=f'i={i!r}: expected a whole number'): ask(i)
    count('bad inputs refused', 4)


@pytest.mark.parametrize('i', [6, -7, 100])
def test_a_point_that_does_not_exist_is_refused(i, count):
    with pytest.raises(IndexError,
                       match=f'point {i} does not exist: this trajectory has 6 points, 0 to 5'): made().state(i)
    count('bad inputs refused')


@pytest.mark.parametrize('error, message, given', [
    (ValueError, 'has 2 steps and 1 values: expected the same number of each', {'metrics': {'m': ([1, 2], [0.5])}}),
    (ValueError, 'steps from 0 to 100,000,000', {'valid': ([10**9], [0.5])}),
    (ValueError, r"hypers\['lr'\] is torch.float32 of shape \(2,\): expected", {'hypers': {'lr': torch.ones(2)}}),
    (TypeError, r"buffers\['b'\] is of type str: expected a tensor", {'buffers': {'b': 'x'}})])
def test_what_does_not_fit_is_refused(error, message, given, count):
    with pytest.raises(error, match=message): Trajectory({'a': torch.rand(3, 2)}, **given)
    count('bad inputs refused')


@pytest.mark.parametrize('bad', [1, 0, -3, 2.5, True])
def test_thin_wants_two_points_at_least(bad, count):
    with pytest.raises(ValueError, match='max_frames=.*at least 2'): made().thin(bad)
    count('bad inputs refused')


@pytest.mark.parametrize('n', [2, 3, 4, 599, 600, 601, 1000])
@pytest.mark.parametrize('frames', [2, 3, 200, 300])
def test_thinning_keeps_first_and_last_evenly(n, frames):
    traj = made(n)
    steps = traj.thin(frames).steps
    assert steps[0] == 0 and steps[-1] == n - 1 and len(steps) == min(n, frames)
    assert steps.diff().max() - steps.diff().min() <= 1 and steps.diff().min() >= 1
    assert torch.equal(traj.thin(frames).params['a'], traj.params['a'][steps])
    assert len(traj.thin(frames).losses) == n - 1


def test_at_gives_the_last_point_recorded_by_then():
    traj = made(10).take([0, 4, 9])
    assert traj.at([0, 3, 4, 8, 9, 50]).steps.tolist() == [0, 0, 4, 4, 9, 9]


def test_take_and_thin_agree_with_indexing(learn):
    traj = learn.record_params.trajectory
    idxs = [0, 3, 3, 10]
    for name in traj.params: assert torch.equal(traj.take(idxs).params[name], traj.params[name][idxs])
    assert torch.equal(traj.take(idxs).flat, traj.flat[idxs])
    assert torch.equal(traj.take(idxs).take([1, 3]).flat, traj.flat[[3, 10]])
    assert traj.take(idxs).params.constant('fixed')


def test_predict_is_the_model_of_each_point(learn):
    traj, x = learn.record_params.trajectory, torch.randn(5, 3)
    before = {n: t.clone() for n, t in learn.model.state_dict().items()}
    learn.model.eval()
    assert torch.equal(traj.predict(-1, x), learn.model(x))
    learn.model.train()
    with torch.no_grad(): every = traj.predict(slice(None), x)
    assert every.shape == (11, 5, 1) and torch.equal(every[3], traj.predict(3, x))
    assert torch.equal(traj.predict([2, 4], x), every[[2, 4]])
    assert all(torch.equal(before[n], t) for n, t in learn.model.state_dict().items() if n != 'calls')
    assert learn.model.training and not torch.equal(every[0], every[-1])


def test_predict_leaves_the_random_state_alone(learn):
    state = torch.get_rng_state()
    learn.record_params.trajectory.predict(0, torch.ones(2, 3))
    assert torch.equal(state, torch.get_rng_state())


def test_predict_without_a_model_or_with_another_is_refused(count):
    with pytest.raises(ValueError, match='has no model'): made().predict(0, torch.ones(1, 2))
    with pytest.raises(ValueError, match=r"'a' has shape none in the model and \(2,\)"):
        made(model=nn.Linear(2, 1)).predict(0, torch.ones(1, 2))
    learn = line_learner()
    learn.fit(1)
    traj = learn.record_params.trajectory
    learn.model.a = nn.Parameter(torch.ones(3))
    with pytest.raises(ValueError, match=r'does not suit this trajectory'): traj.predict(0, torch.ones(1, 2))
    count('bad inputs refused', 3)


@pytest.mark.parametrize('losses, step', [
    ([3, 2, 1], None), ([1, 2e9, 3e12], 1), ([1, 200, 300], None), ([1, 200, 2], None), ([1, float('nan')], 1),
    ([float('inf'), 1], None), ([float('nan')] * 3, 0), ([], None), ([0, 0], None), ([float('inf')] * 3, 0),
    ([float('inf'), float('nan')], 0), ([float('inf'), 1, float('inf')], 2), ([float('nan'), 1, 2], None),
    ([1, 1, 200, 300, 400, 500] + [2e4] * 6, 2), ([1, -5], None), ([-1, 99, 101], None)])
def test_diverged_names_the_step(losses, step):
    n = len(losses)
    assert Trajectory({'a': torch.zeros(n + 1)}, losses=torch.tensor(losses), lrs=torch.zeros(n)).diverged == step


@pytest.mark.parametrize('i', [99, 11, -12])
def test_points_that_do_not_exist_have_no_loss_and_can_not_be_taken(learn, i, count):
    traj = learn.record_params.trajectory
    message = f'point {i} does not exist: this trajectory has 11 points, 0 to 10'
    with pytest.raises(IndexError, match=message): traj.loss(i)
    with pytest.raises(IndexError, match=message): traj.take([0, i])
    count('bad inputs refused', 2)


@pytest.mark.parametrize('bad', [[True, False], [0.5], 3, [[0, 1]]])
def test_take_wants_whole_numbers_in_a_row(bad, count):
    with pytest.raises(ValueError, match='idxs=.*: expected whole numbers in a row'): made().take(bad)
    with pytest.raises(ValueError, match='steps=3: expected whole numbers in a row'): made().at(3)
    count('bad inputs refused', 2)


def test_take_counts_from_the_end_and_takes_none(learn):
    traj = learn.record_params.trajectory
    for t in (traj, traj.take(range(11)), made(11)):
        last = t.take([-1, 0, -11])
        assert last.steps.tolist() == [10, 0, 0]
        assert all(torch.equal(last.params[n], t.params[n][[10, 0, 0]]) for n in t.params)
    assert len(made().take([])) == 0


class Several(nn.Module):
    "A model that returns what `wrap` makes of its output"
    def __init__(self, wrap):
        super().__init__()
        self.a, self.wrap = nn.Parameter(torch.zeros(2)), wrap
    def forward(self, x): return self.wrap(x @ self.a)


def test_outputs_that_are_tuples_are_stacked_part_by_part():
    x = torch.ones(4, 2)
    out, (twice, (thrice,)) = made(model=Several(lambda o: (o, [2 * o, (3 * o,)]))).predict([0, 5], x)
    assert out.shape == (2, 4) and torch.equal(out, made(model=Several(lambda o: o)).predict([0, 5], x))
    assert torch.equal(twice, 2 * out) and torch.equal(thrice, 3 * out)


def test_outputs_that_cannot_be_stacked_are_refused(count):
    x = torch.ones(4, 2)
    for wrap, message in ((lambda o: {'out': str(o)}, 'of type str: .* ask for one point at'),
                          (lambda o: o[o > 1], r'shapes \[\(0,\)')):
        traj = made(model=Several(wrap))
        traj.predict(0, x)
        with pytest.raises(TypeError, match=f'the model returns .*{message}'): traj.predict([0, 1], x)
    with pytest.raises(TypeError, match='i is of type float: expected a point, for instance -1'): traj.predict(1.5, x)
    with pytest.raises(ValueError, match=r'i=\[\] holds no point: expected at least one of 0 to 5'): traj.predict([], x)
    count('bad inputs refused', 2)
