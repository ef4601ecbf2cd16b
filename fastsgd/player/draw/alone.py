"""Matplotlib's settings for the time of a drawing: they are global, and so one thread draws at a time."""

import threading
from contextlib import contextmanager

import matplotlib as mpl

LOCK = threading.RLock()


@contextmanager
def settings_alone(settings: dict):
    "Draw with these rcParams while other threads wait: two that restore them in turn would leave them changed"
    with LOCK, mpl.rc_context(settings): yield
