"""Every kind of artist, and what belongs to one: each change is drawn, said to be one or not, as in a fresh drawing."""

import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, AnchoredText, AnnotationBbox, DrawingArea, OffsetImage
from matplotlib.patches import Circle, FancyArrowPatch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import Formatter, FuncFormatter, MultipleLocator
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox
from matplotlib.widgets import CheckButtons, RadioButtons, RangeSlider, Slider, TextBox
from mpl_toolkits.axes_grid1.inset_locator import BboxPatch
from test_raster import matplotlib_frame
from test_svg import resolved

from fastsgd.player import draw_pixels, draw_svg

T = np.linspace(0, 6, 9)
SQUARE = np.array([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8], [0.2, 0.2]])
KINDS = {}
SINCE_3_11 = {'points_of_a_line': 'a line hands out a copy of its points here: there is nothing to change in place',
              'text_box': 'matplotlib places the cursor of a text box by an earlier drawing here'}


def kind(make):
    "`make(ax)` returns what changes with frame i and an artist to return or not"
    KINDS[make.__name__] = make
    return make


def note(ax, **kwargs):
    ax.set(xlim=(0, 6), ylim=(0, 6))
    return ax.annotate('note', (1, 1), (3, 4), arrowprops=dict(arrowstyle='->', lw=3), **kwargs)


def text(ax): return ax.text(0.4, 0.4, 'text', size=20, bbox=dict(facecolor='C1'))


def path_patch(ax): return ax.add_patch(PathPatch(Path(SQUARE.copy()), color='C2'))


@kind
def arrow_of_a_note(ax):
    a = note(ax)
    return lambda i: a.arrow_patch.set(color=f'C{i}', linewidth=1 + 2 * i), a.arrow_patch


@kind
def arrow_of_a_note_that_is_returned(ax):
    a = note(ax)
    return lambda i: a.arrow_patch.set_arrowstyle(['->', '-|>', '<->'][i]), a


@kind
def where_a_note_points(ax):
    a = note(ax)
    return lambda i: setattr(a, 'xy', (1 + i, 1)), a


@kind
def box_of_a_text(ax):
    t = text(ax)
    return lambda i: t.get_bbox_patch().set_facecolor(f'C{i}'), t.get_bbox_patch()


@kind
def box_of_a_text_made_anew(ax):
    t = text(ax)
    return lambda i: t.set_bbox(dict(facecolor=f'C{i}') if i else None), t


@kind
def box_that_a_text_did_not_have(ax):
    t = ax.text(0.4, 0.4, 'text', size=20)

    def func(i):
        if i == 1: t.set_bbox(dict(facecolor='C1'))
        if i == 2: t.get_bbox_patch().set(facecolor='C2', linewidth=4)
    return func, t


@kind
def style_of_a_box(ax):
    t = text(ax)
    return lambda i: setattr(t.get_bbox_patch().get_boxstyle(), 'pad', 0.3 + i), t


@kind
def box_of_a_note(ax):
    a = note(ax, bbox=dict(facecolor='C1'))
    return lambda i: a.get_bbox_patch().set(facecolor=f'C{i}', boxstyle=['round', 'square', 'larrow'][i]), a


@kind
def box_of_a_title(ax):
    ax.set_title('title', bbox=dict(facecolor='C1'))
    return lambda i: ax.title.get_bbox_patch().set_facecolor(f'C{i}'), ax.title


@kind
def box_of_a_label(ax):
    ax.set_xlabel('label', bbox=dict(facecolor='C1'))
    return lambda i: ax.xaxis.label.get_bbox_patch().set_facecolor(f'C{i}'), ax.xaxis.label


@kind
def cells_of_a_table(ax):
    table = ax.table([['a', 'b'], ['c', 'd']], loc='center')

    def func(i):
        table[0, 0].get_text().set_text(f'cell {i}')
        table[1, 1].set_facecolor(f'C{i}')
    return func, table


@kind
def text_in_a_cell(ax):
    table = ax.table([['a', 'b'], ['c', 'd']], loc='center')
    return lambda i: table[0, 1].set_text_props(color=f'C{i}'), table[0, 1]


@kind
def new_cells(ax):
    table = ax.table([['a', 'b'], ['c', 'd']], loc='center')

    def func(i):
        if i == 1: table.add_cell(2, 0, 0.4, 0.1, text='new')
        if i == 2: table[2, 0].get_text().set_text('newer')
    return func, table


@kind
def key_of_a_quiver(ax):
    key = ax.quiverkey(ax.quiver(T, T, T, T), 0.5, 0.9, 3, 'key')

    def func(i):
        key.text.set_text(f'key {i}')
        key.text.set_color(f'C{i}')
    return func, key


@kind
def arrows_of_a_quiver(ax):
    arrows = ax.quiver(T, T, T, T, T, scale=40)
    return lambda i: arrows.set_UVC(T, T * i, T * (1 - i)), arrows


@kind
def arrows_changed_in_place(ax):
    arrows = ax.quiver(T, T, T.copy(), T.copy(), scale=40)
    return lambda i: np.copyto(arrows.U, np.sin(T + i) * 5), arrows


@kind
def barbs(ax):
    feathers = ax.barbs(T, T, T * 9, T)
    return lambda i: feathers.set_UVC(T * 9, T * i * 9), feathers


@kind
def slider(ax):
    s = Slider(ax, 'value', 0, 5, valinit=4)
    return lambda i: s.set_val(i), s.valtext


@kind
def slider_of_a_range(ax):
    s = RangeSlider(ax, 'range', 0, 5, valinit=(3, 4))
    return lambda i: s.set_val((i, i + 1)), s.valtext


@kind
def check_buttons(ax):
    buttons = CheckButtons(ax, ['a', 'b', 'c'])
    return lambda i: buttons.set_active(i), buttons.labels[0]


@kind
def radio_buttons(ax):
    buttons = RadioButtons(ax, ['a', 'b', 'c'], active=2)
    return lambda i: buttons.set_active(i), buttons.labels[0]


@kind
def text_box(ax):
    box = TextBox(ax, 'box', 'before')
    return lambda i: box.set_val(f'text {i}'), box.text_disp


@kind
def ticks_with_a_drawing_in_between(ax):
    def func(i):
        ax.tick_params(labelsize=8 + 4 * i, length=2 + 5 * i)
        ax.figure.canvas.draw()
    return func, ax.xaxis


@kind
def drawn_apart(ax):
    line, = ax.plot(T, T)

    def func(i):
        line.set_ydata(np.sin(T * i))
        ax.draw_artist(line)
    ax.figure.canvas.draw()
    return func, line


@kind
def transform_changed_in_place(ax):
    turn = Affine2D()
    line, = ax.plot(T, T, transform=turn + ax.transData)
    return lambda i: turn.scale(1, 0.5), line


@kind
def transform_of_a_patch_on_logarithmic_axes(ax):
    turn = Affine2D()
    ax.set(xscale='log', yscale='log', xlim=(0.1, 9), ylim=(0.1, 9))
    patch = ax.add_patch(Circle((1, 1), 0.5, transform=turn + ax.transData))
    return lambda i: turn.scale(2, 0.8), patch


@kind
def transform_of_offsets(ax):
    shift = Affine2D()
    dots = ax.scatter(T, T, transform=shift + ax.transData)
    return lambda i: shift.translate(0.3, -0.2), dots


@kind
def box_of_a_transform(ax):
    box = Bbox([[0, 0], [1, 1]])
    t = ax.text(0.1, 0.5, 'clipped', size=30, clip_on=True)
    t.set_clip_box(TransformedBbox(box, ax.transAxes))
    return lambda i: box.set_points(np.array([[0, 0], [0.9 - 0.2 * i, 1]])), t


@kind
def path_changed_in_place(ax):
    patch = path_patch(ax)
    return lambda i: np.multiply(patch.get_path().vertices, 0.9, out=patch.get_path().vertices), patch


@kind
def corners_of_a_polygon(ax):
    polygon, = ax.fill(*SQUARE.T)
    return lambda i: polygon.get_xy().__setitem__((1, 1), 0.1 * i), polygon


@kind
def points_of_a_line(ax):
    line, = ax.plot(T.copy(), T.copy())
    return lambda i: line.get_xydata().__setitem__((3, 1), i + 4), line


@kind
def paths_of_a_collection(ax):
    patches = ax.add_collection(PatchCollection([PathPatch(Path(SQUARE.copy()))]))
    return lambda i: patches.get_paths()[0].vertices.__setitem__(1, [0.5 + 0.2 * i, 0]), patches


@kind
def offsets_changed_in_place(ax):
    dots = ax.scatter(T, T)
    return lambda i: dots.get_offsets().__setitem__((2, 1), i), dots


@kind
def colours_changed_in_place(ax):
    dots = ax.scatter(T, T, c=T.copy())
    return lambda i: dots.get_array().__setitem__(2, i * 2), dots


@kind
def pixels_changed_in_place(ax):
    image = ax.imshow(np.outer(T, T))
    return lambda i: image.get_array().__setitem__((3, 3), 9 * i), image


@kind
def contours(ax):
    lines = ax.contour(np.outer(T, T), levels=5)
    return lambda i: lines.set(linewidth=1 + i, edgecolor=f'C{i}'), lines


@kind
def labels_of_contours(ax):
    labels = ax.contour(np.outer(T, T), levels=5).clabel()
    return lambda i: labels[0].set_text(f'{i}'), labels[0]


@kind
def path_effects(ax):
    t = text(ax)
    return lambda i: t.set_path_effects([patheffects.withStroke(linewidth=1 + 3 * i, foreground='r')]), t


@kind
def path_effects_one_more(ax):
    line, = ax.plot(T, T, path_effects=[patheffects.SimpleLineShadow()])
    add = line.get_path_effects().append
    return lambda i: add(patheffects.withStroke(linewidth=3 * i + 1, foreground=f'C{i}')), line


@kind
def path_effects_of_an_arrow(ax):
    a = note(ax)
    return lambda i: a.arrow_patch.set_path_effects([patheffects.withStroke(linewidth=5 + i, foreground='r')]), a


@kind
def path_effects_changed_in_place(ax):
    effect = patheffects.withStroke(linewidth=1, foreground='r')
    line, = ax.plot(T, T, path_effects=[effect])
    return lambda i: effect._gc.update(linewidth=2 + 3 * i), line


@kind
def formatter_with_a_function(ax):
    unit = {'k': 1}
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value * unit["k"]:g}'))
    return lambda i: unit.update(k=1 + i), ax.yaxis


class Units(Formatter):
    unit = 'm'
    def __call__(self, value, pos=None): return f'{value:g} {self.unit}'


@kind
def formatter_of_ones_own(ax):
    ax.xaxis.set_major_formatter(Units())
    return lambda i: setattr(ax.xaxis.get_major_formatter(), 'unit', 'abc'[i]), ax.xaxis


@kind
def formatter_of_matplotlibs(ax):
    ax.set_xlim(0, 10_000)
    return lambda i: ax.xaxis.get_major_formatter().set_powerlimits([(-9, 9), (0, 0), (-2, 2)][i]), ax.xaxis


@kind
def locator(ax):
    ax.xaxis.set_major_locator(MultipleLocator(0.5))
    return lambda i: ax.xaxis.get_major_locator().set_params(base=[0.5, 0.25, 0.1][i]), ax.xaxis


@kind
def scale_of_axes_of_equal_aspect(ax):
    ax.set(xlim=(1, 9), ylim=(1, 90), aspect='equal')
    ax.plot(T + 1, T + 1)
    return lambda i: ax.set_yscale(['linear', 'log', 'symlog'][i]), ax.yaxis


@kind
def scale_with_the_same_name(ax):
    ax.set(xlim=(-9, 9), aspect='equal')
    return lambda i: ax.set_xscale('symlog', linthresh=1 + i), ax.xaxis


@kind
def ticks_below_a_title(ax):
    ax.set_title('title')
    ax.xaxis.tick_top()
    return lambda i: ax.tick_params(labelsize=8 + 6 * i), ax.xaxis


@kind
def offset_below_a_title(ax):
    ax.set_title('a long title, left', loc='left')
    return lambda i: ax.set_ylim(0, 10 ** (3 * i)), ax.yaxis


@kind
def legend_texts_and_frame(ax):
    ax.plot(T, T, label='line')
    legend = ax.legend(loc='center')

    def func(i):
        legend.get_frame().set(facecolor=f'C{i}', linewidth=i)
        legend.legend_handles[0].set_color(f'C{i + 3}')
    return func, legend


@kind
def title_of_a_legend(ax):
    ax.plot(T, T, label='line')
    legend = ax.legend(loc='center', title='title')
    return lambda i: legend.get_title().set_text(f'title {i}'), legend


@kind
def anchored_text(ax):
    box = ax.add_artist(AnchoredText('text', 'upper left'))
    return lambda i: box.txt.set_text(f'text {i}\n' * (i + 1)), box


@kind
def picture_in_a_box(ax):
    picture = OffsetImage(np.outer(T, T), zoom=4, norm=Normalize(0, 36))
    box = ax.add_artist(AnnotationBbox(picture, (0.5, 0.5), (0.2, 0.8), arrowprops=dict(arrowstyle='->')))

    def func(i):
        picture.set_data(np.outer(T, T ** (i + 1)))
        box.patch.set_facecolor(f'C{i}')
    return func, box


@kind
def arrow_between_points(ax):
    arrow = ax.add_patch(FancyArrowPatch((0, 0), (1, 1), mutation_scale=20))
    return lambda i: arrow.set_positions((0, 0), (1, 0.5 * i)), arrow


@kind
def error_bars(ax):
    bars = ax.errorbar(T, T, yerr=1.0, capsize=4)

    def func(i):
        bars.lines[1][0].set_ydata(T + i)
        bars.lines[2][0].set_color(f'C{i}')
    return func, bars.lines[2][0]


@kind
def stems(ax):
    stem = ax.stem(T, T)
    return lambda i: stem.stemlines.set_linewidth(1 + 3 * i), stem.stemlines


@kind
def mesh(ax):
    mesh = ax.pcolormesh(np.outer(T, T))
    return lambda i: mesh.set_array(np.outer(T, T ** (i + 1))), mesh


@kind
def spine(ax): return lambda i: ax.spines['left'].set_position(('axes', 0.2 * i)), ax.spines['left']


@kind
def offset_text_of_an_axis(ax):
    ax.set_ylim(0, 1e9)
    return lambda i: ax.yaxis.get_offset_text().set_color(f'C{i}'), ax.yaxis


@kind
def text_of_the_figure(ax):
    t = ax.figure.text(0.1, 0.9, 'text', bbox=dict(facecolor='C1'))
    return lambda i: t.get_bbox_patch().set_linewidth(2 * i), t


@kind
def bar_of_colours(ax):
    bar = ax.figure.colorbar(ax.imshow(np.outer(T, T)))
    return lambda i: bar.outline.set(linewidth=1 + 3 * i), bar.outline


@kind
def font_changed_in_place(ax):
    t = text(ax)
    return lambda i: t.get_fontproperties().set_size(10 + 5 * i), t


@kind
def norm_changed_in_place(ax):
    image = ax.imshow(np.outer(T, T), norm=PowerNorm(1.))
    return lambda i: setattr(image.norm, 'gamma', 1 / (i + 1)), image


@kind
def colours_of_a_map_changed_in_place(ax):
    colours = mpl.colormaps['viridis'].copy()
    dots = ax.scatter(T, T, c=T, cmap=colours, vmax=3)

    def func(i):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', PendingDeprecationWarning)
            colours.set_over(f'C{i}')
    return func, dots


@kind
def colours_masked_elsewhere(ax):
    dots = ax.scatter(T, T, c=np.ma.array(T))
    return lambda i: dots.set_array(np.ma.masked_equal(np.arange(9), i)), dots


@kind
def triangles_shaded_from_corner_to_corner(ax):
    mesh = ax.tripcolor([0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 2, 3], shading='gouraud')
    return lambda i: mesh.set_array([i, 1, 2, 3]), mesh


@kind
def cells_shaded_from_corner_to_corner(ax):
    mesh = ax.pcolormesh(np.outer(T, T), shading='gouraud')
    return lambda i: mesh.set_array(np.outer(T, T ** i)), mesh


@kind
def artist_that_an_arrow_ends_at(ax):
    circle = ax.add_patch(Circle((0.7, 0.7), 0.1, alpha=0.5))
    ax.annotate('note', (0.7, 0.7), (0.1, 0.1), arrowprops=dict(arrowstyle='->', patchB=circle))
    return lambda i: circle.set_radius(0.05 + 0.06 * i), circle


@kind
def place_from_a_function(ax):
    place = [50, 50, 9, 9]
    note = ax.annotate('note', (0, 0), (0.1, 0.1), lambda renderer: Bbox.from_bounds(*place), 'axes fraction', dict())
    return lambda i: place.__setitem__(0, 50 + 20 * i), note


@kind
def one_more_in_a_drawing(ax):
    area = DrawingArea(60, 20)
    box = ax.add_artist(AnchoredOffsetbox('center', child=area))
    return lambda i: area.add_artist(Circle((5 + 20 * i, 10), 5)), box


@kind
def transform_of_an_artist_in_a_drawing(ax):
    area, turn = DrawingArea(60, 20), Affine2D()
    circle = Circle((20, 10), 5)
    area.add_artist(circle)
    circle.set_transform(turn + area.get_transform())
    box = ax.add_artist(AnchoredOffsetbox('center', child=area))
    return lambda i: turn.translate(5, 0), box


@kind
def limits_of_other_axes(ax):
    other = ax.figure.add_axes([0.7, 0.7, 0.2, 0.2])
    region = ax.add_patch(BboxPatch(TransformedBbox(other.viewLim, ax.transData)))
    return lambda i: other.set_xlim(0, 0.2 + 0.3 * i), region


@kind
def order_of_grid_and_lines(ax):
    ax.grid(lw=6)
    line, = ax.plot([0, 1], [0, 1], lw=9)
    return lambda i: ax.set_axisbelow([True, False, True][i]), line


def made(name, returned):
    fig = Figure(figsize=(3, 2.4), dpi=72) # as of an SVG: what is measured while it changes is the same
    FigureCanvasAgg(fig)
    change, artist = KINDS[name](fig.add_subplot(position=[0.2, 0.2, 0.6, 0.6]))

    def func(i):
        change(i)
        return [artist] if returned else None
    return fig, func


@pytest.mark.parametrize('name', KINDS)
def test_each_change_is_drawn(name):
    if name in SINCE_3_11 and mpl.__version_info__ < (3, 11): pytest.skip(SINCE_3_11[name])
    pixels = [[frame.copy() for frame in draw_pixels(*made(name, returned), range(3))] for returned in (False, True)]
    drawings = [draw_svg(*made(name, returned), range(3)) for returned in (False, True)]
    for i in range(3):
        fig, func = made(name, None)
        for k in range(i + 1): func(k)
        fresh, whole = matplotlib_frame(fig), draw_svg(fig, lambda _: None, [0])
        for frames in pixels: assert np.array_equal(frames[i], fresh), f'frame {i}'
        for drawing in drawings:
            assert resolved(drawing.frame(i), drawing) == resolved(whole.frame(0), whole), f'frame {i}'
    assert len({frame.tobytes() for frame in pixels[0]}) > 1
