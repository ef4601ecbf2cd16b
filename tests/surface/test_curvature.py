"""`sharpness` and `Plane.hessian` against the whole Hessian, computed another way."""

from functools import partial

import pytest
import torch
from fastai.basics import CrossEntropyLossFlat, Learner, MSELossFlat
from matplotlib.figure import Figure
from torch import nn

from fastsgd import (
    PathView,
    Plane,
    RecordParamsCallback,
    Trajectory,
    linear_learner,
    loss_surface,
    sharpness,
    tensor_dls,
)


def fitted(model, xs, y, loss_func, n=3, lr=0.05, **kwargs):
    learn = Learner(tensor_dls((xs, y), bs=16, seed=0), model, loss_func=loss_func, cbs=RecordParamsCallback(),
                    **kwargs)
    with learn.no_bar(), learn.no_logging(): learn.fit(n, lr)
    return learn


def hessian(learn, i, x, y):
    "The whole matrix, by `torch.func`, at point i"
    traj = learn.record_params.trajectory
    point = {n: t.double() for n, t in traj.point(i).items()}
    model, names = learn.model.double().eval(), list(traj.params)
    shapes = [point[n].shape for n in names]

    def loss(flat):
        parts = flat.split([s.numel() for s in shapes])
        state = {**point, **{n: p.view(s) for n, p, s in zip(names, parts, shapes)}}
        return nn.functional.cross_entropy(torch.func.functional_call(model, state, x), y) if y.dtype == torch.int64 \
            else nn.functional.mse_loss(torch.func.functional_call(model, state, x), y)
    res = torch.func.hessian(loss)(torch.cat([point[n].reshape(-1) for n in names]))
    learn.model.float()
    return res


def perceptron():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, generator=g)
    return fitted(nn.Sequential(nn.Linear(3, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 1)), x,
                  x.sin().sum(1, keepdim=True), MSELossFlat()), x, x.sin().sum(1, keepdim=True)


def classifier():
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(48, 1, 6, 6, generator=g), torch.arange(48) % 3
    return fitted(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)), x, y,
                  CrossEntropyLossFlat()), x, y


@pytest.mark.parametrize('make', [perceptron, classifier])
def test_the_largest_eigenvalue_is_that_of_the_whole_hessian(make, tell):
    torch.manual_seed(0)
    learn, x, y = make()
    sharp = sharpness(learn, n=4, data=(x, y))
    traj = learn.record_params.trajectory
    for step, value in zip(sharp.steps.tolist(), sharp.values.tolist()):
        i = int((traj.steps == step).nonzero())
        h = hessian(learn, i, x.double(), y if y.dtype == torch.int64 else y.double())
        true = float(torch.linalg.eigvalsh(h)[-1])
        assert value == pytest.approx(true, rel=0.01)
        tell('sharpness', f'{make.__name__}, {traj.n_params} parameters, step {step}: {value:.5g}, eigvalsh {true:.5g}')


def test_of_the_lesson_it_is_known():
    learn = linear_learner(seed=0, log_every=None)
    with learn.no_bar(), learn.no_logging(): learn.fit(10, lr=0.1)
    x = learn.dls.train.dataset.tensors[0]
    true = float(torch.linalg.eigvalsh(2 / len(x) * x.double().T @ x.double())[-1])
    sharp = sharpness(learn)
    assert len(sharp.steps) == 11 and sharp.values.tolist() == pytest.approx([true] * 11, rel=1e-5)
    assert sharp.note == '100 samples'


class OverTime(nn.Module):
    "Sequences of any length: their batches can't be joined"
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 4), nn.Linear(4, 3)
    def forward(self, x): return self.b(self.a(x).tanh().mean(1))


@pytest.mark.parametrize('reduction', ['sum', 'mean'])
def test_batches_are_added_or_averaged_as_the_loss_does(reduction):
    torch.manual_seed(0)
    model, loss_func = OverTime(), partial(nn.functional.cross_entropy, reduction=reduction)
    batches = [(torch.randn(n, length, 2), torch.arange(n) % 3) for n, length in ((5, 4), (9, 6), (2, 8))]
    traj = Trajectory({n: torch.stack([p.detach(), 2 * p.detach()]) for n, p in model.named_parameters()}, model=model,
                      loss_func=loss_func)
    sharp = sharpness(traj, data=batches)
    assert sharp.note == '16 samples'
    for i, value in enumerate(sharp.values.tolist()):
        point = {n: t.double() for n, t in traj.point(i).items()}

        def loss(flat, point=point):
            parts = flat.split([t.numel() for t in point.values()])
            state = {n: part.view(t.shape) for (n, t), part in zip(point.items(), parts)}
            rows = [nn.functional.cross_entropy(torch.func.functional_call(model, state, x.double()), y,
                                                reduction='none') for x, y in batches]
            return getattr(torch.cat(rows), reduction)()
        h = torch.func.hessian(loss)(torch.cat([t.reshape(-1) for t in point.values()]))
        assert value == pytest.approx(float(torch.linalg.eigvalsh(h)[-1]), rel=0.01)


def test_a_large_negative_curvature_is_not_the_sharpest():
    from fastsgd.surface.curvature import lanczos
    g = torch.Generator().manual_seed(0)
    q, _ = torch.linalg.qr(torch.randn(60, 60, generator=g, dtype=torch.float64))
    values = torch.cat([torch.tensor([-50., 3., 2.5]), torch.linspace(-1, 1, 57)]).double()
    a = q @ torch.diag(values) @ q.T
    found, vectors = lanczos(lambda v: a @ v, 60, 2, seed=0)
    assert found == pytest.approx([3., 2.5], rel=1e-3)
    assert torch.allclose(a @ vectors[0], 3 * vectors[0], atol=0.1)


def test_nothing_is_left_behind_and_it_is_the_same_again():
    learn, x, y = perceptron()
    before = {n: t.clone() for n, t in learn.model.state_dict().items()}
    state, grads = torch.get_rng_state(), [p.grad for p in learn.model.parameters()]
    first, again = (sharpness(learn, n=3, data=(x, y)).values for _ in range(2))
    assert torch.equal(first, again) and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(t, before[n]) for n, t in learn.model.state_dict().items())
    assert all(p.requires_grad and p.grad is g for p, g in zip(learn.model.parameters(), grads))


def test_the_plane_of_the_sharpest_directions(tell):
    learn, x, y = perceptron()
    plane = Plane.hessian(learn, data=(x, y))
    h = hessian(learn, -1, x.double(), y.double())
    values = torch.linalg.eigvalsh(h)
    for d, true in zip((plane.d1, plane.d2), (values[-1], values[-2])):
        assert float(d.double() @ h @ d.double()) == pytest.approx(float(true), rel=0.01)
        assert float(d.norm()) == pytest.approx(1)
    surface = loss_surface(learn, plane, n=9, ulim=(-0.1, 0.1), vlim=(-0.1, 0.1), data=(x, y))
    middle = surface.loss[4]
    curvature = float(middle[5] - 2 * middle[4] + middle[3]) / float(surface.u[1] - surface.u[0])**2
    assert curvature == pytest.approx(float(values[-1]), rel=0.05), 'what is drawn is curved as it says'
    ax = PathView(surface).plot(learn.record_params.trajectory, Figure().add_subplot())
    assert 'sharpest direction 1' in ax.get_xlabel()


def test_frozen_parameters_stay_out():
    learn, x, y = perceptron()
    learn.model[4].requires_grad_(False)
    plane = Plane.hessian(learn, data=(x, y))
    sizes = [p.numel() for p in learn.model.parameters()]
    frozen = plane.d1.split(sizes)[4:]
    assert all(not t.any() for t in frozen) and plane.d1.any()


def test_errors_teach(count):
    learn = linear_learner(seed=0, log_every=None)
    with pytest.raises(ValueError, match='there is no recorded fit: fit with RecordParamsCallback'): sharpness(learn)
    with learn.no_bar(), learn.no_logging(): learn.fit(2, lr=0.1)
    with pytest.raises(ValueError, match='n=0: expected a whole number'): sharpness(learn, n=0)
    with pytest.raises(TypeError, match='learn is of type int: expected a learner with a recorded fit'): sharpness(3)
    with pytest.raises(IndexError, match='point 99 does not exist'): Plane.hessian(learn, 99)
    traj = learn.record_params.trajectory.take([0, 1])
    traj.model = None
    with pytest.raises(ValueError, match='this trajectory has no model'): sharpness(traj)
    bag = fitted(nn.Sequential(nn.EmbeddingBag(9, 3), nn.Linear(3, 1)), torch.randint(0, 9, (32, 4)), torch.rand(32, 1),
                 MSELossFlat(), n=1)
    with pytest.raises(ValueError, match='expected a model that PyTorch can differentiate twice'): sharpness(bag)
    count('bad inputs refused', 6)
