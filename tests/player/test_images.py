"""Images on a page: each stored once, compressed, with no more pixels than are seen."""

import base64
import io
import re

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from fastsgd import FitAnimation
from fastsgd.player.draw.svg import draw_svg
from fastsgd.player.images import BOUNDS, MOST, Images

N, FRAMES = 16, 6


def opened(file): return np.asarray(Image.open(io.BytesIO(file)).convert('RGBA'))


def smooth(n, size, seed=0):
    "Images (size, size, 3) of soft colours"
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(c).resize((size, size), Image.BICUBIC)) for c in coarse])


def grid(base, other, n=N, **look):
    fig = Figure(figsize=(6, 6))
    FigureCanvasAgg(fig)
    images = [ax.imshow(one, **look) for ax, one in zip(fig.subplots(4, 4).flat, base[:n])]
    for ax in fig.axes: ax.set_axis_off()

    def func(i):
        share = i / (FRAMES - 1)
        for image, a, b in zip(images, base, other): image.set_data(((1 - share) * a + share * b).astype(a.dtype))
        return images
    return fig, func


@pytest.mark.parametrize('size', [64, 224])
@pytest.mark.parametrize('look', [{}, {'interpolation': 'none'}], ids=['auto', 'none'])
def test_a_grid_of_images_that_change_makes_a_small_page(size, look):
    html = FitAnimation(*grid(smooth(N, size), smooth(N, size, 1), **look), FRAMES).to_jshtml()
    assert len(html) < 1_500_000 # of 224 pixels it took 6,000,000
    assert html.count('data:image/webp') == N * FRAMES


def test_an_image_that_comes_again_in_another_place_is_stored_once():
    base = smooth(N, 28)
    fig, func = grid(base, base)
    images = [ax.images[0] for ax in fig.axes]
    def turn(i):
        for k, image in enumerate(images): image.set_data(base[(k + i) % N])
        return images
    html = FitAnimation(fig, turn, FRAMES).to_jshtml()
    assert html.count('data:image/webp') == N and len(html) < 150_000


def test_small_images_are_stored_without_loss_and_large_ones_at_display_size():
    base = smooth(2, 300)
    fig, func = grid(base, base, 2)
    files = draw_svg(fig, func, range(1)).images.files
    places = fig.axes[0].get_window_extent().size * 1.2
    assert all(abs(np.array(opened(file).shape[:2]) - places).max() <= 1 for file in files)
    small = smooth(2, 20)
    drawing = draw_svg(*grid(small, small, 2), range(1))
    assert [np.array_equal(opened(f)[..., :3], one) for f, one in zip(drawing.images.files, small)] == [True] * 2


def test_an_image_that_matplotlib_smooths_is_smoothed_on_the_page_and_no_other():
    look = lambda size, **kwargs: 'pixelated' in draw_svg(*grid(smooth(1, size), smooth(1, size), 1, **kwargs),
                                                          range(1)).frame(0)
    assert not look(50) and look(20) and look(50, interpolation='nearest') and look(50, interpolation='none')
    assert not look(200)


def test_pixels_changed_in_place_and_a_mapped_image_are_drawn_anew():
    fig, _ = grid(smooth(1, 20), smooth(1, 20), 1)
    image = fig.axes[0].imshow(np.zeros((4, 4)), vmin=0, vmax=1, interpolation='none')
    def func(i):
        image.get_array()[:] = i / 3
        return image
    files = draw_svg(fig, func, range(4)).images.files
    assert len(files) == 1 + 4
    assert [tuple(opened(f)[0, 0]) for f in files[1:]] == [image.cmap(i / 3, bytes=True) for i in range(4)]


def test_too_many_bytes_cost_a_little_detail():
    images, base = Images(), smooth(150, 128)
    rgba = [np.dstack([one, np.full(one.shape[:2], 255, np.uint8)]) for one in base]
    assert [images.add(one) for one in rgba] == [f'!{k}' for k in range(150)] and images.add(rgba[7]) == '!7'
    assert all(np.array_equal(opened(f), one) for f, one in zip(images.files, rgba))
    assert images.size() * 3 // 4 > MOST
    images.keep_within_limit()
    assert images.size() * 3 // 4 <= MOST
    apart = [np.abs(opened(f).astype(int) - one) for f, one in zip(images.files, rgba)]
    assert max(a.mean() for a in apart) < 3


def off(files, images):
    "How far stored images are from what was added, in levels of 255"
    return max(np.square(np.subtract(opened(f), one, dtype=float)).mean()**0.5 for f, one in zip(files, images))


def cells(n, size=16):
    "Weights in a colour map: neighbours differ in colour, which WebP shares between pixels"
    values = np.random.default_rng(0).normal(size=(n, size, size)) / 6 + 0.5
    return [colormaps['RdBu'](one, bytes=True) for one in values]


@pytest.mark.parametrize('share', [0.9, 0.6, 0.01])
@pytest.mark.parametrize('kind', ['cells', 'photographs', 'both'])
def test_detail_is_given_up_only_as_far_as_it_is_hardly_seen(kind, share, monkeypatch):
    added = cells(40) if kind != 'photographs' else []
    if kind != 'cells': added += [np.dstack([o, np.full(o.shape[:2], 255, np.uint8)]) for o in smooth(20, 96)]
    images = Images()
    for one in added: images.add(one)
    before = sum(map(len, images.files))
    monkeypatch.setattr('fastsgd.player.images.MOST', share * before)
    images.keep_within_limit()
    assert off(images.files, added) < 1.5 * BOUNDS[-1], 'the mean of a few is within'
    assert sum(map(len, images.files)) <= (max(share, 0.8) if kind != 'photographs' else max(share, 0.2)) * before
    if share == 0.9: assert off(images.files, added) < 1.5 * BOUNDS[0], 'no more than will do'


def test_svg_files_hold_png(tmp_path):
    anim = FitAnimation(*grid(smooth(2, 20), smooth(2, 20, 1), 2), 3)
    anim.save(tmp_path/'a.svg')
    anim.save_strip(tmp_path/'b.svg', n=2)
    for name, n in (('a.svg', 6), ('b.svg', 4)):
        text = (tmp_path/name).read_text()
        files = [base64.b64decode(o) for o in re.findall('data:image/png;base64,([^"]+)"', text)]
        assert len(files) == n and 'webp' not in text and '"!' not in text
        assert all(opened(f).shape == (20, 20, 4) for f in files)
