"""The player in dark pages: in a frame of its own, and where a theme puts outputs on a pale ground."""

import io
from html import escape

import numpy as np
import pytest
from PIL import Image
from test_browser import animation, opened  # noqa: F401

SCHEME = '<style>.dark { color-scheme: dark; background: #181c1a; color: #eee }</style>'
FRAMED = '<!doctype html><html>{scheme}<body><iframe srcdoc="{player}" style="border:0" width=800 height=600></iframe>'
# as in pydata-sphinx-theme, which sphinx-book-theme, and so jupyter-book, rests on
SPHINX = """<!doctype html><html data-theme="dark" class="dark">{scheme}<style>
html[data-theme=dark] .bd-content div.cell_output .text_html:not(:has(table.dataframe)) {{
  background-color: #ced6dd; color: #222832; padding: .5rem }}</style>
<body><div class="bd-content"><div class="cell_output"><div class="output text_html">{player}</div></div></div>"""


def ground_and_contrast(player):
    "The luminance behind the controls' letters, and the letters' contrast with it"
    label = Image.open(io.BytesIO(player.locator('[data-do=label]').screenshot())).convert('L')
    levels = (np.asarray(label) / 255)**2.2
    return np.median(levels), (levels.max() + 0.05) / (levels.min() + 0.05)


@pytest.mark.parametrize('preferred', ['light', 'dark'])
def test_in_a_frame_it_is_dark_when_the_page_around_it_is(opened, preferred):  # noqa: F811
    page = opened(FRAMED.format(scheme=SCHEME, player=escape(animation().to_jshtml())), color_scheme=preferred)
    player = page.frame_locator('iframe').locator('.fastsgd-player[data-ready]')
    for theme in ('', 'dark', ''): # also when the reader changes it
        page.evaluate('(theme) => { document.documentElement.className = theme }', theme)
        page.wait_for_function("""(scheme) => frames[0].document.documentElement.style.colorScheme === scheme""",
                               arg=theme or 'normal')
        ground, contrast = ground_and_contrast(player)
        assert contrast > 4.5 and (ground < 0.2) == (theme == 'dark')


def test_on_sphinx_pages_it_takes_the_ground_of_the_page(opened):  # noqa: F811
    page = opened(SPHINX.format(scheme=SCHEME, player=animation().to_jshtml()))
    ground, contrast = ground_and_contrast(page.locator('.fastsgd-player[data-ready]'))
    assert contrast > 4.5 and ground < 0.2
