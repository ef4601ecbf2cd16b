"""What tests of the read-out share: a page with a player, what it tells, and what it was told."""

import base64
import csv
import io
import zlib

import numpy as np
import pytest
from test_browser import opened, players, press  # noqa: F401

from fastsgd.player import draw_svg


@pytest.fixture
def shown(opened):  # noqa: F811
    "`shown(html)`: a page with it, when its values are there"
    def open_(*args, **kwargs):
        page = opened(*args, **kwargs)
        page.wait_for_function("document.querySelector('.fastsgd-player').dataset.values")
        return page
    return open_


def text(page, name): return page.locator(f'[data-do={name}]').text_content()
def note(page): return text(page, 'note') if page.locator('[data-do=note]').is_visible() else None


def point_at(page, anim, ax, x, y):
    "Puts the pointer where `ax` shows (x, y); what the ring marks then, in pixels of the figure"
    box = page.locator('svg[role=img]').bounding_box()
    px, py = anim._fig.axes[ax].transData.transform((x, y))
    page.mouse.move(box['x'] + px, box['y'] + box['height'] - py)
    ring = page.locator('[data-do=ring]').bounding_box()
    return ring and (ring['x'] + ring['width'] / 2 - box['x'],
                     box['y'] + box['height'] - ring['y'] - ring['height'] / 2)


def copied(page):
    "The rows that the button copies"
    page.evaluate("""window.copied = null;
      document.addEventListener('copy', () => { window.copied = document.activeElement.value })""")
    press(players(page), 'copy')
    page.wait_for_function('window.copied')
    assert text(page, 'live') == 'copied' and page.locator('textarea').count() == 0
    return list(csv.DictReader(io.StringIO(page.evaluate('window.copied'))))


def values_of(fig, func, n): return draw_svg(fig, func, range(n)).values


def held(values, k, i, which='xy'):
    "The numbers of each series of panel `k` at frame `i`"
    pool = np.frombuffer(zlib.decompress(base64.b64decode(values['numbers'])), '<f4')
    def at(v): return v[min(i, len(v) - 1)] if len(v) > 2 else v[0] + v[1] * i
    return {s['name']: [pool[at(s[o][0]):at(s[o][0]) + at(s[o][1])].tolist() for o in which if o in s]
            for s in values['panels'][k]['series']}
