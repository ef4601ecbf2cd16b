"""What marimo displays of a player and of `explore` without ipywidgets: both whole, where marimo is installed."""

import sys

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fastsgd import FitAnimation, explore
from fastsgd.lesson.page import ExplorePage


def test_marimo_displays_both_as_html(monkeypatch):
    formatting = pytest.importorskip('marimo._output.formatting')
    fig = Figure()
    FigureCanvasAgg(fig)
    line, = fig.add_subplot().plot([0, 1], [0, 1])
    player = FitAnimation(fig, lambda i: line.set_ydata([0, i]), 3)
    formatting.try_format(player) # registers what marimo knows, ipywidgets among it
    monkeypatch.setitem(sys.modules, 'ipywidgets', None)
    page = explore(max_frames=2)
    assert isinstance(page, ExplorePage)
    for shown in (player, page):
        formatted = formatting.try_format(shown)
        assert 'html' in formatted.mimetype or 'mimebundle' in formatted.mimetype
        assert formatted.exception is None and ('<iframe' in formatted.data or 'fastsgd-player' in formatted.data)
