"""Images of few colours are written with a palette, and each pixel is the one that was drawn."""

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fastsgd.player import draw_svg
from fastsgd.player.palette import with_palette


def pixels_of(text): return np.asarray(Image.open(BytesIO(base64.b64decode(text))).convert('RGBA'))


@pytest.mark.parametrize('colours, alpha', [(1, 255), (2, 255), (16, 255), (17, 100), (256, 255), (256, 0)])
def test_the_pixels_are_the_same(colours, alpha):
    numbers = np.random.default_rng(0).permutation(np.arange(20 * 30) % colours).reshape(20, 30)
    opacity = np.where(numbers % 2, 255, alpha)
    pixels = np.stack([numbers, 255 - numbers, numbers * 7 % 256, opacity], 2).astype(np.uint8)
    assert np.array_equal(pixels_of(base64.b64encode(with_palette(pixels))), pixels)


def test_more_colours_have_no_palette():
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[..., :2] = np.stack(np.divmod(np.arange(600).reshape(20, 30), 256), 2)
    assert with_palette(pixels) is None


def test_an_animation_holds_equal_images_once_and_exactly():
    rng = np.random.default_rng(0)
    few = [rng.integers(0, 4, (16, 16, 3), dtype=np.uint8) * 80 for _ in range(2)]
    many = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    fig = Figure((2, 2))
    ax = fig.subplots()
    image = ax.imshow(few[0], interpolation='none')

    def func(i):
        image.set_data([*few, many, few[0]][i])
        return [image]
    drawing = draw_svg(fig, func, range(4))
    frames = [re.findall(r'base64,([A-Za-z0-9+/=]+)', drawing.frame(i)) for i in range(4)]
    shown = [pixels_of(text)[..., :3] for text, in frames]
    assert all(np.array_equal(a, b) for a, b in zip(shown, [*few, many, few[0]])) and frames[0] == frames[3]
    assert Image.open(BytesIO(base64.b64decode(frames[0][0]))).mode == 'P'
