"""The lesson in the real thing: JupyterLab in a browser. Both on this machine alone."""

import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

import fastsgd

nbformat = pytest.importorskip('nbformat')
ROOT = Path(fastsgd.__file__).parent.parent
LESSON = ROOT / 'examples' / '01_the_lesson.ipynb'
REQUIRED = os.environ.get('FASTSGD_REQUIRE_BROWSER') == '1'
SETTINGS = { # no requests to the outside, and all cells in the page, on the screen or not
    '@jupyterlab/apputils-extension/notification': {'fetchNews': 'false', 'checkForUpdates': False},
    '@jupyterlab/notebook-extension/tracker': {'windowingMode': 'none'},
}
# Errors in the console that are not ours: text -> whose it is
NOT_OURS = {}


def missing(what):
    (pytest.fail if REQUIRED else pytest.skip)(f'{what} (FASTSGD_REQUIRE_BROWSER=1 makes this a failure)')


@pytest.fixture(scope='module')
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing('playwright is not installed')
    with sync_playwright() as playwright:
        try:
            res = playwright.chromium.launch(executable_path=shutil.which('chromium') or shutil.which('google-chrome'),
                                             args=['--no-sandbox', '--disable-background-networking'])
        except Exception as e: missing(f'no Chromium to be started: {str(e).splitlines()[0]}')
        yield res
        res.close()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@pytest.fixture(scope='module')
def jupyter(tmp_path_factory):
    "`(address, token, folder)` of a JupyterLab with settings, data and notebooks of its own"
    if importlib.util.find_spec('jupyterlab') is None: missing('jupyterlab is not installed')
    home, port, token = tmp_path_factory.mktemp('jupyter'), free_port(), 'only-for-this-test'
    folder = home / 'notebooks'
    folder.mkdir()
    for name, values in SETTINGS.items():
        path = home / 'settings' / f'{name}.jupyterlab-settings'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'JUPYTERLAB_SETTINGS_DIR': str(home / 'settings'),
           'JUPYTERLAB_WORKSPACES_DIR': str(home / 'workspaces'),
           **{f'JUPYTER_{k}_DIR': str(home / k.lower()) for k in ('CONFIG', 'DATA', 'RUNTIME')}}
    log = (home / 'log').open('w')
    server = subprocess.Popen([
        sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}',
        f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={folder}',
        '--expose-app-in-browser', '--LabApp.extension_manager=readonly'],
        env=env, stdout=log, stderr=subprocess.STDOUT)
    address = f'http://127.0.0.1:{port}'
    try:
        wait_for(lambda: urllib.request.urlopen(f'{address}/api?token={token}', timeout=5).close() is None, 60,
                 lambda: (home / 'log').read_text())
        yield address, token, folder
    finally:
        server.terminate()
        try: server.wait(20)
        except subprocess.TimeoutExpired: server.kill()
        log.close()


def wait_for(done, seconds, explain):
    until = time.monotonic() + seconds
    while True:
        try:
            if done(): return
        except OSError: pass
        if time.monotonic() > until: pytest.fail(f'not within {seconds} s: {explain()}')
        time.sleep(0.2)


class Page:
    "A page that takes down what goes wrong in it"
    def __init__(self, browser):
        self.page, self.errors = browser.new_page(viewport={'width': 1300, 'height': 1000}), []
        self.page.on('console', lambda m: self.errors.append(f'{m.text} {m.location.get("url", "")}')
                     if m.type == 'error' else None)
        self.page.on('pageerror', lambda e: self.errors.append(str(e)))

    def check_console(self):
        "No error, apart from those that we know to be somebody else's"
        assert not [e for e in self.errors if not any(known in e for known in NOT_OURS)]


class Lab(Page):
    "A notebook open in JupyterLab"
    def __init__(self, browser, jupyter, name):
        super().__init__(browser)
        (self.address, self.token, self.folder), self.name = jupyter, name
        self.page.goto(f'{self.address}/lab/tree/{name}?reset&token={self.token}')
        self.ready()

    def ready(self):
        self.page.wait_for_function('() => window.jupyterapp?.shell.currentWidget?.context?.isReady', timeout=60_000)
        self.page.wait_for_selector('.jp-Notebook .jp-CodeCell')

    def do(self, command): self.page.evaluate('(c) => window.jupyterapp.commands.execute(c)', command)

    def run_all(self, seconds=90):
        self.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status"
                                    " === 'idle'", timeout=60_000)
        self.do('notebook:run-all-cells')
        self.page.wait_for_function("""() => {
            const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
                .filter((c) => c.cell_type === 'code' && c.getSource().trim());
            return cells.every((c) => c.execution_count) &&
                window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle';
        }""", timeout=1000 * seconds)

    def save(self):
        self.do('docmanager:save')
        self.page.wait_for_function('() => !window.jupyterapp.shell.currentWidget.context.model.dirty')
        return nbformat.read(self.folder / self.name, 4)


def frame(player): return int(player.get_attribute('data-frame'))


def scrub(player, to):
    player.locator('input[type=range]').fill(str(to))
    assert frame(player) == to


def play(page, player):
    "Press play, see at least two frames pass, press pause, see it rest"
    scrub(player, 0)
    button = player.locator('[data-do=play]')
    button.click()
    page.wait_for_function('(p) => Number(p.dataset.frame) >= 2', arg=player.element_handle())
    assert button.get_attribute('aria-label') == 'Pause'
    button.click()
    rest = frame(player)
    page.wait_for_timeout(150)
    assert frame(player) == rest


def picture(player): return player.locator('svg').first.screenshot()


def check_players(lab) -> int:
    "Each player on the page plays, can be scrubbed, and shows different pictures"
    players = lab.page.locator('.fastsgd-player')
    assert players.count(), 'no player on the page'
    for k in range(players.count()):
        player = players.nth(k)
        player.scroll_into_view_if_needed()
        last = int(player.locator('input[type=range]').get_attribute('max'))
        play(lab.page, player)
        scrub(player, 0)
        first_picture = picture(player)
        scrub(player, last)
        assert picture(player) != first_picture and len(picture(player)) > 5_000
        scrub(player, last // 2)
    return players.count()


def write(folder, name, *cells):
    kernel = {'kernelspec': {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'}}
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=kernel)
    nbformat.write(nb, folder / name)


@pytest.fixture(scope='module')
def lesson(browser, jupyter):
    "The lesson, run from the top down"
    shutil.copy(LESSON, jupyter[2] / 'lesson.ipynb')
    lab = Lab(browser, jupyter, 'lesson.ipynb')
    lab.do('notebook:clear-all-cell-outputs')
    lab.run_all()
    yield lab
    lab.page.close()


def test_lesson_plays_and_is_still_there_after_a_reload(lesson):
    n = check_players(lesson)
    nb = lesson.save()
    failed = [c.source for c in nb.cells if any(o.output_type == 'error' for o in c.get('outputs', ()))
              and 'raises-exception' not in c.metadata.get('tags', ())]
    assert not failed
    lesson.page.reload()
    lesson.ready()
    lesson.page.wait_for_selector('.fastsgd-player[data-ready=true]')
    assert check_players(lesson) == n
    lesson.check_console()


def test_lesson_through_nbconvert(lesson, browser, tmp_path):
    nbconvert = pytest.importorskip('nbconvert')
    # nbconvert's own page would fetch these two from the network
    exporter = nbconvert.HTMLExporter(require_js_url='', mathjax_url='')
    path = tmp_path / 'lesson.html'
    path.write_text(exporter.from_notebook_node(lesson.save())[0])
    page = Page(browser)
    asked = []
    page.page.on('request', lambda r: asked.append(r.url))
    page.page.goto(path.as_uri())
    assert check_players(page) == lesson.page.locator('.fastsgd-player').count()
    assert not [url for url in asked if not url.startswith(('file:', 'data:'))]
    page.check_console()
    page.page.close()


LIVE = """from fastsgd.views.live import Throttle
Throttle.ready = True # a picture of each step, whatever else this machine does
print('before')
learn.animate_fit.live = True
learn.fit(30, lr=0.1)"""


def test_live_view(browser, jupyter):
    "It follows the fit in one place, leaves the other output alone, and gives way to the player"
    write(jupyter[2], 'live.ipynb', 'from fastsgd import *\nlearn = linear_learner(seed=0, log_every=10)', LIVE)
    lab = Lab(browser, jupyter, 'live.ipynb')
    lab.page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => {
            const images = [...document.querySelectorAll('img[decoding=sync]')];
            const last = window.seen.at(-1), now = images.map((i) => i.alt).join('|');
            if (now !== last) window.seen.push(now);
        }).observe(document.body, {childList: true, subtree: true});
    }""")
    lab.run_all()
    player = lab.page.locator('.fastsgd-player')
    assert player.count() == 1 and lab.page.locator('img[decoding=sync]').count() == 0
    play(lab.page, player)
    seen = [alt for alt in lab.page.evaluate('window.seen') if alt]
    assert len(seen) >= 2 and all('|' not in alt for alt in seen)
    steps = [int(alt.split()[1]) for alt in seen]
    assert steps == sorted(set(steps)) and all('of 30' in alt for alt in seen)
    outputs = lab.page.locator('.jp-CodeCell').nth(1).locator('.jp-OutputArea-output').all_inner_texts()
    assert outputs[0].strip() == 'before' and 'step\tloss\n0\t' in ' '.join(outputs) # fastai's table
    lab.check_console()
    lab.page.close()


def test_explore(browser, jupyter):
    "A slider moved in the browser: a new fit, played at once, in the same place"
    write(jupyter[2], 'explore.ipynb', 'from fastsgd import *\nexplorer = explore()\nexplorer')
    lab = Lab(browser, jupyter, 'explore.ipynb')
    lab.run_all()
    player = lab.page.locator('.fastsgd-player[data-ready=true]')
    player.wait_for()
    name, note = player.get_attribute('data-fastsgd'), lab.page.locator('.jp-OutputArea-output code').first
    before = note.inner_text()
    began = time.perf_counter()
    lab.page.locator('.noUi-handle').first.press('ArrowRight')
    lab.page.wait_for_selector(f'.fastsgd-player[data-ready=true]:not([data-fastsgd={name}])')
    print(f'{time.perf_counter() - began:.2f} s from the slider to the new player')
    assert player.count() == 1 and note.inner_text() != before
    lab.page.wait_for_function("() => Number(document.querySelector('.fastsgd-player').dataset.frame) >= 2")
    lab.check_console()
    lab.page.close()


def test_an_unsigned_notebook_shows_the_still_picture(browser, jupyter):
    "JupyterLab trusts no output that it did not make itself: no script, style or SVG is left"
    learn = fastsgd.linear_learner(seed=0)
    with learn.no_bar(), learn.no_logging(): learn.fit(5)
    bundle = {'text/html': learn.animate_fit._repr_html_(), 'text/plain': 'learn.animate_fit'}
    write(jupyter[2], 'unsigned.ipynb', 'learn.animate_fit')
    nb = nbformat.read(jupyter[2] / 'unsigned.ipynb', 4)
    nb.cells[0].update(execution_count=1, outputs=[nbformat.v4.new_output('display_data', bundle)])
    nbformat.write(nb, jupyter[2] / 'unsigned.ipynb')
    lab = Lab(browser, jupyter, 'unsigned.ipynb')
    output = lab.page.locator('.jp-OutputArea-output')
    output.locator('img').wait_for()
    shot = Image.open(io.BytesIO(output.locator('img').screenshot())).convert('L')
    histogram = shot.histogram()
    assert shot.height > 100 and sum(histogram[200:]) > sum(histogram) / 2 and sum(histogram[:150]) > 100
    assert output.locator('button, input, select, output, svg, [tabindex="0"]').count() == 0
    lab.page.close()
