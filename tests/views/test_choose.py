"""Which views are chosen for which data and model, and the sentence that says why."""

import pytest
import torch
from fits import classes, line, mlp
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory import Samples, Trajectory
from fastsgd.views import ConfusionView, ParityView, SamplesView, choose_views
from fastsgd.views.asked import as_samples


def chosen(traj):
    views, why = choose_views(traj)
    names = [type(v).__name__ for v in views]
    assert all(name in why for name in names)
    return ' '.join(names), why


@pytest.mark.parametrize('make, names', [
    (line, 'FitView PathView LossView'), (mlp, 'FitView LossView'), (lambda: classes(2), 'BoundaryView LossView'),
    (lambda: classes(3), 'BoundaryView LossView'), (lambda: classes(2, 1), 'BoundaryView LossView')])
def test_by_data_and_model(make, names):
    assert chosen(make())[0] == names
    assert chosen([make(), make()])[0] == names


def bare(model, data=None, loss_func=F.mse_loss):
    params = {n: p.detach()[None].repeat(3, *[1] * p.ndim) for n, p in model.named_parameters()}
    return Trajectory(params, model=model, data=data, loss_func=loss_func, losses=torch.ones(2), lrs=torch.ones(2))


class Moody(nn.Linear):
    def forward(self, x): raise RuntimeError('not today')


@pytest.mark.parametrize('traj, why_not', [
    (bare(nn.Linear(3, 1)), 'no tensor data'),
    (bare(nn.Linear(3, 1), ((torch.randn(4, 3),), (torch.randn(4, 1),)), None), 'no loss function'),
    (bare(nn.Linear(3, 1), ((torch.randn(4, 5),), (torch.randn(4, 1),))), 'cannot be multiplied'),
    (bare(Moody(3, 1), ((torch.randn(4, 3),), (torch.randn(4, 1),))), 'not today'),
    (bare(nn.Linear(3, 1), ((torch.full((4, 3), torch.nan),), (torch.randn(4, 1),))),
     'none of its values would be finite'),
    (bare(nn.Linear(3, 1), ((torch.randn(4, 3),), (torch.randn(4, 1),)), lambda p, y: 'much'), 'no attribute'),
    (Trajectory({'a': torch.zeros(3, 2)}), 'no tensor data')])
def test_without_a_surface_it_says_why(traj, why_not):
    names, why = chosen(traj)
    assert names == 'LossView ParamsView' and why_not in why


def test_filters_that_can_be_made_out_are_the_third_view_beside_masks():
    x, y = torch.rand(4, 3, 16, 16), torch.randint(2, (4, 16, 16))
    traj = bare(nn.Conv2d(3, 2, 5, padding=2), ((x,), (y,)), F.cross_entropy)
    traj.samples = Samples((x,), (y,), 'image', 'mask', list((x * 255).byte().movedim(1, -1)), list(y))
    views, why = choose_views(traj)
    assert [type(v).__name__ for v in views] == ['SamplesView', 'WeightsView', 'LossView'] and 'looks for' in why
    assert views[1].most == 64, 'few points: all that are seen'


def test_a_model_that_fails_on_the_samples_costs_no_picture():
    x, y = torch.rand(4, 3), torch.rand(4, 2)
    traj = bare(Moody(3, 2), ((x,), (y,)))
    traj.samples = Samples((x,), (y,), target_kind='value', targets=y.tolist())
    names, why = chosen(traj)
    assert names == 'LossView ParamsView' and 'asking the model failed: ' in why and 'not today' in why


def test_two_inputs_that_are_no_classification():
    x = torch.randn(8, 2)
    regression = bare(nn.Linear(2, 1), ((x,), (torch.randn(8, 1),)))
    counts = bare(nn.Linear(2, 1), ((x,), (torch.arange(8.)[:, None],)))
    assert chosen(regression)[0] == chosen(counts)[0] == 'PathView LossView'


def quantiles(p, y): return torch.maximum(0.9 * (y - p), 0.1 * (p - y)).mean()
def normal(p, y): return F.gaussian_nll_loss(p[:, :1], y, p[:, 1:].exp())
def ranks(p, y): return sum(F.binary_cross_entropy_with_logits(p[:, k], (y > k).float()) for k in range(2))


def apart(p, y):
    same, far = y[:, None] == y, torch.cdist(p, p)
    return far[same].mean() + (2 - far[~same]).clamp(min=0).mean()


@pytest.mark.parametrize('loss_func, outputs, y, wrong, told', [
    (quantiles, 3, torch.rand(30, 1), ParityView, '3 numbers for 1 target'),
    (normal, 2, torch.rand(30, 1), ParityView, '2 numbers for 1 target'),
    (lambda p, y: (p - y).abs().mean(), 1, torch.rand(30, 2), ParityView, '1 number for 2 targets'),
    (ranks, 2, torch.arange(30) % 3, ConfusionView, '2 numbers for 3 classes'),
    (apart, 8, torch.arange(30) % 2, ConfusionView, '8 numbers for 2 classes')])
def test_answers_that_cannot_be_held_against_targets(loss_func, outputs, y, wrong, told):
    x = torch.randn(30, 4)
    traj = bare(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, outputs)), ((x,), (y,)), loss_func)
    traj.samples = as_samples((x,), (y,), loss_func)
    names, why = chosen(traj)
    classes = not y.is_floating_point()
    assert names == ('EmbeddingView ' if classes else '') + 'PathView LossView' and told in why
    for view in (wrong(), wrong((x, y))):
        with pytest.raises(ValueError, match=told): view.plot(traj, Figure().add_subplot())
    ax = Figure().add_subplot()
    SamplesView(n=2).plot(traj, ax, 0)
    assert told in ''.join(t.get_text() for t in ax.texts)
    said = f'{float(traj.predict(0, x)[0, 0]):.3g}'
    assert said in ' '.join(t.get_text() for t in ax.texts), 'the numbers as they are'


def test_a_loss_that_is_known_may_have_more_classes_than_the_samples():
    x, y = torch.randn(30, 4), torch.arange(30) % 2
    traj = bare(nn.Linear(4, 8), ((x,), (y,)), nn.CrossEntropyLoss())
    traj.samples = as_samples((x,), (y,), traj.loss_func)
    assert chosen(traj)[0] == 'ConfusionView PathView LossView'


@pytest.mark.parametrize('make, names',
                         [(line, 'FitView LossView'), (lambda: bare(nn.Linear(3, 1)), 'LossView ParamsView')])
def test_without_a_surface_for_a_fit_that_is_still_running(make, names):
    views, why = choose_views(make(), surface=False)
    assert ' '.join(type(v).__name__ for v in views) == names and all(name in why for name in names.split())
