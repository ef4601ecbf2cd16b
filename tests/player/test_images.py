"""Images on a page: each stored once, in sheets of several, compressed, with no more pixels than are seen."""

import base64
import io
import json
import re

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from test_browser import alike, apart, picture, players
from test_browser import opened as opened_page  # noqa: F401

from fastsgd import FitAnimation
from fastsgd.player import draw_pixels
from fastsgd.player.draw.svg import draw_svg
from fastsgd.player.images import BOUNDS, MOST, Images

N, FRAMES = 16, 6


def opened(file): return np.asarray(Image.open(io.BytesIO(file)).convert('RGBA'))


def stored(images):
    "All images, in the order in which they came"
    n = sum(len(numbers) for _, numbers in images.sheets)
    found = images.pixels({*range(n)})
    return [found[k] for k in range(n)]


def sheets_on(html):
    "Which images are in each sheet of a page"
    data = re.search('<script type="application/json">(.*?)</script>', html)[1]
    return [numbers for _, numbers in json.loads(data)['images']]


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
    numbers = sum(sheets_on(html), [])
    assert sorted(numbers) == [*range(N * FRAMES)] and html.count('data:image/webp') == len(sheets_on(html))
    assert [k // N for k in numbers[:2 * FRAMES]] == [*range(FRAMES)] * 2, 'those of one place stand together'


def test_an_image_that_comes_again_in_another_place_is_stored_once():
    base = smooth(N, 28)
    fig, func = grid(base, base)
    images = [ax.images[0] for ax in fig.axes]
    def turn(i):
        for k, image in enumerate(images): image.set_data(base[(k + i) % N])
        return images
    html = FitAnimation(fig, turn, FRAMES).to_jshtml()
    assert [len(numbers) for numbers in sheets_on(html)] == [N] and len(html) < 150_000


def test_small_images_are_stored_without_loss_and_large_ones_at_display_size():
    base = smooth(2, 300)
    fig, func = grid(base, base, 2)
    pixels = stored(draw_svg(fig, func, range(1)).images)
    places = fig.axes[0].get_window_extent().size * 1.2
    assert all(abs(np.array(one.shape[:2]) - places).max() <= 1 for one in pixels)
    small = smooth(2, 20)
    drawing = draw_svg(*grid(small, small, 2), range(1))
    assert [np.array_equal(a[..., :3], b) for a, b in zip(stored(drawing.images), small)] == [True] * 2


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
    pixels = stored(draw_svg(fig, func, range(4)).images)
    assert len(pixels) == 1 + 4
    assert [tuple(one[0, 0]) for one in pixels[1:]] == [image.cmap(i / 3, bytes=True) for i in range(4)]


def test_too_many_bytes_cost_a_little_detail():
    images, base = Images(), smooth(200, 128)
    rgba = [np.dstack([one, np.full(one.shape[:2], 255, np.uint8)]) for one in base]
    assert [images.add(one) for one in rgba] == [f'!{k}' for k in range(200)] and images.add(rgba[7]) == '!7'
    lossless = sum(len(file) for file, _ in all_of(images).sheets)
    assert lossless > MOST
    images.gather([])
    assert images.size() * 3 // 4 <= MOST
    apart = [np.abs(a.astype(int) - b) for a, b in zip(stored(images), rgba)]
    assert max(a.mean() for a in apart) < 3


def all_of(images):
    "`images` in sheets, with all detail"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('fastsgd.player.images.MOST', np.inf)
        images.gather([])
    return images


def off(images, added):
    "How far stored images are from what was added, in levels of 255"
    return max(np.square(np.subtract(a, b, dtype=float)).mean()**0.5 for a, b in zip(stored(images), added))


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
    before = all_of(images).size()
    assert off(images, added) == 0
    monkeypatch.setattr('fastsgd.player.images.MOST', share * before * 3 / 4)
    images.gather([])
    assert off(images, added) < 1.5 * BOUNDS[-1], 'the mean of a few is within'
    assert images.size() <= (max(share, 0.8) if kind != 'photographs' else max(share, 0.2)) * before
    if share == 0.9: assert off(images, added) < 1.5 * BOUNDS[0], 'no more than will do'


def test_coloured_noise_which_is_the_hardest_to_store_takes_a_third_at_the_most(monkeypatch):
    images, noise = Images(), np.random.default_rng(0).integers(0, 256, (20, 64, 64, 4), dtype=np.uint8)
    noise[..., 3] = 255
    for one in noise: images.add(one)
    before = all_of(images).size()
    monkeypatch.setattr('fastsgd.player.images.MOST', 0)
    images.gather([])
    assert images.size() < before / 3 and off(images, noise) < 1.2 * BOUNDS[-1]


def test_svg_files_hold_png(tmp_path):
    anim = FitAnimation(*grid(smooth(2, 20), smooth(2, 20, 1), 2), 3)
    anim.save(tmp_path/'a.svg')
    anim.save_strip(tmp_path/'b.svg', n=2)
    for name, n in (('a.svg', 6), ('b.svg', 4)):
        text = (tmp_path/name).read_text()
        files = [base64.b64decode(o) for o in re.findall('data:image/png;base64,([^"]+)"', text)]
        assert len(files) == n and 'webp' not in text and '"!' not in text
        assert all(opened(f).shape == (20, 20, 4) for f in files)


LOOKS = [(5, {}), (20, {}), (33, {}), (64, {}), (150, {}), (300, {}), (20, dict(interpolation='nearest')),
         (20, dict(alpha=0.5)), (28, dict(extent=(2, 17, 3, 20))), (40, dict(origin='lower'))]


def flashing():
    "Images of many sizes and looks, black, then white, then coloured: in a sheet each stands beside what is unlike it"
    fig, shown = Figure(figsize=(7, 3), dpi=100, facecolor='0.5'), []
    FigureCanvasAgg(fig)
    for ax, (n, look) in zip(fig.subplots(2, 5).flat, LOOKS):
        y, x = np.mgrid[:n, :n] / n
        states = [0 * x, 0 * x + 1, np.dstack([x, y, 0 * x]), np.dstack([1 - x, y > 0.5, x > 0.5])]
        states = [np.uint8(255 * (s if s.ndim == 3 else np.dstack([s] * 3))) for s in states]
        shown.append((ax.imshow(states[0], **look), states))
        ax.set_axis_off()
        if 'extent' in look: ax.set(xlim=(0, 20), ylim=(0, 20))

    def func(i):
        for image, states in shown: image.set_data(states[i])
        return [image for image, _ in shown]
    return fig, func


def shots(page):
    for i in range(4):
        players(page).locator('[data-do=seek]').fill(str(i))
        page.wait_for_timeout(100)
        yield picture(players(page)).astype(int)


@pytest.mark.parametrize('view', [{}, dict(viewport=dict(width=380, height=700)), dict(device_scale_factor=1.5)],
                         ids=['as it is', 'narrow', 'dense'])
def test_an_image_out_of_a_sheet_looks_as_it_does_alone(opened_page, monkeypatch, view):  # noqa: F811
    together = FitAnimation(*flashing(), 4).to_jshtml()
    monkeypatch.setattr('fastsgd.player.images.PIXELS', 1)
    alone = FitAnimation(*flashing(), 4).to_jshtml()
    assert len(sheets_on(together)) < len(sheets_on(alone)) / 3
    for a, b in zip(shots(opened_page(together, **view)), shots(opened_page(alone, **view))):
        assert abs(a - b).max() < 25 and b.std() > 20 # half-covered pixels at edges differ a little


def test_images_on_a_page_look_like_matplotlibs(opened_page):  # noqa: F811
    page = opened_page(FitAnimation(*flashing(), 4).to_jshtml())
    for shot, wanted in zip(shots(page), draw_pixels(*flashing(), range(4), 100)):
        assert alike(shot, wanted), apart(shot, wanted)


def test_a_frame_that_shows_another_part_of_a_sheet_loads_nothing(opened_page):  # noqa: F811
    page = opened_page(FitAnimation(*flashing(), 4).to_jshtml())
    page.evaluate("""() => {
      window.seen = { href: 0, y: 0 };
      new MutationObserver((all) => { for (const one of all) seen[one.attributeName]++ }).observe(
        document.querySelector('svg[role=img]'), { attributes: true, subtree: true, attributeFilter: ['href', 'y'] });
    }""")
    for _ in shots(page): pass
    assert page.evaluate('seen') == {'href': 0, 'y': 3 * len(LOOKS)}
