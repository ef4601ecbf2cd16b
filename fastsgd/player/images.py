"""Images of a drawing: each stored once, in sheets of several, compressed, with no more pixels than are seen."""

import base64
import hashlib
import io
import re
from itertools import chain, zip_longest

import numpy as np
from PIL import Image, features

from .palette import with_palette

MOST = 1_400_000 # bytes of all images together: what more of them take is made less by leaving out what is hardly seen
QUALITIES = 85, 70, 55, 40, 25, 10 # of WebP, for photographs
COLORS = 256, 64, 32, 16, 12 # of images with sharp edges, whose colours the former would smear
BOUNDS = 4, 6, 8, 10, 12, 14, 16 # levels of 255 that pixels are off, in the root of the mean square: more is seen
TRIED = 12 # images of a size that tell how the others will do
LOSSLESS = {'lossless': True, 'quality': 25, 'method': 2} # smaller ones take ten times as long
IN_HASTE = {'lossless': True, 'quality': 0, 'method': 0} # until all are known
PIXELS, HIGHEST = 240_000, 16_383 # of a sheet: a browser decodes all of it; WebP has no higher one
SEEN = 16_000_000 # pixels of all sheets that are seen at a time: Chromium keeps 32,000,000 decoded
TOKEN = re.compile('href="!([0-9]+)"')


class Images:
    """Keep images as bytes, and say what stands for them in the text of a drawing: `!` and a number

    When all are known they go into sheets, one below the other: on a page an image that changes is then another part of
    the same sheet, with nothing to load or decode, and headers and colours are stored once for all of a sheet.
    """
    def __init__(self): self.sheets, self._files, self._known = [], [], {} # sheets: bytes, and which images are in them

    def add(self, pixels: np.ndarray) -> str:
        "Keep an image of `pixels`, (H, W, 4) in uint8, without loss"
        key = pixels.shape[:2], hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
        if key not in self._known:
            self._known[key] = len(self._files)
            self._files.append(compressed(Image.fromarray(pixels), **IN_HASTE))
        return f'!{self._known[key]}'

    def size(self) -> int: return sum(len(file) for file, _ in self.sheets) * 4 // 3

    def gather(self, parts):
        """Put images that follow one another in a place of the `parts` of a drawing into sheets

        If all take more than `MOST` bytes, they lose detail: as little as will do, and no more than is hardly seen.
        """
        sizes, places, groups = [size for size, _ in self._known], [*places_of(parts)], {}
        for k in dict.fromkeys([*chain(*places), *range(len(sizes))]): groups.setdefault(sizes[k], []).append(k)
        room = min(PIXELS, SEEN // max(len(places), 1))
        can_lose = sum(map(len, self._files)) > MOST and features.check('webp')
        ways = [self._tried(numbers) if can_lose else [(1., 0., (None, None))] for numbers in groups.values()]
        for bound in (0, *BOUNDS):
            chosen = [min((way for way in tried if way[1] <= bound), key=lambda way: way[0]) for tried in ways]
            likely = sum(share * self._taken(numbers) for numbers, (share, *_) in zip(groups.values(), chosen))
            if can_lose and likely > MOST and bound < BOUNDS[-1]: continue
            self.sheets = [self._sheet(run, *way) for (size, numbers), (*_, way) in zip(groups.items(), chosen)
                           for run in runs(size, numbers, room)]
            if not can_lose or self.size() <= MOST * 4 // 3: break

    def _taken(self, numbers): return sum(len(self._files[k]) for k in numbers)

    def _strip(self, numbers):
        "The images `numbers` one below the other; each has its first and last row twice, to end in its own colours"
        images = [np.asarray(opened(self._files[k])) for k in numbers]
        if len(images) == 1: return Image.fromarray(images[0])
        return Image.fromarray(np.concatenate([image[[0, *range(len(image)), -1]] for image in images]))

    def _sheet(self, numbers, quality, colors):
        file = with_less_detail(self._strip(numbers), quality, colors)
        if quality and len(file) > self._taken(numbers): file = with_less_detail(self._strip(numbers), None, None)
        return file, numbers

    def _tried(self, numbers) -> list:
        "For each way: the share of bytes that some of these images take, how far they are off, and the way"
        some = numbers[::-(-len(numbers) // TRIED)]
        strip, taken, tried = self._strip(some), self._taken(some), []
        for way in ((None, None), *((q, None) for q in QUALITIES), *((None, n) for n in COLORS)):
            file = with_less_detail(strip, *way)
            off = np.square(np.subtract(strip, opened(file), dtype=float)).mean()**0.5
            tried.append((len(file) / taken, float(off), way))
        return tried

    def written(self) -> list:
        "All sheets as an HTML page takes them: the image and which ones are in it, from its top down"
        return [(uri(file), numbers) for file, numbers in self.sheets]

    def pixels(self, wanted) -> dict:
        "The pixels of the images whose numbers are `wanted`"
        found = [cut(file, numbers) for file, numbers in self.sheets if not wanted.isdisjoint(numbers)]
        return {k: image for images in found for k, image in images if k in wanted}

    def read(self, text) -> str:
        "Return `text` with images in it, as PNG: programs for SVG may know no other kind"
        uris = {k: uri(as_png(image)) for k, image in self.pixels({*map(int, TOKEN.findall(text))}).items()}
        return TOKEN.sub(lambda found: f'href="{uris[int(found[1])]}"', text)


def places_of(parts):
    "Yield for each place of images in `parts`, each of which may have several, the numbers of those that come there"
    for part in parts:
        if not any('!' in entry[2] for entry in part.entries if not isinstance(entry, int)): continue
        for place in zip_longest(*(TOKEN.findall(text) for _, text in part.texts())): yield [int(k) for k in place if k]


def runs(size, numbers, room):
    "Yield as many of the `numbers` of images of this `size` at a time as go into a sheet of `room` pixels"
    height, width = size
    n = max(min(room // width, HIGHEST) // (height + 2), 1)
    for k in range(0, len(numbers), n): yield numbers[k:k + n]


def cut(file, numbers):
    "Yield each image of a sheet: its number and its pixels"
    sheet, edge = np.asarray(opened(file)), int(len(numbers) > 1)
    step = len(sheet) // len(numbers)
    for n, k in enumerate(numbers): yield k, sheet[n * step + edge:(n + 1) * step - edge]


def compressed(image, **how) -> bytes:
    if image.getextrema()[3] == (255, 255): image = image.convert('RGB')
    file = io.BytesIO()
    image.save(file, 'WEBP' if features.check('webp') else 'PNG', **how)
    return file.getvalue()


def with_less_detail(image, quality, colors) -> bytes:
    "`image` with the detail that WebP keeps at this `quality`, or in so many `colors`, or all of it"
    if quality is not None: return compressed(image, quality=quality, method=4)
    if colors is not None:
        image = image.quantize(colors, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert('RGBA')
    return compressed(image, **LOSSLESS)


def opened(file):
    "The image in `file`, black where nobody sees it: there WebP puts any colour"
    pixels = np.array(Image.open(io.BytesIO(file)).convert('RGBA'))
    pixels[pixels[..., 3] == 0] = 0
    return Image.fromarray(pixels)


def as_png(pixels) -> bytes:
    if few := with_palette(pixels): return few
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, 'PNG')
    return png.getvalue()


def uri(file) -> str:
    kind = 'png' if file.startswith(b'\x89PNG') else 'webp'
    return f'data:image/{kind};base64,{base64.b64encode(file).decode()}'
