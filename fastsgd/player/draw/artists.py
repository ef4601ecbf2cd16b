"""What the artists of axes hold: numbers, where they lie, and words. `values.py` follows them from frame to frame."""

from dataclasses import dataclass, field

import numpy as np
from matplotlib import dates
from matplotlib.category import StrCategoryLocator
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.image import AxesImage, NonUniformImage, PcolorImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

from .scene import is_3d

CURTAIN = '_curtain' # the label of a patch that hides what lies right of its left edge: it is not told
MOST_CELLS, MOST_NAMES = 4096, 512 # of one picture, of one axis
DAY = 86400 # seconds; dates are told as seconds since the first limit's day, which single precision holds
DATES = dates.DateFormatter, dates.AutoDateFormatter, dates.ConciseDateFormatter
LAST = -1e4 # half the size of what is told only where nothing else is: pixels


@dataclass
class Held:
    """What an artist holds at one frame

    `numbers` are, for each point, bar or cell: x, y, z, and v, its colour's value; in pixels from the upper left corner
    p, where it is and half its size; l, r, b, t, the edges of bars; X and Y, the lines between cells; o, as p, where
    all cells are; u: up to which x cells are seen.
    """
    numbers: dict = field(default_factory=dict)
    text: str = ''
    why: str = '' # are its numbers left out?
    unit: str = '' # of v
    columns: int = 0 # of cells
    fixed: bool = False # is it a text at a place of its axes' numbers?


def things(ax):
    "Yield `(kind, number, label, source, artists)` of what is told in `ax`: `source` changes with any of its artists"
    if getattr(ax, '_colorbar', None): return
    meshes = [c for c in ax.collections if isinstance(c, QuadMesh)]
    images = [i for i in ax.images if isinstance(i, AxesImage) and not isinstance(i, NonUniformImage | PcolorImage)]
    curtain = [p for p in ax.patches if p.get_label() == CURTAIN]
    for kind, wanted, found in (('line', Line2D, ax.lines), ('points', PathCollection, ax.collections),
                                ('text', Text, ax.texts), ('image', AxesImage, images), ('cells', QuadMesh, meshes)):
        for n, one in enumerate(found):
            followed = [one, *curtain] if kind in ('image', 'cells') else [one]
            if isinstance(one, wanted): yield kind, n, str(one.get_label()), one, followed
    for n, bars in enumerate(ax.containers):
        if not isinstance(bars, BarContainer) or not bars.patches: continue
        labels = [str(one.get_label()) for one in (bars, bars.patches[0])] # of a histogram it is at its first bar
        yield 'bars', n, next((label for label in labels if not label.startswith('_')), '_'), bars, bars.patches


def read(source, ax, height):
    "What `source` holds; nothing where it is not seen, or not placed by its axes"
    seen = source.patches if isinstance(source, BarContainer) else [source]
    if not (ax.get_visible() and any(one.get_visible() for one in seen)): return Held()
    if isinstance(source, Text): return of_text(source, ax, height)
    if isinstance(source, AxesImage | QuadMesh): return of_cells(source, ax, height)
    if isinstance(source, BarContainer): return of_bars(source, ax, height)
    return of_points(source, ax, height)


def has_straight_axes(ax): return ax.name == 'rectilinear' and {ax.get_xscale(), ax.get_yscale()} <= {'linear', 'log'}


def of_text(text, ax, height):
    place = text.get_unitless_position()
    if hasattr(text, 'get_position_3d'): place = projected(ax, text.get_position_3d())
    place = text.get_transform().transform(place)
    return Held(dict(p=(place[0], height - place[1])), text.get_text(), fixed=text.get_transform() == ax.transData)


def of_points(one, ax, height):
    points = isinstance(one, PathCollection)
    transform = one.get_offset_transform() if points else one.get_transform()
    if transform != ax.transData: return Held()
    if is_3d(ax): xyz = one._offsets3d if points else one.get_data_3d()
    else: xyz = one.get_offsets().T if points else one.get_data(orig=False)
    numbers = {key: unmasked(values) for key, values in zip('xyz', xyz)}
    if not has_straight_axes(ax):
        flat = projected(ax, numbers.values()) if is_3d(ax) else [*numbers.values()]
        numbers['p'] = transform.transform(np.transpose(flat)) * [1, -1] + [0, height]
    if not points or np.size(one.get_array()) != len(numbers['x']): return Held(numbers)
    return Held(dict(numbers, v=unmasked(one.get_array())), unit=unit_of(one))


def of_bars(bars, ax, height):
    if not has_straight_axes(ax): return Held()
    boxes = [(*p.get_xy(), p.get_width(), p.get_height()) if p.get_visible() else [np.nan] * 4 for p in bars.patches]
    left, low, wide, tall = np.array(boxes, float).T
    ends = np.sort([pixels(ax, height, left, low), pixels(ax, height, left + wide, low + tall)], axis=0)
    numbers = dict(zip('lbrt', ends.reshape(4, -1)))
    if bars.orientation == 'horizontal': x, y, base, size, unit = left + wide, low + tall / 2, left, wide, 'width'
    else: x, y, base, size, unit = left + wide / 2, low + tall, low, tall, 'height'
    if not np.nan_to_num(base).any(): return Held(dict(numbers, x=x, y=y))
    return Held(dict(numbers, x=x, y=y, v=size), unit=unit) # they don't begin at zero


def of_cells(one, ax, height):
    "A picture's label where it has no numbers; no values where there are too many"
    mesh, values = isinstance(one, QuadMesh), one.get_array()
    if one.get_transform() != ax.transData or values is None or not has_straight_axes(ax): return Held()
    edges = mesh_edges(one.get_coordinates()) if mesh else image_edges(one)
    if edges is None: return Held()
    x, y = pixels(ax, height, edges[0])[0], pixels(ax, height, y=edges[1])[1]
    outline = [(x[0] + x[-1]) / 2, (y[0] + y[-1]) / 2, abs(x[-1] - x[0]) / 2, abs(y[-1] - y[0]) / 2]
    shape, label = (len(edges[1]) - 1, len(edges[0]) - 1), str(one.get_label())
    if np.ndim(values) > 2 or not ax.axison and values.dtype == np.uint8: # a photograph
        return Held() if label.startswith('_') else Held(dict(p=outline), label)
    if np.size(values) != shape[0] * shape[1]: return Held() # colours that run into one another
    if np.size(values) > MOST_CELLS:
        return Held(dict(p=[*outline[:2], LAST, LAST]), why=f'its {np.size(values):,} values are too many to tell')
    middles = [(e[1:] + e[:-1]) / 2 if ax.axison else np.arange(len(e) - 1) for e in edges]
    numbers = dict(zip('xyXY', (*middles, x, y)), v=unmasked(values).ravel(), o=[*outline[:2], LAST, LAST])
    for patch in ax.patches:
        if patch.get_label() == CURTAIN: numbers['u'] = [patch.get_x()]
    return Held(numbers, unit=unit_of(one), columns=shape[1])


def pixels(ax, height, x=0., y=0.):
    "Where points are on the picture, or on the edge of `ax` if they are beyond it"
    x, y = ax.transData.transform(np.transpose(np.broadcast_arrays(x, y))).T
    return np.clip(x, *ax.bbox.intervalx), np.clip(height - y, *height - ax.bbox.intervaly[::-1])


def image_edges(image):
    left, right, bottom, top = image.get_extent()
    rows, columns = image.get_array().shape[:2]
    ends = (top, bottom) if image.origin == 'upper' else (bottom, top)
    return np.linspace(left, right, columns + 1), np.linspace(*ends, rows + 1)


def mesh_edges(corners):
    "`(x, y)` of the lines between the cells of a mesh; None where these are not upright"
    x, y = np.moveaxis(unmasked(corners), -1, 0)
    return (x[0], y[:, 0]) if (x == x[0]).all() and (y == y[:, :1]).all() else None


def unmasked(values):
    return np.ma.filled(np.ma.asarray(values, float), np.nan) if np.ma.isMaskedArray(values) else np.asarray(values)


def unit_of(mappable):
    bar = getattr(mappable, 'colorbar', None)
    return (bar.ax.get_ylabel() or bar.ax.get_xlabel() if bar else '') or 'value'


def projected(ax, xyz):
    "Where points in space lie on the plane of a 3-D `ax`"
    x, y, _, w = ax.get_proj() @ np.array([*np.broadcast_arrays(*xyz, 1.)])
    return x / w, y / w


def first_day(axis):
    "The day of an axis of dates that its first limit lies in, as it counts them; None for other axes"
    is_date = isinstance(axis.get_major_formatter(), DATES)
    return float(np.floor(axis.get_view_interval()[0])) if is_date else None


def names_along(ax, k, told):
    "`[place, name]` on axis `k`: ticks with words, or each place `told` where the axes say it in a way of their own"
    axis, say = (ax.xaxis, ax.fmt_xdata) if k == 0 else (ax.yaxis, ax.fmt_ydata)
    formatter = axis.get_major_formatter()
    if say is not None: return [(v, str(say(v))) for v in told[:MOST_NAMES]]
    if not isinstance(axis.get_major_locator(), FixedLocator | StrCategoryLocator): return []
    if isinstance(formatter, ScalarFormatter | NullFormatter): return []
    places = axis.get_majorticklocs()[:MOST_NAMES]
    return [(v, name) for v, name in zip(places, formatter.format_ticks(places)) if name and name != f'{v:g}']
