"""The player in Firefox, steered by WebDriver BiDi alone: Playwright 1.65 cannot steer Debian's firefox-esr.

Without Firefox these are skipped; with FASTSGD_REQUIRE_BROWSER=1 they fail instead.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
from contextlib import closing
from itertools import count

import pytest
from test_browser import N, animation

PLAYER = "document.querySelector('.fastsgd-player')"


class Page:
    "A page of a Firefox, asked in an event loop of its own"
    def __init__(self, url, loop, websocket_connect):
        self.ids, self.run = count(1), lambda coming: loop.run_until_complete(asyncio.wait_for(coming, 60))
        async def connected(): return await websocket_connect(f'{url}/session')
        self.connection = self.run(connected())
        self.ask('session.new', capabilities={})
        self.context = self.ask('browsingContext.getTree')['contexts'][0]['context']

    def ask(self, method, **params): return self.run(self._answer(next(self.ids), method, params))

    async def _answer(self, this, method, params):
        await self.connection.write_message(json.dumps({'id': this, 'method': method, 'params': params}))
        while (answer := json.loads(await self.connection.read_message())).get('id') != this: pass
        return answer['result']

    async def close(self):
        self.connection.close()
        while await self.connection.read_message() is not None: pass

    def open(self, url): self.ask('browsingContext.navigate', context=self.context, url=url, wait='complete')

    def js(self, expression):
        answer = self.ask('script.evaluate', expression=f'(async () => {expression})()', awaitPromise=True,
                          target={'context': self.context})
        assert 'result' in answer, answer
        return answer['result'].get('value')

    def frame(self): return self.js(f'Number({PLAYER}.dataset.frame)')
    def press(self, name): self.js(f"{PLAYER}.querySelector('[data-do={name}]').click()")
    def key(self, name):
        self.js(f"{PLAYER}.dispatchEvent(new KeyboardEvent('keydown', {{key: '{name}', bubbles: true}}))")

    def wait(self, milliseconds): self.js(f'new Promise((done) => setTimeout(done, {milliseconds}))')
    def picture(self): return self.ask('browsingContext.captureScreenshot', context=self.context)['data']


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    path = shutil.which('firefox-esr') or shutil.which('firefox')
    if path is None:
        (pytest.fail if os.environ.get('FASTSGD_REQUIRE_BROWSER') == '1' else pytest.skip)('needs Firefox')
    websocket = pytest.importorskip('tornado.websocket') # which Jupyter brings
    command = [path, '--headless', '--remote-debugging-port=0', '--profile', str(tmp_path_factory.mktemp('profile'))]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with closing(asyncio.new_event_loop()) as loop, started as firefox:
        try:
            url = next(filter(None, (re.search(r'listening on (ws://\S+)', line) for line in firefox.stderr)))[1]
            yield (page := Page(url, loop, websocket.websocket_connect))
            page.run(page.close())
        finally: firefox.kill()


@pytest.fixture
def player(page, tmp_path):
    "`player(animation)`: the page that plays it"
    def open_(animation):
        animation.save(tmp_path/'player.html')
        page.open((tmp_path/'player.html').as_uri())
        return page
    return open_


def test_plays_and_pauses(player):
    page = player(animation(n=400, interval=20))
    page.press('play')
    while page.frame() <= 3: page.wait(20)
    page.press('play')
    rest = page.frame()
    page.wait(150)
    assert page.frame() == rest


def test_scrubs_and_shows_another_picture(player):
    page, pictures = player(animation()), []
    for i in (0, N - 1):
        slider = f"{PLAYER}.querySelector('[data-do=seek]')"
        page.js(f"({slider}.value = {i}, {slider}.dispatchEvent(new Event('input')))")
        assert page.frame() == i
        pictures.append(page.picture())
    assert pictures[0] != pictures[1] and len(pictures[1]) > 3000


def test_keys(player):
    page, seen = player(animation()), []
    for key in ('ArrowRight', 'ArrowRight', 'ArrowLeft', 'End', 'Home'):
        page.key(key)
        seen.append(page.frame())
    assert seen == [1, 2, 1, N - 1, 0]


def test_values_are_read_out(player):
    page = player(animation())
    while page.js(f'{PLAYER}.dataset.values') != 'true': page.wait(20) # they are unpacked after the first picture
    page.press('values')
    assert 'y = ' in page.js(f"{PLAYER}.querySelector('[data-do=live]').textContent")
