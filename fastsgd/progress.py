"""A progress bar for drawing, shown only where there is something to wait for."""

import sys
import time


class Progress:
    "Counts `total` steps. Past `patience` seconds a fastprogress bar shows them; it goes away at the end."
    def __init__(self, total, patience=1.0):
        self.total, self.done = total, 0
        self._bar, self._show_at = None, time.monotonic() + patience

    def __enter__(self): return self

    def __exit__(self, *error):
        if self._bar is not None:
            if error[0] is None: self._bar.update(self.total)
            else: self._bar.on_interrupt()

    def step(self, *_):
        "One step more."
        self.done = min(self.done + 1, self.total)
        if self._bar is None:
            if time.monotonic() < self._show_at or not watched(): return
            from fastprogress.fastprogress import progress_bar  # imports much, and is seldom needed
            self._bar = progress_bar(range(self.total), total=self.total, leave=False)
            self._bar.update(0)
        if self.done < self.total: self._bar.update(self.done)


def watched():
    "Does someone see a bar? Not where the output is a file or a pipe."
    from fastprogress.fastprogress import IN_NOTEBOOK
    return IN_NOTEBOOK or (sys.stdout is not None and sys.stdout.isatty())
