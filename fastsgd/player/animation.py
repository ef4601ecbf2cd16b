"""`FitAnimation`: matplotlib's `FuncAnimation` with a player and fast files."""

import base64
import io
import itertools
import tempfile
import webbrowser
from contextlib import contextmanager, nullcontext
from pathlib import Path

import matplotlib as mpl
from matplotlib.animation import FFMpegBase, FuncAnimation, HTMLWriter, writers
from PIL import Image

from ..checks import check_number, check_path, check_whole
from ..files import atomic_path
from ..progress import Progress
from .arguments import (
    check_dpi,
    check_figure,
    check_format,
    check_interval,
    check_labels,
    check_mode,
    check_player,
    check_saving,
    suffix_of,
)
from .draw.alone import settings_alone
from .draw.raster import still_png
from .draw.svg import draw_svg
from .formats import SUFFIXES, VIDEOS, save_animation
from .strip import save_strip
from .write.html import player_html
from .write.video import check_video, find_ffmpeg, naming

# Videos that are left to matplotlib, which hands them to ffmpeg
LEFT_TO_FFMPEG = {'.3g2', '.3gp', '.asf', '.f4v', '.flv', '.h264', '.m2ts', '.mpeg', '.mpg', '.mts', '.mxf',
                  '.nut', '.ogg', '.ts', '.vob', '.wmv'}
WHOLE, SHORTEST, LONGEST = 5000, 20, 400 # milliseconds: of the whole play, and of a frame


class FitAnimation(FuncAnimation):
    """A matplotlib `FuncAnimation` with an HTML player of its own and fast files, for any figure and function

    Redraws what `func` returns and anything else that it changed, also in place. Raises ValueError for a wrong
    `interval`, `default_mode` or number of `labels`.

    >>> from matplotlib.figure import Figure
    >>> fig = Figure()
    >>> line, = fig.add_subplot().plot([0, 1])
    >>> def update(i):
    ...     line.set_ydata([0, i / 10])
    ...     return [line]
    ...
    >>> FitAnimation(fig, update, 10, interval=50).save('line.html')
    """
    def __init__(self,
        fig, # Figure to draw in
        func, # `func(frame) -> artists`, or None
        frames=None, # Number of frames, iterable or generator function, as in `FuncAnimation`
        *,
        alt: str = '', # What the animation shows, for those who can't see it
        labels: list | None = None, # What to call each frame; None: its number
        interval: float | None = None, # Milliseconds from frame to frame; None: so that all last 5 s or more
        repeat: bool = True, # Begin again at the end?
        repeat_delay: float = 1000, # Milliseconds that the last frame is held before that
        autoplay: bool = False, # Does the player begin by itself?
        default_mode: str | None = None, # At the end: 'loop', 'once' or 'reflect'; None: as `repeat` says
        **kwargs # Passed to `FuncAnimation`
    ):
        frames = check_figure(fig, func, frames)
        self.default_mode = check_player(alt, repeat, autoplay, default_mode)
        self.alt, self.labels, self.autoplay = alt, check_labels(labels), bool(autoplay)
        given = check_interval(interval)
        repeat_delay = check_number('repeat_delay', repeat_delay, 0, cap=1e9, example=1000)
        kwargs.setdefault('cache_frame_data', False)
        try: super().__init__(fig, func, frames, interval=given or SHORTEST, repeat=repeat, repeat_delay=repeat_delay,
                              **kwargs)
        finally: self._draw_was_started = True # no warning: here it is no mistake to show none
        n = self._save_count
        if given is None and n:
            self.event_source.interval = self._interval = min(max(WHOLE / n, SHORTEST), LONGEST)
        if n is not None: check_labels(self.labels, n)

    def to_jshtml(self,
        fps: float | None = None, # Frames a second; None: as `interval` says
        embed_frames: bool = True, # Always so: the HTML is one piece
        default_mode: str | None = None # At the end: 'loop', 'once' or 'reflect'; None: as given to the animation
    ) -> str:
        """Write one piece of HTML that plays the animation, without network, outside script or font

        Raises ValueError for a wrong `fps` or `default_mode`, or where `frames` has no end.
        """
        return self._player(fps, default_mode)[0]

    def _player(self, fps=None, default_mode=None):
        "Return the player's HTML, and the picture in it of the last frame"
        mode = check_mode(default_mode) or self.default_mode
        interval = self._milliseconds(fps)
        with Progress(self._save_count or 1000) as bar:
            drawing = draw_svg(self._fig, self._update, self._frames(), bar.step)
        drawing.still = still_png(self._fig)
        player = player_html(drawing, interval, self.labels, self.alt, mode, self.autoplay, self._repeat_delay)
        return player, drawing.still

    def _repr_html_(self): return self.to_jshtml()

    def _repr_mimebundle_(self, include=None, exclude=None):
        "Return the player, and the last frame as a small picture for PDF and for front-ends without HTML"
        html, still = self._player()
        return {'text/html': html, 'image/png': base64.b64encode(still).decode(), 'text/plain': repr(self)}

    def show(self) -> Path: # The file, which stays until it is deleted
        "Open the player in a browser, from a temporary file: for scripts and terminals. A notebook needs no such call."
        path = Path(tempfile.mkdtemp(prefix='fastsgd-'))/'animation.html'
        self.save(path)
        webbrowser.open(path.as_uri())
        return path

    def __repr__(self):
        n = self._save_count
        return f'FitAnimation: {"frames" if n is None else f"{n} frames, {n * self._interval / 1000:.3g} s"}'

    def save(self,
        filename, # .html, .svg (50 frames at most), .gif, .webp, .png, .mp4 or what matplotlib writes; or an open file
        writer=None, # A writer of matplotlib's; None: by the suffix, drawing only what changes
        fps: float | None = None, # Frames a second; None: as `interval` says
        dpi: float | None = None, # Dots per inch; None: rcParams['savefig.dpi']
        codec: str | None = None, # For videos, as are the next two
        bitrate: int | None = None, # Kilobits a second
        extra_args: list | None = None, # Further ones for ffmpeg
        metadata: dict | None = None, # To include in the file
        extra_anim: list | None = None, # Further animations of the same figure
        savefig_kwargs: dict | None = None, # For `savefig`, which draws each frame for matplotlib's writers
        *,
        format: str | None = None, # Of an open file, such as 'gif'; a path says it by its suffix
        progress_callback=None # Called as `progress_callback(frame, n_frames)`
    ) -> None:
        """Save as a file, by its suffix. If saving fails, an existing file is left unchanged.

        Raises, before a frame is drawn, RuntimeError for a video where there is no ffmpeg, FileNotFoundError for a
        missing folder, IsADirectoryError for a folder, ValueError for an unknown suffix, a wrong `fps`, or
        where `frames` has no end.
        """
        if hasattr(filename, 'write'):
            with open_as_path(filename, format) as path:
                return self.save(path, writer, fps, dpi, codec, bitrate, extra_args, metadata, extra_anim,
                                 savefig_kwargs, progress_callback=progress_callback)
        dpi = check_saving(writer, dpi, bitrate, codec, extra_args, metadata, extra_anim, savefig_kwargs,
                           progress_callback)
        interval, suffix = self._milliseconds(fps), suffix_of(filename, format)
        video = {k: v for k, v in dict(codec=codec, bitrate=bitrate, extra_args=extra_args, metadata=metadata).items()
                 if v is not None}
        ours = writer is None and suffix in SUFFIXES and not extra_anim and set(savefig_kwargs or ()) <= {'facecolor'}
        if ours and (not video or suffix in VIDEOS):
            player = dict(labels=self.labels, alt=self.alt, mode=self.default_mode, autoplay=self.autoplay)
            tick = progress_callback and (lambda i: progress_callback(i, self._save_count))
            return save_animation(filename, self._fig, self._update, self._frames(), self._save_count, dpi=dpi,
                                  facecolor=(savefig_kwargs or {}).get('facecolor'), interval=interval,
                                  pause=self._repeat_delay, loop=self._repeat, tick=tick, video=video, player=player)
        with matplotlib_finds_ffmpeg():
            if writer is None:
                further = dict(video, extra_anim=extra_anim, savefig_kwargs=savefig_kwargs)
                writer = _writer(suffix, [k for k, v in further.items() if v])
            if writer == 'html' or isinstance(writer, HTMLWriter): target = nullcontext(filename) # may add a folder
            else: target = atomic_path(filename)
            with target as path, naming(filename, path):
                super().save(str(path), writer, fps, dpi, codec, bitrate, extra_args, metadata, extra_anim,
                             savefig_kwargs, progress_callback=progress_callback)
                kind = writers[writer] if isinstance(writer, str) else type(writer)
                if issubclass(kind, FFMpegBase): check_video(path, mpl.rcParams['animation.ffmpeg_path'])

    def save_strip(self,
        filename, # .svg or .png: frames side by side, as many as a page is wide; .pdf: one a page
        n: int = 5, # Frames, evenly spread from the first to the last
        columns: int | None = None, # Frames in a row; None: by their width
        dpi: float | None = None, # Dots per inch of a .png; None: rcParams['savefig.dpi']
    ) -> Path:
        """Save some frames as a still picture, for print. If saving fails, an existing file is left unchanged.

        Raises ValueError for another suffix or number, and where `frames` has no end, before a frame is drawn.
        """
        n, filename = check_whole('n', n, 1, example=5), check_path('filename', filename)
        if columns is not None: columns = check_whole('columns', columns, 1, example=2)
        dpi = check_dpi(dpi)
        frames = list(self._frames())
        spread = [frames[round(k * (len(frames) - 1) / max(n - 1, 1))] for k in range(min(n, len(frames)))]
        return save_strip(filename, self._fig, self._update, spread if n > 1 else frames[-1:], columns, dpi, self.alt)

    def to_html5_video(self,
        embed_limit: float | None = None, # Megabytes at the most; None: rcParams['animation.embed_limit']
    ) -> str:
        "Return a `<video>` with the animation in it, as matplotlib does"
        if embed_limit is not None: check_number('embed_limit', embed_limit, 0, example=20)
        with matplotlib_finds_ffmpeg(): return super().to_html5_video(embed_limit)

    def _frames(self):
        "Begin anew, and return the frames to draw"
        if self._iter_gen is itertools.count and self._save_count is None:
            raise ValueError('frames is None, which has no end: pass a number of frames, or save_count')
        if self._init_func is not None: self._init_func()
        return self.new_saved_frame_seq()

    def _update(self, frame): return self._func(frame, *self._args)

    def _milliseconds(self, fps):
        return self._interval if fps is None else 1000 / check_number('fps', fps, above=0, cap=1e6, example=25)


def _writer(suffix, further):
    "Name matplotlib's writer for a file that is not ours to write, because of its suffix or the `further` arguments"
    name, available = mpl.rcParams['animation.writer'], writers.is_available
    if suffix in SUFFIXES.keys() - VIDEOS:
        if Image.registered_extensions().get(suffix) in Image.SAVE_ALL: return 'pillow'
        raise ValueError(f'{", ".join(further)}: not for {suffix} files; leave out, or save as .gif, .webp or .mp4')
    if name != 'pillow' and not name.startswith('ffmpeg') and available(name): return name # of the user's choice
    if Image.registered_extensions().get(suffix) in Image.SAVE_ALL: return 'pillow' # .tiff, .pdf: frames are pages
    if suffix in LEFT_TO_FFMPEG or suffix in VIDEOS:
        find_ffmpeg()
        return name if name.startswith('ffmpeg') else 'ffmpeg'
    raise ValueError(f'filename is a path that ends in {suffix!r}: expected one of {", ".join(sorted(SUFFIXES))}, with '
                     f'ffmpeg also of {", ".join(sorted(LEFT_TO_FFMPEG))}; for any other, pass a writer of '
                     'matplotlib\'s, as in writer="ffmpeg"')


@contextmanager
def open_as_path(file, format):
    "Yield the path of a file whose contents go to `file`, open for bytes or text, when they are complete"
    suffix = check_format(format)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f'animation{suffix}')
        yield path
        file.write(path.read_text('utf-8') if isinstance(file, io.TextIOBase) else path.read_bytes())


@contextmanager
def matplotlib_finds_ffmpeg():
    "Let matplotlib use imageio-ffmpeg's ffmpeg where there is no other"
    try: found = {'animation.ffmpeg_path': find_ffmpeg()}
    except RuntimeError: found = {}
    with settings_alone(found): yield
