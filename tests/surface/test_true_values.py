"""A surface's values are the model's own: with its buffers, its loss's weights, and wherever it keeps its weights."""

import copy
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from learners import Closure, Sparse
from torch import nn

from fastsgd import Plane, Surface, Trajectory, loss_surface, tensor_dls
from fastsgd.surface.objective import Objective
from fastsgd.surface.points import PlanePoints
from fastsgd.surface.ways import AtOnce, Loop

rand = lambda *shape, seed=0: torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fitted(model, x, y, loss_func, steps=12, lr=0.05, label=''):
    "A trajectory made by a plain loop of Adam, and the model's loss at each of its points in evaluation mode"
    opt = torch.optim.Adam(model.parameters(), lr)
    names = {'params': dict(model.named_parameters()), 'buffers': dict(model.named_buffers())}
    points, true = {side: {n: [] for n in named} for side, named in names.items()}, []
    for _ in range(steps):
        for side, named in names.items():
            for n, t in named.items(): points[side][n].append(t.detach().clone())
        with torch.no_grad(): true.append(float(loss_func(copy.deepcopy(model).eval()(x), y)))
        opt.zero_grad()
        loss_func(model.train()(x), y).backward()
        opt.step()
    stacked = {side: {n: torch.stack(t) for n, t in named.items()} for side, named in points.items()}
    return Trajectory(stacked['params'], buffers=stacked['buffers'], model=model, loss_func=loss_func,
                      data=((x,), (y,)),
                      label=label), np.array(true)


def with_batchnorm(): return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))


def test_each_point_has_its_own_batchnorm():
    torch.manual_seed(0)
    x = rand(200, 4) * 5 + 3
    traj, true = fitted(with_batchnorm(), x, x[:, :1], nn.MSELoss())
    surface = loss_surface(traj, n=3)
    np.testing.assert_allclose(surface.loss_at(traj), true, rtol=1e-5)
    np.testing.assert_allclose(surface.loss_at(traj.thin(4)), true[[0, 4, 7, 11]], rtol=1e-5)
    # a flat vector has no buffers: there it is the surface's, those of the last point
    np.testing.assert_allclose(surface.loss_at(traj.flat)[-1], true[-1], rtol=1e-5)
    assert abs(float(surface.loss_at(traj.flat)[0]) - true[0]) > 1e-3 * true[0]
    assert 'buffers' in repr(surface) and 'last point' in repr(surface)


def test_several_fits_with_batchnorm_have_each_its_own():
    torch.manual_seed(0)
    x = rand(200, 4) * 5 + 3
    y = x[:, :1]**2
    fits = [fitted(with_batchnorm(), x, y, nn.MSELoss(), lr=lr, label=str(lr)) for lr in (1e-3, 0.05)]
    surface = loss_surface([t for t, _ in fits], n=3)
    for traj, true in fits: np.testing.assert_allclose(surface.loss_at(traj), true, rtol=1e-5)


LOSSES = {
    'class weights': nn.CrossEntropyLoss(weight=torch.tensor([1., 10., 100.])),
    'ignore_index': nn.CrossEntropyLoss(ignore_index=1),
    'partial': partial(F.cross_entropy, reduction='sum'),
    'sum': nn.CrossEntropyLoss(reduction='sum'),
    'mean': nn.CrossEntropyLoss(),
    'root': lambda p, y: F.cross_entropy(p, y).sqrt(),
    'focal': lambda p, y: ((1 - F.softmax(p, 1).gather(1, y[:, None]))**2).mean(),
}


@pytest.mark.parametrize('name', LOSSES)
def test_values_do_not_depend_on_the_memory(name):
    x, y, loss_func = rand(400, 4), torch.arange(400) // 140, LOSSES[name]
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    learn = SimpleNamespace(model=model, loss_func=loss_func)
    for max_bytes in (2**28, 2**17, 2**15):
        surface = loss_surface(learn, 'random', n=3, data=(x, y), max_bytes=max_bytes)
        assert float(surface.loss[1, 1]) == pytest.approx(loss_func(model(x), y).item(), rel=1e-5)
    assert len(surface.objective.pieces.batches[0].pieces) > 1


def test_fewer_samples_where_the_outputs_alone_do_not_fit_and_it_says_so():
    model = nn.Linear(4, 100)
    learn = SimpleNamespace(model=model, loss_func=nn.MSELoss())
    surface = loss_surface(learn, 'random', n=2, data=(rand(1000, 4), rand(1000, 100)), max_bytes=2**19)
    assert surface.objective.n_samples < 700 and f'sample of {surface.objective.n_samples} of 1000' in repr(surface)


# -- wherever a model keeps its weights

class PlainList(nn.Module):
    "Its layers read their weights from a plain list, of parameters or of what they hold"
    def __init__(self, data):
        super().__init__()
        self.lin = nn.Linear(3, 1)
        self.weights = [self.lin.weight.data if data else self.lin.weight, self.lin.bias]
    def forward(self, x): return F.linear(x, *self.weights)


class MaxNorm(nn.Module):
    "Its embedding writes to its weights in forward"
    def __init__(self):
        super().__init__()
        self.emb, self.lin = nn.Embedding(9, 3, max_norm=0.5), nn.Linear(3, 1)
    def forward(self, x): return self.lin(self.emb(x.abs().long() % 9)).mean(1)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 1)
        self.register_buffer('calls', torch.zeros(()))
    def forward(self, x):
        self.calls += 1
        return self.lin(x) * self.calls


MODELS = {
    'list of parameters': lambda: PlainList(False), 'list of data': lambda: PlainList(True),
    'weight norm': lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 1)), 'max_norm': MaxNorm,
    'old weight norm': lambda: old_weight_norm(nn.Linear(3, 1)), 'counting': Counting,
    'spectral norm': lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), nn.Linear(4, 1)),
    'DataParallel': lambda: nn.DataParallel(nn.Linear(3, 1)), 'double': lambda: nn.Linear(3, 1),
    'scripted': lambda: scripted(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))),
    'sparse': lambda: Sparse(1), 'matmul': lambda: Matmul(), 'tied': lambda: Tied(), 'GRU': lambda: Recurrent(),
}


class Matmul(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(rand(3, 4)), nn.Parameter(rand(4, 1))
    def forward(self, x): return torch.tanh(x @ self.a) @ self.b


def scripted(module):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore') # `torch.jit` is old
        return torch.jit.script(module)


class Tied(nn.Module):
    "Its first layer's weight is used again"
    def __init__(self):
        super().__init__()
        self.lin, self.out = nn.Linear(3, 3), nn.Linear(3, 1)
    def forward(self, x): return self.out(torch.tanh(self.lin(x)) @ self.lin.weight + self.lin.bias)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.out = nn.GRU(1, 4, batch_first=True), nn.Linear(4, 1)
    def forward(self, x): return self.out(self.gru(x[..., None])[0][:, -1])


def old_weight_norm(module):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        res = nn.utils.weight_norm(module)
    res(torch.ones(1, 3)) # leaves a tensor with a history behind
    return res


def in_place(model, vector):
    "A copy of the model with these parameters written into its memory"
    memo = {id(t): t.detach().clone() for m in model.modules() for t in vars(m).values()
            if isinstance(t, torch.Tensor) and not t.is_leaf}
    with torch.no_grad():
        model, start = copy.deepcopy(model, memo).eval(), 0
        for p in model.parameters():
            p.copy_(vector[start:start + p.numel()].view_as(p))
            start += p.numel()
    return model


@pytest.mark.parametrize('kind', MODELS)
def test_all_ways_give_what_the_model_itself_gives(kind):
    torch.manual_seed(0)
    model, x, y = MODELS[kind](), rand(40, 3), rand(40, 1)
    before = copy.deepcopy([p.detach() for p in model.parameters()])
    plane = Plane.random(model)
    surface = loss_surface(SimpleNamespace(model=model, loss_func=nn.MSELoss()), plane, n=9, data=(x, y))
    with torch.no_grad():
        want = [[float(nn.MSELoss()(in_place(model, plane.at(u, v))(x), y)) for u in surface.u] for v in surface.v]
    np.testing.assert_allclose(surface.loss, want, rtol=1e-4, atol=1e-6)
    assert all(map(torch.equal, before, model.parameters()))
    flat = plane.at(surface.u, surface.v[:1])
    copied = flat.clone()
    np.testing.assert_allclose(surface.loss_at(flat), want[0], rtol=1e-4, atol=1e-6)
    assert torch.equal(flat, copied)


@pytest.mark.parametrize('learn', [SimpleNamespace(model=Closure(), loss_func=nn.MSELoss())])
def test_what_reads_the_model_behind_the_copys_back_is_refused(learn):
    with pytest.raises(ValueError, match=r"reads 'lin\.(weight|bias)' of the model itself, through a closure"):
        loss_surface(learn, n=3, data=(rand(9, 3), rand(9, 1)))
    model = nn.Linear(3, 1)
    loss_func = lambda p, y: F.mse_loss(p, y) + model.weight.square().sum()
    with pytest.raises(ValueError, match='a copy of the model, or the loss'):
        loss_surface(SimpleNamespace(model=model, loss_func=loss_func), n=3, data=(rand(9, 3), rand(9, 1)))


def test_first_layers_on_a_plane_are_not_called_again():
    calls = []
    class Linear(nn.Linear):
        def forward(self, x):
            calls.append(len(x))
            return super().forward(x)
    model = nn.Sequential(Linear(30, 4), nn.Tanh(), nn.Linear(4, 1))
    x, y = rand(50, 30), rand(50, 1)
    objective = Objective(model, nn.MSELoss(), [((x,), (y,))])
    plane = Plane.random(model)
    points = PlanePoints(plane, torch.linspace(-1, 1, 100), torch.linspace(0, 1, 100))
    losses = objective(points)
    from fastsgd.surface.fastest import first_layers
    first = first_layers(objective, points)
    assert first.names == {'0.weight', '0.bias'} and len(first.origin) == 5
    for make in (Loop, AtOnce):
        torch.testing.assert_close(make(objective, first=first)(points, 0, 100), losses, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(make(objective)(points, 0, 100), losses, rtol=1e-5, atol=1e-7)
    assert first_layers(objective, SimpleNamespace()) is None


def test_a_failed_vmap_leaves_nothing_behind():
    class Keeps(nn.Module):
        "Keeps what it made in an attribute, and looks at numbers"
        def __init__(self):
            super().__init__()
            self.lin, self.h = nn.Linear(3, 1), None
        def forward(self, x):
            out = self.lin(x) if self.h is None else self.lin(x) + 0 * self.h
            self.h = out.mean()
            return out if float(out.sum()) < 1e9 else -out
    learn = SimpleNamespace(model=Keeps(), loss_func=nn.MSELoss())
    surface = loss_surface(learn, 'random', n=9, data=(rand(9, 3), rand(9, 1)))
    assert surface.loss.isfinite().all() and learn.model.h is None


# -- what is given

def test_falling_coordinates_are_put_in_order():
    plane = Plane(torch.zeros(2), *torch.eye(2))
    loss = torch.arange(12.).reshape(3, 4)
    one = Surface(plane, range(4), range(3), loss)
    for u, v, values in ((range(3, -1, -1), range(3), loss.flip(1)), (range(4), range(2, -1, -1), loss.flip(0))):
        other = Surface(plane, u, v, values)
        assert torch.equal(one.u, other.u) and torch.equal(one.v, other.v) and torch.equal(one.loss, other.loss)
    for u in ([0, 1, 1, 2], [0, 2, 1, 3], [0, 1, 2, float('nan')]):
        with pytest.raises(ValueError, match='u is .*: expected finite coordinates that rise or fall'):
            Surface(plane, u, range(3), loss)


def table(x): return SimpleNamespace(__array__=lambda dtype=None, copy=None: np.asarray(x))


class Pairs(torch.utils.data.Dataset):
    def __init__(self, x, y): self.x, self.y = x, y
    def __len__(self): return len(self.x)
    def __getitem__(self, i): return self.x[i], self.y[i]


def fastais(x, y, splits=None):
    "Items with transforms, as a DataBlock makes them"
    return Datasets(list(range(len(x))), [[lambda i: x[i]], [lambda i: y[i]]], splits=splits)


FORMS = {
    'tensors': lambda x, y: (x, y), 'list of two': lambda x, y: [x, y], 'tuples': lambda x, y: ((x,), (y,)),
    'lists': lambda x, y: ([x], [y]), 'arrays': lambda x, y: (x.double().numpy(), y.double().numpy()),
    'numbers': lambda x, y: (x.tolist(), y.tolist()), 'data set': Pairs,
    'two batches': lambda x, y: [(x[:7], y[:7]), (x[7:], y[7:])], 'batches': lambda x,
    y: list(zip(x.split(4), y.split(4))),
    'loader': lambda x, y: torch.utils.data.DataLoader(Pairs(x, y), 5),
    'samples': lambda x, y: list(zip(x, y)), 'arrays of samples': lambda x, y: list(zip(x.numpy(), y.numpy())),
    'data set of fastai': lambda x, y: fastais(x, y), 'loader of fastai': lambda x, y: TfmdDL(fastais(x, y), bs=8),
    'loaders of fastai': lambda x, y: DataLoaders.from_dsets(Pairs(x, y), Pairs(x[:3], y[:3]), bs=8),
    'validation of fastai': lambda x, y: fastais(x, y, [[0, 1], range(20)]).dataloaders(bs=8, num_workers=0).valid,
    'loaders': lambda x, y: SimpleNamespace(train=torch.utils.data.DataLoader(Pairs(x, y), 5), valid=None),
}


@pytest.mark.parametrize('form', FORMS)
def test_data_in_the_forms_that_people_have(form):
    x, y = rand(20, 3), rand(20, 2)
    model = nn.Linear(3, 2)
    learn = SimpleNamespace(model=model, loss_func=nn.MSELoss())
    surface = loss_surface(learn, 'random', n=3, data=FORMS[form](x, y))
    assert float(surface.loss[1, 1]) == pytest.approx(nn.MSELoss()(model(x), y).item(), rel=1e-5)


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 2)
    def forward(self, x, z): return self.lin(x) + z


@pytest.mark.parametrize('form', [lambda x, z, y: ((x, z), y), lambda x, z, y: (x, z, y), lambda x, z, y: [(x, z, y)],
                                  lambda x, z, y: tensor_dls((x, z, y), bs=8).train])
def test_data_of_several_inputs(form):
    model, x, z, y = Sum(), rand(20, 3), rand(20, 2), rand(20, 2, seed=1)
    surface = loss_surface(SimpleNamespace(model=model, loss_func=nn.MSELoss()), 'random', n=3, data=form(x, z, y))
    assert float(surface.loss[1, 1]) == pytest.approx(nn.MSELoss()(model(x, z), y).item(), rel=1e-5)


@pytest.mark.parametrize('data, error, match', [
    ({'x': rand(5, 3)}, TypeError, 'data is of type dict'),
    ((rand(5, 3), rand(4, 2)), ValueError, '5 and 4'), ((rand(0, 3), rand(0, 2)), ValueError, 'no samples'),
    ((rand(5, 3), 'y'), TypeError, 'holds a str'), ([], ValueError, 'is empty'), (3, TypeError, 'data is of type int'),
    ((rand(5, 3), np.array(['a'] * 5)), TypeError, 'holds a ndarray')])
def test_data_that_do_not_fit_are_refused(data, error, match, count):
    learn = SimpleNamespace(model=nn.Linear(3, 2), loss_func=nn.MSELoss())
    with pytest.raises(error, match=match): loss_surface(learn, n=3, data=data)
    count('bad inputs refused')


def test_trajectories_that_do_not_fit_are_refused(count):
    model, data = with_batchnorm(), ((rand(9, 4),), (rand(9, 1),))
    own = {n: p.detach() + 0.1 * rand(3, *p.shape) for n, p in model.named_parameters()}
    make = lambda params, model=model: Trajectory(params, model=model, loss_func=nn.MSELoss(), data=data)
    other = {n: p.detach() + 0.1 * rand(3, *p.shape) for n, p in nn.Linear(4, 1).named_parameters()}
    with pytest.raises(ValueError, match=r"'0\.weight' has the shape none in the trajectory.*trajectories of one model|"
                                         r"'weight' has the shape"):
        loss_surface([make(own), make(other, nn.Linear(4, 1))], n=3)
    with pytest.raises(ValueError,
                       match=r"'1.running_mean', which is a buffer of the model: expected it in Trajectory"):
        loss_surface(make({**own, '1.running_mean': torch.zeros(3, 16)}), n=3)
    with pytest.raises(ValueError, match='expected them in the order of the model'):
        loss_surface(make(dict(reversed(own.items()))), n=3)
    with pytest.raises(ValueError,
                       match='paths have .* expected paths of one model'): Plane.pca([rand(3, 4), rand(3, 5)])
    with pytest.raises(TypeError, match='from_states'): loss_surface([model.state_dict()], n=3)
    surface = loss_surface(make(own), n=3)
    with pytest.raises(ValueError, match='expected trajectories of one model'): surface.loss_at(make(other))
    with pytest.raises(ValueError, match='path has 3 parameters: expected'): surface.loss_at(rand(2, 3))
    with pytest.raises(TypeError, match='path is of type str: expected'): surface.loss_at('abc')
    count('bad inputs refused', 8)
