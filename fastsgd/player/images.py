"""Images of a drawing: each stored once, compressed, with no more pixels than are seen."""

import base64
import hashlib
import io
import re

import numpy as np
from PIL import Image, features

from .palette import with_palette

MOST = 1_400_000 # bytes of all images together: what more of them take is made less by leaving out what is hardly seen
QUALITIES = 85, 70, 55, 40, 25 # of WebP, for photographs
COLORS = 256, 64, 32, 16, 12 # of images with sharp edges, whose colours the former would smear
BOUNDS = 4, 6, 8, 10, 12 # levels of 255 that pixels are off, in the root of the mean square: more of it is seen
TRIED = 12 # images of a size that tell how the others will do
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
        "Give up detail if all take more than `MOST` bytes: as little as will do, and no more than is hardly seen"
        if sum(map(len, self.files)) <= MOST or not features.check('webp'): return
        groups = {}
        for k, file in enumerate(self.files): groups.setdefault(opened(file).size, []).append(k)
        groups = [(numbers, self._tried(numbers)) for numbers in groups.values()]
        for bound in BOUNDS:
            chosen = [(numbers, *min((o for o in tried if o[1] <= bound), key=lambda o: o[0]))
                      for numbers, tried in groups]
            if sum(share * sum(len(self.files[k]) for k in numbers) for numbers, share, *_ in chosen) <= MOST: break
        for numbers, _, _, way in chosen:
            for k in numbers: self.files[k] = min(self.files[k], with_less_detail(self.files[k], *way), key=len)

    def _tried(self, numbers) -> list:
        "For each way: the share of bytes that some of these images take, how far they are off, and the way"
        some = [self.files[k] for k in numbers[::-(-len(numbers) // TRIED)]]
        tried = [(1., 0., (None, None))] # as they are
        for way in (*((q, None) for q in QUALITIES), *((None, n) for n in COLORS)):
            files = [with_less_detail(file, *way) for file in some]
            off = [np.square(np.subtract(opened(a), opened(b), dtype=float)).mean() for a, b in zip(some, files)]
            tried.append((sum(map(len, files)) / sum(map(len, some)), float(np.mean(off)**0.5), way))
        return tried

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


def with_less_detail(file, quality, colors) -> bytes:
    "`file` with the detail that WebP keeps at this `quality`, or in so many `colors`"
    if quality is not None: return compressed(opened(file), quality=quality, method=4)
    if colors is None: return file
    few = opened(file).quantize(colors, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert('RGBA')
    return compressed(few, **LOSSLESS)


def opened(file): return Image.open(io.BytesIO(file)).convert('RGBA')


def as_png(file) -> bytes:
    if few := with_palette(np.asarray(opened(file))): return few
    png = io.BytesIO()
    opened(file).save(png, 'PNG')
    return png.getvalue()


def uri(file) -> str:
    kind = 'png' if file.startswith(b'\x89PNG') else 'webp'
    return f'data:image/{kind};base64,{base64.b64encode(file).decode()}'
