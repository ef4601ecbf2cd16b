"""A layout engine runs when what it measures may be another, and only then: all pixels are those of matplotlib."""

import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from test_raster import matplotlib_frame
from test_svg import resolved

from fastsgd.player import draw_pixels, draw_svg
from fastsgd.player.draw.margins import Margins, RoughRenderer
from fastsgd.player.draw.raster import still_png
from fastsgd.player.draw.scene import drawn_parts

T = np.linspace(0, 6, 9)
N = 5
NUMBER = re.compile(r'-?\d+(?:\.\d+)?')
STILL, MOVED = {}, {} # where nothing can move the axes, and where something does


def case(cases): return lambda make: cases.setdefault(make.__name__, make)


@case(STILL)
def titles_and_labels(fig, a, b):
    def func(i):
        a.set_title(f'step {i}')
        b.set_title(f'loss {1 / (i + 1):.3f}', loc='left')
        a.set_xlabel(f'x at {i}')
        b.set_ylabel(f'y at {i}')
    return func


@case(STILL)
def title_of_the_figure(fig, a, b):
    fig.supxlabel('steps')
    title = fig.suptitle('0')
    return lambda i: title.set_text(f'step {i}' * (i + 1))


@case(STILL)
def texts_and_lines_inside(fig, a, b):
    text, note = a.text(0.5, 0.5, ''), b.annotate('', (1, 1), (2, 2), arrowprops=dict(arrowstyle='->'))
    line, = a.plot(T, T)
    a.legend([line], ['line'], loc='upper left')
    b.set(xlim=(0, 6), ylim=(0, 6))

    def func(i):
        text.set(text=f'text {i}', y=i)
        line.set_ydata(T * i / 5)
        note.set_text(f'note {i}')
    return func


@case(STILL)
def limits(fig, a, b):
    a.set_title('title')
    return lambda i: a.set_xlim(0.25 + i / 50, 1 - i / 50)


@case(STILL)
def what_is_not_in_the_layout(fig, a, b):
    text = a.text(-0.3, 0.5, '', in_layout=False)
    return lambda i: text.set_text(f'text {i}\n' * (i + 1))


@case(MOVED)
def title_of_more_lines(fig, a, b):
    a.set_title('title')
    return lambda i: a.set_title('title\n' * (1 + i // 2) + f'{i}')


@case(MOVED)
def title_that_comes_and_goes(fig, a, b): return lambda i: b.set_title('title' * (i % 2))


@case(MOVED)
def label_of_more_lines(fig, a, b): return lambda i: a.set_xlabel(f'label {i}\n' * (1 + i // 3))


@case(MOVED)
def tick_labels_that_grow(fig, a, b): return lambda i: b.set_ylim(0, 10 ** i)


@case(MOVED)
def larger_ticks(fig, a, b): return lambda i: b.tick_params(labelsize=8 + 2 * i)


@case(MOVED)
def text_that_leaves(fig, a, b):
    text = a.text(0.8, 0.5, 'text', clip_on=False)
    return lambda i: text.set_x(0.5 + i / 5)


@case(MOVED)
def text_that_grows(fig, a, b):
    text = b.text(0.7, 0.5, '', rotation=30)
    return lambda i: text.set_text('text' * i)


@case(MOVED)
def text_that_shrinks(fig, a, b):
    text = b.text(0.8, 0.5, 'text', size=30)
    return lambda i: text.set_fontsize(30 - 6 * i)


@case(MOVED)
def title_of_the_figure_of_more_lines(fig, a, b):
    title = fig.suptitle('0')
    return lambda i: title.set_text(f'step {i}\n' * (1 + i // 2))


@case(MOVED)
def what_is_hidden(fig, a, b):
    a.set_ylabel('label', size=20)
    return lambda i: a.yaxis.label.set_visible(i % 2)


@case(MOVED)
def bar_of_colours(fig, a, b):
    image = a.imshow(np.outer(T, T))
    fig.colorbar(image)
    return lambda i: image.set_clim(0, 10 ** i)


def assert_alike(text, other):
    "But for the last digit: engines leave places at rest by 1e-14, which decides how a half is rounded"
    assert NUMBER.sub('', text) == NUMBER.sub('', other)
    numbers, others = (np.array(NUMBER.findall(t), float) for t in (text, other))
    np.testing.assert_allclose(numbers, others, rtol=0, atol=0.0101)


def made(make, layout):
    fig = Figure(figsize=(4, 2.5), dpi=72, layout=layout)
    FigureCanvasAgg(fig)
    return fig, make(fig, *fig.subplots(1, 2))


@pytest.mark.parametrize('layout', ['constrained', 'tight'])
@pytest.mark.parametrize('name', {**STILL, **MOVED})
def test_frames_are_matplotlibs(name, layout, monkeypatch):
    make = {**STILL, **MOVED}[name]
    fig, func = made(make, layout)
    engine, runs = type(fig.get_layout_engine()), []
    execute = engine.execute
    ours = [frame.copy() for frame in draw_pixels(fig, func, range(N))]
    monkeypatch.setattr(engine, 'execute', lambda self, fig: runs.append(self) or execute(self, fig))
    drawing = draw_svg(*made(make, layout), range(N))
    if name in STILL: assert len(runs) <= 3
    fig, func = made(make, layout)
    other, other_func = made(make, layout)
    for i, frame in enumerate(ours):
        func(i)
        assert np.array_equal(frame, matplotlib_frame(fig)), f'frame {i}'
        other_func(i)
        whole = draw_svg(other, lambda _: None, [0])
        assert_alike(resolved(drawing.frame(i), drawing), resolved(whole.frame(0), whole))
    assert len({frame.tobytes() for frame in ours}) > 1


@pytest.mark.parametrize('dpi', [72, 100])
@pytest.mark.parametrize('look', [dict(), dict(size=7, family='serif'), dict(size=20, weight='bold')])
def test_rough_measures_are_off_by_less_than_a_margin(dpi, look):
    fig = Figure(dpi=dpi)
    FigureCanvasAgg(fig)
    rough, agg = RoughRenderer(fig), fig._get_renderer()
    for s in ('step 3 of 100   loss 0.0456', 'WAVE, To. fi', 'jpqy\n(gQ)\nx', 'äöü', '-'):
        text = fig.text(0.5, 0.5, s, **look)
        wanted, off = text.get_window_extent(agg).extents, len(s)
        x0, y0, x1, y1 = np.abs(text.get_window_extent(rough).extents - wanted)
        assert max(x0, x1) < max(off / 2, 1) and max(y0, y1) < 2 + s.count('\n'), (s, look)


def test_formulas_are_never_measured_roughly():
    fig = Figure(layout='constrained')
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()
    ax.plot([0, 1])
    plain, formula = (ax.text(0.5, 0.5, s) for s in ('x', '$x^2$'))
    fig.draw_without_rendering()
    margins = Margins(fig, {ax: set(drawn_parts(ax))}, set())
    assert margins.surely_inside(plain, ax) and not margins.surely_inside(formula, ax) and margins.fits(formula, ax)


@pytest.mark.parametrize('layout', ['constrained', 'tight'])
def test_still_picture_runs_no_engine_and_moves_nothing(layout, monkeypatch):
    fig, func = made(next(iter(STILL.values())), layout)
    draw_svg(fig, func, range(N))
    engine, places = fig.get_layout_engine(), [ax.get_position().bounds for ax in fig.axes]
    monkeypatch.setattr(type(engine), 'execute', lambda self, fig: pytest.fail('the engine ran'))
    assert still_png(fig).startswith(b'\x89PNG')
    assert fig.get_layout_engine() is engine and [ax.get_position().bounds for ax in fig.axes] == places
