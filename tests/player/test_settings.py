"""What is set on axes, on figures and in matplotlib itself, and is of no artist, is drawn as in a fresh drawing."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from mpl_toolkits.axes_grid1 import host_subplot
from test_raster import matplotlib_frame
from test_svg import resolved

from fastsgd.player import draw_pixels, draw_svg

T = np.linspace(0, 6, 9)
FRAMES = [1, 1, 2, 0]
KINDS = {}


def kind(make):
    "`make(fig)` returns a function that sets what belongs to frame i"
    KINDS[make.__name__] = make
    return make


def polar(fig):
    ax = fig.add_subplot(projection='polar')
    ax.plot(T, T)
    return ax


def solid(fig):
    ax = fig.add_subplot(projection='3d')
    ax.plot(T, T, T)
    return ax


def halves(fig):
    left, right = fig.subfigures(1, 2)
    for half in (left, right): half.add_axes((-0.2, 0.2, 1.2, 0.6)).plot(T, T)
    return left, right


@kind
def where_angles_begin(fig):
    ax = polar(fig)
    return lambda i: ax.set_theta_zero_location('NES'[i])


@kind
def which_way_angles_run(fig):
    ax = polar(fig)
    return lambda i: ax.set_theta_direction([1, -1, -1][i])


@kind
def middle_of_polar_axes(fig):
    ax = polar(fig)
    return lambda i: ax.set_rorigin(-2 * i)


@kind
def labels_of_the_radius(fig):
    ax = polar(fig)
    return lambda i: ax.set_rlabel_position(50 * i)


@kind
def box_of_solid_axes(fig):
    ax = solid(fig)
    return lambda i: ax.set_box_aspect((1, 1, 0.5 + 0.5 * i))


@kind
def zoom_of_solid_axes(fig):
    ax = solid(fig)
    return lambda i: ax.set_box_aspect(None, zoom=0.6 + 0.2 * i)


@kind
def grid_of_solid_axes(fig):
    ax = solid(fig)
    return lambda i: ax.grid(i != 1)


@kind
def solid_axes_off(fig):
    ax = solid(fig)
    return lambda i: ax.set_axis_off() if i == 1 else ax.set_axis_on()


@kind
def functions_of_a_secondary_axis(fig):
    second = fig.add_subplot().secondary_xaxis('top', functions=(lambda x: x, lambda x: x))
    return lambda i: second.set_functions((lambda x: x * (i + 1), lambda x: x / (i + 1)))


@kind
def state_of_a_secondary_axis(fig):
    unit = {'m': 1.}
    fig.add_subplot().secondary_yaxis('right', functions=(lambda y: y * unit['m'], lambda y: y / unit['m']))
    return lambda i: unit.update(m=i + 1.)


@kind
def place_of_a_secondary_axis(fig):
    second = fig.add_subplot().secondary_xaxis('top')
    return lambda i: second.set_location(1 - 0.2 * i)


@kind
def state_of_a_scale(fig):
    power = {'k': 1.}
    ax = fig.add_subplot(xlim=(1, 2))
    ax.set_xscale('function', functions=(lambda x: x ** power['k'], lambda x: x ** (1 / power['k'])))
    return lambda i: power.update(k=i + 1.)


@kind
def place_by_a_locator(fig):
    ax = fig.add_subplot()
    inset = ax.inset_axes((0.1, 0.5, 0.3, 0.3))
    return lambda i: inset.set_axes_locator(lambda ax, renderer: Bbox.from_bounds(0.2 * i, 0.5, 0.3, 0.3))


@kind
def half_that_is_hidden(fig):
    half = halves(fig)[0]
    return lambda i: half.set_visible(i != 1)


@kind
def half_on_top(fig):
    half = halves(fig)[0]
    return lambda i: half.set_zorder(5 * (i % 2))


@kind
def axes_that_others_draw(fig):
    host = host_subplot(111, figure=fig)
    twin = host.twinx()
    line, = twin.plot(T, T)
    return lambda i: (line.set_ydata(T * i), twin.set_ylim(0, 6 + i))


@kind
def minus_signs(fig):
    fig.add_subplot(xlim=(-1, 1))
    return lambda i: mpl.rcParams.update({'axes.unicode_minus': i % 2 == 0})


@kind
def pads_of_a_layout_engine(fig):
    fig.set_layout_engine('constrained')
    fig.subplots(1, 2)
    return lambda i: fig.get_layout_engine().set(w_pad=0.1 + 0.2 * i)


def made(name):
    fig = Figure(figsize=(3, 2.4), dpi=72)
    FigureCanvasAgg(fig)
    return fig, KINDS[name](fig)


@pytest.mark.parametrize('name', KINDS)
def test_each_setting_is_drawn(name):
    def fresh(draw):
        "Each frame drawn anew, all of it"
        fig, func = made(name)
        return [(func(i), draw(fig))[1] for i in FRAMES]

    def whole(fig):
        drawing = draw_svg(fig, lambda _: None, [0])
        return resolved(drawing.frame(0), drawing)

    with mpl.rc_context():
        pixels = [frame.copy() for frame in draw_pixels(*made(name), FRAMES)]
        drawing = draw_svg(*made(name), FRAMES)
        for n, frame in enumerate(fresh(matplotlib_frame)): assert np.array_equal(pixels[n], frame), f'frame {n}'
        for n, frame in enumerate(fresh(whole)): assert resolved(drawing.frame(n), drawing) == frame, f'frame {n}'
    assert len({frame.tobytes() for frame in pixels}) > 1
