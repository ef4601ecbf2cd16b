"""Whatever an update function does, returned or not, is seen: random changes, against matplotlib's own frames."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from test_raster import matplotlib_frame
from test_svg import resolved

from fastsgd.player import draw_pixels, draw_svg

X = np.linspace(0, 1, 9)


class Stage:
    "A figure with something of everything, and changes to make to it."
    def __init__(self):
        self.fig = Figure(figsize=(4, 3), dpi=60)
        FigureCanvasAgg(self.fig)
        (self.a, self.b), (self.c, self.d) = self.fig.subplots(2, 2)
        self.line, = self.a.plot(X, X, label='line', lw=4)
        self.dots = self.a.scatter(X, 1 - X, c=X, label='dots')
        self.a.legend()
        self.image = self.b.imshow(np.outer(X, X))
        self.bar = self.fig.colorbar(self.image)
        self.bars = self.c.bar([0, 1, 2], [3, 1, 2])
        self.note = self.c.annotate('note', (1, 1), (2, 2), arrowprops=dict(arrowstyle='->'))
        self.twin = self.c.twinx()
        self.curve, = self.twin.plot([0, 2], [5, 7], 'C1', lw=6, alpha=0.5)
        self.fill = self.d.fill_between(X, X ** 2)
        self.text = self.d.text(0.5, 0.5, 'text')
        self.d.grid()
        self.head = self.fig.suptitle('head')
        self.fig.text(0.1, 0.1, 'foot')
        self.added = []

    def change(self, what, k):
        v = k / 7
        match what:
            case 'line': self.line.set_ydata(X * v)
            case 'line color': self.line.set(color=f'C{k}', zorder=2)
            case 'line below': self.line.set_zorder(k - 3)
            case 'dots': self.dots.set_offsets(np.c_[X, X * v])
            case 'dots colors': self.dots.set_array(X * v)
            case 'image': self.image.set_data(np.outer(X, X ** k))
            case 'range': self.image.set_clim(0, 1 + v)
            case 'map': self.image.set_cmap(['viridis', 'gray'][k % 2])
            case 'bars': self.bars[k % 3].set_height(k)
            case 'hatch': self.bars[0].set_hatch('/' * (k % 3) or None)
            case 'note': self.note.xy = v, 1
            case 'note text': self.note.set_text(f'note {k}')
            case 'curve': self.curve.set_xdata([0, v])
            case 'fill': self.fill.set_alpha(v)
            case 'text': self.text.set(text=f'text\n{k}', rotation=10 * k)
            case 'head': self.head.set_text(f'head {k}')
            case 'title': self.a.set_title(f'title {k}\n' * (1 + k % 2))
            case 'label': self.d.set_xlabel(f'label {k}')
            case 'limits': self.c.set_ylim(0, 1 + k)
            case 'shared limits': self.twin.set_ylim(0, 8 + k)
            case 'scale': self.a.set_yscale(['linear', 'symlog'][k % 2])
            case 'ticks': self.d.set_xticks([0, v])
            case 'tick look': self.d.tick_params(labelsize=6 + k, direction=['in', 'out'][k % 2])
            case 'spine': self.d.spines['top'].set_visible(k % 2 == 0)
            case 'face': self.d.set_facecolor(f'C{k}')
            case 'axis off': self.b.set_axis_off() if k % 2 else self.b.set_axis_on()
            case 'hide axes': self.c.set_visible(k % 2 == 0)
            case 'hide line': self.line.set_visible(k % 2 == 0)
            case 'move axes': self.d.set_position([0.6, 0.1, 0.2 + v / 9, 0.3])
            case 'add': self.added.append(self.d.axhline(v, color='C3'))
            case 'remove' if self.added: self.added.pop().remove()
            case 'legend': self.a.legend(loc=['upper left', 'best'][k % 2])
            case 'legend text': self.a.legend_.get_texts()[0].set_text(f'l{k}')
            case 'grid': self.d.grid(k % 2 == 0)
            case 'clip': self.line.set_clip_on(k % 2 == 0)
            case 'aspect': self.d.set_aspect(1 + v)
            case 'autoscale':
                self.a.relim()
                self.a.autoscale_view()


CHANGES = ['line', 'line color', 'line below', 'dots', 'dots colors', 'image', 'range', 'map', 'bars', 'hatch', 'note',
           'note text', 'curve', 'fill', 'text', 'head', 'title', 'label', 'limits', 'shared limits', 'scale', 'ticks',
           'tick look', 'spine', 'face', 'axis off', 'hide axes', 'hide line', 'move axes', 'add', 'remove', 'legend',
           'legend text', 'grid', 'clip', 'aspect', 'autoscale']
FRAMES = st.lists(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 7)), max_size=3), min_size=2, max_size=6)
# Each example draws some ten figures: few of them, and without looking for a smaller one.
QUICK = settings(max_examples=8, deadline=None, phases=[Phase.generate], derandomize=True,
                 suppress_health_check=list(HealthCheck))


def script(frames):
    stage = Stage()

    def func(i):
        for what, k in frames[i]: stage.change(what, k)
    return stage.fig, func


@pytest.mark.parametrize('what', CHANGES)
def test_each_change(what):
    frames = [[], [('add', 1), (what, 3)], [(what, 4)], [('line', 2)]]
    ours = [frame.copy() for frame in draw_pixels(*script(frames), range(len(frames)))]
    fig, func = script(frames)
    for i, frame in enumerate(ours):
        func(i)
        assert np.array_equal(frame, matplotlib_frame(fig)), f'frame {i}'


@QUICK
@given(FRAMES)
def test_pixels(frames):
    ours = [frame.copy() for frame in draw_pixels(*script(frames), range(len(frames)))]
    fig, func = script(frames)
    for i, frame in enumerate(ours):
        func(i)
        assert np.array_equal(frame, matplotlib_frame(fig)), f'frame {i}'


@QUICK
@given(FRAMES)
def test_svg(frames):
    drawing = draw_svg(*script(frames), range(len(frames)))
    fig, func = script(frames)
    for i in range(len(frames)):
        func(i)
        whole = draw_svg(fig, lambda _: None, [0])
        assert resolved(drawing.frame(i), drawing) == resolved(whole.frame(0), whole), f'frame {i}'
