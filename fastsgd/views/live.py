"""`LiveView`: one picture in a notebook that follows a fit while it runs. Knows matplotlib and IPython, not fastai."""

import html
import io
import warnings
from contextlib import contextmanager
from time import perf_counter

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..player.images import uri
from ..progress import notebook
from ..random_state import random_state_kept
from ..trajectory import Trajectory
from ..trajectory.tables import step_line
from .choose import choose_views
from .given import as_views
from .style import without_tex
from .view import draw_view

SHARE = 0.07 # less than a tenth, since pictures cost more than their drawing: their garbage is collected during the fit


class Throttle:
    "Decides when an expensive action is affordable, by keeping its cost within a share of the total"
    def __init__(self,
        share: float = 0.1, # Of the time that everything else takes
        clock=perf_counter, # Seconds
    ):
        self.share, self.clock = share, clock
        self.cost, self.last = 0.2, float('inf') # a first guess, replaced by what was measured

    def start(self):
        "Begin to count, with nothing spent yet"
        self.began, self.spent = self.clock(), 0.

    @property
    def ready(self) -> bool:
        "Would one more stay within the share?"
        return self.spent + self.cost <= self.share * (self.clock() - self.began - self.spent)

    @contextmanager
    def timed(self):
        "A `with` block whose seconds count as spent"
        began = self.clock()
        try: yield
        finally:
            took = self.clock() - began
            # the smaller of the last two costs: one-off delays such as garbage collection are ignored
            self.cost, self.last = min(took, self.last), took
            self.spent += took


class _Running(Trajectory):
    "A running fit: `n_steps` includes the steps that are still to come, so that the axes of steps stand still"
    def __init__(self, traj, planned):
        self.__dict__.update(traj.__dict__)
        self.planned = planned

    @property
    def n_steps(self): return max(self.planned, super().n_steps)


class LivePicture:
    "Views of a running fit as a PNG, in one figure that is used again and again"
    dpi = 100
    margins = 0.75, 0.2, 0.55, 0.5 # inches left, right, bottom, top: fixed, since axes that refit their labels jitter
    def __init__(self, views=()): self.given, self.views, self.fig = as_views(views), None, None

    def _set_up(self, traj):
        views = self.given or choose_views(traj, surface=False)[0]
        self.views = [v for v in views if v.live_points]
        self.sizes = [v.figsize for v in self.views]
        size = sum(w for w, _ in self.sizes) or 5., max((h for _, h in self.sizes), default=0.5)
        self.fig = Figure(size, dpi=self.dpi)
        FigureCanvasAgg(self.fig)

    def _axes(self):
        "Make new axes for each view: nothing that it added stays behind"
        for old in (*self.fig.axes, *self.fig.texts): old.remove() # `clear` would make new ticks for them first
        (width, height), (left, right, bottom, top), x = self.fig.get_size_inches(), self.margins, 0.
        for view, (w, _) in zip(self.views, self.sizes):
            box = (x + left) / width, bottom / height, (w - left - right) / width, (height - bottom - top) / height
            yield view, self.fig.add_axes(box, projection=view.projection)
            x += w

    def describe(self, traj, planned) -> str:
        step = int(traj.steps[-1])
        return step_line(traj, -1, step, max(planned, step))

    def png(self, traj, planned: int = 0) -> bytes:
        "Draw the last point of `traj`, a fit of `planned` steps"
        if self.fig is None: self._set_up(traj)
        with without_tex():
            for view, ax in self._axes():
                running = _Running(traj.thin(view.live_points), planned)
                draw_view(view, [running], ax)(len(running) - 1)
            self.fig.text(0.01, 0.985, self.describe(traj, planned), va='top')
            self.fig.canvas.draw()
        out = io.BytesIO()
        # the fastest compression: several times the speed for a few kilobytes more
        Image.fromarray(np.asarray(self.fig.canvas.buffer_rgba())[..., :3]).save(out, 'png', compress_level=1)
        return out.getvalue()

    def html(self, traj, planned: int = 0) -> str:
        "Return the same as an image element of fixed size, shown only when decoded: nothing jumps or flickers"
        src = uri(self.png(traj, planned)) # which makes the figure
        width, height = self.fig.canvas.get_width_height()
        return (f'<img alt="{html.escape(self.describe(traj, planned))}" decoding="sync" width="{width}" '
                f'height="{height}" style="max-width:100%;height:auto" src="{src}">')


class LiveView:
    """Follow a fit with a picture in the output of its cell, which gives way to the animation in the end.

    It has one display handle, leaves all other output alone, and draws no more often than the `Throttle` allows.
    Outside of a notebook it does nothing. Drawing never breaks the fit: an error becomes a warning.
    """
    def __init__(self,
        views=(), # Views to draw; none: those that suit
        share: float = SHARE, # Of the fit's time that drawing may take
    ):
        self.picture, self.throttle = LivePicture(views), Throttle(share)
        self.handle = self.cell = self.shell = self.get_traj = None
        self.running, self.drawn = False, 0

    def start(self,
        get_traj, # Called for the `Trajectory` up to now
        planned: int, # Steps that the fit will have when it is through
    ):
        "Start to follow a fit. A second one in the same cell goes on in the same place."
        self.shell = notebook()
        if self.shell is None: return
        self.get_traj, self.planned, self.running, self.drawn = get_traj, planned, True, 0
        if self.handle is None or self.cell != self.shell.execution_count:
            from IPython.display import display
            waiting = 'Training... the first picture will appear shortly.'
            page = f'<div style="min-height:400px;color:GrayText">{waiting}</div>'
            self.handle = display({'text/html': page, 'text/plain': waiting}, raw=True, display_id=True)
            self.cell = self.shell.execution_count
        self._watch(True)
        self.throttle.start()

    def _watch(self, on):
        "Listen for the end of the cell, or stop listening: an interrupted fit fires no event of its own"
        events = self.shell.events
        if self._cell_ends in events.callbacks['post_run_cell']: events.unregister('post_run_cell', self._cell_ends)
        if on: events.register('post_run_cell', self._cell_ends)

    def _cell_ends(self, *_):
        if not self.running: return
        self._draw()
        self._stop()

    def _stop(self):
        self.running = False
        self._watch(False)

    def step(self):
        "Draw after a step of the fit, if there is time"
        if self.running and self.throttle.ready: self._draw()

    def _draw(self):
        try:
            with self.throttle.timed(), random_state_kept():
                traj = self.get_traj()
                if traj is None or not traj.n_steps: return
                self.handle.update({'text/html': self.picture.html(traj, self.planned),
                                    'text/plain': self.picture.describe(traj, self.planned)}, raw=True)
                self.drawn += 1
        except Exception as e:
            self._stop()
            warnings.warn(f'live view stopped; training continues: {type(e).__name__}: {e}', stacklevel=2)

    def finish(self,
        get_animation, # Called for what takes the picture's place
    ):
        "End a fit: draw the last step, if there is time, and then show the animation of all"
        if not self.running: return
        self.planned = 0 # it may have been stopped early
        self.step()
        if not self.running: return
        try:
            with random_state_kept(): self.handle.update(get_animation())
        except Exception as e:
            warnings.warn(f'could not build the animation; keeping the last live picture: {type(e).__name__}: {e}',
                          stacklevel=2)
            self._draw()
        if self.running: self._stop()

    def give_way(self):
        "Clear the picture: the animation is about to be shown elsewhere in the same cell"
        if self.handle is None or self.shell is not notebook() or self.cell != self.shell.execution_count: return
        self.handle.update({'text/html': '', 'text/plain': ''}, raw=True)
        self.handle = None
