"""The player in Firefox: Debian's firefox-esr, with a Playwright that can steer it.

Playwright 1.64.1 can, 1.65.2 can't. Without both these are skipped; with FASTSGD_REQUIRE_FIREFOX=1 they fail instead.
"""

import os
import shutil

import pytest
from test_browser import N, animation, frame, opened, players, press  # noqa: F401


@pytest.fixture(scope='module')
def browser():
    def missing(what): (pytest.fail if os.environ.get('FASTSGD_REQUIRE_FIREFOX') == '1' else pytest.skip)(what)
    path = shutil.which('firefox-esr')
    if path is None: missing('needs firefox-esr')
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError: missing('needs Playwright')
    with sync_playwright() as playwright:
        try:
            browser = playwright.firefox.launch(channel='moz-firefox', executable_path=path)
            browser.new_page().close()
        except Error as e: missing(f'this Playwright cannot steer this Firefox: {str(e).splitlines()[0]}')
        yield browser
        browser.close()


def test_plays_and_pauses(opened):  # noqa: F811
    player = players(opened(animation(n=400, interval=20).to_jshtml()))
    press(player, 'play')
    player.page.wait_for_function("document.querySelector('.fastsgd-player').dataset.frame > 3")
    press(player, 'play')
    rest = frame(player)
    player.page.wait_for_timeout(150)
    assert frame(player) == rest


def test_scrubs_and_shows_another_picture(opened):  # noqa: F811
    player = players(opened(animation().to_jshtml()))
    pictures = []
    for i in (0, N - 1):
        player.locator('[data-do=seek]').fill(str(i))
        assert frame(player) == i
        pictures.append(player.locator('svg[role=img]').screenshot())
    assert pictures[0] != pictures[1] and len(pictures[1]) > 3000


def test_keys(opened):  # noqa: F811
    player = players(opened(animation().to_jshtml()))
    player.focus()
    seen = []
    for key in ('ArrowRight', 'ArrowRight', 'ArrowLeft', 'End', 'Home'):
        player.page.keyboard.press(key)
        seen.append(frame(player))
    assert seen == [1, 2, 1, N - 1, 0]
