"""An animation -> a file, by its suffix. It appears when it is complete, or not at all."""

from contextlib import closing
from pathlib import Path

from ...files import atomic_path
from ...progress import Progress
from ..draw.raster import draw_pixels
from ..draw.svg import draw_svg
from .apng import write_apng
from .gif import write_gif
from .html import player_html, player_page
from .moving_svg import animated_svg
from .video import find_ffmpeg, write_video, write_webp

VIDEOS = {'.mp4', '.m4v', '.mov', '.mkv'}
PAGES = {'.html', '.htm', '.svg'}
SUFFIXES = VIDEOS | PAGES | {'.gif', '.webp', '.png', '.apng'}


def save_animation(path, figure, func, frames, n_frames=None, *, interval=20, dpi=None, facecolor=None, loop=True,
                   tick=None, video=None, player=None):
    """Draw and write all frames, as the suffix of `path` says.

    func, frames : as for matplotlib's FuncAnimation; `n_frames` is how many, if that is known, for the progress bar
    interval     : milliseconds from frame to frame
    tick         : `tick(i)` is called when frame i is drawn
    video        : dict of what `write_video` takes further
    player       : dict of what `player_html` takes further

    Raises RuntimeError if a video is asked for and there is no ffmpeg, FileNotFoundError if the folder is missing:
    both before anything is drawn.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    ffmpeg = find_ffmpeg() if suffix in VIDEOS else None
    drawn = (n_frames or 1000) * (2 if suffix == '.gif' else 1)
    with atomic_path(path) as part, Progress(drawn) as bar:
        def done(i):
            bar.step()
            if tick: tick(i)
        if suffix in PAGES:
            drawing = draw_svg(figure, func, frames, done)
            part.write_text(page(drawing, suffix, path.stem, interval, loop, player or {}), encoding='utf-8')
            return
        # closing: whatever happens to the writer, the figure is given back as it was
        with closing(draw_pixels(figure, func, frames, dpi, facecolor)) as pixels:
            pixels = ticking(pixels, done)
            if suffix in VIDEOS: write_video(part, pixels, interval, ffmpeg, **(video or {}))
            elif suffix == '.gif': write_gif(part, pixels, interval, loop, bar.step)
            else: (write_webp if suffix == '.webp' else write_apng)(part, pixels, interval, loop)


def page(drawing, suffix, title, interval, loop, player):
    if suffix == '.svg': return animated_svg(drawing, interval, player.get('alt', ''), loop)
    return player_page(player_html(drawing, interval, **player), title)


def ticking(frames, tick):
    for i, frame in enumerate(frames):
        yield frame
        tick(i)
