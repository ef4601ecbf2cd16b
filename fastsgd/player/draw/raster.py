"""A figure and its update function -> pixels, frame by frame, the same as matplotlib's and several times faster."""

import io
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from PIL import Image

from .scene import Scene, drawing, drawn_parts, hooked


def draw_pixels(
    figure, # A matplotlib `Figure`
    func, # `func(frame)` updates the figure and returns the artists that it changed, or None
    frames, # Iterable of what `func` takes
    dpi: float | str | None = None, # Dots per inch; None: rcParams['savefig.dpi']
    facecolor=None # Of the figure; None: rcParams['savefig.facecolor']
):
    "Yield each frame as an array (height, width, 4) of uint8. It is the renderer's own: copy what is to be kept."
    dpi = mpl.rcParams['savefig.dpi'] if dpi is None else dpi
    dpi = figure.dpi if dpi == 'figure' else dpi
    facecolor = mpl.rcParams['savefig.facecolor'] if facecolor is None else facecolor
    with drawing(figure, dpi), background(figure, facecolor):
        painter = None
        for frame in frames:
            returned = func(frame)
            if painter is None: painter = Painter(figure)
            yield painter.paint(returned)


def still_png(figure) -> bytes:
    "Draw `figure` as it was drawn last, without moving anything, as a small PNG: one dot a point, 64 colours"
    with layout_rests(figure), drawing(figure, 72), background(figure, mpl.rcParams['savefig.facecolor']):
        renderer, file = new_renderer(figure), io.BytesIO()
        figure.draw(renderer)
    image = Image.fromarray(np.asarray(renderer.buffer_rgba()))
    white = Image.new('RGBA', image.size, 'white') # below a figure without a colour of its own
    Image.alpha_composite(white, image).convert('RGB').quantize(64).save(file, 'PNG')
    return file.getvalue()


def new_renderer(figure): return RendererAgg(*figure.bbox.size, figure.dpi)


@contextmanager
def layout_rests(figure):
    "No layout engine for a while: its run takes as long as a drawing"
    engine = figure.get_layout_engine()
    if engine is not None: figure.set_layout_engine('none')
    try: yield
    finally:
        if engine is not None: figure.set_layout_engine(engine)


@contextmanager
def background(figure, color):
    "Give `figure` another face colour for a while, unless it is 'auto'"
    old = figure.get_facecolor()
    if isinstance(color, str) and color == 'auto': color = old
    figure.set_facecolor(color)
    try: yield
    finally: figure.set_facecolor(old)


@dataclass
class Static:
    "A part that never changes, but is drawn after one that does"
    part: object # an artist; None for what axes draw between their parts
    box: tuple[slice, slice] # slices that hold all of its pixels
    mask: np.ndarray # which pixels it covers, within the box


class Painter:
    """Draw frames with Agg: the parts that change, and of the others only those that these touch

    The picture without all that moves is drawn once, part by part. Its pixels are kept at each point where something
    that moves comes in between. A frame then begins with what lies below the first moving part; where the pixels are
    unlike the kept ones, the parts above are drawn again, and all others are copied.
    """
    def __init__(self, figure):
        self.figure, self.scene = figure, None
        self.renderer = new_renderer(figure)
        self.image = np.asarray(self.renderer.buffer_rgba())
        self.pixels = self.image.view(np.uint32)[..., 0]
        self.moving, self.start, self.runs = set(), None, None

    def paint(self, returned):
        "Draw the picture after an update that returned `returned`"
        changed = None if self.scene is None else self.scene.changed(returned)
        if changed is None:
            self.runs = None # what was kept may lie elsewhere now
            return self.whole()
        changed = self.scene.place_titles_and_legends(changed, self.renderer)
        if self.runs is None or not changed <= self.moving: self.prepare(changed)
        if not self.follow(): return self.whole()
        self.scene.drawn(changed)
        return self.image

    def whole(self):
        "Draw all of the picture"
        self.renderer.clear()
        self.figure.draw(self.renderer)
        self.scene = Scene(self.figure)
        return self.image

    def prepare(self, changed):
        "Draw what stands still, with a gap for each part that moves"
        self.moving |= changed
        self.start, self.runs = None, [] # (moving part, statics after it, pixels before, pixels after them)
        scratch = new_renderer(self.figure)
        seen = [self.pixels.copy()]
        statics, waiting = [], []

        def glue(): # what axes drew themselves since the last part
            if self.start is None: return
            drawn = self.pixels != seen[0]
            if drawn.any(): statics.append(static(None, drawn))

        def flush():
            now = self.pixels.copy()
            if self.start is None: self.start = now
            for part, before in waiting: self.runs.append((part, list(statics), before, now))
            waiting.clear()
            statics.clear()
            return now

        def hook(part, draw, renderer):
            glue()
            if part in self.moving: waiting.append((part, flush()))
            else:
                draw(renderer)
                if self.start is not None:
                    scratch.clear()
                    draw(scratch)
                    statics.append(static(part, np.asarray(scratch.buffer_rgba())[..., 3] > 0))
            seen[0] = self.pixels.copy()

        self.renderer.clear()
        with hooked(list(drawn_parts(self.figure)), hook): self.figure.draw(self.renderer)
        glue()
        flush()
        self.scene = Scene(self.figure)

    def follow(self):
        "Put the frame together; return False where that can't be done part by part"
        if self.start is None: return False
        self.pixels[:] = self.start
        for part, statics, before, after in self.runs:
            part.draw(self.renderer)
            if not statics: continue
            new = self.pixels != before
            touched = [s for s in statics if (new[s.box] & s.mask).any()]
            if any(s.part is None for s in touched): return False
            for s in touched: s.part.draw(self.renderer)
            np.copyto(self.pixels, after, where=~new)
        return True


def static(part, covered):
    "Make a `Static` from the pixels that it covers"
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    if not len(rows): return Static(part, (slice(0), slice(0)), covered[:0, :0])
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Static(part, box, covered[box].copy())
