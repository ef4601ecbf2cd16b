"""Legends of an animation cover no data, name every fit, and draw names from outside letter by letter."""

import warnings

import numpy as np
import pytest
import torch
from fits import classes, line
from matplotlib.colors import to_hex

from fastsgd import BoundaryView, FitView, LossView, ParamsView, Trajectory, View, animate
from fastsgd.views.legends import MOST
from fastsgd.views.style import COLORS, class_style, shortened, style

T = Trajectory({'a': torch.linspace(0, 1, 30)[:, None] * torch.tensor([1., -1.])}, losses=torch.linspace(3, 1, 29),
               lrs=[0.1] * 29, valid=(torch.tensor([10, 20]), torch.tensor([2., 1.5])))
HOSTILE = ['$5 and $6', '$x^$', r'a\b\frac{', '_hidden', '100 %', 'a_b^c', 'two\nlines', '\u202e שלום عربى', 'x' * 500,
           '$', r'\$', '']


class CrossingView(View):
    def draw(self, traj, ax):
        line, = ax.plot([0, 1], [0, 0], label='line')
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.legend()
        def update(i):
            line.set_ydata([i / 29, 1 - i / 29])
            return [line]
        return update


def texts(fig): return [t.get_text() for legend in fig.legends for t in legend.get_texts()]


@pytest.mark.parametrize('view', [CrossingView(), ParamsView(), LossView()], ids=repr)
def test_legends_stay_where_they_are(view):
    animation = animate(T, view)
    legend = animation._fig.axes[0].get_legend()
    places, axes = set(), animation._fig.axes[0].bbox
    for i in (0, 29, 5):
        animation._func(i)
        animation._fig.canvas.draw()
        places.add(tuple(round(v) for v in legend.get_window_extent().extents))
    assert len(places) == 1
    x0, y0, x1, y1 = places.pop()
    assert axes.x0 - 1 <= x0 < x1 <= axes.x1 + 1 and axes.y0 - 1 <= y0 < y1 <= axes.y1 + 1


@pytest.mark.parametrize('n, name', [(2, 'SGD'), (4, 'Adam'), (4, 'a long name ' * 10), (30, 'fit')])
def test_one_legend_for_all_panels_outside_of_them(n, name):
    fits = [line(n=5, lr=0.01 * (k + 1), label=f'{name} {k}') for k in range(n)]
    fig = animate(fits, FitView(), LossView(), ParamsView())._fig
    legend, = fig.legends
    assert not any(ax.get_legend() for ax in fig.axes)
    shown = texts(fig)
    assert len(shown) == len(set(shown)) and {'data', 'first guess', 'validation'} <= set(shown)
    assert sum(s.endswith(f'lr={0.01 * (k + 1):.3g}') for k in range(n) for s in shown) == n, 'every fit, once'
    fig.draw_without_rendering()
    box = legend.get_window_extent()
    assert all(box.y1 <= ax.get_tightbbox().y0 + 1 for ax in fig.axes), 'over no panel'
    assert fig.bbox.x0 <= box.x0 and box.x1 <= fig.bbox.x1 and box.y0 >= fig.bbox.y0 - 1
    assert all(ax.bbox.height > 120 for ax in fig.axes), 'the figure grows, not the panels shrink'


def test_two_fits_of_one_name_have_an_entry_each():
    assert texts(animate([line(label='same'), line(label='same')], LossView())._fig).count('same, lr=0.1') == 2


def test_a_legend_of_many_says_how_many_more():
    shown = texts(animate(classes(MOST + 20, n=1), BoundaryView(n=4))._fig)
    assert len(shown) == MOST and shown[-1] == 'and 22 more' # with the boundary


@pytest.mark.parametrize('name', HOSTILE)
def test_names_are_drawn_letter_by_letter(name):
    "As a fit's name, a class's, a parameter's"
    fits = [line(n=2, label=name), line(n=2, lr=1.5, label='other')]
    t = classes(2, n=2)
    t.params, t.model = {name or 'a': torch.rand(3, 4)}, t.model
    bare = Trajectory({name or 'a': torch.rand(3, 4)}, losses=[2., 1.], lrs=[0.1] * 2)
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Glyph .* missing from') # of the font: boxes are drawn
        anim = animate(fits, FitView(), LossView(), ParamsView())
        shown = texts(anim._fig)
        wanted = shortened(f'{name or "fit 1"}, lr=0.1')
        assert wanted in shown
        for made in (anim, animate(bare, ParamsView()), animate(classes(2, n=2), BoundaryView(names=(name, 'b'), n=5))):
            made._func(2)
            made._fig.canvas.draw()
        plain = [text for legend in anim._fig.legends for text in legend.get_texts()]
    assert not any(text.get_parse_math() or text.get_usetex() for text in plain)


@pytest.mark.parametrize('name, short', [
    ('a' * 40, 'a' * 40), ('start ' + 'x' * 500 + ' end', None), ('two\nlines', 'two lines'), (3, '3'), ('', '')])
def test_shortened(name, short):
    got = shortened(name)
    assert len(got) <= 40
    assert got == short if short is not None else got.startswith('start x') and got.endswith('x end')


def test_many_colours_and_markers():
    looks = [class_style(k) for k in range(140)]
    assert len({look['color'] for look in looks[:60]}) == 60, 'regions have a colour only'
    assert len({(look['color'], look['marker']) for look in looks}) == 140
    assert len({tuple(style(k).values()) for k in range(140)}) == 140 and len(set(COLORS)) == 20


def test_regions_points_and_legend_agree():
    t = classes(22, n=30, lr=0.5)
    fig = animate(t, BoundaryView(n=60))._fig
    ax, (legend,) = fig.axes[0], fig.legends
    image, = ax.images
    colors = {text.get_text(): to_hex(handle.get_color())
              for text, handle in zip(legend.get_texts(), legend.legend_handles)}
    points = {a.get_label(): to_hex(a.get_color()) for a in ax.lines if a.get_label().startswith('class')}
    assert len(set(points.values())) == 22 and points == {k: v for k, v in colors.items() if k in points}
    gx, gy = np.linspace(*ax.get_xlim(), 60), np.linspace(*ax.get_ylim(), 60)
    best = t.predict(-1, torch.tensor([[gx[30], gy[20]]], dtype=torch.float32)).softmax(1)
    shade = image.get_array()[20, 30]
    base = np.array([int(points[f'class {int(best.argmax())}'][k:k + 2], 16) / 255 for k in (1, 3, 5)])
    sure = (best.max().item() * 22 - 1) / 21
    assert np.allclose(shade, 1 - 0.6 * sure * (1 - base), atol=1e-3)
