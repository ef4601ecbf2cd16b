"""A panel as a page: items side by side or below each other, measured in inches, with pictures, texts and bars."""

import re
import textwrap

import numpy as np
import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from PIL import Image
from torch.nn import functional as F

from .style import BLUE, GREEN, GREY, VERMILION

SIZE = 8 # of all text, in points
LINE = 0.155 # inches from line to line
CHAR = 0.068 # inches of a character, on average
DOTS = 120 # pixels per inch of a picture at the most: more is not seen, and stored for nothing
MOVING_DOTS = 56 # of one that is another in each frame
RIGHT, WRONG = '✓', '✗'


def pale(color, much=0.45) -> str:
    "`color` on white paper, so that black text on it can be read"
    return to_hex([1 - much * (1 - v) for v in to_rgb(color)])


def page(ax) -> tuple:
    "Make of `ax` a page measured in inches from its upper left corner; returns its width and height"
    width, height = ax.get_window_extent().size / ax.figure.dpi
    width, height = max(width - 0.12, 0.5), max(height - 0.12, 0.5) # what a layout leaves of it
    ax.set_axis_off()
    ax.set(xlim=(0, width), ylim=(height, 0), aspect='equal', autoscale_on=False)
    return width, height


def shorten(text: str, inches: float) -> str:
    "As much of `text` as fits into one line"
    most = max(int(inches / CHAR), 2)
    return text if len(text) <= most else text[:most - 1].rstrip() + '…'


def wrapped(text: str, inches: float, lines: int) -> str:
    "`text` in at most `lines` lines"
    most = max(int(inches / CHAR), 4)
    parts = textwrap.wrap(re.sub(r'[ \t\r\n]+', ' ', text), most, break_long_words=True) or ['']
    if len(parts) > lines: parts = [*parts[:lines - 1], shorten(' '.join(parts[lines - 1:]), inches)]
    return '\n'.join(parts)


def write(ax, x, y, text, **kwargs):
    "Text as it is, whatever signs are in it, hanging from (x, y)"
    return ax.text(x, y, text, **{'fontsize': SIZE, 'va': 'top', 'parse_math': False, 'linespacing': 1.05, **kwargs})


def picture(ax, image, x, y, width, height, dots=DOTS):
    "A picture (H, W) or (H, W, channels) that fits into a box, in the middle; returns it and its own box"
    high, wide = image.shape[:2]
    scale = min(width / wide, height / high)
    w, h = wide * scale, high * scale
    x, y = x + (width - w) / 2, y + (height - h) / 2
    return layer(ax, reduced(image, h, dots).numpy(), (x, y, w, h)), (x, y, w, h)


def layer(ax, pixels, box, zorder=1):
    "An image that fills `box`, and is stored with no more pixels than it has"
    x, y, w, h = box
    res = AxesImage(ax, extent=(x, x + w, y + h, y), interpolation='none', origin='upper', cmap='gray', zorder=zorder)
    res.set_data(pixels)
    res.set_clim(0, 255)
    ax.add_image(res)
    res.set_clip_path(ax.patch)
    return res


def reduced(image, inches: float, dots=DOTS) -> torch.Tensor:
    "A uint8 picture with no more pixels than can be seen at a height of so many `inches`"
    factor = inches * dots / image.shape[0]
    return image if factor >= 1 else resized(image, [max(round(s * factor), 1) for s in image.shape[:2]])


def resized(image, size) -> torch.Tensor:
    "A uint8 picture of another height and width, each pixel the mean of those that it stands for"
    planes = (image[None] if image.ndim == 2 else image.permute(2, 0, 1))[None].float()
    planes = F.interpolate(planes, size, mode='area')[0].round().to(torch.uint8)
    return planes[0] if image.ndim == 2 else planes.permute(1, 2, 0).contiguous()


def few_shades(image, size) -> np.ndarray:
    "A frame's picture in as many colours as a GIF has, which takes half the room"
    pixels = resized(image, size).numpy()
    if pixels.ndim == 2: return pixels // 4 * 4 + 2 # 64 shades
    few = Image.fromarray(pixels).quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return np.asarray(few.convert('RGB'))


def columns_for(n: int, width: float, height: float, shape: float, extra: float, least: float) -> int:
    """How many columns make `n` pictures largest, of which each is `shape` times as wide as high and has `extra` inches
    of text; a column is `least` inches wide"""
    def size(columns):
        cell = width / columns, height / -(-n // columns) - extra
        return min(cell[0] * 0.9 / shape, cell[1]) if cell[0] >= least or columns == 1 else -1
    return max(range(1, n + 1), key=size)


class Bar:
    "A line of text on a bar that fills with a share from 0 to 1; right and wrong differ by sign, colour and edge"
    def __init__(self, ax, x, y, width):
        self.width, look = width, {'height': LINE * 1.02, 'lw': 0}
        ax.add_patch(Rectangle((x, y), width, fc='0.93', zorder=1, **look))
        self.fill = ax.add_patch(Rectangle((x, y), 0, zorder=2, **look))
        self.text = write(ax, x + 0.03, y + LINE * 0.53, '', va='center', zorder=3, color='black') # on a pale ground

    def show(self, share, text, right=None, number=None) -> list:
        "`number` stands at the end if there is room for it; `right` is None for what is neither right nor wrong"
        share = min(max(share, 0.), 1.) if share == share else 0.
        self.fill.set_width(self.width * share)
        self.fill.set_facecolor(pale(BLUE if right is None else GREEN if right else VERMILION))
        sign = '' if right is None else f'{RIGHT if right else WRONG} '
        number = f' {share:.0%}' if number is None else number
        room = self.width - 0.04
        whole = f'{sign}{text}{number}'
        self.text.set_text(whole if len(whole) * CHAR <= room else shorten(f'{sign}{text}', room))
        return [self.fill, self.text]


class Frame:
    "The edge of a picture: an even line where the answer is right, a dashed one where it is wrong"
    def __init__(self, ax, box):
        x, y, w, h = box
        self.patch = ax.add_patch(Rectangle((x, y), w, h, fill=False, lw=1.6, zorder=2))

    def show(self, right) -> list:
        self.patch.set(edgecolor=GREEN if right else VERMILION, linestyle='-' if right else (0, (2, 1.2)))
        return [self.patch]


def heading(ax, width, text, named=()) -> int:
    """At the top of a page how to read it, and what colours stand for: `(name, colour)` each, None for no colour.

    In at most two lines; returns how many.
    """
    write(ax, 0, 0, shorten(text, width), color=GREY)
    x, line = (len(text) + 1) * CHAR, 0
    for name, color in named:
        name = shorten(name, width / 3)
        if x + (len(name) + 4) * CHAR > width:
            if line:
                write(ax, x, LINE * line, '…', color=GREY)
                break
            x, line = 0, 1
        write(ax, x, LINE * line, '■' if color else '□', color=color or GREY)
        write(ax, x + 1.8 * CHAR, LINE * line, name)
        x += (len(name) + 3.5) * CHAR
    return line + 1
