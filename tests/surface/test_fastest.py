"""Which way a surface goes: the fastest, whatever a first call takes; and the same random numbers at each point."""

import random

import pytest
import torch
from torch import nn

from fastsgd import Plane
from fastsgd.surface import fastest
from fastsgd.surface.objective import Objective
from fastsgd.surface.points import PlanePoints
from fastsgd.surface.ways import Loop


def asked(model, n=1000):
    "An objective that was asked for the loss at `n` points, and the losses"
    torch.manual_seed(0)
    objective = Objective(model, nn.functional.mse_loss, [((torch.randn(9, 2),), (torch.randn(9, 1),))])
    return objective, objective(line(objective, n))


def line(objective, n=1000):
    "Points of a plane"
    at = torch.linspace(-1, 1, n, dtype=torch.float64)
    return PlanePoints(Plane.random(objective.template), at, at)


@pytest.mark.parametrize('first, call, point, way', [
    (1., 0., 1e-5, 'vmap'), # warming up takes a second
    (0., 8e-3, 1e-5, 'vmap'), # a call takes as long for few points as for many
    (0., 0., 1e-5, 'vmap'), (1., 0., 1e-2, 'loop'), (1., 5e-2, 1e-3, 'loop'), (0., 0., 2e-3, 'loop'),
    (0., 0., 8e-4, 'vmap'), (0., 0., 0.95e-3, 'loop')]) # too near to be sure
def test_a_way_is_dropped_for_what_it_takes_and_not_for_its_first_call(first, call, point, way, monkeypatch):
    seen = []

    def timed(way, points, i, j, device):
        losses, size = way(points, i, j), j - i
        if way.method == 'loop': return losses, size * 1e-3
        seen.append(size)
        return losses, first * (len(seen) == 1) + call + size * point
    monkeypatch.setattr(fastest, 'timed', timed)
    monkeypatch.setattr(fastest, 'calls_dominate', lambda work: False)
    objective, losses = asked(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
    assert objective.method == way
    torch.testing.assert_close(losses, objective(line(objective), Loop), rtol=1e-5, atol=1e-6) # whatever came in turns
    if call + point > 5e-3: assert way == 'vmap' or sum(seen) <= 10, 'what is slow is not asked for long'


class Draws(nn.Linear):
    "Draws random numbers of Python in evaluation mode too"
    def forward(self, x): return super().forward(x) + random.random()


@pytest.mark.parametrize('body, seeded', [(Draws, True), (nn.Linear, False)])
def test_pythons_random_numbers_are_seeded_where_they_are_drawn(body, seeded, monkeypatch):
    random.seed(3)
    state, calls, seed = random.getstate(), [], random.seed
    monkeypatch.setattr(random, 'seed', lambda *args: calls.append(seed(*args)))
    model = body(2, 1)
    objective, losses = asked(model, 20)
    assert random.getstate() == state and objective.seeds_python is seeded
    assert (len(calls) > 20) is seeded
    third = losses.diff().diff().diff()
    assert third.abs().max() < 1e-5 * (1 + losses.abs().max()), 'a parabola, without a trace of noise'
