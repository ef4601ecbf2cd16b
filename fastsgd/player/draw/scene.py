"""A figure taken apart: what is drawn, in which order, and what a frame has changed."""

from contextlib import ExitStack, contextmanager
from functools import partial, wraps

import matplotlib as mpl
import numpy as np
from matplotlib import cbook
from matplotlib.artist import Artist
from matplotlib.axes._secondary_axes import SecondaryAxis
from matplotlib.collections import Collection
from matplotlib.figure import FigureBase, SubFigure
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.patches import ConnectionPatch, Patch
from matplotlib.scale import FuncTransform
from matplotlib.text import Annotation

from .margins import Margins, can_be_known, may_push_titles
from .watch import Watch, alike, curves, is_axes, known_transforms, settings

MOVED, SETTLED = 1e-4, 1e-8 # pixels: what is seen, and what an engine may still change while it is at rest


@contextmanager
def drawing(figure, dpi):
    """Set `figure` as matplotlib does while it saves: at `dpi`, no live animation starts, no window changes its size

    What draws in between, such as a widget, leaves the marks of what is stale, and is not waited for if it can wait.
    """
    canvas, draw = figure.canvas, figure.draw

    @wraps(draw)
    def draw_and_mark(renderer):
        stale = [artist for artist in figure.findobj() if artist._stale]
        draw(renderer)
        for artist in stale: artist._stale = True

    with ExitStack() as stack:
        stack.enter_context(cbook._setattr_cm(canvas, _is_saving=True, manager=None))
        stack.enter_context(cbook._setattr_cm(canvas, _device_pixel_ratio=1))
        stack.enter_context(cbook._setattr_cm(canvas, draw_idle=lambda *args, **kwargs: None))
        stack.enter_context(cbook._setattr_cm(figure, dpi=dpi, draw=draw_and_mark))
        yield


@contextmanager
def hooked(parts, hook):
    "Call `hook(part, draw, renderer)` in place of drawing one of `parts`"
    own = [part.__dict__.get('draw') for part in parts]
    try:
        for part in parts: part.draw = partial(hook, part, part.draw)
        yield
    finally:
        for part, draw in zip(parts, own):
            if draw is None: part.__dict__.pop('draw', None)
            else: part.draw = draw


def drawn_parts(container):
    "Yield the artists that figures and axes draw one by one: all that is neither a figure nor axes itself"
    for child in container.get_children():
        if isinstance(child, FigureBase) or is_axes(child): yield from drawn_parts(child)
        else: yield child


def is_3d(ax): return hasattr(ax, 'get_proj')


class Scene:
    """A figure as it was just drawn, which tells after each update which parts must be drawn anew

    These are the parts that look otherwise than they did, and those that the update function returned.
    """
    def __init__(self, figure):
        self.figure = figure
        self.parts = list(drawn_parts(self.figure))
        self.axes, self.subfigures = self.figure.findobj(is_axes), self.figure.findobj(SubFigure)
        self.of_axes = {ax: {p for p in drawn_parts(ax)} for ax in self.axes}
        in_axes = {part: ax for ax, parts in reversed(self.of_axes.items()) for part in parts}
        self.loose = {p for p in self.parts if p not in in_axes} - {self.figure.patch}
        parts, known = set(self.parts), {ax: known_transforms(figure, ax) for ax in (None, *self.axes)}
        self.watches = {part: Watch(part, parts, known[in_axes.get(part)]) for part in self.parts}
        self.owners, self.shaped_by, self.followers = {}, {}, []
        for part in self.parts:
            for artist in self.watches[part].artists:
                self.owners.setdefault(artist, set()).add(part)
        for artist, part in [(artist, part) for artist, owners in self.owners.items() for part in owners]:
            for other in (getattr(artist._clippath, '_patch', None), *vars(artist).values()):
                for shape in self.owners.get(other, ()) if isinstance(other, Artist) else ():
                    if shape is not part: self.shaped_by.setdefault(shape, set()).add(part)
            if follows_others(artist): self.followers.append(part)
        self.nested = any(ax.child_axes for ax in self.axes) # these follow the limits of others
        self.look, self.state = {ax: self.axes_look(ax) for ax in self.axes}, self.state_now()
        self.rc = dict.copy(mpl.rcParams)
        self.zorder = {part: part.zorder for part in self.parts}
        self.depth = {ax: depths(ax) for ax in self.axes if is_3d(ax)}
        self.title_bottom, self.legend_box = {}, {}
        self.margins = None # not before the engine found the axes where it would place them

    def drawn(self, changed):
        "Note that `changed` was drawn"
        for part in changed:
            self.watches[part].note()
            for artist in self.watches[part].artists: self.owners.setdefault(artist, set()).add(part)
        for artist in self.owners: artist._stale = False # measuring sets it, too

    def axes_look(self, ax):
        "Return what places everything inside `ax`: position, scales and limits, as drawing it would set them"
        if isinstance(ax, SecondaryAxis): ax._set_lims(), ax._set_scale()
        locator = ax.get_axes_locator()
        if locator is not None: ax.apply_aspect(locator(ax, self.figure._get_renderer()))
        view = ax.get_proj() if is_3d(ax) else ax.viewLim.get_points()
        scales = map(scale_of, ax._axis_map.values())
        return (ax.bbox.bounds, ax.get_position(original=True).bounds, curves(ax), *scales), np.array(view)

    def state_now(self):
        "Return what else is seen of figures and axes, without a part that shows it"
        engine, owners = self.figure.get_layout_engine(), (*self.axes, *self.subfigures)
        pads = engine and (engine, engine.get().copy())
        return pads, [figure.bbox.bounds for figure in self.subfigures], list(map(settings, owners))

    def state_changed(self):
        "Did a setting change of the figure, of axes, or of matplotlib?"
        *state, held = self.state_now()
        *old, old_held = self.state
        return state != old or not all(map(alike, held, old_held)) or dict.__ne__(mpl.rcParams, self.rc)

    def changed(self, returned):
        """Return the parts to draw anew after an update that returned `returned`, or None for the whole figure

        None means: artists came or went, axes moved, or the order in which things are drawn is another one. So it is
        where axes draw others that are not among their children.
        """
        if any(getattr(ax, 'parasites', ()) for ax in self.axes): return None
        if list(drawn_parts(self.figure)) != self.parts or self.state_changed(): return None
        looks = {ax: self.axes_look(ax) for ax in self.axes} # first: it brings limits up to date
        changed = {part for part, watch in self.watches.items() if watch.changed()}
        for artist in artists_in(returned):
            if artist in self.owners: changed |= self.owners[artist]
            elif artist in self.of_axes: changed |= self.of_axes[artist]
            elif artist is self.figure: return None
        for ax in self.axes:
            moved = self.axes_changed(ax, looks[ax], changed)
            if moved is None: return None
            changed |= moved
        changed.update(self.followers)
        if not changed and (self.margins or self.figure.get_layout_engine() is None): return changed
        waiting = list(changed)
        while waiting:
            shaped = self.shaped_by.get(waiting.pop(), set()) - changed
            changed |= shaped
            waiting += shaped
        if any(part.zorder != self.zorder[part] for part in changed): return None
        return None if self.layout_moved(changed) else changed

    def axes_changed(self, ax, look, changed):
        "Return the further parts of `ax` that change along with `changed`, or None when the whole figure does"
        frame, view = look
        (old_frame, old_view), parts = self.look[ax], self.of_axes[ax]
        if frame[2:] != old_frame[2:] or far(frame[0], old_frame[0]) > MOVED: return None
        if far(frame[1], old_frame[1]) > MOVED / 1000: return None # a share of the figure
        own = changed & parts
        if not np.array_equal(view, old_view):
            if is_3d(ax) or self.nested or ax.get_aspect() != 'auto': return None
            self.look[ax] = frame, view
            return parts | self.loose
        if not own: return own
        if is_3d(ax) and not self.same_depths(ax, own): return None
        if not own.isdisjoint(ax._axis_map.values()) or ax.patch in own:
            if is_3d(ax) or self.nested: return None
            if ax.name != 'rectilinear' or ax.patch in own: return set(parts)
        return own

    def same_depths(self, ax, own):
        "Are the collections and patches of a 3-D `ax` still behind each other as they were?"
        solid = [part for part in own if part in self.depth[ax]]
        if not solid: return True
        order = sorted(self.depth[ax], key=self.depth[ax].get)
        for part in solid: self.depth[ax][part] = part.do_3d_projection()
        return not ax.computed_zorder or order == sorted(self.depth[ax], key=self.depth[ax].get)

    def layout_moved(self, changed):
        "With a live layout engine: does it place the axes elsewhere now?"
        engine = self.figure.get_layout_engine()
        if engine is None or (self.margins and self.margins.same(changed)): return False
        engine.execute(self.figure)
        moved = max(far(ax.bbox.bounds, self.look[ax][0][0]) for ax in self.axes)
        if moved > MOVED:
            def once(figure): del engine.execute # matplotlib lays out once a frame, and may need several to settle
            engine.execute = once
        elif moved < SETTLED and can_be_known(self.figure, self.axes):
            self.margins = Margins(self.figure, self.of_axes, self.loose)
        return moved > MOVED

    def place_titles_and_legends(self, changed, renderer):
        "Place titles and legends as axes do when they draw themselves; return `changed` and the legends that moved"
        pushed = any(may_push_titles(part) for part in changed)
        for ax in self.axes:
            titles = {t for t in (ax.title, ax._left_title, ax._right_title) if pushed or t in changed}
            for title in titles if ax._autotitlepos is not False else (): # and not where somebody put it
                bottom = title.get_window_extent(renderer).y0
                if not pushed and abs(bottom - self.title_bottom.get(title, np.inf)) < 1e-6: continue # it is slow
                ax._update_title_position(renderer)
                bottom = title.get_window_extent(renderer).y0
                if bottom != self.title_bottom.get(title): changed = changed | {title}
                self.title_bottom[title] = bottom
            legend = ax.legend_
            if legend is None or legend._loc != 0 or not legend.get_visible(): continue
            if changed.isdisjoint({legend, *ax._children}): continue # 'best' looks at the data
            box = legend.get_window_extent(renderer).bounds
            if box != self.legend_box.get(legend): changed = changed | {legend}
            self.legend_box[legend] = box
        return changed


def scale_of(axis):
    "The scale of an axis; where functions are its own, also what they make of its limits"
    scale = axis.get_transform()
    return scale, scale.transform(axis.get_view_interval()).tolist() if isinstance(scale, FuncTransform) else ()


def far(bounds, others): return max(abs(a - b) for a, b in zip(bounds, others))


def artists_in(artists):
    "Yield all artists in what an update function returned: one artist, a container, nested lists, or None"
    if isinstance(artists, Artist): yield artists
    elif artists is not None and np.iterable(artists) and not isinstance(artists, (str, np.ndarray)):
        for item in artists: yield from artists_in(item)


def follows_others(artist):
    "Is `artist` placed by something besides its own properties, say by another artist?"
    if isinstance(artist, ConnectionPatch): return True
    if not isinstance(artist, (Annotation, AnnotationBbox)): return False
    places = [artist.xycoords, getattr(artist, 'anncoords', None)]
    return any(not isinstance(p, (str, tuple, type(None))) or
               (isinstance(p, tuple) and not all(isinstance(q, str) for q in p)) for p in places)


def depths(ax):
    "Return how deep each collection and patch of a 3-D `ax` lies"
    return {a: a.do_3d_projection() for a in ax._children
            if isinstance(a, (Collection, Patch)) and hasattr(a, 'do_3d_projection') and a.get_visible()}
