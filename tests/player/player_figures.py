"""Figures with their update functions: whatever a frame may change."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, ConnectionPatch

FIGURES = {}
T = np.linspace(0, 6, 60)


def figure(make):
    "Registers `make(fig) -> func`; `build(name)` gives `(fig, func)`."
    FIGURES[make.__name__] = make
    return make


def build(name, **kwargs):
    fig = Figure(figsize=(4, 3), **kwargs)
    FigureCanvasAgg(fig)
    return fig, FIGURES[name](fig)


@figure
def line_points_text(fig):
    ax = fig.add_subplot()
    ax.scatter(T, np.cos(T), color='C1')
    line, = ax.plot(T, np.sin(T))
    text = ax.text(0.02, 0.95, '', transform=ax.transAxes)

    def func(i):
        line.set_ydata(np.sin(T + i))
        text.set_text(f'step {i}')
        return line, text
    return func


@figure
def returns_nothing(fig):
    ax = fig.add_subplot(title='t')
    line, = ax.plot(T, np.sin(T))

    def func(i):
        line.set_ydata(np.sin(T + i))
        ax.set_title(f'step {i}\n' * (i + 1))
        ax.set_xlabel(f'label {i}')
    return func


@figure
def returns_axes(fig):
    ax = fig.add_subplot()
    line, = ax.plot(T, np.sin(T))

    def func(i):
        line.get_ydata(orig=True)[:] = np.sin(T * i) # in place: nothing becomes stale
        line.recache(always=True)
        return [ax]
    return func


@figure
def points_under_axis(fig):
    ax = fig.add_subplot()
    ax.grid()
    dots = ax.scatter([0.0], [0.0], s=3000, zorder=1, clip_on=False)
    ax.set(xlim=(-1, 1), ylim=(-1, 1))
    ax.plot([-1, 1], [1, -1], lw=8, alpha=0.5)

    def func(i):
        dots.set_offsets([[-1 + i / 2, -1]])
        dots.set_color(f'C{i}')
        return [dots]
    return func


@figure
def zorder_between(fig):
    ax = fig.add_subplot()
    ax.bar([1, 2, 3], [3, 2, 1], zorder=3, alpha=0.6)
    line, = ax.plot([0, 4], [1, 1], lw=12, color='C1', zorder=2.5)
    top, = ax.plot([0, 4], [0.5, 2.5], lw=6, color='C2', zorder=4)
    ax.add_patch(Circle((2, 1), 0.4, color='C3', zorder=9))

    def func(i):
        line.set_ydata([i / 2, 2])
        top.set_ydata([i / 3, 1])
        return line, top
    return func


@figure
def zorder_changes(fig):
    ax = fig.add_subplot()
    a, = ax.plot([0, 1], [0, 1], lw=20)
    b, = ax.plot([0, 1], [1, 0], lw=20)

    def func(i):
        a.set_zorder(2 if i % 2 else 5)
        return a, b
    return func


@figure
def visibility(fig):
    left, right = fig.subplots(1, 2)
    line, = left.plot(T, np.sin(T))
    other, = right.plot(T, np.cos(T))

    def func(i):
        line.set_visible(i % 2 == 0)
        right.set_visible(i != 2)
        return line, other
    return func


@figure
def image(fig):
    ax = fig.add_subplot()
    im = ax.imshow(np.zeros((6, 8)), vmin=0, vmax=5)
    ax.imshow(np.ones((6, 8)), alpha=0.3, extent=(2, 5, 2, 5))
    ax.set(xlim=(-0.5, 7.5), ylim=(5.5, -0.5))

    def func(i):
        im.set_data(np.arange(48).reshape(6, 8) % (i + 2))
        return [im]
    return func


@figure
def colorbar_follows(fig):
    ax = fig.add_subplot()
    im = ax.imshow(np.arange(12).reshape(3, 4))
    fig.colorbar(im)

    def func(i):
        im.set_clim(0, 5 + i)
        return [im]
    return func


@figure
def contours_made_anew(fig):
    ax = fig.add_subplot()
    u, v = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 9))
    kept = [ax.contourf(u, v, u * v)]
    ax.plot([0, 1], [0, 1])

    def func(i):
        kept[0].remove()
        kept[0] = ax.contourf(u, v, u * v ** (i + 1))
        return [kept[0]]
    return func


@figure
def artists_added(fig):
    ax = fig.add_subplot()
    ax.set(xlim=(0, 5), ylim=(0, 5))

    def func(i): return ax.plot([i, i + 1], [0, i])
    return func


@figure
def cleared(fig):
    ax = fig.add_subplot()

    def func(i):
        ax.clear()
        ax.plot(T, np.sin(T * i))
        ax.set_title(f'frame {i}')
    return func


@figure
def limits(fig):
    left, right = fig.subplots(1, 2)
    line, = left.plot([0, 1], [0, 1])
    left.plot([0, 1], [1, 0])
    right.plot([0, 1], [1, 0])

    def func(i):
        line.set_data([0, i + 1], [0, i * i])
        left.relim()
        left.autoscale_view()
        return [line]
    return func


@figure
def best_legend(fig):
    ax = fig.add_subplot()
    ax.plot([0, 1], [1, 1], label='still')
    line, = ax.plot([0, 1], [0, 0], label='moves')
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.legend()

    def func(i):
        line.set_data([0, 1], [[0, 1], [1, 0]][i % 2])
        return [line]
    return func


@figure
def legend_text(fig):
    ax = fig.add_subplot()
    line, = ax.plot(T, np.sin(T), label='sin')
    text = ax.legend(loc='upper right').get_texts()[0]

    def func(i):
        text.set_text(f'sin {i}')
        line.set_alpha(1 - i / 8)
        return [text]
    return func


@figure
def twins(fig):
    ax = fig.add_subplot()
    twin = ax.twinx()
    a, = ax.plot(T, np.sin(T), lw=5)
    b, = twin.plot(T, np.cos(T) * 9, 'C1', lw=5)

    def func(i):
        a.set_ydata(np.sin(T + i))
        if i > 1: b.set_ydata(np.cos(T + i) * 9)
        return a, b
    return func


@figure
def solid(fig):
    ax = fig.add_subplot(projection='3d')
    u, v = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 5))
    ax.plot_surface(u, v, u * v)
    line, = ax.plot([0], [0], [0], 'r', lw=4)
    dots = ax.scatter([0.5], [0.5], [1.0], s=90)

    def func(i):
        line.set_data_3d([0, i / 4], [0, i / 4], [0, 1])
        dots._offsets3d = [i / 4], [1 - i / 4], [0.2 * i]
        return line, dots
    return func


@figure
def solid_returns_nothing(fig):
    ax = fig.add_subplot(projection='3d')
    dots = ax.scatter([0.1, 0.5], [0.2, 0.5], [0.3, 1.0], s=90)
    ax.scatter([0.5], [0.1], [0.5], s=400, color='C1')

    def func(i): dots._offsets3d = [0.1, i / 4], [0.2, 1 - i / 4], [0.3, 0.2 * i]
    return func


@figure
def turning(fig):
    ax = fig.add_subplot(projection='3d')
    ax.plot([0, 1], [0, 1], [0, 1], lw=4)

    def func(i): ax.view_init(30, 20 * i)
    return func


@figure
def polar(fig):
    ax = fig.add_subplot(projection='polar')
    line, = ax.plot(T, T)

    def func(i):
        line.set_ydata(T * (1 - i / 10))
        return [line]
    return func


@figure
def clip_path(fig):
    ax = fig.add_subplot()
    hole = ax.add_patch(Circle((2, 0), 1.5, fill=False))
    line, = ax.plot(T, np.sin(3 * T), lw=4)
    line.set_clip_path(hole)
    ax.set(xlim=(0, 6), ylim=(-2, 2))

    def func(i):
        hole.center = 2 + i / 2, 0
        return [hole]
    return func


@figure
def on_the_figure(fig):
    left, right = fig.subplots(1, 2)
    text = fig.text(0.5, 0.9, '')
    line, = left.plot(T, np.sin(T))
    link = fig.add_artist(ConnectionPatch((0, 0), (1, 1), 'data', 'data', axesA=left, axesB=right, color='C3', lw=3))

    def func(i):
        text.set_text(f'step {i} of <5> & "more"')
        line.set_ydata(np.sin(T + i))
        link.xy2 = 1, i / 4
        return text, line, link
    return func


@figure
def annotation(fig):
    ax = fig.add_subplot()
    dot, = ax.plot([0], [0], 'o')
    ax.set(xlim=(0, 5), ylim=(0, 5))
    note = ax.annotate('here', (0, 0), (2, 4), arrowprops=dict(arrowstyle='->'))
    ax.annotate('follows', (1, 1), xycoords=dot, xytext=(9, 9), textcoords='offset points')

    def func(i):
        dot.set_data([i], [i])
        note.xy = i, i
        return [dot]
    return func


@figure
def bars_and_areas(fig):
    ax = fig.add_subplot()
    bars = ax.bar([1, 2, 3], [1, 1, 1], hatch='//')
    area = ax.fill_between([1, 2, 3], [0, 0, 0], [1, 2, 1], alpha=0.4)
    marks = ax.errorbar([1, 2, 3], [1, 2, 1], yerr=0.2, fmt='s')
    ax.set_ylim(0, 6)

    def func(i):
        for k, bar in enumerate(bars): bar.set_height(i + k)
        area.set_alpha(0.1 * i)
        return bars, area, [marks]
    return func


@figure
def rasterized(fig):
    ax = fig.add_subplot()
    mesh = ax.pcolormesh(np.arange(12).reshape(3, 4), rasterized=True)
    line, = ax.plot([0, 4], [0, 3], 'w', lw=4)
    dots = ax.scatter([1, 2], [1, 2], s=90, rasterized=True)

    def func(i):
        line.set_ydata([i / 2, 3])
        dots.set_offsets([[1, i / 2], [2, 2]])
        if i == 3: mesh.set_alpha(0.5)
        return line, dots
    return func


@figure
def inset(fig):
    ax = fig.add_subplot()
    line, = ax.plot(T, np.sin(T))
    zoom = ax.inset_axes((0.6, 0.6, 0.35, 0.35), xlim=(1, 2), ylim=(0, 1))
    small, = zoom.plot(T, np.sin(T))
    ax.indicate_inset_zoom(zoom)
    ax.secondary_xaxis('top', functions=(np.rad2deg, np.deg2rad))

    def func(i):
        line.set_ydata(np.sin(T + i / 9))
        small.set_ydata(np.sin(T + i / 9))
        if i == 3: zoom.set_xlim(1, 3)
        return line, small
    return func


@figure
def parts_of_figures(fig):
    top, bottom = fig.subfigures(2, 1)
    a, = top.add_subplot().plot(T, np.sin(T))
    b, = bottom.add_subplot().plot(T, np.cos(T))
    title = top.suptitle('')

    def func(i):
        a.set_ydata(np.sin(T * i))
        b.set_linewidth(i + 1)
        title.set_text(f'step {i}')
        return a, b, title
    return func


@figure
def same_gid(fig):
    ax = fig.add_subplot()
    lines = [ax.plot(T, np.sin(T + k), gid='mine')[0] for k in range(3)]
    im = ax.imshow(np.eye(3), gid='mine', extent=(0, 6, -1, 1))

    def func(i):
        for k, line in enumerate(lines): line.set_ydata(np.sin(T + k * i))
        im.set_data(np.eye(3) * i)
        return [*lines, im]
    return func


@figure
def blitted(fig):
    ax = fig.add_subplot()
    line, = ax.plot(T, np.sin(T), animated=True, lw=5)
    ax.plot(T, np.cos(T), lw=5)

    def func(i):
        line.set_ydata(np.sin(T + i))
        return [line]
    return func


@figure
def face(fig):
    ax = fig.add_subplot()
    ax.plot(T, np.sin(T))

    def func(i):
        ax.set_facecolor(f'C{i}')
        if i > 2: fig.set_facecolor('0.8')
    return func
