"""`Progress`: a bar that only appears where someone would otherwise wait, and wonder."""

import sys
import time


class Progress:
    """Count up to `total`, and show a bar once it is clear that the work takes long

    >>> with Progress(3) as bar:
    ...     for i in range(3): bar.step()
    """
    def __init__(self,
        total: int, # Steps to come
        patience: float = 1., # Seconds without a bar: as many must have passed, and as many be to come
        comment: str = '', # To write beside the bar
    ):
        self.total, self.patience, self.comment = total, patience, comment
        self.done, self._bar, self._began = 0, None, time.monotonic()

    def __enter__(self): return self

    def __exit__(self, error, *_):
        if self._bar is None: return
        if error is None: self._bar.update(self.total)
        else: self._bar.on_interrupt()

    def step(self, *_): self.update(self.done + 1)

    def update(self, done: int):
        "Say that `done` steps are done by now"
        self.done = min(done, self.total)
        if self._bar is None:
            passed, left = time.monotonic() - self._began, self.total - self.done
            if passed <= self.patience or passed * left <= self.patience * self.done or not watched(): return
            # imports much, and is seldom needed; fastprogress itself takes a terminal's IPython for a notebook
            from fastprogress.fastprogress import ConsoleProgressBar, NBProgressBar
            self._bar = (ConsoleProgressBar if notebook() is None else NBProgressBar)(range(self.total), leave=False)
            self._bar.update(0)
            self._bar.start_t -= passed
        self._bar.comment = self.comment # it may have changed
        if self.done < self.total: self._bar.update(self.done)


def notebook():
    "The IPython shell of a notebook, or None: in a terminal, with or without IPython, and in a plain script"
    if 'IPython' not in sys.modules: return None
    shell = sys.modules['IPython'].get_ipython()
    return shell if getattr(shell, 'kernel', None) is not None else None


def watched() -> bool:
    "Does someone see a bar? Not where the output is a file or a pipe"
    return notebook() is not None or (sys.stdout is not None and sys.stdout.isatty())


def in_terminal_ipython() -> bool:
    "Is this IPython in a terminal? fastprogress, and so fastai's bar, takes it for a notebook."
    return notebook() is None and 'IPython' in sys.modules and sys.modules['IPython'].get_ipython() is not None
