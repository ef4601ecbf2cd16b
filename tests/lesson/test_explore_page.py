"""The page with sliders: its script does what fastai does, in Chromium, with the network blocked."""

import io
import itertools
import re
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from fastsgd import explore, linear_data
from fastsgd.lesson.page import ExplorePage

START = dict(lr=0.1, momentum=0., bs=100, slope=0.5, intercept=0.75, steps=100)


@pytest.fixture(scope='module')
def explorer(): return explore(max_frames=2)


@pytest.fixture(autouse=True)
def as_before(request):
    yield
    if 'explorer' not in request.fixturenames: return
    explorer = request.getfixturevalue('explorer')
    for slider, value in zip(explorer.sliders, START.values()): slider.value = value


@pytest.fixture
def opened(browser, explorer, tmp_path):
    "`opened(hash)`: the page of `explorer`; at the end nothing was requested and nothing complained"
    path, pages, faults = tmp_path/'explore.html', [], []
    explorer.save(path)

    def open_(address='', file=path, **kwargs):
        context = browser.new_context(offline=True, **{'viewport': dict(width=1000, height=800), **kwargs})
        page = context.new_page()
        page.on('request', lambda r: None if r.url.startswith('file:') else faults.append(r.url))
        page.on('console', lambda message: faults.append(message.text))
        page.on('pageerror', lambda error: faults.append(str(error)))
        page.goto(file.as_uri() + address)
        pages.append(context)
        return page
    yield open_
    for context in pages: context.close()
    assert not faults


def until(page, true):
    "Wait for it; the page's policy forbids what `wait_for_function` does"
    end = time.monotonic() + 20
    while not page.evaluate(true):
        assert time.monotonic() < end, true
        page.wait_for_timeout(20)


def slide(page, name, value):
    page.evaluate("([name, value]) => { const s = document.getElementById(name); s.value = value;"
                  "s.dispatchEvent(new Event('input')) }", [name, value])


def differences(page, explorer, settings):
    "Largest relative difference of parameters and losses between page and fastai, and where the fit diverges"
    t = explorer.trajectory
    got = page.evaluate('settings => window.fastsgd.run(settings)', {**settings, 'steps': t.n_steps})
    until = t.n_steps if t.diverged is None else t.diverged
    params = torch.tensor([got['a'], got['b']], dtype=torch.float64).T
    off = lambda a, b: float(((a - b).abs() / b.abs().clamp(min=1e-12))[:until].max())
    return max(off(params, t.flat), off(torch.tensor(got['loss'], dtype=torch.float64), t.losses)), t.diverged


@pytest.mark.parametrize('lr, momentum', list(itertools.product([0.01, 0.1, 0.5], [0., 0.5, 0.9])))
def test_agrees_with_fastai(opened, explorer, lr, momentum, tell):
    page = opened()
    for bs in (1, 10, 50, 100):
        settings = dict(START, lr=lr, momentum=momentum, bs=bs)
        for name in ('lr', 'momentum', 'bs'): getattr(explorer, name).value = settings[name]
        off, diverged = differences(page, explorer, settings)
        assert off < 1e-6
        tell('the page against fastai, largest relative difference over 100 steps',
             f'lr {lr:<5} momentum {momentum:<4} batch {bs:<4} {off:.0e}'
             + ('' if diverged is None else f' up to step {diverged}, where it diverges'))


def test_points_that_single_precision_does_not_hold(opened, tmp_path):
    x, y = linear_data(37, noise=0.2, seed=3)
    explorer = explore((x.double() + 1e-12 * torch.tensor([1., 0.]).double(), y.double().sin()), steps=60, bs=7,
                       max_frames=2)
    page = opened(file=type(tmp_path)(explorer.save(tmp_path/'own.html')))
    settings = page.evaluate('window.fastsgd.state()')
    assert settings == dict(START, bs=7, steps=60)
    assert differences(page, explorer, settings)[0] < 1e-7


def test_a_slider_moves_what_is_shown(opened):
    page = opened()
    shown = lambda: [page.locator(f'#{name} .line.now').get_attribute('d') for name in ('fit', 'plane', 'loss')]
    before = shown()
    assert page.locator('#fits tr').count() == 1
    slide(page, 'lr', -2)
    after = shown()
    assert all(a != b for a, b in zip(before, after)) and page.locator('#lr-out').inner_text() == '0.01'
    slide(page, 'steps', 10)
    assert shown()[1].count('L') == 10 and shown()[2].count('L') == 9
    assert page.locator('#fits tr td').nth(4).inner_text() == '10'
    until(page, "document.getElementById('told').textContent.startsWith('After 10 steps')")


def test_kept_fits_stay_beside_the_present_one(opened):
    page = opened()
    for k in range(4):
        page.click('#keep')
        slide(page, 'momentum', (k + 1) / 5)
    rows = page.locator('#fits tr')
    assert rows.count() == 4 # the oldest made room
    assert [rows.nth(k).locator('td').nth(1).inner_text() for k in range(4)] == ['0.2', '0.4', '0.6', '0.8']
    dashes = page.locator('#fit .line').evaluate_all("all => all.map(e => e.getAttribute('stroke-dasharray'))")
    assert len(set(dashes)) == 4 # told apart by more than colour
    page.click('#forget')
    assert rows.count() == 1 and page.locator('#fit .line').count() == 1


def test_an_address_restores_the_sliders(opened):
    page = opened('#lr=0.25&momentum=0.9&bs=10&slope=-3&intercept=8.5&steps=40')
    wanted = dict(lr=0.25, momentum=0.9, bs=10, slope=-3, intercept=8.5, steps=40)
    assert page.evaluate('window.fastsgd.state()') == wanted
    slide(page, 'momentum', 0.5)
    until(page, "location.hash.includes('momentum=0.5&')")
    again = opened(page.evaluate('location.hash'))
    assert again.evaluate('window.fastsgd.state()') == {**wanted, 'momentum': 0.5}
    page.evaluate("location.hash = '#lr=0.02'")
    until(page, 'window.fastsgd.state().lr === 0.02')


@pytest.mark.parametrize('address', ['#lr=NaN&bs=3&steps=-5', '#lr=1e9&momentum=7&slope=x', '#%00&=&lr'])
def test_a_broken_address_does_no_harm(opened, address):
    state = opened(address).evaluate('window.fastsgd.state()')
    assert 0.001 <= state['lr'] <= 3.17 and state['bs'] == 100 and 0 <= state['steps'] <= 100
    assert 0 <= state['momentum'] <= 0.99 and state['slope'] == 0.5


def test_keyboard_labels_and_a_narrow_page(opened):
    page = opened(viewport=dict(width=360, height=700), color_scheme='dark')
    assert page.evaluate('document.documentElement.scrollWidth') <= 360
    page.focus('#momentum')
    page.keyboard.press('ArrowRight')
    assert page.evaluate('window.fastsgd.state().momentum') == 0.01
    for name in START:
        assert page.locator(f'label[for={name}]').count() == 1
        assert page.locator(f'#{name}').get_attribute('aria-valuetext')
    assert page.locator('figure svg[role=img][aria-label]').count() == 3
    size = page.locator('figure svg text').first.evaluate('e => parseFloat(getComputedStyle(e).fontSize)')
    scale = page.locator('#fit').evaluate('e => e.getBoundingClientRect().width') / 320
    assert size * scale >= 9
    page.focus('#play')
    page.keyboard.press('Enter')
    until(page, 'window.fastsgd.state().steps > 0 && window.fastsgd.state().steps < 100')
    page.keyboard.press('Enter')
    assert page.locator('#play').inner_text() == 'Play'


def test_a_diverging_fit_says_so(opened):
    page = opened('#lr=3&momentum=0.9')
    assert 'diverged at step' in page.locator('#fits').inner_text()
    assert 'NaN' not in page.content() and 'Infinity' not in page.content().split('<script')[0]


def test_the_page_is_small_and_says_what_it_may_do(explorer, tmp_path):
    path = explorer.save(tmp_path/'explore.html', title='Which <b> is $best$?', text='Try "0.5" & more')
    page = path.read_text(encoding='utf-8')
    assert len(page.encode()) < 80_000
    assert '<h1>Which &lt;b&gt; is $best$?</h1>' in page and '<p>Try &quot;0.5&quot; &amp; more</p>' in page
    assert "default-src 'none'" in page and not re.search(r'https?://(?!www\.w3\.org/2000/svg)', page)


def test_in_another_page(opened, explorer, tmp_path):
    "As a cell shows it: in a frame that may run scripts, and nothing else"
    path = tmp_path/'frame.html'
    path.write_text(f'<!doctype html><title>Frame</title>{explorer._page()._repr_html_()}', encoding='utf-8')
    page = opened(file=path)
    frame = page.frame_locator('iframe')
    frame.locator('#fits tr').wait_for()
    frame.locator('#lr').press('ArrowLeft')
    assert frame.locator('#lr-out').inner_text() == '0.08913'


@pytest.mark.parametrize('preferred', ['light', 'dark'])
def test_in_another_page_it_is_dark_when_that_page_is(opened, explorer, tmp_path, preferred):
    path = tmp_path/'frame.html'
    path.write_text('<!doctype html><title>Frame</title><style>body { background: white; color: black }'
                    f'.dark body {{ background: #111; color: #ddd }}</style><body>{explorer._page()._repr_html_()}',
                    encoding='utf-8')
    page = opened(file=path, color_scheme=preferred)
    page.frame_locator('iframe').locator('#fits tr').wait_for()
    for theme in ('', 'dark', ''): # also when the reader changes it
        page.evaluate('(theme) => { document.documentElement.className = theme }', theme)
        page.frame_locator('iframe').locator('html.dark' if theme else 'html:not(.dark)').wait_for(state='attached')
        shot = Image.open(io.BytesIO(page.locator('iframe').screenshot())).convert('L')
        assert (shot.getpixel((2, 2)) < 60) == bool(theme)
        dark, pale = np.quantile(np.asarray(shot), (0.001, 0.999)) # letters on their ground
        assert dark < 60 and pale > 200


@pytest.mark.parametrize('make, error, text', [
    (lambda p: explore((torch.rand(9, 2), torch.rand(9)), steps=2).save(p), ValueError, 'second column that is not 1'),
    (lambda p: explore(linear_data(1000), steps=3000).save(p), ValueError, '1000 points and 3000 steps need 1500'),
    (lambda p: explore(steps=2).save(p, title=3), TypeError, 'title=3: expected a string'),
    (lambda p: explore(steps=2).save(p.parent/'none'/'x.html'), FileNotFoundError, 'create this folder first')])
def test_errors_come_before_anything_is_written(make, error, text, tmp_path, count):
    path = tmp_path/'explore.html'
    path.write_text('old')
    with pytest.raises(error, match=text): make(path)
    assert path.read_text() == 'old' and [f.name for f in tmp_path.iterdir()] == ['explore.html']
    count('bad inputs refused')


def test_without_ipywidgets_the_page_takes_the_place_of_widgets(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'ipywidgets', None)
    page = explore(init=(20., 1.), bs=3)
    assert isinstance(page, ExplorePage) and page.save(tmp_path/'x.html').stat().st_size < 80_000
    assert 'max="20.0"' in page.html() # the slider reaches the first guess


def test_a_player_starts_where_scripts_do_not(browser, explorer):
    "As in nbclassic: put together before it is on the page, by `innerHTML`, which runs no script"
    page, faults = browser.new_page(), []
    page.on('pageerror', lambda error: faults.append(str(error)))
    page.evaluate("""(html) => {
        const output = document.createElement('div');
        output.innerHTML = html;
        setTimeout(() => document.body.append(output), 300);
    }""", explorer.out.outputs[0]['data']['text/html'])
    page.locator('.fastsgd-player[data-ready] svg[role=img]').wait_for()
    page.wait_for_function("() => document.querySelector('.fastsgd-player').dataset.frame === '1'")
    page.close()
    assert not faults
