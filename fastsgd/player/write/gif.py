"""Pixels -> a GIF with one palette for all frames and no dither, in which a frame holds only what it changed."""

import tempfile

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata

SEE_THROUGH = 255 # the palette's last entry: the pixel stays as it was
N_COLOURS = 255
N_EXACT = 128 # colours kept as they are: the most frequent, so flat areas stay flat


def write_gif(
    path, # File to write
    frames, # Arrays (height, width, 4) of uint8
    interval: float, # Milliseconds from frame to frame; a GIF counts in hundredths of a second and begins at two
    loop: bool = True, # Begin again at the end?
    pause: float = 0, # Milliseconds that the last frame is held
    tick=None # `tick(i)` is called when frame i is encoded
):
    "Write `frames` as a GIF. Raises ValueError if there are none."
    with tempfile.TemporaryFile() as spool: # colours are chosen when all are known; changes wait here
        crops, colours, shape, holes = collect(frames, spool)
        palette = choose_colours(*colours)
        to_index = NearestColour(palette)
        spool.seek(0)
        with open(path, 'wb') as file:
            file.write(header(shape, palette, loop))
            shown, due = np.zeros(shape, np.uint8), 0.0
            for i, (y, x, h, w) in enumerate(crops):
                pixels = np.frombuffer(spool.read(4 * h * w), '<u4').reshape(h, w)
                index, old = to_index(pixels), shown[y:y + h, x:x + w]
                stays = pixels == 0 if holes else (index == old) & (i > 0)
                new = np.where(stays, SEE_THROUGH, index).astype(np.uint8)
                shown[y:y + h, x:x + w] = index
                wait = max(2, round((due + interval) / 10) - round(due / 10))
                due += interval
                if i == len(crops) - 1: wait += round(pause / 10)
                file.writelines(getdata(Image.fromarray(new), (x, y), duration=10 * wait,
                                        transparency=SEE_THROUGH, disposal=2 if holes else 1))
                if tick: tick(i)
            file.write(b';')


def collect(frames, spool):
    """Write to `spool` what each frame changed; return where that is, colours with their counts, the shape, and `holes`

    A picture with holes is written whole in each frame, since a GIF can't take a pixel back: 0 is a hole.
    """
    crops, found, last, holes = [], [], None, False
    for frame in frames:
        pixels = opaque(frame)
        if last is None: holes = not frame[..., 3].all()
        if holes: pixels[frame[..., 3] == 0] = 0
        if last is None or holes: box = 0, 0, *pixels.shape
        else: box = changed_box(pixels != last)
        y, x, h, w = box
        crop = np.ascontiguousarray(pixels[y:y + h, x:x + w])
        spool.write(crop.data)
        crops.append(box)
        found.append(np.unique(crop[:: 1 + crop.size // 200_000], return_counts=True))
        last = pixels
        if len(found) > 200: found = [merge(found)]
    if last is None: raise ValueError('frames is empty: there is nothing to save')
    return crops, merge(found), last.shape, holes


def opaque(frame):
    "Put RGBA on white, as one number per pixel"
    pixels = frame.view('<u4')[..., 0].copy()
    if frame[..., 3].min() < 255:
        alpha = frame[..., 3:] / 255
        pixels = np.dstack([np.uint8(np.round(frame[..., :3] * alpha + 255 * (1 - alpha))),
                            np.full(frame.shape[:2], 255, np.uint8)]).view('<u4')[..., 0]
    return pixels


def changed_box(changed):
    "Return (y, x, height, width) of what changed; one pixel if nothing did, since a frame must hold one"
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    if not len(rows): return 0, 0, 1, 1
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def merge(found):
    colours, place = np.unique(np.concatenate([c for c, _ in found]), return_inverse=True)
    return colours, np.bincount(place, weights=np.concatenate([n for _, n in found]))


def rgb(colours): return np.ascontiguousarray(colours).view(np.uint8).reshape(-1, 4)[:, :3]


def choose_colours(colours, counts):
    "Choose at most 255 colours (n, 3) for all frames: the frequent ones as they are, the others by median cut"
    order = np.argsort(-counts, kind='stable')
    colours = rgb(colours[order[colours[order] != 0]]) # without holes
    if not len(colours): return np.zeros((1, 3), np.uint8)
    if len(colours) <= N_COLOURS: return colours
    rest = Image.fromarray(np.ascontiguousarray(colours[N_EXACT:][None]))
    cut = rest.quantize(N_COLOURS - N_EXACT, Image.Quantize.MEDIANCUT).getpalette()[:3 * (N_COLOURS - N_EXACT)]
    return np.concatenate([colours[:N_EXACT], np.array(cut, np.uint8).reshape(-1, 3)])


class NearestColour:
    "From colours to the index of the nearest one in `palette`, searched once for each colour"
    def __init__(self, palette):
        self.palette = palette.astype(np.float32)
        self.known = np.zeros(1 << 24, np.uint8) # index + 1; 0 means: not looked for yet

    def __call__(self, pixels):
        colours = pixels & 0xFFFFFF # without alpha
        index = self.known[colours]
        if not index.all():
            new = np.unique(colours[index == 0])
            for some in np.array_split(new, 1 + len(new) // 4096):
                parts = np.stack([some & 255, some >> 8 & 255, some >> 16 & 255], 1).astype(np.float32)
                apart = ((parts[:, None] - self.palette) ** 2).sum(2)
                self.known[some] = apart.argmin(1) + 1
            index = self.known[colours]
        return index - np.uint8(1)


def header(shape, palette, loop):
    table = np.zeros((256, 3), np.uint8)
    table[:len(palette)] = palette
    size = shape[1].to_bytes(2, 'little') + shape[0].to_bytes(2, 'little')
    forever = b'!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00' if loop else b''
    return b'GIF89a' + size + b'\xf7\x00\x00' + table.tobytes() + forever
