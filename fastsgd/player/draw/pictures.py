"""Images with no more pixels than are seen: the page enlarges small ones, and large ones are made smaller here."""

from contextlib import contextmanager

import numpy as np
from matplotlib import cbook
from matplotlib.collections import TriMesh
from matplotlib.image import AxesImage
from PIL import Image

DETAIL = 1.2 # pixels of an image that is drawn as it is, for each dot of the figure
LARGE = 2**20 # pixels: of more, colours are found for those only that are seen
PIXELS = 'image-rendering:crisp-edges;image-rendering:pixelated'


@contextmanager
def as_it_is(part, renderer):
    """Let `part`, if it is an image, be drawn pixel for pixel; whether the page is to enlarge it smoothly is noted

    What shades from corner to corner is drawn as an image: no browser knows what matplotlib would write.
    """
    if isinstance(part, TriMesh) or getattr(part, '_shading', '') == 'gouraud':
        with cbook._setattr_cm(part, _rasterized=True): yield
        return
    smooth = _smooth(part, renderer.image_dpi)
    if isinstance(part, AxesImage): part._imcache = None # its pixels may have been changed in place
    if smooth is None:
        yield
        return
    part._check_unsampled_image = lambda: True
    renderer.smooth = smooth
    try: yield
    finally:
        del part._check_unsampled_image
        renderer.smooth = False


def _smooth(part, dpi):
    "Would matplotlib smooth the image `part` as it changes its size? None for what it is better left to"
    if type(part) is not AxesImage or part.get_interpolation() not in ('auto', 'antialiased', 'nearest'): return None
    if part._A is None or not part._A.size or not part.get_transform().is_affine: return None
    places, pixels = part.get_window_extent().size / 72 * dpi, np.array(part._A.shape[1::-1])
    if (places < pixels).any(): return None if pixels.prod() > LARGE or part.get_interpolation() == 'nearest' else True
    whole = (places > 3 * pixels) | (places == pixels) | (places == 2 * pixels)
    return part.get_interpolation() != 'nearest' and not whole.all()


def fitted(pixels, transform, dpi):
    "`pixels`, of which no more are left than are seen where `transform` puts the image, in points"
    (a, c, _), (b, d, _), _ = transform.get_affine().get_matrix()
    wanted = (np.hypot([a, c], [b, d]) * DETAIL * dpi / 72).round().clip(1).astype(int)
    size = tuple(np.minimum(wanted, pixels.shape[1::-1]).tolist())
    if size == pixels.shape[1::-1]: return pixels
    return np.asarray(Image.fromarray(pixels).convert('RGBa').resize(size, Image.BOX).convert('RGBA'))
