"""An animation -> a file, by its suffix. The file appears when it is complete, or not at all."""
import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path

from .gif import write_gif
from .html import player_html, player_page
from .moving_svg import animated_svg
from .progress import Progress
from .raster import draw_pixels
from .svg import draw_svg
from .video import find_ffmpeg, write_pillow, write_video

__all__ = ["SUFFIXES", "save_animation", "whole_file"]

VIDEOS = {".mp4", ".m4v", ".mov", ".mkv"}
PICTURES = {".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
PAGES = {".html", ".htm", ".svg"}
SUFFIXES = VIDEOS | PAGES | {".gif", *PICTURES}


@contextmanager
def whole_file(path):
    "A path beside `path` to write to; it takes the place of `path` at the end, unless there was an error or interrupt."
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir(): raise FileNotFoundError(f"{path} can't be written: there is no folder {path.parent}")
    part = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield part
        if path.exists(): shutil.copymode(path, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_animation(path, figure, func, frames, n_frames=None, *, interval=20, dpi=None, facecolor=None, loop=True,
                   tick=None, video=None, **player):
    """Draw and write all frames, as the suffix of `path` says.

    func, frames : as for matplotlib's FuncAnimation; `n_frames` is how many, if that is known, for the progress bar
    interval     : milliseconds from frame to frame
    tick         : `tick(i)` is called when frame i is drawn
    video        : dict of what `write_video` takes further
    player       : what `player_html` takes further

    Raises RuntimeError if a video is asked for and there is no ffmpeg, FileNotFoundError if the folder is missing:
    both before anything is drawn.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    ffmpeg = find_ffmpeg() if suffix in VIDEOS else None
    drawn = (n_frames or 1000) * (2 if suffix == ".gif" else 1)
    with whole_file(path) as part, Progress(drawn) as bar:
        def done(i):
            bar.step()
            if tick: tick(i)
        if suffix in PAGES:
            drawing = draw_svg(figure, func, frames, done)
            part.write_text(page(drawing, suffix, path.stem, interval, loop, player), encoding="utf-8")
            return
        pixels = ticking(draw_pixels(figure, func, frames, dpi, facecolor), done)
        if suffix in VIDEOS: write_video(part, pixels, interval, ffmpeg, **(video or {}))
        elif suffix in PICTURES: write_pillow(part, pixels, interval, PICTURES[suffix], loop)
        else: write_gif(part, pixels, interval, loop, bar.step)


def page(drawing, suffix, title, interval, loop, player):
    if suffix == ".svg": return animated_svg(drawing, interval, player.get("alt", ""), loop)
    return player_page(player_html(drawing, interval, **player), title)


def ticking(frames, tick):
    for i, frame in enumerate(frames):
        yield frame
        tick(i)
