"""The arguments of `FitAnimation`: what suits, before anything is drawn."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from matplotlib.animation import AbstractMovieWriter, Animation, writers
from matplotlib.figure import FigureBase

from ..checks import (
    as_whole,
    check_callable,
    check_flag,
    check_in_list,
    check_number,
    check_path,
    check_string,
    check_type,
    check_whole,
    refuse,
    refuse_kind,
)
from .write.html import MODES

MOST_FRAMES = 10**6
SAVEFIG = {'backend', 'bbox_extra_artists', 'bbox_inches', 'dpi', 'edgecolor', 'facecolor', 'format', 'metadata',
           'orientation', 'pad_inches', 'pil_kwargs', 'transparent'} # what matplotlib's `savefig` takes


def check_figure(fig, func, frames):
    "Return `frames` as `FuncAnimation` takes them. Raises TypeError or ValueError for what can't be animated."
    check_type('fig', fig, FigureBase, "a figure of matplotlib's")
    check_callable('func', func, 'a function of a frame that returns the artists that it changed')
    if callable(frames): return lambda: frames_of(frames)
    if frames is None or isinstance(frames, Iterable) and getattr(frames, 'ndim', 1): return frames
    if as_whole(frames) is None:
        refuse_kind('frames', frames, 'a number of frames, something to go over, or a function that returns such', 100)
    return check_whole('frames', frames, 0, MOST_FRAMES, example=100)


def frames_of(function):
    "Go over what a generator function, or another, returns. Raises TypeError if that is no row of frames."
    made = function()
    if isinstance(made, Iterable): return iter(made)
    raise TypeError(f'frames returned {made!r:.60}: expected something to go over, as a generator does')


def check_player(alt, repeat, autoplay, default_mode) -> str | None:
    "What happens at the end. Raises TypeError or ValueError for settings of the player that are of another kind."
    check_string('alt', alt)
    check_flag('autoplay', autoplay)
    return check_mode(default_mode, check_flag('repeat', repeat))


def check_interval(interval) -> float | None:
    "`interval` as a float, or None. Raises ValueError for anything but a number above 0."
    return None if interval is None else check_number('interval', interval, above=0, cap=1e9, example=50)


def check_mode(mode, repeat: bool | None = None) -> str | None:
    "What happens at the end; None leaves it to `repeat`. Raises ValueError for an unknown `mode`."
    if mode is None: return None if repeat is None else 'loop' if repeat else 'once'
    return check_in_list('default_mode', mode, MODES)


def check_labels(labels, n: int | None = None) -> list | None:
    "`labels` as a list of strings, or None. Raises TypeError for anything but names, ValueError unless there are `n`."
    if labels is None: return None
    if isinstance(labels, np.ndarray): labels = labels.tolist()
    if isinstance(labels, Iterator): labels = list(labels)
    if not isinstance(labels, (list, tuple)) or not all(isinstance(o, (str, int, float)) for o in labels):
        refuse_kind('labels', labels, 'a list of strings, one for each frame')
    if n not in (None, len(labels)):
        raise ValueError(f'labels has {len(labels)} entries for {n} frames: expected one for each')
    return [check_string('labels', str(o)) for o in labels]


def check_saving(writer, dpi, bitrate, codec, extra_args, metadata, extra_anim, savefig_kwargs, progress_callback):
    "Return `dpi`. Raises TypeError or ValueError for arguments of `save` that suit no file."
    if writer is not None and not isinstance(writer, AbstractMovieWriter):
        if not isinstance(writer, str): refuse_kind('writer', writer, "a writer of matplotlib's or its name", 'pillow')
        if writer not in writers.list(): refuse('writer', writer, f'one of {", ".join(writers.list())}')
    if bitrate is not None: check_whole('bitrate', bitrate, -1, cap=10**9, example=1000)
    if codec is not None: check_in_words('codec', codec)
    strings = lambda o: isinstance(o, (list, tuple)) and all(isinstance(v, str) for v in o)
    if extra_args is not None and not strings(extra_args):
        refuse_kind('extra_args', extra_args, 'a list of strings', ['-crf', '18'])
    for name, given in (('metadata', metadata), ('savefig_kwargs', savefig_kwargs)):
        if given is not None and not (isinstance(given, Mapping) and all(isinstance(k, str) for k in given)):
            refuse_kind(name, given, 'a dict, name -> value', {'title': 'fit'} if name == 'metadata' else {'dpi': 100})
    if not {*(savefig_kwargs or ())} <= SAVEFIG:
        refuse('savefig_kwargs', savefig_kwargs, ', '.join(sorted(SAVEFIG)))
    animations = lambda o: isinstance(o, (list, tuple)) and all(isinstance(a, Animation) for a in o)
    if extra_anim is not None and not animations(extra_anim):
        refuse_kind('extra_anim', extra_anim, 'a list of animations of the same figure')
    check_callable('progress_callback', progress_callback, 'a function of a frame and the number of frames',
                   or_none=True)
    return dpi if isinstance(dpi, str) and dpi == 'figure' else check_dpi(dpi)


def check_in_words(name, value) -> str:
    "Return `value`. Raises TypeError unless it is a string, ValueError for one that no command line takes."
    if '\0' in check_string(name, value) or not value: refuse(name, value, 'a word', None)
    return value


def check_dpi(dpi) -> float | None:
    "`dpi` as a float, or None. Raises ValueError for anything but a number from 10 to 10,000."
    return None if dpi is None else check_number('dpi', dpi, 10, 10_000, example=100)


def suffix_of(path, format) -> str:
    "Return what `path` ends in. Raises ValueError for a `format` beside a path."
    if format is not None: refuse('format', format, 'None: it is for open files, a path says it by its suffix')
    return check_path('filename', path).suffix.lower()


def check_format(format) -> str:
    "The suffix for an open file. Raises ValueError for a `format` that is none."
    if format is None: raise ValueError("format is None: an open file needs one, such as format='gif'")
    if not isinstance(format, str) or not format.isascii() or not format.lstrip('.').isalnum():
        refuse('format', format, 'what kind of file', 'gif')
    return f'.{format.lstrip(".")}'
