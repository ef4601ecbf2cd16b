"""What users give as views: objects of their own, and an `update` that keeps the contract or is told so."""

import numpy as np
import pytest
import torch
from fits import axes, line
from matplotlib.artist import Artist

from fastsgd import BoundaryView, FitView, HistogramView, LossView, ParamsView, PathView, animate
from fastsgd.views.given import GivenView, as_views
from fastsgd.views.view import View, draw_view


class Returns:
    "An object of one's own, whose `update` returns what it is given"
    figsize = (3., 2.)
    def __init__(self, make): self.make = make
    def draw(self, traj, ax):
        self.line, = ax.plot([0, 1])
        self.bars = ax.bar([0, 1], [1, 2])
        return lambda i: self.make(self)
    def __repr__(self): return 'Returns()'


@pytest.mark.parametrize('make, n', [
    (lambda v: None, 0), (lambda v: v.line, 1), (lambda v: [v.line], 1), (lambda v: (v.line,), 1),
    (lambda v: v.bars, 2), (lambda v: [v.line, v.bars], 3), (lambda v: {v.line}, 1), (lambda v: iter([v.line]), 1),
    (lambda v: [], 0)])
def test_update_returns_none_one_or_many(make, n):
    view, = as_views(Returns(make))
    got = draw_view(view, [line()], axes())(0)
    assert len(got) == n and all(isinstance(a, Artist) for a in got)
    assert len(animate(line(n=3), Returns(make))._func(1)) == n + 1
    assert len(animate([line(n=3), line(n=3)], Returns(make))._func(1)) == 2 * n + 1


@pytest.mark.parametrize('value, what', [
    ('text', "'text'"), (3, '3'), ([1.5], '1.5'), (np.zeros(2), r'array\(\[0., 0.\]\)')])
def test_anything_else_is_told_by_the_views_name(value, what):
    message = rf'update\(i\) of Returns\(\) returned {what}: expected the artists .* return \[line\], or None'
    with pytest.raises(TypeError, match=message): animate(line(), Returns(lambda v: value))


def test_draw_returns_a_function():
    class Still(View):
        def draw(self, traj, ax): ax.plot([0, 1])
    with pytest.raises(TypeError, match=r'Still\(\).draw returned None: expected a function update\(i\)'):
        Still().plot(line(), axes())


def test_an_object_is_wrapped_once():
    own = Returns(lambda v: None)
    view, = as_views(own)
    assert isinstance(view, GivenView) and as_views(view) == (view,) and view.given is own
    assert view.figsize == (3., 2.) and (view.several, view.projection, view.live_points) == (False, None, 100)
    assert 'Shown: Returns.' in animate(line(), own).alt and repr(view) == 'Returns()'


@pytest.mark.parametrize('given, message', [
    (LossView, r'the class LossView, expected a view: LossView\(\)'),
    (3, r'views has 3, expected views with a method draw')])
def test_what_is_no_view(given, message):
    with pytest.raises(TypeError, match=message): as_views([given])


@pytest.mark.parametrize('make', [
    lambda n: FitView(n=n), lambda n: BoundaryView(n=n), lambda n: ParamsView(most=n), lambda n: PathView(n=n),
    lambda n: HistogramView(most=n, bins=n)])
def test_numbers_of_any_kind(make):
    for number in (np.int64(7), torch.tensor(7), np.uint8(7)): assert '7' in repr(make(number))
    for wrong in (0, 7.5, True, 'x', None, np.float32(7)):
        with pytest.raises(ValueError, match=r'expected'): make(wrong)


@pytest.mark.parametrize('setting', ['ghost', 'batch'])
def test_flags(setting):
    FitView(**{setting: np.bool_(True)})
    with pytest.raises(ValueError, match=f"{setting}='no': expected True or False"): FitView(**{setting: 'no'})
