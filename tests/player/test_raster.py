"""The raster writers' frames are matplotlib's, pixel by pixel."""

import io

import numpy as np
import pytest
from player_figures import FIGURES, build

from fastsgd.player import draw_pixels

N = 5


def matplotlib_frame(fig, **kwargs):
    buffer = io.BytesIO()
    fig.savefig(buffer, format='rgba', **kwargs)
    width, height = (fig.get_size_inches() * kwargs.get('dpi', fig.dpi)).astype(int)
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)


@pytest.mark.parametrize('name', FIGURES)
def test_frames_are_matplotlibs(name):
    fig, func = build(name)
    ours = [frame.copy() for frame in draw_pixels(fig, func, range(N))]
    fig, func = build(name)
    for i in range(N):
        func(i)
        assert np.array_equal(ours[i], matplotlib_frame(fig)), f'frame {i}'
