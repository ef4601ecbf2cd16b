"""The `fastsgd` command: the lesson from the shell, into a file."""

import os
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from fastcore.script import call_parse

from .data import linear_dls
from .lesson import linear_learner
from .player import SUFFIXES, VIDEOS, find_ffmpeg


def _option(
    name, # Of the option
    kind, # What the help calls a value
    wanted, # What it expects, for the message
    parse, # `parse(text) -> value`, or ValueError
    fits, # `fits(value)`: is it within its range?
):
    "A type for argparse. A wrong value ends the command with one line, before any work is done."
    def typed(text):
        try: value = parse(text)
        except ValueError: value = None
        if value is None or not fits(value): raise SystemExit(f'fastsgd: {name}={text:.100}: expected {wanted}')
        return value
    typed.__name__ = kind
    return typed


LARGEST = 1e9 # for numbers: with larger ones float32 overflows before the first step


def _whole(name, example, most=10**9):
    return _option(name, 'int', f'a whole number of at least 1 and at most {most:,}, for instance {name}={example}',
                   int, lambda n: 1 <= n <= most)


def _pair(name, example):
    return _option(name, 'a,b', f'two finite numbers of at most {LARGEST:g}, for instance {name}={example}',
                   lambda s: tuple(map(float, s.split(','))),
                   lambda pair: len(pair) == 2 and all(abs(v) <= LARGEST for v in pair))


def _output(text):
    "The path of a file that can be written; a wrong one ends the command with one line, before any work is done"
    path = Path(text).expanduser()
    try:
        try: os.fspath(path).encode()
        except UnicodeEncodeError: raise ValueError('the name is no UTF-8') from None
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f'the suffix is {path.suffix!r}, expected one of {", ".join(sorted(SUFFIXES))}')
        if path.suffix.lower() in VIDEOS: find_ffmpeg()
        if path.exists() and not path.is_file(): raise ValueError('it exists and is not a regular file')
        if path.exists() and not os.access(path, os.W_OK): raise ValueError('it is write-protected')
        tempfile.TemporaryFile(dir=path.parent).close() # tells more than os.access: quotas, disks that are read-only
    except (OSError, RuntimeError, ValueError) as e:
        raise SystemExit(f'fastsgd: cannot write {text}: {getattr(e, "strerror", None) or e}') from None
    return path


noise_option = _option('--noise', 'uniform|sigma',
                       f"'uniform' or the standard deviation of a Gaussian, at most {LARGEST:g}, "
                       'for instance --noise=0.25',
                       lambda s: s if s == 'uniform' else float(s), lambda v: v == 'uniform' or 0 <= v <= LARGEST)
lr_option = _option('--lr', 'float', f'a number above 0 and of at most {LARGEST:g}, for instance --lr=0.1', float,
                    lambda v: 0 < v <= LARGEST)
seed_option = _option('--seed', 'int', 'a whole number, for instance --seed=42', int, lambda n: True)


@call_parse
def main(
    file: _output, # File to write; its suffix chooses the format: .html, .svg, .gif, .webp, .png or .mp4
    points: _whole('--points', 100, 10**7) = 100, # Number of points
    coef: _pair('--coef', '3,2') = (3., 2.), # True slope and intercept, as in --coef=3,2
    init: _pair('--init', '0.5,0.75') = (0.5, 0.75), # First guess of slope and intercept, as in --init=-1,1
    noise: noise_option = 'uniform', # 'uniform' on [0, 1), or the standard deviation of a Gaussian
    lr: lr_option = 0.1, # Learning rate
    epochs: _whole('--epochs', 100) = 100, # Passes over the points
    bs: _whole('--bs', 10) = None, # Batch size (default: all points at once)
    seed: seed_option = None, # Seed of points and batches (default: others each time)
    every: _whole('--every', 10) = 10, # Steps from one printed loss to the next
):
    "Fit a line by gradient descent, print how the loss falls, and write an animation of it."
    if sys.stdout is None: raise SystemExit('fastsgd: standard output is closed, and there is no place for the losses')
    try:
        learn = linear_learner(linear_dls(points, coef, noise, n_valid=0, bs=bs, seed=seed), init=init, log_every=every)
        with _writing('standard output'):
            # the bar is for a person who waits, not for a file or a pipe
            with nullcontext() if sys.stdout.isatty() else learn.no_bar(): learn.fit(epochs, lr=lr)
            _report(learn, coef)
        with _writing(repr(str(file))): learn.animate_fit.save(file)
        with _writing('standard output'): print(file, flush=True)
    except KeyboardInterrupt: raise SystemExit('fastsgd: interrupted, nothing was written') from None
    except (MemoryError, RuntimeError) as e: raise SystemExit(f'fastsgd: {str(e).splitlines()[0][:200]}') from None


@contextmanager
def _writing(what):
    "Turn an OSError into a single line that names `what` could not be written"
    try: yield
    except OSError as e:
        # what is left in the buffer would be tried again, and complained about, at the end of the process
        if what == 'standard output': sys.stdout = None
        raise SystemExit(f'fastsgd: cannot write {what}: {e.strerror or e}') from None


def _report(learn, coef):
    "Print fitted, least-squares and true coefficients with their losses"
    x, y = (t.double() for t in learn.dls.train_ds.tensors)
    best = torch.linalg.lstsq(x, y[:, None], driver='gelsd').solution[:, 0] # also for points that leave the line open
    print(f'\n{"":<14} {"slope":>10} {"intercept":>10} {"loss":>10}')
    for name, a in ('fitted', learn.model.a.detach()), ('least squares', best), ('true', torch.tensor(coef)):
        a = a.double()
        print(f'{name:<14} {a[0]:>10.4f} {a[1]:>10.4f} {(x @ a - y).square().mean():>10.4f}')
    diverged = learn.record_params.trajectory.diverged
    if diverged is not None: print(f'\nThe fit diverged at step {diverged}: try a smaller --lr.')
    print(flush=True)
