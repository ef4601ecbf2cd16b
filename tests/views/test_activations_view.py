"""`ActivationsView` shows what layers answer: compared with a loop, signs, ranges, and dead units counted."""

import looked_at
import numpy as np
import pytest
import torch
from fits import axes, classes, line, pixels
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.activations import ask_modules, modules_of
from fastsgd.trajectory.samples import Samples
from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import ActivationsView


class Functional(nn.Module):
    "ReLUs as functions: one in place, one of a sum; and a layer that is called by nobody"
    def __init__(self, inplace=False):
        super().__init__()
        self.first, self.second, self.unused = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(2, 2)
        self.last, self.inplace = nn.Linear(6, 2), inplace

    def forward(self, x):
        h = F.relu(self.first(x), inplace=self.inplace)
        g = self.second(h)
        g += h # not the layer's own answer any more
        return self.last(torch.relu(g))


def of(model, x, n=3):
    "A trajectory of `n` points that differ a little"
    gen = torch.Generator().manual_seed(0)
    params = {name: torch.stack([p.detach() + 0.1 * k * torch.randn(p.shape, generator=gen) for k in range(n)])
              for name, p in model.named_parameters()}
    return Trajectory(params, losses=[1.] * (n - 1), lrs=[0.1] * (n - 1), model=model,
                      data=((x,), (torch.zeros(len(x)),)))


def relu_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2))


@pytest.mark.parametrize('inplace', [False, True])
def test_numbers_are_those_of_a_loop(inplace):
    model, x = relu_net(), torch.randn(20, 3)
    model[1].inplace = inplace
    t = of(model, x)
    got = ask_modules(t, (x,), modules_of(t), [0, 2])
    assert got.names == ['0', '2', '4'] and got.kinds == ['Linear'] * 3 and got.mean.shape == (2, 3)
    for row, i in enumerate([0, 2]):
        h, expected = x, []
        for k in range(5):
            h = [F.linear(h, t.params[f'{k}.weight'][i], t.params[f'{k}.bias'][i]) if k % 2 == 0 else
                 (h.relu() if k == 1 else h.tanh())][0]
            if k % 2 == 0: expected.append(h)
        for column, out in enumerate(expected):
            assert got.mean[row, column].item() == pytest.approx(out.mean().item(), rel=1e-5)
            assert got.std[row, column].item() == pytest.approx(out.std(correction=0).item(), rel=1e-5)
            torch.testing.assert_close(got.values[column][row].sort().values, out.flatten().sort().values)
        assert got.dead[row, 0].item() == pytest.approx((expected[0] <= 0).all(0).double().mean().item())
    assert got.dead[:, 1:].isnan().all() # no ReLU follows: nothing is said


@pytest.mark.parametrize('inplace', [False, True])
def test_a_relu_is_seen_wherever_it_is_called(inplace):
    torch.manual_seed(0)
    model, x = Functional(inplace), torch.randn(20, 3)
    with torch.no_grad(): model.first.bias[:3] = -100.
    t = of(model, x)
    got = ask_modules(t, (x,), modules_of(t), [0])
    assert got.names == ['first', 'second', 'last'] # what nobody calls has no answers
    assert got.dead[0, 0] >= 0.5 and got.dead[0, 1:].isnan().all()


def test_channels_are_units():
    model, x = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), torch.rand(5, 1, 6, 6)
    with torch.no_grad(): model[1].bias[:3] = -50.
    t = Trajectory({n: p.detach()[None] for n, p in model.named_parameters()}, steps=[0], model=model,
                   buffers={n: b[None] for n, b in model.named_buffers()}, data=((x,), (torch.zeros(5),)))
    got = ask_modules(t, (x,), ['0', '1', '2'], [0])
    assert got.dead[0].tolist()[1:] == [0.75, 0.75] and got.dead[0, 0].isnan()
    assert model.training and not any(m._forward_hooks for m in (*model.modules(), *t._answering.model.modules()))


def texts(ax): return [t.get_text() for part in (ax, *ax.child_axes) for t in part.texts]


def test_the_picture_has_signs_axes_and_numbers():
    t = of(relu_net(), torch.randn(20, 3), n=6)
    ax = ActivationsView().plot(t, axes())
    bands = [part for part in ax.child_axes if part.get_xlabel() != 'share of the answers']
    assert len(bands) == 3 and bands[-1].get_xlabel() == 'step'
    answers = ask_modules(t, (t.data[0][0],), ['0', '2', '4'], range(6))
    for k, (part, values) in enumerate(zip(bands, answers.values)):
        low, high = part.get_ylim()
        assert low < min(values.min(), 0) + 0.2 and high > max(values.max(), 0) - 0.2 and low < 0 < high
        shares = np.ma.filled(part.collections[0].get_array().reshape(40, 6), 0)
        assert shares.sum(0) == pytest.approx(np.ones(6), abs=0.02)
        assert f'{answers.mean[5, k]:.2g} ± {answers.std[5, k]:.2g}' in texts(ax)
    assert '0 Linear' in texts(ax) and sum(t.endswith('dead') for t in texts(ax)) == 1


def test_frames_are_pure_and_cover_what_is_to_come():
    t, ax = of(relu_net(), torch.randn(20, 3), n=6), axes()
    update = ActivationsView(points=3).draw(t, ax) # points 0, 2 and 5
    artists = update(5)
    shown = {}
    for i in (0, 1, 2, 4, 5): shown[i] = (update(i), pixels(ax))[1]
    assert [id(a) for a in update(2)] == [id(a) for a in artists] and np.array_equal(pixels(ax), shown[2])
    assert np.array_equal(shown[0], shown[1]) and np.array_equal(shown[2], shown[4])
    assert not np.array_equal(shown[0], shown[2]) and not np.array_equal(shown[2], shown[5])
    for a in artists: a.set_visible(False)
    still = pixels(ax)
    update(0)
    assert np.array_equal(pixels(ax), still)


def test_models_of_all_kinds(count):
    fits = [line(n=3), classes(3, n=3), looked_at.pictures(n=2), looked_at.pictures(outputs=1, n=2)]
    for t in fits: ActivationsView(points=2).plot(t, axes()).figure.canvas.draw()
    ActivationsView().plot(fits[1:3], axes()).figure.canvas.draw() # several, each in a part
    count('models whose activations were drawn', len(fits))


def test_many_layers_are_spread_over_the_model():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(20)))
    t = of(model, torch.randn(4, 2))
    ax = ActivationsView(most=3).plot(t, axes())
    assert [s for s in texts(ax) if 'Linear' in s] == ['0 Linear', '10 Linear', '19 Linear']
    assert 'answers to 4 samples, 3 of 20 layers'.startswith(texts(ax)[0].rstrip('…'))
    ax = ActivationsView(names=['7', '3'], samples=Samples((torch.randn(9, 2),))).plot(t, axes())
    assert [s for s in texts(ax) if 'Linear' in s] == ['3 Linear', '7 Linear']
    assert any(s.startswith('answers to 9 samples') for s in texts(ax))


def test_what_is_not_finite_is_drawn():
    t = of(relu_net(), torch.randn(20, 3), n=4)
    params = {n: p.clone() for n, p in t.params.items()}
    for p in params.values(): p[2:] = torch.nan
    lost = Trajectory(params, losses=[1., 1., torch.nan], lrs=[0.1] * 3, model=t.model, data=t.data)
    ax = ActivationsView().plot(lost, axes())
    ax.figure.canvas.draw()
    assert 'nan ± nan' in texts(ax) and '0% dead' in texts(ax)


@pytest.mark.parametrize('make, text', [
    (lambda t: ActivationsView(names='10').plot(t, axes()), "names has '10': expected names of modules, such as '1'"),
    (lambda t: ActivationsView(most=0), 'most=0: expected a whole number of at least 1'),
    (lambda t: ActivationsView(points=0), 'points=0: expected a whole number of at least 1'),
    (lambda t: ActivationsView(bins=1), 'bins=1'),
    (lambda t: ActivationsView().plot(Trajectory({'a': torch.zeros(2, 2)}), axes()), 'this trajectory has no model'),
    (lambda t: ActivationsView().plot(Trajectory({'0.weight': torch.zeros(2, 2)}, model=nn.Linear(2, 2)), axes()),
     'neither samples nor data')])
def test_errors_teach(make, text, count):
    with pytest.raises(ValueError, match=text): make(of(relu_net(), torch.randn(20, 3)))
    with pytest.raises(TypeError, match='samples is of type int: expected Samples'): ActivationsView(samples=3)
    count('bad inputs refused')
