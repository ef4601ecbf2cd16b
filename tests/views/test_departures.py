"""The step at which a line leaves the plot is that of the fit, whatever frames are shown, and is said off the line."""

import numpy as np
import pytest
import torch
from fits import line
from matplotlib.text import Text

from fastsgd import LossView, ParamsView, PathView, Trajectory, animate

SLOW, FAST = line(n=3000, lr=1.004), line(n=600, lr=1.03)


def left_for_good(values, limits):
    "The first step after the last one that is within the limits, of values along a row for each axis"
    inside = [(v >= low) & (v <= high) for v, (low, high) in zip(values, limits)]
    return int(np.flatnonzero(np.logical_and.reduce(inside))[-1]) + 1


def drawn(t, view, frames):
    anim = animate(t, view, max_frames=frames)
    anim._fig.canvas.draw()
    anim._func(anim._save_count - 1)
    anim._fig.draw_without_rendering()
    notes = [o for o in anim._fig.findobj(Text) if 'left the plot' in o.get_text()]
    return anim, anim._fig.axes[0], notes


@pytest.mark.parametrize('frames', [20, 200, 700])
@pytest.mark.parametrize('t', [SLOW, FAST], ids=['slow', 'fast'])
@pytest.mark.parametrize('view', [ParamsView(), PathView(n=4), LossView(), LossView(log=False)], ids=repr)
def test_the_step_is_that_of_the_fit(view, t, frames):
    anim, ax, (note,) = drawn(t, view, frames)
    rows, limits = t.flat.T.double().numpy(), (ax.get_xlim(), ax.get_ylim())
    if isinstance(view, PathView): step = left_for_good(rows, limits)
    elif isinstance(view, LossView): step = left_for_good([t.losses.double().numpy()], limits[1:])
    else: step = min(left_for_good([row], limits[1:]) for row in rows)
    assert note.get_text() == f'left the plot at step {step}'
    line_ = next(a for a in ax.lines if len(a.get_xdata()) > 2)
    inside = ax.bbox.padded(1)
    assert all(inside.contains(*corner) for corner in note.get_window_extent().corners())
    path = line_.get_path().transformed(line_.get_transform())
    assert not path.intersects_bbox(note.get_window_extent(), filled=False)
    anim._func(0)
    assert note.get_text() == ''


def test_a_parameter_is_drawn_up_to_where_it_leaves_by_itself():
    "At all recorded points, not those of the frames alone"
    ax = drawn(FAST, ParamsView(), 20)[1]
    for curve, row in zip([a for a in ax.lines if a.get_label().startswith('a[')], FAST.flat.T.double().numpy()):
        step = left_for_good([row], [ax.get_ylim()])
        x, y = curve.get_data()
        assert np.array_equal(x[:step + 1], range(step + 1)) and np.allclose(y[:step], row[:step], rtol=1e-5)
        assert np.isnan(y[step + 1:]).all()


@pytest.mark.parametrize('view', [ParamsView(), PathView(n=4), PathView(n=4, kind='3d'), LossView()], ids=repr)
def test_a_fit_that_ends_in_the_picture_has_not_left(view):
    t = line(n=10)
    t.params = Trajectory({'a': torch.where(torch.arange(11)[:, None] < 6, t.params['a'], torch.nan)}).params
    t.losses = torch.where(torch.arange(10) < 6, t.losses, torch.nan)
    assert not drawn(t, view, 200)[2]


def test_the_note_stands_off_a_path_into_the_lower_right_corner():
    way = torch.linspace(0, 1, 12)[:, None]
    t = line(n=11)
    points = torch.cat([torch.tensor([[0., 0.], [0., 4.]]), way * torch.tensor([4., -1.])])[:12]
    t.params = Trajectory({'a': points}).params
    t.params['a'][11] = torch.tensor([1e6, -1e6])
    t.losses[10] = 1e12
    _, ax, (note,) = drawn(t, PathView(n=4), 200)
    casing = ax.lines[0].get_path().transformed(ax.lines[0].get_transform())
    assert not casing.intersects_bbox(note.get_window_extent(), filled=False)


def test_the_note_of_a_solid_covers_none_of_its_numbers():
    anim = animate(FAST, ParamsView(), PathView(n=4), PathView(n=4, kind='3d'))
    anim._fig.canvas.draw()
    anim._func(anim._save_count - 1)
    anim._fig.draw_without_rendering()
    ax = next(ax for ax in anim._fig.axes if ax.name == '3d')
    note, = [o for o in ax.texts if 'left the plot' in o.get_text()]
    texts = [o for axis in (ax.xaxis, ax.yaxis, ax.zaxis) for o in (axis.label, *axis.get_ticklabels())]
    box = note.get_window_extent()
    assert not [o.get_text() for o in texts if o.get_text() and o.get_window_extent().overlaps(box)]
