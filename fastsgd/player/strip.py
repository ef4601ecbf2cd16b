"""Some frames of an animation as one still picture, for print."""

import io
from contextlib import closing
from pathlib import Path

from PIL import Image

from ..files import atomic_path
from .draw.raster import draw_pixels
from .draw.svg import draw_svg
from .write.html import as_markup

PAGE = 10.5 # inches: as many frames side by side as a page is wide
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}pt" \
height="{height:g}pt" role="img" stroke-linejoin="round" stroke-linecap="butt"><title>{alt}</title>\
<defs>{defs}</defs>{picture}</svg>
"""


def save_strip(path, figure, func, frames, columns, dpi, alt) -> Path:
    "Write `frames` of `figure` side by side in `columns` (.svg, .png), or one a page (.pdf)"
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise ValueError(f'filename is a path that ends in {suffix!r}: expected one of {", ".join(WRITERS)}')
    if columns is None: columns = max(int(PAGE / figure.get_figwidth()), 1)
    with atomic_path(path) as part: WRITERS[suffix](part, figure, func, frames, min(columns, len(frames)), dpi, alt)
    return Path(path)


def write_svg(path, figure, func, frames, columns, dpi, alt):
    drawing, rows = draw_svg(figure, func, frames), -(-len(frames) // columns)
    places = [(k % columns * drawing.width, k // columns * drawing.height) for k in range(len(frames))]
    picture = ''.join(f'<g transform="translate({x:g} {y:g})">{drawing.frame(k)}</g>'
                      for k, (x, y) in enumerate(places)).replace('#@', '#i')
    text = SVG.format(width=columns * drawing.width, height=rows * drawing.height, alt=as_markup(alt or 'Frames'),
                      defs=drawing.defs.replace('id="@', 'id="i').replace('#@', '#i'), picture=picture)
    path.write_text(text, encoding='utf-8')


def write_png(path, figure, func, frames, columns, dpi, alt):
    with closing(draw_pixels(figure, func, frames, dpi)) as pixels:
        images = [Image.fromarray(image.copy()) for image in pixels]
    width, height = images[0].size
    sheet = Image.new(images[0].mode, (columns * width, -(-len(images) // columns) * height), 'white')
    for k, image in enumerate(images): sheet.paste(image, (k % columns * width, k // columns * height))
    sheet.save(path, dpi=(width / figure.get_figwidth(),) * 2)


def write_pdf(path, figure, func, frames, columns, dpi, alt):
    # brings fontTools, which takes half a second
    from matplotlib.backends.backend_pdf import PdfPages
    file = io.BytesIO() # matplotlib would leave a file open on a full disk
    with PdfPages(file) as pages:
        for frame in frames:
            func(frame)
            figure.savefig(pages, format='pdf', dpi=dpi or 'figure')
    path.write_bytes(file.getvalue())


WRITERS = {'.svg': write_svg, '.png': write_png, '.pdf': write_pdf}
