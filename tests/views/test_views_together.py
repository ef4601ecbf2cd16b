"""Several trajectories in one picture."""

import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from torch import nn

from fastsgd import FitView, HistogramView, LossView, ParamsView, Trajectory, View, animate
from fastsgd.trajectory.several import in_step


def walk(n, label='', every=1, scale=1.):
    "A fit of n steps of a line with one weight, of which every `every`-th point was kept"
    steps = torch.arange(0, n + 1, every)
    x = torch.linspace(-1, 1, 20)[:, None]
    return Trajectory({'weight': steps.float()[:, None, None] * scale / n}, steps, scale / torch.arange(1., n + 1),
                      torch.full((n,), 0.1), model=nn.Linear(1, 1, bias=False), data=((x,), (2 * x,)), label=label)


class DotView(View):
    "What a user writes: it knows of one trajectory only"
    def draw(self, traj, ax):
        line, = ax.plot([], [])
        ax.set(xlim=(0, 10), ylim=(0, 1))
        def update(i):
            line.set_data(traj.steps[:i + 1], traj.params['weight'][:i + 1, 0, 0])
            return [line]
        return update


def looks(ax, names):
    lines = {line.get_label(): line for line in ax.lines}
    return [(to_hex(lines[n].get_color()), lines[n].get_marker()) for n in names]


# -- in step

def test_same_lengths():
    trajs = in_step([walk(10), walk(10)], 6)
    assert [t.steps.tolist() for t in trajs] == [[0, 2, 4, 6, 8, 10]] * 2


def test_a_shorter_one_waits_at_its_end():
    long, short = in_step([walk(100), walk(10)], 1000)
    assert len(long) == len(short) == 101
    assert short.steps[:11].tolist() == list(range(11)) and short.steps[10:].unique().tolist() == [10]
    assert short.n_steps == 10 and len(short.losses) == 10


@pytest.mark.parametrize('max_frames', [2, 3, 7, 50, 200])
def test_short_ones_keep_their_share(max_frames):
    trajs = [walk(1000), walk(100), walk(10)]
    res = in_step(trajs, max_frames)
    assert len({len(t) for t in res}) == 1 and len(res[0]) <= max_frames
    for t, whole in zip(res, trajs): assert int(t.steps[0]) == 0 and int(t.steps[-1]) == whole.n_steps
    if max_frames == 200: assert [len(t.steps.unique()) for t in res][2] == 11 and len(res[0]) > 150


def test_points_that_were_not_kept():
    a, b = in_step([walk(12), walk(12, every=4)])
    assert a.steps.tolist() == list(range(13))
    assert b.steps.tolist() == [0] * 4 + [4] * 4 + [8] * 4 + [12]


@pytest.mark.parametrize('lengths', [(10,), (10, 10), (10, 20)])
def test_max_frames_is_checked(lengths):
    with pytest.raises(ValueError, match='max_frames=1: expected a whole number of at least 2'):
        in_step([walk(n) for n in lengths], 1)


# -- drawn together

NAMES = ['a', 'b', 'c']
LABELS = [f'{n}, lr=0.1' for n in NAMES]


@pytest.mark.parametrize('view', [FitView(), LossView(), DotView()], ids=lambda v: type(v).__name__)
def test_a_colour_and_a_marker_each(view):
    ax = Figure().add_subplot()
    view.plot([walk(n, name) for n, name in zip((10, 10, 5), NAMES)], ax)
    colours, markers = zip(*looks(ax, LABELS))
    assert len(set(colours)) == len(set(markers)) == 3
    assert [t.get_text() for t in ax.get_legend().get_texts()][-3:] == LABELS


def test_params_of_several():
    ax = Figure().add_subplot()
    ParamsView().plot([walk(10, name) for name in NAMES], ax)
    colours, markers = zip(*looks(ax, LABELS))
    assert len(set(colours)) == len(set(markers)) == 3


def test_animation_of_several():
    anim = animate([walk(20, 'a'), walk(5, 'b')], LossView(), DotView())
    label, *artists = anim._func(3)
    assert label.get_text() == 'step 3 of 20'
    shown = lambda: [line.get_xdata()[-1] for line in anim._fig.axes[1].lines]
    assert shown() == [3, 3]
    assert anim._func(20)[0].get_text() == 'step 20 of 20   b ended at step 5'
    assert shown() == [20, 5]
    assert len(anim._func(3)) == 1 + len(artists) and shown() == [3, 3]
    assert 'a: 20 steps' in anim.alt and 'b: 5 steps' in anim.alt


def test_who_ended_and_who_diverged():
    lost = walk(20, 'lost')
    lost.losses[4:] = float('nan')
    func = animate([walk(20, 'a'), walk(5, 'b'), walk(7, 'c'), lost], LossView())._func
    assert func(4)[0].get_text() == 'step 4 of 20   lost diverged at step 4'
    assert func(20)[0].get_text() == 'step 20 of 20   lost diverged at step 4   2 fits ended at step 5, 7'


def test_still_picture_of_different_lengths():
    ax = Figure().add_subplot()
    DotView().plot([walk(5, 'b'), walk(20, 'a')], ax)
    assert [line.get_xdata()[-1] for line in ax.lines] == [5, 20]
    with pytest.raises(IndexError, match='point 21 does not exist: this trajectory has 21 points'):
        DotView().plot([walk(5), walk(20)], ax, 21)


@pytest.mark.parametrize('view, shape', [(ParamsView, '(1, 3)'), (ParamsView, None), (HistogramView, None)])
def test_fits_of_different_models_are_refused_by_name(view, shape, count):
    rows = torch.rand(3, 1, 2)
    fits = [Trajectory({'weight': rows, 'bias': rows}, label='narrow'),
            Trajectory({'weight': torch.rand(3, 1, 3), 'bias': rows} if shape else {'bias': rows}, label='wide')]
    has = shape or 'none'
    with pytest.raises(ValueError) as e: animate(fits, view())
    assert f"'weight' has the shape (1, 2) in 'narrow' and {has} in 'wide': expected fits of one model" in str(e.value)
    animate(fits, view(names=['bias']))
    count('bad inputs refused')
