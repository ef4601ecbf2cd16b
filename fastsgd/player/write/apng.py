"""Pixels -> an animated PNG, without loss, in which a frame holds only what it changed."""

import struct
import zlib

import numpy as np

from .gif import changed_box


# Pillow has a writer too; it needs all frames in memory at once, and joins those that are alike
def write_apng(
    path, # File to write
    frames, # Arrays (height, width, 4) of uint8
    interval: float, # Milliseconds from frame to frame
    loop: bool = True, # Begin again at the end?
    pause: float = 0 # Milliseconds that the last frame is held
):
    "Write `frames` as an animated PNG. Raises ValueError if there are none."
    with open(path, 'wb') as file:
        n, sequence, last, parts = 0, 0, None, False
        for frame in frames:
            n += 1
            pixels = frame.view('<u4')[..., 0]
            if last is None:
                parts = bool(frame[..., 3].min() == 255) # without alpha of its own: it can mean "as before"
                size = struct.pack('>II', *pixels.shape[::-1])
                file.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', size + b'\x08\x06\0\0\0')) # 8 bits, RGBA
                at_count = file.tell()
                file.write(control(0, loop))
                y, x, h, w = 0, 0, *pixels.shape
                shown = frame
            else:
                y, x, h, w = changed_box(pixels != last)
                area = slice(y, y + h), slice(x, x + w)
                shown = frame[area]
                if parts: shown = np.where((pixels[area] != last[area])[..., None], shown, np.uint8(0))
            over = int(parts and last is not None)
            place, at_place = (sequence, w, h, x, y), file.tell()
            file.write(chunk(b'fcTL', struct.pack('>IIIIIHHBB', *place, *seconds(interval), 0, over)))
            sequence += 1
            if last is None: file.write(chunk(b'IDAT', deflated(shown)))
            else:
                file.write(chunk(b'fdAT', struct.pack('>I', sequence) + deflated(shown)))
                sequence += 1
            last = pixels.copy()
        if last is None: raise ValueError('frames is empty: there is nothing to save')
        file.write(chunk(b'IEND', b''))
        file.seek(at_count)
        file.write(control(n, loop))
        file.seek(at_place)
        file.write(chunk(b'fcTL', struct.pack('>IIIIIHHBB', *place, *seconds(interval + pause), 0, over)))


def seconds(interval):
    "Return milliseconds as a fraction of two 16-bit numbers"
    return (round(interval * 10), 10_000) if interval <= 6000 else (round(interval / 1000), 1)


def control(n, loop): return chunk(b'acTL', struct.pack('>II', n, 0 if loop else 1))


def deflated(pixels):
    "Deflate rows as they are (filter 0: no other is better for flat colours)"
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    lines = np.zeros((rows.shape[0], rows.shape[1] + 1), np.uint8)
    lines[:, 1:] = rows
    return zlib.compress(lines.tobytes(), 6)


def chunk(name, data): return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
