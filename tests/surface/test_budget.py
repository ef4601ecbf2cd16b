"""Work is counted, not timed: what nobody asked for is the same on every machine and never begun where it is too much.
"""

import time

import pytest
import torch
from torch import nn

from fastsgd import Trajectory
from fastsgd.surface.budget import affordable_surface
from fastsgd.surface.objective import Objective
from fastsgd.surface.work import Work, affordable, counted, work_of
from fastsgd.views.choose import SECONDS, SIZES, path_over_surface


def traj_of(model, x, y, loss_func=nn.functional.cross_entropy):
    moved = lambda p: torch.stack([p.detach() + 0.1 * k * torch.randn(p.shape) for k in range(3)])
    params = {n: moved(p) for n, p in model.named_parameters()}
    buffers = {n: b.expand(3, *b.shape) for n, b in model.named_buffers()}
    return Trajectory(params, buffers=buffers, model=model, loss_func=loss_func, data=((x,), (y,)))


def test_work_of_a_linear_layer_is_what_one_counts_by_hand():
    model = nn.Linear(30, 20)
    objective = Objective(model, nn.MSELoss(), [((torch.zeros(8, 30),), (torch.zeros(8, 20),))])
    for n in (1, 8, 100): assert work_of(objective, n).flops == 2 * n * 30 * 20
    assert work_of(objective).flops == 2 * 8 * 30 * 20
    assert work_of(objective).moved >= 16 * 620
    assert affordable(Work(4e10), 2.) == 2 and affordable(Work(), 2.) == 0
    assert counted(lambda: torch.zeros(1000) + 1).most == 8000


@pytest.mark.parametrize('model, x', [
    (nn.LSTM(4, 8, batch_first=True), torch.zeros(2, 5, 4)), (nn.GRU(4, 8, batch_first=True), torch.zeros(2, 5, 4)),
    (nn.Conv2d(3, 4, 3), torch.zeros(2, 3, 8, 8)), (nn.TransformerEncoderLayer(8, 2, 16).eval(), torch.zeros(2, 5, 8))])
def test_layers_are_counted_with_numbers_and_without(model, x):
    least = 2 * sum(p.numel() for p in model.parameters() if p.dim() > 1) * 10 * 0.8
    for device in ('cpu', 'meta'):
        with torch.no_grad(): assert counted(model.to(device), x.to(device)).work.flops >= least


class Seen(nn.Sequential):
    "Notes where it was called"
    seen = []
    def forward(self, x):
        self.seen.append(x.device.type)
        return super().forward(x)


def large():
    return traj_of(Seen(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                        nn.Linear(64, 10)), torch.zeros(40, 3, 64, 64), torch.arange(40) % 10)


def test_nothing_large_is_begun():
    Seen.seen.clear()
    traj = large()
    assert affordable_surface(traj, SIZES, SECONDS) is None
    view, why = path_over_surface(traj)
    assert view is None and 'too long for a model of 39,370 parameters' in why
    assert set(Seen.seen) == {'meta'}


def test_counting_ends_where_it_is_too_much():
    calls = []
    class Long(nn.Linear):
        "Many small operators, each of which takes longer to count than to do"
        def forward(self, x):
            for _ in range(5000):
                calls.append(1)
                x = super().forward(x)
            return x
    assert affordable_surface(traj_of(Long(3, 3), torch.zeros(9, 3), torch.arange(9) % 3), SIZES, SECONDS) is None
    assert 100 < len(calls) < 1000


@pytest.mark.parametrize('speed', [1e-3, 1., 1e3])
def test_the_choice_does_not_depend_on_the_clock(speed, monkeypatch):
    begin = time.perf_counter()
    for name in ('perf_counter', 'monotonic', 'process_time'):
        monkeypatch.setattr(time, name, lambda: (time.time() - begin) * speed)
    view, _ = path_over_surface(traj_of(nn.Linear(4, 3), torch.randn(100, 4), torch.arange(100) % 3))
    assert (view.n, view.kwargs) == (50, {'max_samples': 1000})


def test_more_samples_and_points_for_smaller_models():
    sizes = []
    for width in (2, 64, 1024, 65536):
        model = nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, 10))
        sizes.append(affordable_surface(traj_of(model, torch.zeros(2000, 20), torch.arange(2000) % 10), SIZES, SECONDS))
    assert sizes[0] == SIZES[-1] and sizes[0] >= sizes[1] > sizes[2] and sizes[-1] is None


def test_a_model_that_looks_at_numbers_is_counted_with_numbers():
    class Looks(nn.Linear):
        def forward(self, x): return super().forward(x) if float(x.sum()) < 1e9 else x
    traj = traj_of(Looks(4, 3), torch.zeros(9, 4), torch.arange(9) % 3)
    assert affordable_surface(traj, SIZES, SECONDS) == SIZES[-1]
