"""Planes and surfaces: the right place, the right loss, and nothing of the user's moved."""

import copy
import random
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fastai.learner import Learner
from fastai.losses import BCEWithLogitsLossFlat, CrossEntropyLossFlat, MSELossFlat
from fastai.optimizer import SGD
from fastai.test_utils import synth_learner
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fastsgd import Plane, Surface, Trajectory, linear_learner, loss_surface
from fastsgd.surface.chain import Chain
from fastsgd.surface.loaders import from_loader
from fastsgd.surface.objective import Objective
from fastsgd.surface.points import VectorPoints
from fastsgd.surface.ways import AtOnce
from fastsgd.surface.work import counted

gen = lambda seed=0: torch.Generator().manual_seed(seed)
rand = lambda *shape, seed=0: torch.randn(*shape, generator=gen(seed))


def holder(model, x, y, loss_func=None):
    "What `loss_surface` needs of a learner"
    xs = x if isinstance(x, tuple) else (x,)
    ds = torch.utils.data.TensorDataset(*xs, y)
    dl = torch.utils.data.DataLoader(ds, batch_size=7, shuffle=True)
    return SimpleNamespace(model=model, loss_func=loss_func or nn.MSELoss(), dls=SimpleNamespace(train=dl))


def true_loss(learn, flat):
    "The loss over all data at one parameter vector, the plain way, on a copy"
    model = copy.deepcopy(learn.model).eval()
    nn.utils.vector_to_parameters(flat, model.parameters())
    *xs, y = learn.dls.train.dataset.tensors
    with torch.no_grad(): return float(learn.loss_func(model(*(x.clone() for x in xs)), y).mean())


# -- planes

@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_oblique_unnormalised_directions(seed, long, short):
    o, d1, d2 = rand(3, 7, seed=seed).double()
    plane = Plane(o, d1 * long, (d1 + 0.3 * d2) * short)
    uv = rand(5, 2, seed=seed + 1).double()
    flat = plane.at(*uv.T)
    torch.testing.assert_close(plane.project(flat), uv, rtol=1e-6, atol=1e-6)
    assert plane.distance(flat).max() < 1e-6 * (1 + flat.abs().max())
    off = torch.linalg.svd(torch.stack([d1, d2]), full_matrices=True)[2][-1] # a unit normal
    torch.testing.assert_close(plane.project(flat + 2 * off), uv, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(plane.distance(flat + 2 * off), torch.full((5,), 2.).double(), rtol=1e-6, atol=1e-6)


def test_params_plane_has_the_values_as_coordinates():
    model = nn.Linear(2, 3)
    plane = Plane.params(model, ('weight[1, 0]', 'bias[2]'))
    assert plane.labels == ('weight[1, 0]', 'bias[2]')
    nn.utils.vector_to_parameters(plane.at(5., -7.), model.parameters())
    assert model.weight[1, 0] == 5 and model.bias[2] == -7
    assert Plane.params(model, (2, -1)).labels == plane.labels
    u, v = plane.project(nn.utils.parameters_to_vector(model.parameters()).detach())
    assert (u, v) == (5, -7)
    assert Plane.params(nn.Linear(2, 1, bias=False)).labels == ('weight[0, 0]', 'weight[0, 1]')
    assert Plane.params(nn.Linear(1, 1)).labels == ('weight', 'bias')


@pytest.mark.parametrize('names', [None, 'weight', ('weight[9, 0]', 'bias[0]'), ('bias[0]', 'bias[0]'),
                                   ('nobody', 'bias[0]'), (0, 99), (0,)])
def test_params_plane_wants_two(names):
    with pytest.raises(ValueError, match=r'names.*expected.*weight\[0, 0\]'): Plane.params(nn.Linear(2, 3), names)


def test_pca_finds_the_plane_of_the_path():
    o, a, b = rand(3, 500).double()
    a, b = a / a.norm(), b / b.norm()
    t = torch.linspace(0, 1, 40).double()
    path = o + 10 * t[:, None] * a + torch.sin(6 * t)[:, None] * b
    plane = Plane.pca(path)
    assert plane.distance(path).max() < 1e-6
    torch.testing.assert_close(plane.at(*plane.project(path).T), path)
    torch.testing.assert_close(plane.project(path[-1]), torch.zeros(2).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(plane._gram, torch.eye(2).double(), atol=1e-9, rtol=0)
    centred = path - path.mean(0)
    s = torch.linalg.svdvals(centred)**2
    np.testing.assert_allclose(plane.explained, (s / s.sum())[:2], rtol=1e-6)
    assert f'{100 * plane.explained[0]:.1f} %' in plane.labels[0]
    torch.testing.assert_close(Plane.pca(path, center='mean').origin, path.mean(0))
    torch.testing.assert_close(Plane.pca(path, center='first').origin, path[0])


def test_pca_of_trajectories_tensors_and_several():
    path = rand(30, 8).cumsum(0)
    traj = Trajectory({'w': path[:, :6].reshape(30, 2, 3), 'b': path[:, 6:]})
    one, two = Plane.pca(traj), Plane.pca(path)
    torch.testing.assert_close(one._directions, two._directions)
    torch.testing.assert_close(one.project(traj), two.project(path))
    both = Plane.pca([path[:15], path[15:]])
    torch.testing.assert_close(both._directions, two._directions, rtol=1e-4, atol=1e-5)
    # more points than the Gram matrix takes
    assert Plane.pca(rand(2500, 5).cumsum(0)).explained[0] > 0.3


def test_pca_of_odd_paths():
    line = torch.linspace(0, 1, 5)[:, None] * rand(9)
    plane = Plane.pca(line)
    assert plane.explained == pytest.approx((1, 0), abs=1e-6) and plane.distance(line).max() < 1e-6
    (u0, u1), (v0, v1) = plane.limits(line)
    assert u1 > u0 and v1 - v0 == pytest.approx(u1 - u0)
    with pytest.raises(ValueError, match='all the same.*Plane.random'): Plane.pca(torch.ones(5, 3))
    with pytest.raises(ValueError, match='center'): Plane.pca(line, center='middle')
    wild = torch.cat([rand(20, 3).cumsum(0), torch.tensor([[1e20] * 3, [torch.inf] * 3, [torch.nan] * 3])])
    plane = Plane.pca(wild)
    assert plane.origin.isfinite().all() and plane.origin.abs().max() < 100
    for low, high in plane.limits(wild): assert -100 < low < high < 100


def test_random_is_filter_normalised_and_leaves_the_random_state():
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 3))
    model[2].weight.requires_grad_(False)
    before = torch.get_rng_state()
    plane, again = Plane.random(model, seed=3), Plane.random(model, seed=3)
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(plane.d1, again.d1)
    assert not torch.equal(plane.d1, Plane.random(model, seed=4).d1)
    n = model[0].weight.numel()
    for d in (plane.d1, plane.d2):
        torch.testing.assert_close(d[:n].view(4, -1).norm(dim=1), model[0].weight.detach().view(4, -1).norm(dim=1))
        assert not d[n:].any() # biases, batch norm, frozen
    only_bias = nn.Module(); only_bias.a = nn.Parameter(torch.tensor([3., 4., 0.]))
    assert Plane.random(only_bias).d1.norm() == pytest.approx(5)
    zero = nn.Linear(3, 2); nn.init.zeros_(zero.weight); nn.init.zeros_(zero.bias)
    assert Plane.random(zero).d1.norm() > 0


@pytest.mark.parametrize('model', [nn.Linear(1, 2), nn.Linear(1, 3), nn.Sequential(nn.Linear(1, 2), nn.Linear(1, 2))])
def test_random_directions_of_filters_with_a_single_number_are_not_parallel(model):
    for seed in range(20):
        plane = Plane.random(model, seed=seed)
        norms = plane.d1.norm(), plane.d2.norm()
        torch.testing.assert_close(norms[0], norms[1])
        assert abs(plane.d1 @ plane.d2) < (1 - 1e-6) * norms[0] * norms[1]


def test_custom_plane_from_names_and_its_errors():
    state = {'w': rand(2, 2), 'b': rand(2)}
    plane = Plane(state, {'w': rand(2, 2, seed=1)}, {'b': torch.ones(2)})
    assert len(plane.origin) == 6 and not plane.d1[4:].any() and not plane.d2[:4].any()
    with pytest.raises(ValueError, match='span no plane'): Plane(rand(4), torch.ones(4), 2 * torch.ones(4))
    with pytest.raises(ValueError, match='span no plane'): Plane(rand(4), torch.ones(4), torch.zeros(4))
    with pytest.raises(ValueError, match='4, 4 and 3'): Plane(rand(4), rand(4), rand(3))
    with pytest.raises(ValueError, match="d1 has 'x'"): Plane(state, {'x': rand(2)}, {'b': rand(2)})
    with pytest.raises(ValueError, match='flat has 5'): plane.project(rand(3, 5))


def test_limits_hold_all_paths():
    plane = Plane(torch.zeros(3), torch.tensor([1., 0, 0]), torch.tensor([0., 2, 0]))
    a, b = rand(10, 3), rand(10, 3, seed=1) * 5
    (u0, u1), (v0, v1) = plane.limits(a, b)
    for p in (a, b):
        u, v = plane.project(p).T
        assert ((u > u0) & (u < u1) & (v > v0) & (v < v1)).all()
    same = plane.limits(torch.ones(4, 3)) # start equal to end
    assert same == ((0.0, 2.0), (-0.5, 1.5)) or all(low < high for low, high in same)
    assert same[0][0] < 1 < same[0][1] and same[1][0] < 0.5 < same[1][1]


def test_large_columns_are_read_point_by_point(monkeypatch):
    from fastsgd.surface import paths
    wanted = {}
    for nbytes in (paths.COLUMN_BYTES, 2000):
        monkeypatch.setattr(paths, 'COLUMN_BYTES', nbytes)
        traj = Trajectory({'w': rand(30, 4, 50).cumsum(0), 'b': rand(30, 6, seed=1).cumsum(0)})
        plane = Plane.pca(traj)
        got = {'d1': plane.d1, 'uv': plane.project(traj), 'off': plane.distance(traj)}
        for name, t in got.items(): torch.testing.assert_close(t, wanted.setdefault(name, t), rtol=1e-4, atol=1e-5)
        if nbytes == 2000: assert [len(p) for p in paths._parts(traj, 'w')] == [1] * 30


# -- surfaces

class Asymmetric(nn.Module):
    "Its output is the loss: no symmetry between its two parameters"
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))
    def forward(self, x): return (self.a + 2 * self.b**2 + 0.1 * self.a**3) * torch.ones_like(x)


def test_rows_are_v_and_columns_are_u():
    learn = SimpleNamespace(model=Asymmetric(), loss_func=lambda p, t: p.mean())
    s = loss_surface(learn, n=(7, 4), ulim=(-1, 2), vlim=(0, 5), data=(torch.ones(3), torch.ones(3)))
    assert s.loss.shape == (4, 7) and s.u.shape == (7,) and s.v.shape == (4,)
    v, u = torch.meshgrid(s.v, s.u, indexing='ij')
    torch.testing.assert_close(s.loss, u + 2 * v**2 + 0.1 * u**3, rtol=1e-5, atol=1e-5)
    assert (s.u[0], s.u[-1], s.v[0], s.v[-1]) == (-1, 2, 0, 5)


def test_the_lesson_is_exact():
    learn = linear_learner()
    with learn.no_bar(), learn.no_logging(): learn.fit(20, lr=0.1)
    traj, s = learn.record_params.trajectory, loss_surface(learn, n=(9, 12))
    (x,), (y,) = learn.record_params.trajectory.data
    numpy_loss = ((x.numpy() @ traj.flat.numpy().T - y.numpy()[:, None])**2).mean(0)
    np.testing.assert_allclose(s.at(*s.plane.project(traj).T), numpy_loss, atol=1e-5)
    np.testing.assert_allclose(s.loss_at(traj), numpy_loss, atol=1e-5)
    np.testing.assert_allclose(numpy_loss[:-1], traj.losses, atol=1e-5)
    assert s.plane.labels == ('a[0]', 'a[1]')
    assert s.u[0] < traj.flat[:, 0].min() and s.u[-1] > traj.flat[:, 0].max()
    assert '9 × 12' in repr(s) and 'mean over 100 samples' in repr(s)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.gate = nn.Linear(3, 4), nn.Linear(2, 4), nn.Parameter(torch.ones(4))
        self.register_buffer('count', torch.tensor(2))
    def forward(self, x, z): return torch.tanh(self.a(x)) * self.gate + self.b(z) * self.count


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
        self.two.weight = self.one.weight
        self.one.bias.requires_grad_(False)
    def forward(self, x): return self.two(torch.relu(self.one(x)))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 1)
    def forward(self, x): return self.out(self.rnn(x)[0][:, -1])


class Branching(nn.Module):
    "Data-dependent control flow: can't be vectorised"
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(2, 2)
    def forward(self, x):
        x = self.lin(x)
        return x if x.sum() > 0 else 2 * x


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(2, 2)
    def forward(self, x): return self.lin(x.mul_(2).sub_(1))


class Residual(nn.Module):
    "Uses the output of a linear layer again after its activation: each time another way, `how`"
    def __init__(self, how):
        super().__init__()
        self.how, self.lin, self.out = how, nn.Linear(3, 3), nn.Linear(3, 1)
        self.lin.register_forward_hook(lambda module, inputs, output: setattr(module, 'seen', output))
    def forward(self, x):
        h = self.lin(x)
        if self.how == 'view': h, view = self.lin(x), h[:, :1]
        a = {'tanh': torch.tanh, 'method': lambda t: t.sigmoid()}.get(self.how, nn.functional.relu)(h)
        b = {'list': lambda: torch.cat([a, h]).reshape(2, *a.shape).sum(0), 'hook': lambda: a + self.lin.seen,
             'keyword': lambda: torch.add(a, other=h), 'view': lambda: a + view}.get(self.how, lambda: a + h)()
        return self.out(b)


def cnn():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(),
                         nn.Linear(4 * 9, 3))


classes, many = torch.randint(0, 3, (17,), generator=gen()), torch.randint(0, 2, (17, 2), generator=gen()).float()
kinds = {
    'one input': lambda: (nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)), rand(17, 1), rand(17, 1),
                          MSELossFlat()),
    'classes': lambda: (nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3)), rand(17, 2), classes,
                        CrossEntropyLossFlat()),
    'plain classes': lambda: (nn.Sequential(nn.Linear(2, 5), nn.Dropout(), nn.Linear(5, 3)), rand(17, 2), classes,
                              nn.CrossEntropyLoss()),
    'weighted': lambda: (nn.Linear(2, 3), rand(17, 2), classes, nn.CrossEntropyLoss(label_smoothing=0.1)),
    'multi-label': lambda: (nn.Linear(3, 2), rand(17, 3), many, BCEWithLogitsLossFlat()),
    'several outputs': lambda: (nn.Linear(3, 2), rand(17, 3), many, nn.L1Loss()),
    'no reduction': lambda: (nn.Linear(3, 2), rand(17, 3), many, nn.MSELoss(reduction='none')),
    'sum': lambda: (nn.Linear(3, 2), rand(17, 3), many, nn.MSELoss(reduction='sum')),
    'function': lambda: (nn.Linear(3, 2), rand(17, 3), many, nn.functional.mse_loss),
    'two inputs': lambda: (TwoInputs(), (rand(17, 3), rand(17, 2, seed=1)), rand(17, 4), nn.MSELoss()),
    'shared': lambda: (Shared(), rand(17, 3), rand(17, 3, seed=1), nn.MSELoss()),
    'cnn': lambda: (cnn(), rand(17, 1, 5, 5), classes, nn.CrossEntropyLoss()),
    'rnn': lambda: (Recurrent(), rand(17, 4, 2), rand(17, 1), nn.MSELoss()),
    'branching': lambda: (Branching(), rand(17, 2), rand(17, 2), nn.MSELoss()),
    'in place': lambda: (InPlace(), rand(17, 2), rand(17, 2), nn.MSELoss()),
    **{f'residual, {how}': partial(lambda how: (Residual(how), rand(17, 3), rand(17, 1), nn.MSELoss()), how)
       for how in ('relu', 'tanh', 'method', 'list', 'keyword', 'hook', 'view')},
    'three axes': lambda: (nn.Linear(2, 2), rand(17, 3, 2), rand(17, 3, 2, seed=1), nn.MSELoss()),
    'double': lambda: (nn.Linear(2, 2).double(), rand(17, 2).double(), rand(17, 2).double(), nn.MSELoss()),
}


@pytest.mark.parametrize('kind', kinds)
@pytest.mark.parametrize('way', ['random', 'path', 'oblique', 'params'])
def test_every_kind_of_model_on_every_plane(kind, way):
    torch.manual_seed(0)
    model, x, y, loss_func = kinds[kind]()
    learn = holder(model, x, y, loss_func)
    flat = nn.utils.parameters_to_vector(model.parameters()).detach()
    path = flat + 0.1 * rand(6, len(flat)).cumsum(0)
    plane = {'random': lambda: Plane.random(model), 'path': lambda: Plane.pca(path),
             'params': lambda: Plane.params(model, (0, 1)),
             'oblique': lambda: Plane(flat, path[0] - path[1], 3 * (path[0] - path[2]))}[way]()
    s = loss_surface(learn, plane, n=(3, 4), max_bytes=20_000) # so little that data is taken in pieces
    want = [[true_loss(learn, plane.at(u, v)) for u in s.u] for v in s.v]
    np.testing.assert_allclose(s.loss, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('kind', ['cnn', 'rnn', 'branching', 'in place', 'shared'])
@pytest.mark.parametrize('fails', [False, True])
def test_nothing_of_the_users_moves(kind, fails):
    model, x, y, loss_func = kinds[kind]()
    model.train()
    if kind == 'cnn': model[1].eval() # as a frozen body's batch norm is
    calls = []
    def loss(p, t):
        calls.append(0)
        if fails and len(calls) > 6: raise KeyboardInterrupt
        return loss_func(p, t)
    learn = holder(model, x, y, loss)
    learn.dls.train.generator = gen(5)
    learn.dls.train.sampler.generator = learn.dls.train.generator
    true = loss_func(model(x), y); true.backward()
    opt = torch.optim.Adam([p for p in model.parameters() if p.requires_grad]); opt.step()
    def snapshot():
        return copy.deepcopy((model.state_dict(), [(p.grad, p._version, p.requires_grad) for p in model.parameters()],
                              opt.state_dict(), [m.training for m in model.modules()], x, y, torch.get_rng_state(),
                              list(np.random.get_state()[1]), # noqa: NPY002
                              random.getstate(), learn.dls.train.generator.get_state()))
    before, data = snapshot(), [p.data_ptr() for p in model.parameters()]
    if fails:
        with pytest.raises(KeyboardInterrupt): loss_surface(learn, n=9, max_bytes=2000)
    else: loss_surface(learn, n=3)
    torch.testing.assert_close(snapshot(), before, rtol=0, atol=0)
    assert data == [p.data_ptr() for p in model.parameters()]
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()


def test_falls_back_to_a_loop():
    model, x, y, loss_func = kinds['branching']()
    s = loss_surface(holder(model, x, y, loss_func), n=3)
    assert s.method == 'loop'


def test_an_error_of_the_model_is_the_users_to_see():
    learn = holder(nn.Linear(3, 2), rand(5, 4), rand(5, 2)) # 4 inputs for 3
    with pytest.raises(RuntimeError, match='shapes cannot be multiplied|size mismatch'): loss_surface(learn, n=3)


def test_wrongly_vectorised_models_are_found_out():
    class Counting(nn.Module):
        "Keeps something between calls, which no vectorised call may share"
        def __init__(self):
            super().__init__()
            self.lin, self.calls = nn.Linear(2, 1), 0
        def reset(self): self.calls = 0
        def forward(self, x):
            self.calls += 1
            return self.lin(x) * self.calls
    learn = holder(Counting(), rand(9, 2), rand(9, 1))
    s = loss_surface(learn, n=3)
    want = [[true_loss(learn, s.plane.at(u, v)) for u in s.u] for v in s.v]
    np.testing.assert_allclose(s.loss, want, rtol=1e-5)


def test_noise_in_evaluation_mode_is_the_same_everywhere():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.zeros(2))
        def forward(self, x): return self.a.sum() + torch.randn_like(x)
    learn = holder(Noisy(), torch.zeros(50), torch.zeros(50))
    s = loss_surface(learn, n=(30, 20), ulim=(-1, 1), vlim=(-1, 1), max_bytes=3000)
    t = s.u[None] + s.v[:, None]
    fit = np.polyfit(t.ravel(), s.loss.ravel(), 2) # a parabola, without a trace of noise
    np.testing.assert_allclose(np.polyval(fit, t), s.loss, atol=1e-4)


def test_values_that_are_no_numbers_stay():
    learn = SimpleNamespace(model=Asymmetric(), loss_func=lambda p, t: torch.log(p.mean()))
    s = loss_surface(learn, n=5, ulim=(-1, 1), vlim=(-1, 1), data=(torch.ones(3), torch.ones(3)))
    assert s.loss.isnan().any() and s.loss.isfinite().any() and s.loss.isinf().any()
    assert 'not finite' in repr(s)


def test_data_sample_is_seeded_and_stated():
    x, y = rand(500, 2), rand(500, 1)
    learn = SimpleNamespace(model=nn.Linear(2, 1), loss_func=nn.MSELoss())
    a, b, c = (loss_surface(learn, Plane.random(learn.model), n=3, data=(x, y), max_samples=50, seed=seed)
               for seed in (0, 0, 1))
    assert torch.equal(a.loss, b.loss) and not torch.equal(a.loss, c.loss)
    assert 'a random sample of 50 of 500 samples' in repr(a)
    d = loss_surface(holder(learn.model, x, y), n=3, max_samples=51)
    assert 'a random sample of 51 of 500 samples' in repr(d)
    e = loss_surface(learn, n=3, data=holder(learn.model, x, y).dls.train)
    f = loss_surface(learn, n=3, data=(x, y), plane=e.plane)
    torch.testing.assert_close(e.loss, f.loss)


def test_fastai_dataloader_goes_on_as_if_nothing_had_happened():
    torch.manual_seed(0)
    random.seed(0)
    learn = synth_learner()
    learn.loss_func = MSELossFlat()
    dl = learn.dls.train
    state = dl.rng.getstate(), random.getstate(), torch.get_rng_state()
    batches, source = from_loader(dl, 10_000, 2**28, 0)
    assert source.total == len(dl.dataset) == len(batches[0][0][0]) # the last batch as well
    after = dl.rng.getstate(), random.getstate(), torch.get_rng_state()
    assert state[:2] == after[:2] and torch.equal(state[2], after[2])
    s = loss_surface(learn, n=4)
    assert s.plane.labels == ('a', 'b') and s.loss.isfinite().all()


def test_ragged_batches_are_weighted_by_samples():
    class Length(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.ones(2))
        def forward(self, x): return x.sum(1) * self.a[0] + self.a[1]
    batches = [(torch.ones(5, 3), torch.ones(5)), (torch.ones(2, 7), torch.zeros(2))]
    learn = SimpleNamespace(model=Length(), loss_func=nn.MSELoss())
    s = loss_surface(learn, n=3, data=batches + [(torch.ones(1, 4), torch.ones(1))])
    u, v = float(s.u[0]), float(s.v[2])
    want = (5 * (3 * u + v - 1)**2 + 2 * (7 * u + v)**2 + (4 * u + v - 1)**2) / 8
    assert float(s.loss[2, 0]) == pytest.approx(want, rel=1e-5)


def test_from_trajectories():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    x, y = rand(20, 2), rand(20, 1)
    params = {n: p.detach() + 0.1 * rand(8, *p.shape, seed=i).cumsum(0) for i,
              (n, p) in enumerate(model.named_parameters())}
    buffers = {'1.running_mean': rand(8, 3), '1.running_var': rand(8, 3)**2 + 1,
               '1.num_batches_tracked': torch.arange(8)}
    traj = Trajectory(params, buffers=buffers, model=model, loss_func=nn.MSELoss(), data=((x,), (y,)))
    s = loss_surface(traj, n=5)
    assert s.plane.labels[0].startswith('PC 1')
    want = float(nn.MSELoss()(traj.predict(-1, x), y)) # with the buffers of the last point
    assert float(s.at(*s.plane.project(traj.flat[-1]))) == pytest.approx(want, rel=1e-4)
    assert float(s.loss_at(traj)[-1]) == pytest.approx(want, rel=1e-4)
    both = loss_surface([traj, Trajectory({n: p + 1 for n, p in params.items()}, model=model)], n=5)
    for p in (traj.flat, traj.flat + 1):
        u, v = both.plane.project(p).T
        assert u.min() > both.u[0] and u.max() < both.u[-1] and v.min() > both.v[0] and v.max() < both.v[-1]


def test_plane_is_chosen_by_what_is_there():
    learn = Learner(linear_learner().dls, nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), MSELossFlat(), opt_func=SGD)
    assert loss_surface(learn, n=2).plane.labels[0].startswith('filter')
    with pytest.raises(ValueError, match='needs a recorded path'): loss_surface(learn, 'pca', n=2)
    assert loss_surface(learn, Plane.params(learn.model, (0, 2)), n=2).plane.labels == ('0.weight[0, 0]', '0.bias')


@pytest.mark.parametrize('kwargs, match', [
    (dict(n=1), 'n=1'), (dict(n=(3, 4, 5)), r'n=\(3, 4, 5\)'), (dict(ulim=(1, 0)), 'ulim'), (dict(vlim=3), 'vlim'),
    (dict(vlim=(0, float('inf'))), 'vlim'), (dict(max_samples=0), 'max_samples'), (dict(max_bytes=True), 'max_bytes'),
    (dict(plane='pac'), "plane='pac'"), (dict(plane=Plane(rand(5), rand(5, seed=1), rand(5, seed=2))), 'plane has 5'),
])
def test_errors_teach(kwargs, match):
    learn = holder(nn.Linear(2, 1), rand(5, 2), rand(5, 1))
    with pytest.raises(ValueError, match=match): loss_surface(learn, **{'n': 3, **kwargs})


def test_errors_about_the_source():
    with pytest.raises(TypeError, match='learn is a int'): loss_surface(3)
    with pytest.raises(TypeError, match='a list of trajectories'): loss_surface([])
    with pytest.raises(ValueError, match='no model'): loss_surface(Trajectory({'a': rand(3, 2)}))
    learn = SimpleNamespace(model=nn.Linear(2, 1), loss_func=nn.MSELoss())
    with pytest.raises(ValueError, match='no training data: give data='): loss_surface(learn)
    with pytest.raises(TypeError, match='holds a str'): loss_surface(learn, data=(rand(3, 2), 'abc'))
    with pytest.raises(ValueError, match='has 1 parameter: a plane needs'):
        loss_surface(SimpleNamespace(model=nn.Linear(1, 1, bias=False), loss_func=nn.MSELoss()))
    with pytest.raises(ValueError, match=r'expected \(nv, nu\), for these u and v \(2, 3\)'):
        Surface(Plane(rand(2), torch.tensor([1., 0]), torch.tensor([0., 1])), range(3), range(2), torch.zeros(3, 2))


def flat_of(model): return nn.utils.parameters_to_vector(model.parameters()).detach()


def test_budget_bounds_what_is_in_flight():
    x, y = rand(3000, 2), rand(3000, 1)
    model = nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 1))
    losses = []
    for max_bytes in (2**28, 500_000, 200_000):
        objective = Objective(model, nn.MSELoss(), [((x,), (y,))], max_bytes=max_bytes)
        points = VectorPoints(flat_of(model) + 0.1 * rand(9, objective.size))
        losses.append(objective(points))
        assert objective.n_samples == 3000
        for way in (AtOnce(objective), Chain(objective)):
            assert counted(lambda way=way, points=points: way(points, 0, 1)).most < 1.5 * max_bytes
    assert len(objective.pieces.batches[0].pieces) > 3
    for other in losses[1:]: torch.testing.assert_close(other, losses[0], rtol=1e-6, atol=0)


@pytest.mark.parametrize('bad, what',
                         [(3, 'a int'), ([None], 'a NoneType'), (torch.ones(3), r'a tensor of shape \(3,\)'),
                                       (np.ones((3, 2)), 'a ndarray')])
def test_what_is_no_path_is_refused(bad, what, count):
    with pytest.raises(TypeError,
                       match=f'paths holds {what}: expected a Trajectory, or flat parameters'): Plane.pca(bad)
    with pytest.raises(ValueError, match='paths is empty: expected at least one Trajectory'): Plane.pca([])
    plane = Plane(torch.zeros(3), *torch.eye(3)[:2])
    with pytest.raises(TypeError, match='flat holds a str: expected a Trajectory'): plane.project('path')
    with pytest.raises(TypeError, match='flat holds a int: expected a Trajectory'): plane.distance(3)
    with pytest.raises(TypeError, match='paths holds a int: expected a Trajectory'): plane.limits(3)
    count('bad inputs refused', 5)
