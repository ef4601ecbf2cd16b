"""Each frame put together from parts is what matplotlib draws at once."""

import re

import pytest
from player_figures import FIGURES, build

from fastsgd.player import draw_svg

N = 5


def resolved(text, drawing):
    "`text` with each reference replaced by what it refers to: ids are free to differ."
    found = re.findall(r'(<\w+[^>]*? ?id="(@\d+)".*?)(?=<\w+[^>]*? ?id="@|$)', drawing.defs)
    defs = {name: text for text, name in found}
    def put(found): return '{' + re.sub(r'id="@\d+"', '', defs[found[1]]) + '}'
    for _ in range(3): text = re.sub(r'#(@\d+)', put, text)
    return text


@pytest.mark.parametrize('name', FIGURES)
def test_frames_are_matplotlibs(name):
    fig, func = build(name)
    drawing = draw_svg(fig, func, range(N))
    fig, func = build(name)
    for i in range(N):
        func(i)
        whole = draw_svg(fig, lambda _: None, [0])
        assert resolved(drawing.frame(i), drawing) == resolved(whole.frame(0), whole), f'frame {i}'
