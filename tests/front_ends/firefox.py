"""The player in Firefox, steered by WebDriver BiDi alone: `python tests/front_ends/firefox.py`

Where Playwright cannot steer Debian's firefox-esr, as its newest versions cannot: tests/player/test_firefox.py skips.
"""

import asyncio
import json
import re
import subprocess
import tempfile
from itertools import count
from pathlib import Path

from tornado.websocket import websocket_connect

from fastsgd import FitView, LossView, animate, linear_learner

PLAYER = "document.querySelector('.fastsgd-player')"


async def steer(firefox, url):
    "Open `url`; return `js(expression)`, which evaluates in the page"
    line = next(filter(None, (re.search(r'listening on (ws://\S+)', line) for line in firefox.stderr)))
    connection, ids = await websocket_connect(f'{line[1]}/session'), count(1)

    async def ask(method, **params):
        this = next(ids)
        await connection.write_message(json.dumps({'id': this, 'method': method, 'params': params}))
        while (answer := json.loads(await connection.read_message())).get('id') != this: pass
        return answer['result']

    await ask('session.new', capabilities={})
    context = (await ask('browsingContext.getTree'))['contexts'][0]['context']
    await ask('browsingContext.navigate', context=context, url=url, wait='complete')

    async def js(expression):
        answer = await ask('script.evaluate', expression=expression, target={'context': context}, awaitPromise=False)
        return answer['result'].get('value')
    return js


async def look(firefox, url):
    js = await steer(firefox, url)
    click = lambda name: js(f"{PLAYER}.querySelector('[data-do={name}]').click()")
    frame = lambda: js(f'Number({PLAYER}.dataset.frame)')
    await click('play')
    await asyncio.sleep(1)
    await click('play')
    rest = await frame()
    await asyncio.sleep(0.3)
    assert 0 < rest == await frame(), 'plays and pauses'
    slider = f"{PLAYER}.querySelector('[data-do=seek]')"
    await js(f"{slider}.value = 7, {slider}.dispatchEvent(new Event('input'))")
    assert await frame() == 7, 'scrubs'
    await js(f"{PLAYER}.dispatchEvent(new KeyboardEvent('keydown', {{key: 'ArrowRight', bubbles: true}}))")
    assert await frame() == 8, 'keys'
    await click('values')
    told = await js(f"{PLAYER}.querySelector('[data-do=live]').textContent")
    assert told.startswith('step 8') and 'y = ' in told, told


def main():
    learn = linear_learner(seed=0)
    with learn.no_bar(), learn.no_logging(): learn.fit(60, lr=0.1)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, 'lesson.html')
        animate(learn.record_params.trajectory, FitView(), LossView()).save(page)
        command = ['firefox-esr', '--headless', '--remote-debugging-port=0', '--profile', folder]
        firefox = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try: asyncio.run(asyncio.wait_for(look(firefox, page.as_uri()), 60))
        finally:
            firefox.kill()
            firefox.wait()
    print('Firefox: plays, scrubs, keys, read-out')


if __name__ == '__main__': main()
