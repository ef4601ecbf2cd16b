"""Which views are chosen for which data and model, and the sentence that says why."""

import pytest
import torch
from fits import classes, line, mlp
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import choose_views


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


def test_two_inputs_that_are_no_classification():
    x = torch.randn(8, 2)
    regression = bare(nn.Linear(2, 1), ((x,), (torch.randn(8, 1),)))
    counts = bare(nn.Linear(2, 1), ((x,), (torch.arange(8.)[:, None],)))
    assert chosen(regression)[0] == chosen(counts)[0] == 'PathView LossView'


@pytest.mark.parametrize('make, names',
                         [(line, 'FitView LossView'), (lambda: bare(nn.Linear(3, 1)), 'LossView ParamsView')])
def test_without_a_surface_for_a_fit_that_is_still_running(make, names):
    views, why = choose_views(make(), surface=False)
    assert ' '.join(type(v).__name__ for v in views) == names and all(name in why for name in names.split())
