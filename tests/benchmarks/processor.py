"""Measure what a player and a picture that moves cost while one looks, and while one doesn't, in Chromium.

    python tests/benchmarks/processor.py --seconds 10

Shares of one core, of all of Chromium's processes together, on a page of 1300 x 1000 pixels. Headless, without a
graphics card: all is drawn by the processor. What a blank page takes is taken off.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import psutil
from animation import shown_by_default, three_panels
from playwright.sync_api import sync_playwright

from fastsgd import FitAnimation

BELOW = '<p style="margin-top: 3000px" id="below">below</p>'


def spent(process):
    "Seconds of the processor that `process` and all below it took, of those that still run"
    return sum(sum(p.cpu_times()[:2]) for p in [process, *process.children(recursive=True)] if p.is_running())


def share(browser_process, page, seconds):
    page.wait_for_timeout(1500) # what opening the page left to do
    before, began = spent(browser_process), time.perf_counter()
    time.sleep(seconds)
    return 100 * (spent(browser_process) - before) / (time.perf_counter() - began)


def scenes(folder, name, make):
    "Yield `(what, page, play?, scroll away?, target)`"
    animation = FitAnimation(*make(100), 100)
    html = animation.to_jshtml() + BELOW
    yield f'{name}: idle', html, False, False, 5
    yield f'{name}: playing, in sight', html, True, False, 25
    yield f'{name}: playing, out of sight', html, True, True, 5
    for suffix in ('svg', 'gif'):
        path = Path(folder, f'{name}.{suffix}')
        animation.save(path)
        size = f'{path.stat().st_size / 1000:.0f} kB'
        yield f'{name}: {suffix} in an image, {size}', f'<img src="{path.as_uri()}">', False, False, 30


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=10)
    seconds = parser.parse_args().seconds
    chromium = shutil.which('chromium') or shutil.which('google-chrome')
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        known = set(psutil.Process().children(recursive=True))
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        new = [p for p in psutil.Process().children(recursive=True) if p not in known]
        process = next(p for p in new if '--headless' in str(p.cmdline()) and '--type=' not in str(p.cmdline()))

        def measure(html, play=False, away=False):
            page, path = browser.new_page(viewport=dict(width=1300, height=1000)), Path(folder, 'page.html')
            path.write_text(html, encoding='utf-8')
            page.goto(path.as_uri())
            if play: page.locator('[data-do=play]').click()
            if away: page.locator('#below').scroll_into_view_if_needed()
            res = share(process, page, seconds)
            page.close()
            return res
        blank = measure('<p>')
        print(f'a blank page {blank:.1f} % of a core')
        for name, make in dict(lesson=shown_by_default, panels=three_panels).items():
            for what, html, play, away, target in scenes(folder, name, make):
                taken = measure(html, play, away) - blank
                print(f'{what:<45} {taken:5.1f} % of a core   target: below {target} %', flush=True)
        browser.close()


if __name__ == '__main__': main()
