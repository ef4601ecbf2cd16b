"""What a sanitiser leaves of the player: a picture that is not black, and no control that does nothing.

DOMPurify and sanitize-html are tried where `npm install --prefix tests/front_ends` put them.
"""

import io
import json
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_browser import animation, opened  # noqa: F401

MODULES = Path(__file__).parents[1] / 'front_ends' / 'node_modules'
LEAVE_OUT = ('script', 'style', 'svg', 'noscript')
SANITIZE_HTML = """const sanitize = require('sanitize-html'), html = require('fs').readFileSync(0, 'utf8');
const more = ['img', 'svg', 'path', 'g', 'button', 'input', 'select', 'option', 'output'];
process.stdout.write(sanitize(html, JSON.parse(process.argv[1]) || {
  allowedTags: sanitize.defaults.allowedTags.concat(more), allowedAttributes: false, allowedSchemes: ["data"]}));
"""
STRICT = dict(allowedTags=['img'], allowedAttributes={'img': ['src', 'alt']}, allowedSchemes=['data'])


class Sanitiser(HTMLParser):
    "Lets tags through with these attributes only, and none that runs, styles or draws"
    def __init__(self, attributes=None):
        super().__init__()
        self.attributes, self.left, self.out = attributes, [], 0

    def handle_starttag(self, tag, attrs):
        self.out += tag in LEAVE_OUT
        kept = [(k, v) for k, v in attrs if k in (self.attributes or {k}) and k != 'style']
        text = ''.join(f' {name}="{escape(value or "")}"' for name, value in kept)
        if not self.out: self.left.append(f'<{tag}{text}>')

    def handle_endtag(self, tag):
        if not self.out: self.left.append(f'</{tag}>')
        self.out -= tag in LEAVE_OUT

    def handle_data(self, data):
        if not self.out: self.left.append(escape(data))


def by_hand(html, attributes=None):
    sanitiser = Sanitiser(attributes)
    sanitiser.feed(html)
    return ''.join(sanitiser.left)


def installed(name):
    if not (MODULES / name).is_dir(): pytest.skip(f'{name} is not there: npm install --prefix tests/front_ends')
    return MODULES / name


def sanitize_html(html, options):
    installed('sanitize-html')
    node = shutil.which('node') or pytest.skip('needs node')
    run = subprocess.run([node, '-e', SANITIZE_HTML, json.dumps(options)], cwd=MODULES.parent, input=html, text=True,
                         capture_output=True, check=True)
    return run.stdout


def purify(html, open_, **options):
    path, page = installed('dompurify') / 'dist' / 'purify.min.js', open_('<p>')
    page.add_script_tag(content=path.read_text())
    return page.evaluate('([html, options]) => DOMPurify.sanitize(html, options)', [html, options])


WAYS = {
    'without styles, scripts and SVG': lambda html, _: by_hand(html),
    'nothing but pictures': lambda html, _: by_hand(html, {'src', 'alt'}),
    'DOMPurify': lambda html, open_: purify(html, open_),
    'DOMPurify without styles': lambda html, open_: purify(html, open_, FORBID_TAGS=['style'], FORBID_ATTR=['style']),
    'sanitize-html, everything': lambda html, _: sanitize_html(html, None),
    'sanitize-html, pictures': lambda html, _: sanitize_html(html, STRICT),
}


@pytest.mark.parametrize('way', WAYS)
def test_a_picture_is_left_and_no_dead_control(opened, way):  # noqa: F811
    left = WAYS[way](animation(alt='two points').to_jshtml(), opened)
    page = opened(f'<body style="margin:0">{left}')
    image = page.locator('img')
    assert image.count() == 1 and image.get_attribute('alt') == 'two points'
    shot = np.asarray(Image.open(io.BytesIO(image.screenshot())).convert('RGB'))
    assert shot.shape[0] > 100 and shot.mean() > 150 and shot.std() > 10 # mostly white, and something on it
    assert page.locator('button, input, select, output, svg, [tabindex]').count() == 0
    assert page.locator('body').inner_text().strip() == ''


def test_the_check_sees_what_it_would_refuse():
    assert by_hand('<div style="x" id="a"><svg><path></svg><button>b</button>') == '<div id="a"><button>b</button>'


def test_a_policy_that_forbids_styles_leaves_the_picture_its_colours(opened):  # noqa: F811
    html = animation().to_jshtml()
    policy = "default-src 'none'; img-src data:; script-src 'unsafe-inline'; style-src 'none'"
    page = opened(f'<meta http-equiv="Content-Security-Policy" content="{policy}"><body>{html}', expect_complaints=True)
    shot = page.locator('.fastsgd-player svg[role=img]').screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert('RGB'))
    assert pixels.mean() > 150 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10
