"""What the HTML holds; how it plays is tested in test_browser.py."""

import base64
import io
import json
import random
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from player_figures import build

from fastsgd.player import draw_pixels, draw_svg, player_html, player_page
from fastsgd.player.draw.raster import still_png
from fastsgd.player.drawing import ChangingText, common_prefix, common_suffix
from fastsgd.player.write.moving_svg import animated_svg

EVIL = '</script><script>alert(1)</script><!-- <script> "quoted" \'single\' & @1 #@1 ]]> \\u003c {x}'
UNHEARD_OF = '\0\x08\x1b\x7f\x9f\ufffe' # signs that no document may hold


def player(name='line_points_text', n=4, **kwargs):
    fig, func = build(name)
    return player_html(draw_svg(fig, func, range(n)), **kwargs)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag
        if tag == 'script': self.scripts.append('')

    def handle_endtag(self, tag): self.inside = None

    def handle_data(self, data):
        if self.inside == 'script': self.scripts[-1] += data

    def all(self, tag): return [attrs for name, attrs in self.tags if name == tag]


def template(html): return re.search(r'<script type="text/html">(.*?)</script>', html)[1]
def data_of(html): return json.loads(Tags(html).scripts[0])


def test_nothing_is_loaded_from_elsewhere():
    html = player_page(player(), 't')
    html = re.sub('"numbers":"[\\w+/=]*"', '', html)
    outside = {text for text in re.findall(r"""(?:https?:)?//[\w.]+[^"'\s<]*""", html)}
    assert outside <= {'http://www.w3.org/2000/svg'}
    assert not re.search(r'@import|@font-face|<link|src=', html)


def test_user_text_injects_nothing():
    fig = Figure()
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()
    ax.set_title(EVIL.replace('$', ''), parse_math=False, gid=EVIL, url='javascript:alert(1)')
    dots = ax.scatter([0, 1], [0, 1], gid=EVIL, label=EVIL, urls=['java\tscript:alert(1)'] * 2)
    ax.imshow(np.eye(2), gid=EVIL).set_url(" javascript:alert('1')\"")
    ax.legend()

    def func(i):
        dots.set_offsets([[0, i], [1, 1]])
        return [dots]
    drawing = draw_svg(fig, func, range(3))
    html = player_page(player_html(drawing, labels=[EVIL] * 3, alt=EVIL), EVIL)
    tags = Tags(html)
    assert len(tags.all('script')) == 3
    assert data_of(html)['labels'] == [EVIL] * 3
    tags.feed(template(html))
    assert tags.all('svg')[0]['aria-label'] == EVIL and len(tags.all('script')) == 3
    assert not any(name.startswith('on') for _, attrs in tags.tags for name in attrs)
    assert not any('script' in (attrs.get('href') or '') for _, attrs in tags.tags)
    moving = animated_svg(drawing, alt=EVIL + UNHEARD_OF)
    root = ElementTree.fromstring(moving)
    assert not set(UNHEARD_OF) & set(player_page(player_html(drawing, alt=UNHEARD_OF), UNHEARD_OF))
    assert not list(root.iter('{http://www.w3.org/2000/svg}script'))
    assert 'javascript' not in moving.replace(EVIL, '')


def test_links_of_a_figure_stay():
    fig = Figure()
    FigureCanvasAgg(fig)
    fig.text(0.5, 0.5, 'link', url='https://example.org/?a=b')
    assert '<a href="https://example.org/?a=b"' in draw_svg(fig, lambda i: None, [0]).frame(0)


def test_each_player_has_ids_of_its_own_and_refers_to_these():
    pages = [player(), player()]
    ids = [set(re.findall(r'\bid="([^"]+)"', page)) for page in pages]
    assert ids[0] and not ids[0] & ids[1]
    for page, own in zip(pages, ids):
        name = Tags(page).all('div')[0]['data-fastsgd']
        markup = template(page)
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', markup))
        assert all((a or b) in own for a, b in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', markup))
        data = json.dumps(data_of(page)).replace('#@', f'#{name}-')
        assert all((a or b) in own for a, b in re.findall(r'href=\\"#([^"\\]+)\\"|url\(#([^)]+)\)', data))


def test_random_state_is_left_alone():
    random.seed(0), np.random.seed(0)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    player()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_outside_of_scripts_is_nothing_but_the_still_picture():
    fig, func = build('line_points_text')
    drawing = draw_svg(fig, func, range(4))
    drawing.still = still_png(fig)
    html = player_html(drawing, alt='two points')
    outside = Tags(re.sub('<script.*?</script>', '', html))
    assert [name for name, _ in outside.tags] == ['div', 'img'] and set(outside.tags[0][1]) == {'class', 'data-fastsgd'}
    image = outside.tags[1][1]
    png = base64.b64decode(image['src'].removeprefix('data:image/png;base64,'))
    assert image['alt'] == 'two points' and png == drawing.still and len(png) < 10_000
    last = np.asarray(Image.open(io.BytesIO(png)).convert('RGB')).astype(int)
    assert np.abs(last - [f.copy() for f in draw_pixels(fig, func, range(4), 72)][-1][..., :3]).mean() < 1
    name = outside.tags[0][1]['data-fastsgd']
    picture = re.search(r'</defs>(.*?)</svg>', template(html))[1].replace(f'#{name}-', '#@')
    picture = drawing.spelling.read(re.sub('<g data-(part|layer)>|</g>', '', picture))
    assert picture == drawing.frame(3).replace('</g>', '')


def test_the_still_picture_of_a_figure_without_colour_is_white():
    fig = Figure(figsize=(2, 1), facecolor='none')
    FigureCanvasAgg(fig)
    assert Image.open(io.BytesIO(still_png(fig))).convert('RGB').getcolors() == [(144 * 72, (255, 255, 255))]


def test_what_did_not_change_is_not_written_again():
    fig, func = build('line_points_text')
    def stops(i): return func(min(i, 3))
    few, many = (len(player_html(draw_svg(fig, stops, range(n)))) for n in (5, 500))
    assert many - few < 100


def test_a_line_that_grows_costs_a_point_a_frame():
    def size(n):
        fig = Figure()
        FigureCanvasAgg(fig)
        ax = fig.add_subplot(xlim=(0, n), ylim=(-1, 1))
        line, = ax.plot([], [])
        y = np.random.default_rng(0).uniform(-1, 1, n)

        def func(i):
            line.set_data(np.arange(i), y[:i])
            return [line]
        drawing = draw_svg(fig, func, range(n))
        return sum(len(str(part.entries)) for part in drawing.parts if len(part) > 1)
    assert size(800) < 15 * size(80) # each frame anew would be 100 times


@pytest.mark.parametrize('a, b', [('', ''), ('abc', 'abc'), ('abc', 'abd'), ('aaa', 'aa'), ('xay', 'xby'), ('', 'a')])
def test_common_ends(a, b):
    prefix = common_prefix(a, b)
    assert a[:prefix] == b[:prefix] and a[prefix:prefix + 1] != b[prefix:prefix + 1] or a[:prefix] in (a, b)
    suffix = common_suffix(a, b, min(len(a), len(b)) - prefix)
    assert a[len(a) - suffix:] == b[len(b) - suffix:]


def test_changing_text_gives_back_its_texts():
    rng = random.Random(0)
    texts = [''.join(rng.choice('ab') for _ in range(rng.randrange(9))) for _ in range(300)]
    history = ChangingText()
    for i, text in enumerate(texts): history.append(i, text)
    shown = dict(history.texts())
    now = None
    for i, text in enumerate(texts):
        now = shown.get(i, now)
        assert now == text
    written = [entry for entry in history.entries if not isinstance(entry, int)]
    assert len(written) == len(set(texts))


def test_animated_svg_shows_each_state_in_its_time():
    fig, func = build('line_points_text')
    drawing = draw_svg(fig, func, range(4))
    root = ElementTree.fromstring(animated_svg(drawing, interval=50, alt='a & b'))
    strips = [g for g in root.iter('{http://www.w3.org/2000/svg}g') if 'f ' in g.get('class', '')]
    assert [[state.get('transform') for state in strip] for strip in strips] == 2 * [
        [f'translate({k * 576})' for k in range(4)]]
    assert {strip.get('transform') for strip in strips} == {'translate(-1728)'} # where nothing moves: the last
    style = root.find('{http://www.w3.org/2000/svg}style').text
    assert 'animation:200ms step-end infinite' in style and style.count('@keyframes') == 1
    assert '25%{transform:translateX(-576px)}50%{transform:translateX(-1152px)}' in style
    assert root.find('{http://www.w3.org/2000/svg}title').text == 'a & b'
    assert 'script' not in animated_svg(drawing)


def test_animated_svg_has_50_frames_at_the_most_and_says_what_comes_again_once():
    fig, func = build('line_points_text')
    style = re.search('<style>(.*?)</style>', animated_svg(draw_svg(fig, func, range(120)), interval=10, pause=800))[1]
    at = [float(share) * 20 for share in re.findall(r'([\d.]+)%', style)]
    assert len(at) == 50 and at[0] == 0 and at[-1] == 1190 and max(np.diff(at)) <= 30.1
    moving = animated_svg(draw_svg(fig, lambda i: func(i % 2), range(8)))
    assert moving.count('translate(576)') == 2 and moving.count('translate(1152)') == 0


def test_what_is_displayed_is_one_line_with_class_names_of_its_own():
    html = player(alt='two\nlines', labels=['a\nb'] * 4)
    assert '\n' not in html and data_of(html)['labels'] == ['a\nb'] * 4
    tags = Tags(html).tags + Tags(template(html)).tags
    names = {name for _, attrs in tags for name in (attrs.get('class') or '').split()}
    assert names and all(name.startswith('fastsgd-') for name in names)
    assert Tags(template(html)).all('output')[0]['aria-live'] == 'off'


def test_a_saved_page_has_a_main_part_and_a_heading():
    page = player_page(player(), 'a & b')
    assert len(Tags(page).all('main')) == 1 and '<h1>a &amp; b</h1>' in page
