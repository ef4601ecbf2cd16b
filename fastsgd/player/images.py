"""Images of a drawing: each stored once, compressed, with no more pixels than are seen."""

import base64
import hashlib
import io
import re

import numpy as np
from PIL import Image, features

from .palette import with_palette

MOST = 1_400_000 # bytes of all images together: what more of them take is made less by leaving out what is hardly seen
QUALITIES = 85, 70, 55, 40 # of WebP: below that it is seen
COLORS = 64 # of images with sharp edges
LOSSLESS = {'lossless': True, 'quality': 25, 'method': 2} # smaller ones take ten times as long
TOKEN = re.compile('href="!([0-9]+)"')


class Images:
    "Keep images as bytes, and say what stands for them in the text of a drawing: `!` and a number"
    def __init__(self): self.files, self._known = [], {}

    def add(self, pixels: np.ndarray) -> str:
        "Keep an image of `pixels`, (H, W, 4) in uint8, without loss"
        key = pixels.shape[:2], hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
        if key not in self._known:
            self._known[key] = len(self.files)
            self.files.append(compressed(Image.fromarray(pixels), **LOSSLESS))
        return f'!{self._known[key]}'

    def size(self) -> int: return sum(map(len, self.files)) * 4 // 3

    def keep_within_limit(self):
        "Give up detail if all take more than `MOST` bytes"
        some = self.files[::max(len(self.files) // 20, 1)]
        for quality in QUALITIES:
            if sum(map(len, self.files)) <= MOST or not features.check('webp'): return
            share = sum(len(with_less_detail(file, quality)) for file in some) / sum(map(len, some))
            if share * sum(map(len, self.files)) <= MOST or quality == QUALITIES[-1]:
                self.files = [with_less_detail(file, quality) for file in self.files]

    def uris(self) -> list:
        "All images, as an HTML page takes them"
        return [uri(file) for file in self.files]

    def read(self, text) -> str:
        "Return `text` with images in it, as PNG: programs for SVG may know no other kind"
        return TOKEN.sub(lambda found: f'href="{uri(as_png(self.files[int(found[1])]))}"', text)


def compressed(image, **how) -> bytes:
    if image.getextrema()[3] == (255, 255): image = image.convert('RGB')
    file = io.BytesIO()
    image.save(file, 'WEBP' if features.check('webp') else 'PNG', **how)
    return file.getvalue()


def with_less_detail(file, quality) -> bytes:
    "`file`, or the same with less detail (of photographs) or fewer colours (of dots), whatever takes the fewest bytes"
    image = opened(file)
    few = image.quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert('RGBA')
    return min(file, compressed(image, quality=quality, method=4), compressed(few, **LOSSLESS), key=len)


def opened(file): return Image.open(io.BytesIO(file)).convert('RGBA')


def as_png(file) -> bytes:
    if few := with_palette(np.asarray(opened(file))): return few
    png = io.BytesIO()
    opened(file).save(png, 'PNG')
    return png.getvalue()


def uri(file) -> str:
    kind = 'png' if file.startswith(b'\x89PNG') else 'webp'
    return f'data:image/{kind};base64,{base64.b64encode(file).decode()}'
