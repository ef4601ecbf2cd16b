"""A surface is computed from coarse to fine, can be stopped, and is the same as if it had been computed in one go."""

import base64
import gc
import io
import re
import warnings
import weakref

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from fastsgd import PathView, Plane, Trajectory, loss_surface, progress
from fastsgd.surface.objective import Objective
from fastsgd.surface.points import PlanePoints
from fastsgd.surface.stages import Stages, watched_by
from fastsgd.views import early


class Seen(nn.Module):
    "A model of two parameters that notes where it was called, and can be interrupted; no two calls at once"
    def __init__(self, stop_after=None):
        super().__init__()
        self.w, self.seen, self.stop_after = nn.Parameter(torch.zeros(2)), [], stop_after
    def __deepcopy__(self, memo):
        res = Seen(self.stop_after)
        res.w, res.seen = nn.Parameter(self.w.detach().clone()), self.seen # all copies in one list
        return res
    def forward(self, x):
        self.seen.append(tuple(self.w.tolist()))
        if len(self.seen) == self.stop_after: raise KeyboardInterrupt
        return x @ (self.w - torch.tensor([0.3, 0.8])) + (self.w[0] * self.w[1]).sin()


def made(stop_after=None):
    torch.manual_seed(0)
    model, x = Seen(stop_after), torch.randn(20, 2)
    path = Trajectory({'w': torch.linspace(-1, 1, 6).reshape(3, 2)}, model=model, loss_func=nn.functional.mse_loss,
                      data=((x,), (torch.randn(20),)))
    return path, model


AREA = dict(plane='params', ulim=(-1, 2), vlim=(-2, 1))


@pytest.mark.parametrize('n', [(2, 2), (4, 5), (9, 9), (50, 50), (100, 7), (33, 64), (2, 100), (10, 10)])
def test_each_grid_holds_the_last_one_and_its_corners(n):
    u, v = (torch.arange(k, dtype=torch.float64) for k in n)
    stages = Stages(u, v)
    assert sorted(stages.order.tolist()) == list(range(n[0] * n[1])), 'each point once'
    last = set()
    for k, end in enumerate(stages.ends):
        i, j = (grid <= k for grid in (stages.grid_of_u, stages.grid_of_v))
        points = {(a, b) for a in i.nonzero().flatten().tolist() for b in j.nonzero().flatten().tolist()}
        assert last < points and {(0, 0), (n[0] - 1, n[1] - 1)} <= points
        got = stages.order[:end]
        assert points == set(zip((got % n[0]).tolist(), (got // n[0]).tolist()))
        last = points
    assert len(last) == n[0] * n[1]
    coarse = [int((grid == 0).sum()) for grid in (stages.grid_of_u, stages.grid_of_v)]
    assert all(min(k, 5) <= some <= 10 for k, some in zip(n, coarse))


@pytest.mark.parametrize('n', [(13, 22), (30, 30)])
@pytest.mark.parametrize('body', [Seen, lambda: nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1),
                                                             nn.Flatten(0))])
def test_the_values_are_those_of_one_go_to_the_last_bit(n, body, monkeypatch):
    torch.manual_seed(0)
    model, x = body(), torch.randn(20, 2)
    objective = Objective(model, nn.functional.mse_loss, [((x,), (torch.randn(20),))])
    plane = Plane.random(model, seed=1)
    monkeypatch.setattr('fastsgd.surface.fastest.calls_dominate', lambda work: True) # no clock decides
    u, v = (torch.linspace(-1, 1, k, dtype=torch.float64) for k in n)
    vv, uu = torch.meshgrid(v, u, indexing='ij')
    stages = Stages(u, v)
    objective(stages.points(plane, 'cpu'), keep=stages.add)
    for got, want in zip(stages.finest(), (u, v, objective(PlanePoints(plane, uu, vv)).reshape(n[1], n[0]))):
        assert torch.equal(got, want)


def test_no_point_is_evaluated_twice():
    path, model = made()
    surface = loss_surface(path, n=(17, 12), **AREA)
    want = {(float(torch.tensor(a).float()), float(torch.tensor(b).float())) for a in surface.u.tolist()
            for b in surface.v.tolist()}
    counts = {p: model.seen.count(p) for p in want}
    assert set(model.seen) >= want and surface.loss.shape == (12, 17) and not surface.stopped
    assert sum(counts.values()) <= len(want) + 12, 'but for the few that the ways are compared on'


@pytest.mark.parametrize('after, shape', [(100, (7, 8)), (240, (13, 14)), (700, (25, 26)), (1900, (25, 26))])
def test_an_interrupt_leaves_the_finest_grid_that_is_whole(after, shape):
    path, model = made()
    whole = loss_surface(path, n=(50, 49), **AREA)
    before = torch.get_rng_state(), path.flat.clone()
    path, model = made(after)
    with pytest.warns(UserWarning, match=f'interrupted: this surface has {shape[1]} × {shape[0]} of 50 × 49 points'):
        surface = loss_surface(path, n=(50, 49), **AREA)
    assert surface.stopped and surface.loss.shape == shape
    assert f'stopped at {shape[1]} × {shape[0]} of 50 × 49 points; mean over 20 samples' in repr(surface)
    i, j = (torch.searchsorted(all_, some) for all_, some in ((whole.u, surface.u), (whole.v, surface.v)))
    assert torch.equal(surface.u, whole.u[i]) and torch.equal(surface.v, whole.v[j])
    assert torch.equal(surface.loss, whole.loss[j[:, None], i])
    assert (surface.u[0], surface.u[-1]) == (-1, 2) and (surface.v[0], surface.v[-1]) == (-2, 1)
    # it works like any other, and nothing of the user's has moved
    assert torch.equal(surface.at(surface.u[1], surface.v[2]), surface.loss[2, 1])
    assert torch.equal(before[0], torch.get_rng_state()) and torch.equal(before[1], path.flat)
    assert not model.w.any() and torch.is_grad_enabled()
    assert PathView(surface).plot(path, Figure().add_subplot()).get_xlim() == (-1, 2)


def test_an_interrupt_before_the_first_grid_is_whole_goes_on():
    path, _ = made(20)
    with warnings.catch_warnings(), pytest.raises(KeyboardInterrupt):
        warnings.simplefilter('error')
        loss_surface(path, n=50, **AREA)


def test_nothing_is_left_behind():
    path, model = made(300)
    with pytest.warns(UserWarning, match='interrupted'): surface = loss_surface(path, n=40, **AREA)
    objective = weakref.ref(surface.objective)
    del surface
    gc.collect()
    assert objective() is None


def test_the_bar_says_how_much_is_there(monkeypatch, capsys):
    monkeypatch.setattr(progress, 'watched', lambda: True)
    clock = iter(range(10**6))
    monkeypatch.setattr(progress.time, 'monotonic', lambda: float(next(clock)))
    path, _ = made()
    loss_surface(path, n=20, **AREA)
    out = capsys.readouterr().out
    assert '6 × 6 of 20 × 20 points: stop to keep these' in out and '11 × 11 of 20 × 20 points: stop to keep' in out
    assert not out.split('\r')[-2].strip(), 'gone at the end'


def test_who_watches_sees_each_coarser_surface():
    path, _ = made()
    seen = []
    with watched_by(lambda surface, share: seen.append((surface, share))): whole = loss_surface(path, n=(20, 9), **AREA)
    assert [tuple(s.loss.shape) for s, _ in seen] == [(5, 6), (5, 11)]
    assert [share for _, share in seen] == pytest.approx([30 / 180, 55 / 180])
    for coarse, _ in seen:
        i, j = torch.isin(whole.u, coarse.u), torch.isin(whole.v, coarse.v)
        assert torch.equal(coarse.loss, whole.loss[j][:, i]) and coarse.objective is None
    loss_surface(path, n=9, **AREA)
    assert len(seen) == 2, 'only in the block'


def test_a_watcher_that_fails_is_a_warning():
    path, _ = made()
    with pytest.warns(UserWarning, match='no early picture of the surface: ZeroDivisionError') as told:
        with watched_by(lambda *_: 1 / 0): surface = loss_surface(path, n=30, **AREA)
    assert surface.loss.isfinite().all() and len(told) == 1


@pytest.mark.parametrize('kind', ['flat', '3d'])
def test_a_notebook_shows_coarse_pictures_and_takes_them_away(kind, monkeypatch):
    shown, clock = [], [0.]
    class Handle:
        def update(self, content, raw): shown.append(content)
    def display(content, raw, display_id):
        shown.append(content)
        return Handle()
    def passing(): # ten seconds between any two looks
        clock[0] += 10
        return clock[0]
    monkeypatch.setattr(early, 'notebook', lambda: True)
    monkeypatch.setattr(early, 'monotonic', passing)
    monkeypatch.setattr('IPython.display.display', display)
    path, _ = made()
    random = torch.get_rng_state()
    ax = Figure().add_subplot(projection=PathView(kind=kind).projection)
    PathView(kind=kind, n=17, **AREA).plot(path, ax)
    assert torch.equal(random, torch.get_rng_state())
    assert [s['text/plain'][:14] for s in shown] == ['Surface: 5 × 5', 'Surface: 9 × 9', '']
    for content in shown[:2]:
        png = base64.b64decode(re.search('base64,([^"]*)', content['text/html'])[1])
        assert np.asarray(Image.open(io.BytesIO(png)).convert('RGB')).std() > 20
    monkeypatch.setattr(early, 'monotonic', lambda: 0.)
    PathView(kind=kind, n=17, **AREA).plot(path, ax)
    assert len(shown) == 3, 'nothing where it is quick'
