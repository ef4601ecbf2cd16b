"""`early_pictures`: what is there of a surface, in a notebook's cell, while it is still being refined."""

import io
from contextlib import contextmanager
from time import monotonic

from matplotlib.figure import Figure

from ..player.images import uri
from ..progress import notebook
from ..random_state import random_state_kept
from ..surface.stages import watched_by
from .style import without_tex
from .view import draw_view

PATIENCE = 3. # seconds to come, below which nobody needs a picture before the whole one


@contextmanager
def early_pictures(view, trajs: list):
    "Show the coarser surfaces that are whole, as a `view` like this one does, until the `with` block is through"
    handle, began = None, monotonic()

    def show(surface, share):
        nonlocal handle
        passed = monotonic() - began
        if passed * (1 - share) < PATIENCE * share: return
        with random_state_kept(): html = image_element(type(view)(surface, view.kind, view.log), trajs)
        content = {'text/html': html, 'text/plain': repr(surface)}
        if handle is not None: handle.update(content, raw=True)
        else:
            from IPython.display import display
            handle = display(content, raw=True, display_id=True)
    if notebook() is None: show = None
    try:
        with watched_by(show): yield
    finally:
        if handle is not None: handle.update({'text/html': '', 'text/plain': ''}, raw=True)


def image_element(view, trajs: list) -> str:
    "The last frame of `view` as an image element"
    fig, out = Figure(view.figsize, layout='constrained'), io.BytesIO()
    with without_tex():
        draw_view(view, trajs, fig.add_subplot(projection=view.projection))(-1)
        fig.savefig(out, format='png', dpi=80)
    return f'<img alt="a coarse surface, which is being refined" src="{uri(out.getvalue())}">'
