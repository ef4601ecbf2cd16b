"""`save_animation`: an animation as a file, drawn and written as its suffix says, complete or not at all."""

from contextlib import closing
from pathlib import Path

from ..files import atomic_path
from ..progress import Progress
from .draw.raster import draw_pixels, still_png
from .draw.svg import draw_svg
from .write.apng import write_apng
from .write.gif import write_gif
from .write.html import write_page
from .write.moving_svg import write_svg
from .write.video import find_ffmpeg, naming, write_video, write_webp

# Suffix -> what writes it, as `write(path, drawing or frames, interval, loop, pause=..., **settings)`
VECTORS = {'.html': write_page, '.htm': write_page, '.svg': write_svg}
VIDEOS = dict.fromkeys(['.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi', '.ogv'], write_video)
SUFFIXES = {**VECTORS, '.gif': write_gif, '.webp': write_webp, '.png': write_apng, '.apng': write_apng, **VIDEOS}


def save_animation(
    path, # File to write
    figure, # A matplotlib `Figure`
    func, # `func(frame)` updates the figure and returns the artists that it changed, or None
    frames, # Iterable of what `func` takes
    n_frames: int | None = None, # How many there are, if that is known, for the progress bar
    *,
    interval: float = 20, # Milliseconds from frame to frame
    loop: bool = True, # Begin again at the end?
    pause: float = 0, # Milliseconds that the last frame is held
    dpi: float | str | None = None, # Dots per inch, of pixels; None: rcParams['savefig.dpi']
    facecolor=None, # Of the figure, for pixels; None: rcParams['savefig.facecolor']
    tick=None, # `tick(i)` is called when frame i is drawn
    video: dict | None = None, # Further arguments of `write_video`
    player: dict | None = None # Further arguments of `player_html`
):
    """Draw and write all frames, as the suffix of `path` says

    Raises, before anything is drawn, RuntimeError for a video where there is no ffmpeg, and what `atomic_path` raises.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    write, settings = SUFFIXES[suffix], dict(pause=pause)
    if suffix in VIDEOS: settings.update(video or {}, ffmpeg=find_ffmpeg())
    elif suffix in VECTORS: settings.update(player or {}, title=path.stem)
    with atomic_path(path) as part, Progress((n_frames or 1000) * (2 if suffix == '.gif' else 1)) as bar:
        def done(i):
            bar.step()
            if tick: tick(i)
        if suffix in VECTORS:
            drawn = draw_svg(figure, func, frames, done)
            if write is write_page: drawn.still = still_png(figure)
            return write(part, drawn, interval, loop, **settings)
        if suffix == '.gif': settings['tick'] = bar.step # which looks at each frame twice
        # closing: whatever happens to the writer, the figure is given back as it was
        with closing(draw_pixels(figure, func, frames, dpi, facecolor)) as pixels, naming(path, part):
            write(part, ticking(pixels, done), interval, loop, **settings)


def ticking(frames, tick):
    "Yield `frames`; call `tick(i)` when frame i was used"
    for i, frame in enumerate(frames):
        yield frame
        tick(i)
