"""Legends of an animation cover no data, name every fit, and draw names from outside letter by letter."""

import warnings

import numpy as np
import pytest
import torch
from fits import classes, line
from matplotlib.colors import to_hex

from fastsgd import (
    ActivationsView,
    BoundaryView,
    ConfusionView,
    CurveView,
    EmbeddingView,
    FitView,
    LayersView,
    LossView,
    LRView,
    MetricsView,
    ParamsView,
    ParityView,
    PathView,
    SharpnessView,
    Trajectory,
    View,
    animate,
)
from fastsgd.views.legends import MOST
from fastsgd.views.style import COLORS, class_style, shortened, style

T = Trajectory({'a': torch.linspace(0, 1, 30)[:, None] * torch.tensor([1., -1.])}, losses=torch.linspace(3, 1, 29),
               lrs=[0.1] * 29, valid=(torch.tensor([10, 20]), torch.tensor([2., 1.5])))
HOSTILE = ['$5 and $6', '$x^$', r'a\b\frac{', '_hidden', '100 %', 'a_b^c', 'two\nlines', '\u202e שלום عربى', 'x' * 500,
           '$', r'\$', '']


def moved(n=60, level=None):
    "A fit whose lines cross, or whose losses hardly change, with metrics that cross too"
    x = torch.linspace(0, 1, n + 1)
    losses = 5 * (-6 * x[:-1]).exp() + 0.1 if level is None else torch.full((n,), level)
    at = torch.arange(5, n + 1, 5)
    t = Trajectory({'a': torch.stack([x, 1 - x, -x, x / 2], 1)}, losses=losses, lrs=[0.1] * n,
                   valid=(at, losses[at - 1] * 0.9))
    t.metrics = {'accuracy': (at, x[at]), 'f1_score_of_all': (at, 0.9 - 0.8 * x[at]), 'rmse': (at, 50 * losses[at - 1])}
    return t


def under_the_legend(ax):
    "Names of the lines that pass under the legend of `ax`"
    box = ax.get_legend().get_window_extent().padded(-1)
    drawn = [a for a in ax.lines if len(a.get_xdata()) > 1 and a.get_transform() == ax.transData]
    return [a.get_label() for a in drawn if a.get_path().transformed(a.get_transform()).intersects_bbox(box, False)]


@pytest.mark.parametrize('views', [[LossView()], [MetricsView()], [LossView(), ParamsView(), MetricsView()]], ids=len)
@pytest.mark.parametrize('level', [None, 2.])
def test_no_line_passes_under_a_legend(level, views):
    anim = animate(moved(level=level), *views)
    anim._fig.canvas.draw()
    anim._func(anim._save_count - 1)
    anim._fig.draw_without_rendering()
    panels = [part for ax in anim._fig.axes for part in (ax, *ax.child_axes) if part.get_legend()]
    assert len(panels) == {1: len(views[0:1]) + isinstance(views[0], MetricsView), 3: 4}[len(views)]
    assert [under_the_legend(ax) for ax in panels] == [[]] * len(panels)


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


# -- every view that takes several fits

STEPS = torch.tensor([5, 10])


def measured(k):
    t = line(n=10, lr=0.01 * (k + 1), label=f'a rather long name of a fit that says all of it, {k}')
    t.metrics = {'accuracy': (STEPS, torch.tensor([0.2, 0.6])), 'f1': (STEPS, torch.tensor([0.1, 0.5])),
                 'perplexity': (STEPS, torch.tensor([8., 4. + k]))}
    return t


def two_classes(k): return classes(2, n=3, lr=0.1 * (k + 1), label=f'a rather long name of a fit that says all, {k}')


@pytest.mark.parametrize('n', [2, 5, 12])
@pytest.mark.parametrize('view, make', [
    (FitView(), measured), (LossView(), measured), (LRView(), measured), (ParamsView(), measured),
    (PathView(n=6), measured), (PathView(n=6, kind='3d'), measured), (MetricsView(), measured),
    (ParityView(), measured), (BoundaryView(n=6), two_classes), (CurveView(n=9), measured)], ids=repr)
def test_the_legend_of_several_fits_covers_nothing(view, make, n):
    anim = animate([make(k) for k in range(n)], view)
    fig, ax = anim._fig, anim._fig.axes[0]
    anim._func(anim._save_count - 1)
    fig.canvas.draw()
    shown = texts(fig)
    if 'CurveView' not in repr(view): # where each fit has its own part under its name
        if 'PathView' in repr(view) and n < 5: shown = [t.get_text() for t in ax.get_legend().get_texts()]
        assert sum('…' in s for s in shown) == n == sum('…' in s for s in set(shown)) and max(map(len, shown)) <= 75
    panels = [one.get_window_extent() for one in (ax, *ax.child_axes)]
    for legend in (*fig.legends, *filter(None, [ax.get_legend()])):
        box = legend.get_window_extent()
        assert box.x0 >= -1 and box.x1 <= fig.bbox.x1 + 1 and box.y0 >= -1, 'whole'
        assert not any(box.overlaps(panel.padded(-1)) for panel in panels)
    assert not any(part.get_legend() for part in ax.child_axes)


def ticks(axis):
    "The labels of those ticks that are drawn"
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()) if low <= tick.get_loc() <= high]


def overlaps(fig):
    "Texts of `fig` that overlap one another or a legend"
    axes = {o: None for ax in fig.axes for part in (ax, *ax.child_axes) for o in (part, *part.child_axes) if o.axison}
    texts = [t for o in axes for t in (*ticks(o.xaxis), *ticks(o.yaxis), o.xaxis.label, o.yaxis.label, o.title,
                                       o._left_title, *o.texts) if t.get_text() and t.get_visible()]
    boxes = [(t.get_text(), t.get_window_extent().padded(-1)) for t in texts]
    boxes += [('legend', legend.get_window_extent()) for legend in fig.legends]
    return [(a, b) for k, (a, box) in enumerate(boxes) for b, other in boxes[:k] if box.overlaps(other)]


APART = [CurveView(n=9), SharpnessView(n=2), LayersView(), ConfusionView(), ActivationsView(points=2),
         EmbeddingView('samples')]


@pytest.mark.parametrize('n', [2, 5, 12])
@pytest.mark.parametrize('view', APART, ids=repr)
def test_the_parts_of_several_fits_touch_neither_one_another_nor_the_legend(view, n):
    make = measured if isinstance(view, (CurveView, SharpnessView)) else two_classes
    anim = animate([make(k) for k in range(n)], view)
    anim._func(anim._save_count - 1)
    anim._fig.canvas.draw()
    assert overlaps(anim._fig) == []
    parts = [part.get_window_extent() for part in anim._fig.axes[0].child_axes]
    assert len(parts) == n and all(min(box.size) > 0.5 * anim._fig.dpi for box in parts)


def test_thirty_fits_beside_a_view_of_all():
    anim = animate([measured(k) for k in range(30)], CurveView(n=5), LossView())
    anim._func(10)
    anim._fig.canvas.draw()
    assert overlaps(anim._fig) == [] and anim._fig.get_figwidth() <= 10


def test_metrics_of_several_fits_are_told_apart():
    "A fit by its colour and marker, a metric by its kind of line: in the legend as in the panels"
    anim = animate([measured(0), measured(1)], MetricsView())
    legend, = anim._fig.legends
    handles = dict(zip(texts(anim._fig), legend.legend_handles))
    lines = {one.get_label(): one for part in anim._fig.axes[0].child_axes for one in part.lines}
    assert {'accuracy', 'f1', 'each step', 'valid_loss'} < handles.keys() and 'perplexity' not in handles
    for k in (0, 1):
        fit = next(h for name, h in handles.items() if name.endswith(f'{k}, lr=0.0{k + 1}'))
        for name in ('accuracy', 'f1', 'valid_loss'):
            drawn = lines[f'{name}, {measured(k).label}']
            assert drawn.get_color() == fit.get_color() and drawn.get_marker() == fit.get_marker()
            assert drawn.get_linestyle() == handles[name].get_linestyle()


def test_the_legend_of_sharpness_stands_where_nothing_is_drawn():
    anim = animate(measured(0), SharpnessView(n=2))
    anim._func(10)
    anim._fig.canvas.draw()
    ax = anim._fig.axes[0]
    for legend in (*anim._fig.legends, *filter(None, [ax.get_legend()])):
        box = legend.get_window_extent()
        for drawn in ax.lines:
            assert not any(box.contains(*place) for place in ax.transData.transform(drawn.get_xydata()))


def test_a_loss_off_the_plane_is_told_once():
    anim = animate(line(n=3), PathView(n=6))
    anim._func(3)
    title = anim._fig.axes[0].get_title(loc='left')
    assert title.count('loss') == 1 and 'plane' not in title and 'surface' not in title, 'the plane is exact'
