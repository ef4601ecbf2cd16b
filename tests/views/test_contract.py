"What each view promises: `draw(traj, ax) -> update`, and `update(i) -> artists` for any `i` in any order"

import copy

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from fits import axes, line, mlp, pixels
from matplotlib.artist import Artist

from fastsgd.trajectory.trajectory import Trajectory
from fastsgd.views import FitView, LossView, LRView, ParamsView, PathView, View
from fastsgd.views.animate import animate


class Distance(View):
    "A view of one's own, in ten lines"
    def draw(self, traj, ax):
        far = (traj.flat - traj.flat[-1]).norm(dim=1)
        ax.plot(traj.steps, far, color='0.9') # where it goes: sets the limits too
        line, = ax.plot([], [])
        def update(i):
            line.set_data(traj.steps[:i + 1], far[:i + 1])
            return [line]
        return update


class Last:
    "Not even a View: anything with `draw` will do"
    def draw(self, traj, ax):
        text = ax.text(0.5, 0.5, '')
        def update(i):
            text.set_text(f'{traj.loss(i):.3f}')
            return [text]
        return update


VIEWS = [FitView(), LossView(), LRView(), ParamsView(), PathView(n=4), PathView(n=4, kind='3d'), Distance()]
names = lambda view: repr(view)


def steep(): return line(n=30, lr=1.5)


def lost():
    "A fit that turned to NaN and infinity"
    t = line()
    params = {'a': t.params['a'].clone()}
    params['a'][10:] = torch.nan
    params['a'][12:, 1] = torch.inf
    losses = t.losses.clone()
    losses[10:], losses[14:] = torch.nan, torch.inf
    return Trajectory(params, losses=losses, lrs=t.lrs, model=t.model, loss_func=t.loss_func, data=t.data)


def never(): # was anything finite
    t = line(n=4)
    return Trajectory({'a': torch.full((5, 2), torch.nan)}, losses=torch.full((4,), torch.nan), lrs=t.lrs,
                      model=t.model, loss_func=t.loss_func, data=t.data)


def resting(): # nothing moves, and the loss is zero
    t = line(n=4)
    return Trajectory({'a': torch.zeros(5, 2)}, losses=torch.zeros(4), lrs=torch.zeros(4), model=t.model, data=t.data,
                      loss_func=t.loss_func)


FITS = {'full batch': line, 'mini-batches': lambda: line(bs=5), 'diverged': steep, 'lost': lost, 'never finite': never,
        'resting': resting, 'one step': lambda: line(n=1), 'one point': lambda: line().take([3]),
        'thinned': lambda: line().thin(5), 'network': mlp}


def three(make): return [make() for _ in range(3)]


@pytest.mark.parametrize('count', [1, 3])
@pytest.mark.parametrize('fit', FITS)
@pytest.mark.parametrize('view', VIEWS, ids=names)
def test_update_is_pure_and_random_access(view, fit, count):
    if count == 3 and not view.several: pytest.skip('drawn once for each, by animate')
    traj = FITS[fit]() if count == 1 else three(FITS[fit])
    n = len(traj if count == 1 else traj[0])
    ax, settings = axes(view), copy.deepcopy(vars(view))
    update = view.draw(traj, ax)
    children = set(ax.get_children())
    last, limits = update(n - 1), (ax.get_xlim(), ax.get_ylim())
    assert all(isinstance(a, Artist) for a in last)
    shown = {i: (update(i), pixels(ax))[1] for i in (n - 1, 0, n // 2)}
    for i in (n // 2, n - 1):
        assert [id(a) for a in update(i)] == [id(a) for a in last], 'artists are updated, not made anew'
        assert np.array_equal(pixels(ax), shown[i])
    for a in last: a.set_visible(False)
    still = pixels(ax)
    update(0)
    assert np.array_equal(pixels(ax), still), 'all that changes is returned: a player swaps nothing else'
    assert set(ax.get_children()) == children
    assert (ax.get_xlim(), ax.get_ylim()) == limits, 'axes stand still'
    assert vars(view) == settings, 'a view holds settings only'


@pytest.mark.parametrize('view', VIEWS, ids=names)
def test_one_view_in_two_figures(view):
    first, second, alone = axes(view), axes(view), axes(view)
    t, other = line(bs=5), mlp()
    one = view.draw(t, first)
    two = view.draw(other, second)
    one(3)
    two(19)
    view.draw(t, alone)(3)
    assert np.array_equal(pixels(first), pixels(alone))


@pytest.mark.parametrize('view', VIEWS, ids=names)
def test_plot_is_the_frame_of_the_animation(view):
    t, ax, still = line(bs=5), axes(view), axes(view)
    view.draw(t, ax)(7)
    assert view.plot(t, still, i=7) is still
    assert np.array_equal(pixels(ax), pixels(still))
    view.plot(t, axes(view), i=-1)
    with pytest.raises(IndexError, match='point 21 does not exist: this trajectory has 21 points, 0 to 20'):
        view.plot(t, axes(view), i=21)


@pytest.mark.parametrize('view', [*VIEWS, Last()], ids=names)
def test_plot_and_animate_three_of_different_lengths(view):
    trajs = [line(n=n, label=f'{n} steps') for n in (3, 20, 9)]
    anim = animate(trajs, view)
    assert anim._save_count == 21
    anim._func(20)
    if isinstance(view, View): view.plot(trajs, axes(view), i=20)


def test_plot_without_axes_draws_on_pyplots_current_ones():
    plt.figure()
    try:
        ax = plt.gca()
        assert LossView().plot(line()) is ax
    finally: plt.close('all')


@pytest.mark.parametrize('view', VIEWS, ids=names)
def test_good_guest(view):
    mpl.get_backend() # settled by whoever asks first
    before, figures = mpl.rcParams.copy(), plt.get_fignums()
    view.plot(line(), axes(view))
    animate(line(), view).to_jshtml()
    assert mpl.rcParams == before and plt.get_fignums() == figures


def test_what_is_no_trajectory():
    with pytest.raises(TypeError, match='traj is of type NoneType, expected a Trajectory .* learn.record_params.traj'):
        LossView().plot(None, axes())
    with pytest.raises(ValueError, match='empty list'): LossView().plot([], axes())
    with pytest.raises(NotImplementedError, match=r'View needs a method draw\(traj, ax\)'): View().draw(line(), axes())


@pytest.mark.parametrize('view', VIEWS, ids=names)
def test_repr_shows_settings(view):
    assert repr(view).startswith(type(view).__name__ + '(')


def test_repr_shows_what_a_view_passes_on():
    assert repr(PathView()) == "PathView(kind='flat', n=50)"
    assert repr(PathView(n=4, plane='pca', seed=3)) == "PathView(kind='flat', n=4, plane='pca', seed=3)"
