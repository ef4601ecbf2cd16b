"""The gallery as `sphinx-build` left it in build/gallery: offline, small, open to everybody, a page for each view.

Without that folder these are skipped (CONTRIBUTING says how it is built); with FASTSGD_REQUIRE_GALLERY=1 they fail.
"""

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
SITE, SOURCE = ROOT/'build/gallery', ROOT/'examples/gallery'
VIEWS = sorted(path.stem for path in (SOURCE/'views').glob('*.md'))


@pytest.fixture(scope='module')
def site():
    if not (SITE/'index.html').is_file():
        if os.environ.get('FASTSGD_REQUIRE_GALLERY') == '1': pytest.fail('no build/gallery: build it first')
        pytest.skip('needs build/gallery, built as CONTRIBUTING says')
    return SITE


class Links(HTMLParser):
    "What a page loads, what it links to, and what can be linked to"
    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.ids = [], [], set()
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs.get('id')}
        loaded = attrs.get('src') or (tag == 'link' and attrs.get('href'))
        if loaded and attrs.get('rel') not in ('next', 'prev', 'search'): self.loads.append(loaded)
        if tag == 'a' and attrs.get('href'): self.links.append(attrs['href'])


def pages(): return sorted(SITE.rglob('*.html'))


def test_each_page_is_small_and_loads_nothing_from_elsewhere(site, count):
    for path in pages():
        assert path.stat().st_size < 1_000_000, path.name
        for target in Links(path).loads:
            target = target.split('?')[0].split('#')[0]
            assert target.startswith('data:') or (path.parent/unquote(target)).is_file(), f'{path.name}: {target:.99}'
    for path in SITE.rglob('*.css'): assert not re.search(r'url\(["\']?https?:|@import', path.read_text()), path.name
    count('pages of the gallery', len(pages()))


def test_links_lead_somewhere(site, count):
    found = {path.resolve(): Links(path) for path in pages()}
    for path, page in found.items():
        for link in page.links:
            if re.match('https://|mailto:', link): continue
            file, _, part = link.partition('#')
            target = (path.parent/unquote(file)).resolve() if file else path
            assert target in found, f'{path.name}: {link}'
            assert not part or unquote(part) in found[target].ids, f'{path.name}: {link}'
            count('links in the gallery')


@pytest.fixture
def opened(browser):
    "`opened(path)`: a page of the site; at the end nothing was requested from elsewhere and nothing complained"
    faults = []

    def open_(path, **kwargs):
        page = browser.new_context(offline=True, **kwargs).new_page()
        page.on('request', lambda r: None if r.url.startswith(('file:', 'data:')) else faults.append(r.url))
        page.on('requestfailed', lambda r: faults.append(r.url))
        page.on('console', lambda message: faults.append(message.text))
        page.on('pageerror', lambda error: faults.append(str(error)))
        page.goto(path.as_uri())
        return page
    yield open_
    for context in browser.contexts: context.close()
    assert not faults


def test_pages_of_the_views_play_and_axe_finds_nothing(site, opened, count):
    axe = pytest.importorskip('axe_playwright_python')
    script = (Path(axe.__file__).parent/'axe.min.js').read_text(encoding='utf-8')
    for path in [SITE/'index.html', *(SITE/'views'/f'{name}.html' for name in VIEWS)]:
        page = opened(path, viewport=dict(width=1000, height=800))
        players = page.locator('.fastsgd-player[data-ready]')
        if path.stem in VIEWS:
            players.first.wait_for()
            assert all(map(plays, players.all())), path.stem
        for width in (1000, 360): # the narrow one is harder, and is left to axe
            page.set_viewport_size(dict(width=width, height=800))
            assert page.evaluate('document.documentElement.scrollWidth') <= width, path.stem
        page.wait_for_timeout(100) # for the player to see its new width
        page.evaluate(script)
        found = page.evaluate('axe.run({preload: false}).then((r) => r.violations)') # it would load style sheets again
        told = [(v['id'], [n['html'][:200] for n in v['nodes']]) for v in found]
        assert not told, f'{path.stem}: {told}'
        count('pages of the gallery in which axe found nothing')
        page.context.close()


def plays(player):
    before = player.get_attribute('data-frame')
    player.locator('[data-do=next]').click()
    return player.get_attribute('data-frame') != before


def test_a_view_without_a_page_fails_the_build(monkeypatch, tmp_path):
    pytest.importorskip('myst_nb')
    monkeypatch.syspath_prepend(str(SOURCE))
    import pages
    pages.check_views(SOURCE/'views')
    with pytest.raises(LookupError, match='without a page: NewView'):
        pages.check_views(SOURCE/'views', pages.VIEWS | {'NewView'})
    with pytest.raises(LookupError, match='pages without a view: LossView'):
        pages.check_views(SOURCE/'views', pages.VIEWS - {'LossView'})
    assert len(pages.VIEWS) > 15 and 'view' not in {name.lower() for name in pages.VIEWS}
