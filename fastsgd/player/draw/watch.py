"""All that belongs to a part of a figure, and whether any of it changed, marked as stale by matplotlib or not."""

from functools import cache, lru_cache
from operator import is_, itemgetter

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axis import Axis, Tick, Ticker
from matplotlib.colorizer import Colorizer
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import FigureBase
from matplotlib.font_manager import FontProperties
from matplotlib.patches import ArrowStyle, BoxStyle, ConnectionStyle
from matplotlib.path import Path
from matplotlib.patheffects import AbstractPathEffect
from matplotlib.ticker import Formatter, FuncFormatter, Locator, TickHelper
from matplotlib.transforms import Affine2D, Bbox, LockableBbox, TransformNode

# What merely measuring an artist sets, what follows from the rest, or is not looked at when it is drawn
UNSEEN = {'_renderer', '_transformed_path', '_xorig', '_yorig', '_xy', 'stale_callback', 'majorTicks', 'minorTicks',
          '_major_tick_kw', '_minor_tick_kw', 'texts', 'legend_handles', '_sticky_edges', '_levels', 'layers',
          'cvalues', '_mins', '_maxs', '_urls', '_stale', 'titleOffsetTrans'}
STYLES = tuple(style for kind in (ArrowStyle, BoxStyle, ConnectionStyle) for style in kind.get_styles().values())


class Watch:
    """A part of a figure with the artists that belong to it, to be asked whether they look as they did

    Matplotlib marks an artist as stale when a property is set, but not where a plain attribute is, where an array, path
    or transform is changed in place, where the artist is no child of another (the arrow of a note, the box of a text),
    or where somebody draws it in between. So each attribute is held against what it was. Ticks are many and their
    properties have setters: of these the mark alone counts.
    """
    def __init__(self, part, parts, known):
        self.part, self.parts, self.known = part, parts, known
        self.note()

    def note(self):
        "Remember all as it is now: just drawn"
        self.artists = family(self.part, self.parts)
        self.ticks, self.held = [], {}
        for artist in self.artists:
            artist._stale = False # invisible or empty ones never reset it by themselves
            if isinstance(self.part, Axis) and artist is not self.part: self.ticks.append(artist)
            else: self.hold(artist)

    def hold(self, thing):
        "Hold all attributes of `thing`, and of what it has of effects, styles, locators and formatters"
        if id(thing) in self.held: return
        attributes = vars(thing)
        pick = picker(tuple(attributes))
        values, marks = pick(attributes), [thing] if isinstance(thing, TickHelper) and says_more(thing) else []
        self.held[id(thing)] = None
        for value in values:
            role = role_of(type(value))
            if role is None: continue
            for helper in value if role is list else [value]:
                if isinstance(helper, HELPERS): self.hold(helper)
            if role is TransformNode and isinstance(thing, Artist): marks += parts_that_change(value, self.known)
            elif can_change(value): marks.append(value)
        self.held[id(thing)] = attributes, len(attributes), pick, values, [(value, mark(value)) for value in marks]

    def changed(self):
        "Does anything look otherwise than it was noted?"
        return any(artist._stale for artist in self.ticks) or any(map(differs, self.held.values()))


@lru_cache(1000)
def picker(names):
    "Return a function that picks those of the attributes `names` of a thing that are looked at"
    seen = [name for name in names if name not in UNSEEN]
    return itemgetter(*seen) if len(seen) > 1 else lambda attributes: tuple(map(attributes.__getitem__, seen))


@lru_cache(1000)
def role_of(kind):
    "What attributes of a `kind` may hold: None for nothing that has to be looked into"
    return next((role for role in (list, TransformNode) if issubclass(kind, role)),
                kind if issubclass(kind, (*HELPERS, *CAN_CHANGE, tuple)) else None)


def differs(held):
    "Is anything unlike what `Watch.hold` noted?"
    attributes, n, pick, values, marks = held
    if len(attributes) != n: return True
    if not alike(pick(attributes), values): return True
    return any([mark(value) != seen for value, seen in marks])


def alike(values, others):
    return len(values) == len(others) and (all(map(is_, values, others)) or all(map(same, values, others)))


def family(part, parts):
    "Return `part` and what is drawn along with it: its children, and artists that it only has as attributes"
    found, waiting = {}, [part]
    while waiting:
        artist = waiting.pop()
        elsewhere = artist in parts and artist is not part
        if elsewhere or artist in found or isinstance(artist, FigureBase) or is_axes(artist): continue
        found[artist] = True
        waiting += artist.get_children()
        if not isinstance(artist, (Axis, Tick)): waiting += [v for v in vars(artist).values() if isinstance(v, Artist)]
    return list(found)


def is_axes(artist): return hasattr(artist, '_axis_map') # a secondary axis is no `Axes`


def same(a, b):
    "Are two values of an attribute alike?"
    if a is b: return True
    if isinstance(a, np.ma.MaskedArray): return mark(a) == mark(b)
    if isinstance(a, np.ndarray): return isinstance(b, np.ndarray) and np.array_equal(a, b)
    return type(a) is type(b) and isinstance(a, (int, float, str)) and a == b


def can_change(value):
    return any(map(can_change, value)) if isinstance(value, tuple) else isinstance(value, CAN_CHANGE)


def says_more(helper):
    "Does a locator or formatter call a function that is not matplotlib's, and may say something else the next time?"
    return isinstance(helper, FuncFormatter) or not type(helper).__module__.startswith('matplotlib.')


def said(formatter):
    "What `formatter` says now of the ticks that it was last asked for; matplotlib 3.11 renamed where it keeps them"
    before = {name: kept for name, kept in vars(formatter).items() if name in ('_locs', 'locs')}
    try: return formatter.format_ticks(list(next(iter(before.values()), ())))
    finally: vars(formatter).update(before) # asking is no change


def mark(value):
    "Return what is another one when `value` was changed in place"
    return way_to_mark(type(value))(value)


@cache
def way_to_mark(kind): return next(way for kinds, way in WAYS if issubclass(kind, kinds))


PLAIN = {int, float, str, bool, type(None)}
HELPERS = AbstractPathEffect, Ticker, TickHelper, Colorizer, Normalize, *STYLES
CAN_CHANGE = np.ndarray, Path, FontProperties, Colormap, list, dict
LEAVES = Affine2D, Bbox, LockableBbox # transforms that hold numbers of their own
PLACES = 'dataLim', '_position', '_originalPosition' # of axes, and seen elsewhere
WAYS = [(np.ma.MaskedArray, lambda v: (hash(v.data.tobytes()), mark(v.mask))),
        ((np.ndarray, np.generic), lambda v: hash(v.tobytes())),
        (tuple(PLAIN), lambda v: v),
        ((list, tuple), lambda v: tuple(map(mark, v))),
        (dict, lambda v: (*v, *map(mark, v.values()))),
        (Path, lambda v: (hash(v.vertices.tobytes()), v.codes is not None and hash(v.codes.tobytes()))),
        (FontProperties, hash),
        (Colormap, lambda v: mark([one for one in vars(v).values() if isinstance(one, (tuple, np.ndarray))])),
        (Affine2D, lambda v: v.get_matrix().tobytes()),
        ((Bbox, LockableBbox), lambda v: v.get_points().tobytes()),
        (Formatter, said),
        (Locator, lambda v: mark(np.asarray(v()))),
        (object, id)]


def parts_that_change(transform, known):
    "What `transform` is made of that can be changed in place, but for what axes and figures change"
    if id(transform) in known: return known[id(transform)][1]
    if isinstance(transform, LEAVES): found = [transform]
    else:
        nodes = [v for k, v in vars(transform).items() if isinstance(v, TransformNode) and k not in UNSEEN]
        found = [leaf for node in nodes for leaf in parts_that_change(node, known)]
    known[id(transform)] = transform, found # the transform too, so that no other gets its id
    return found


def known_transforms(figure, ax=None):
    """What `parts_that_change` knows at first: transforms of `figure` and of `ax`, whose changes are seen elsewhere

    What stands in no axes is drawn anew with the limits of any.
    """
    known, inside = {}, figure.findobj(lambda o: isinstance(o, FigureBase) or (is_axes(o) if ax is None else o is ax))
    for node in (node for owner in inside for node in vars(owner).values() if isinstance(node, TransformNode)):
        for leaf in parts_that_change(node, {}): known[id(leaf)] = leaf, []
    return known


def settings(owner):
    "What axes or a figure hold themselves, apart from limits and places: is there a grid, are they visible, ..."
    return picker(tuple(vars(owner)))(vars(owner))


def curves(ax):
    "Numbers of the transforms of axes that are not straight, such as which way angles run and from where"
    if ax.name == 'rectilinear': return ()
    known = {id(vars(ax)[name]): (vars(ax)[name], []) for name in PLACES}
    nodes = [value for value in vars(ax).values() if isinstance(value, TransformNode)]
    return [mark(leaf) for node in nodes for leaf in parts_that_change(node, known)]
