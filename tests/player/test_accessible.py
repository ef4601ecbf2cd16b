"""The player for everybody: checked by axe-core, with forced colours, on paper, and on a narrow screen."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_browser import animation, opened, players, press  # noqa: F401

from fastsgd import linear_learner


def lesson():
    learn = linear_learner(seed=0)
    with learn.no_bar(), learn.no_logging(): learn.fit(10)
    return learn.animate_fit.animation


@pytest.fixture(scope='module')
def lesson_page(tmp_path_factory):
    path = tmp_path_factory.mktemp('lesson')/'lesson.html'
    lesson().save(path)
    return path.read_text()


@pytest.mark.parametrize('width', [360, 1300])
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_axe_finds_nothing(opened, lesson_page, width, scheme):  # noqa: F811
    axe = pytest.importorskip('axe_playwright_python')
    page = opened(lesson_page, viewport=dict(width=width, height=700), color_scheme=scheme)
    page.locator('.fastsgd-player[data-ready]').wait_for()
    page.wait_for_timeout(100)
    page.evaluate((Path(axe.__file__).parent/'axe.min.js').read_text())
    found = page.evaluate('axe.run().then((r) => r.violations)')
    assert not [(v['id'], [n['html'][:200] for n in v['nodes']]) for v in found]
    page.evaluate("document.querySelector('[data-do=seek]').removeAttribute('aria-label')")
    assert page.evaluate('axe.run().then((r) => r.violations.length)') # it would find something


def test_letters_are_9_pixels_high_on_a_narrow_screen(opened, lesson_page):  # noqa: F811
    page = opened(lesson_page, viewport=dict(width=360, height=700))
    box = players(page).locator('svg[role=img]').bounding_box()
    assert box['width'] >= 9 / 6.95 * view_width(page)
    assert page.evaluate('document.documentElement.scrollWidth') <= 360
    picture = page.locator('[data-do=picture]')
    picture.focus()
    for _ in range(3): page.keyboard.press('ArrowRight')
    page.wait_for_timeout(300)
    assert picture.evaluate('(node) => node.scrollLeft') > 0 and players(page).get_attribute('data-frame') == '0'
    wide = opened(lesson_page, viewport=dict(width=1000, height=700))
    picture = wide.locator('[data-do=picture]')
    assert picture.evaluate('(node) => node.scrollWidth <= node.clientWidth')


def view_width(page): return page.evaluate("document.querySelector('svg[role=img]').viewBox.baseVal.width")


def test_slider_and_buttons_are_seen_with_forced_colours(opened):  # noqa: F811
    for scheme in ('light', 'dark'):
        page = opened(animation().to_jshtml(), forced_colors='active', color_scheme=scheme)
        press(players(page), 'last')
        page.mouse.move(0, 0)
        page.evaluate('document.activeElement.blur()') # no outline
        for name in ('seek', 'first', 'play'):
            shot = Image.open(io.BytesIO(page.locator(f'[data-do={name}]').screenshot())).convert('L')
            assert np.ptp(np.asarray(shot)) > 150, name


def test_a_print_shows_the_picture_alone(opened):  # noqa: F811
    page = opened(animation().to_jshtml())
    page.emulate_media(media='print')
    assert not page.locator('[data-do=controls]').is_visible()
    assert page.locator('svg[role=img]').is_visible()
