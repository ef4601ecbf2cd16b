"""What a layout engine measures: while it finds the same, it places the axes where they are, and need not run."""

from math import inf

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.backend_bases import RendererBase
from matplotlib.layout_engine import ConstrainedLayoutEngine, TightLayoutEngine
from matplotlib.legend import Legend
from matplotlib.offsetbox import AnnotationBbox, OffsetBox
from matplotlib.spines import Spine
from matplotlib.text import Text

from .letters import LetterByLetter

TOUCH = 1e-6 # pixels
NEVER_CLIPPED = Axes, AnnotationBbox, OffsetBox


def can_be_known(figure, axes):
    "Does the layout engine of `figure` measure what `Margins` does, and no more?"
    plain = all(ax.name == 'rectilinear' and not ax.child_axes for ax in axes)
    return plain and isinstance(figure.get_layout_engine(), (ConstrainedLayoutEngine, TightLayoutEngine))


class RoughRenderer(RendererBase):
    "Measures text by its letters, much faster than Agg, and less than a pixel a letter off what Agg finds"
    def __init__(self, figure):
        super().__init__()
        self.figure, self.letters = figure, LetterByLetter()

    def get_text_width_height_descent(self, s, prop, ismath):
        sizes = self.letters.get_text_width_height_descent(s, prop, ismath)
        return tuple(size * self.figure.dpi / 72 for size in sizes)

    def points_to_pixels(self, points): return points * self.figure.dpi / 72


class Margins:
    """The box around each axes as an engine measured it, and what each part contributes

    A box is the same as long as each part that changed stays within it, and touches those sides that it touched.
    """
    def __init__(self, figure, of_axes, loose):
        self.renderer, self.rough = figure._get_renderer(), RoughRenderer(figure)
        self.of_axes, self.boxes, self.around = of_axes, {}, {}
        for ax, parts in of_axes.items():
            own = {part: box_of(part, ax, self.renderer) for part in parts}
            found = [ax.get_window_extent(self.renderer).extents, *(box for box in own.values() if box is not None)]
            x0, y0, x1, y1 = zip(*found)
            self.boxes.update(own)
            self.around[ax] = min(x0), min(y0), max(x1), max(y1)
        self.sizes = {part: size_of(part, self.renderer) for part in loose}

    def same(self, changed):
        "Would an engine measure the same, now that the parts in `changed` are others?"
        if any(size_of(part, self.renderer) != self.sizes[part] for part in changed & self.sizes.keys()): return False
        for ax, parts in self.of_axes.items():
            inside = changed & parts
            if any(map(may_push_titles, inside)) and any(map(Text.get_text, titles_of(ax))):
                ax._update_title_position(self.renderer)
                inside = inside | titles_of(ax)
            if not all(self.surely_inside(part, ax) or self.fits(part, ax) for part in inside): return False
        return True

    def surely_inside(self, part, ax):
        "Is `part` a text so far within the box around `ax`, now as before, that rough measures are enough?"
        if type(part) is not Text or part in titles_of(ax) or part.get_bbox_patch() or part.get_usetex(): return False
        if part.get_parse_math() and '$' in part.get_text(): return False # matplotlib before 3.11 draws it higher
        text, turned, was, around = part.get_text(), part.get_rotation() != 0, self.boxes[part], self.around[ax]
        wide, high = len(text), 3 + 2 * text.count('\n') # pixels that it may be off
        if turned: wide = high = wide + high
        now = tuple(part.get_window_extent(self.rough).padded(wide, high).extents)
        return all(box[side] - around[side] > TOUCH and around[side + 2] - box[side + 2] > TOUCH
                   for box in (now, was or now) for side in (0, 1))

    def fits(self, part, ax):
        "Does `part` leave the box around `ax` as it is?"
        was, now = self.boxes[part], box_of(part, ax, self.renderer)
        if part in titles_of(ax) and (was and was[1]) != (now and now[1]): return False # it may have to be pushed
        for side, edge in enumerate(self.around[ax]):
            beyond = 0 if now is None else edge - now[side] if side < 2 else now[side] - edge
            touched = was is not None and abs(was[side] - edge) < TOUCH
            if beyond > TOUCH or touched and (now is None or beyond < -TOUCH): return False
        return True


def may_push_titles(part):
    "Is `part` an axis with ticks, a label or a common factor where titles are?"
    if isinstance(part, XAxis): return {part.get_ticks_position(), part.get_label_position()} != {'bottom'}
    return isinstance(part, YAxis)


def titles_of(ax): return {ax.title, ax._left_title, ax._right_title}


def box_of(part, ax, renderer):
    "The extents of `part` of `ax` that an engine makes room for: of titles only their height, of what is clipped none"
    title = part in titles_of(ax)
    if not part.get_visible() or part is ax.patch or not (title or part.get_in_layout()): return None
    if isinstance(part, Axis):
        box = part.get_tightbbox(renderer, for_layout_only=True) if ax.axison else None
        return box and tuple(box.extents)
    if isinstance(part, Spine) and not (ax.axison and ax._frameon): return None
    if not isinstance(part, NEVER_CLIPPED) and part._fully_clipped_to_axes(): return None
    box = part.get_window_extent(renderer) if title else part.get_tightbbox(renderer)
    if box is None or not (0 < box.width < inf and 0 < box.height < inf): return None
    middle = (box.x0 + box.x1) / 2
    return (middle - 0.5, box.y0, middle + 0.5, box.y1) if title else tuple(box.extents)


def size_of(part, renderer):
    "How much room an engine makes for `part` of a figure: a title, a label or a legend of all of it"
    figure = part.get_figure()
    if not part.get_visible() or not part.get_in_layout(): return None
    if part in (figure._suptitle, figure._supxlabel): return part.get_tightbbox(renderer).height
    if part is figure._supylabel: return part.get_tightbbox(renderer).width
    return tuple(part.get_tightbbox(renderer).size) if isinstance(part, Legend) else None
