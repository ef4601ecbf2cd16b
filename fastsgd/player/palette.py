"""Images of few colours as PNG files with a palette."""

from io import BytesIO

import numpy as np
from PIL import Image


def with_palette(
    pixels: np.ndarray, # (H, W, 4), uint8
) -> bytes | None: # None if there are more than 256 colours
    "The PNG that shows exactly these pixels by a table of their colours"
    height, width = pixels.shape[:2]
    if Image.fromarray(pixels).getcolors(256) is None: return None
    colours, numbers = np.unique(np.ascontiguousarray(pixels).view(np.uint32), return_inverse=True)
    colours = colours.view(np.uint8).reshape(-1, 4)
    image = Image.fromarray(numbers.reshape(height, width).astype(np.uint8))
    image.putpalette(colours[:, :3].tobytes()) # of grey levels it makes numbers in a palette
    opaque = {} if (colours[:, 3] == 255).all() else {'transparency': colours[:, 3].tobytes()}
    file = BytesIO()
    image.save(file, 'PNG', **opaque)
    return file.getvalue()
