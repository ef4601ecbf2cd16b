"""A player and `explore`'s page in WebKit: do they play, scrub, take keys, and look alike there?

    xvfb-run -a python tests/front_ends/webkit.py      # with selenium, and Debian's webkit2gtk-driver and xvfb

By hand, as few machines have this browser. It is WebKitGTK, the nearest to Safari that runs on Linux.
"""

import io
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from fastsgd import explore, linear_learner


def browser():
    options = webdriver.WebKitGTKOptions()
    options.binary_location = str(next(Path('/usr/lib').glob('*/webkit2gtk-4.*/MiniBrowser')))
    options.add_argument('--automation')
    return webdriver.WebKitGTK(options=options, service=webdriver.WebKitGTKService('/usr/bin/WebKitWebDriver'))


def until(true, what, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f'{what}: not within {seconds} s'
        time.sleep(0.1)


def check_player(page):
    until(lambda: page.find_elements(By.CSS_SELECTOR, '.fastsgd-player[data-ready]'), 'the player')
    player = page.find_element(By.CSS_SELECTOR, '.fastsgd-player')
    frame = lambda: int(player.get_attribute('data-frame'))
    button = player.find_element(By.CSS_SELECTOR, '[data-do=play]')
    button.click()
    until(lambda: frame() >= 2, 'playing')
    button.click()
    rest = frame()
    time.sleep(0.5)
    assert frame() == rest, 'plays on after pause'
    page.execute_script('arguments[0].focus()', player)
    seen = []
    for key in (Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.END):
        player.send_keys(key)
        seen.append(frame())
    assert seen == [0, 1, 2, 1, 20], f'keys lead to frames {seen}'
    pictures = []
    for to in (0, 20):
        page.execute_script("""const slider = arguments[0].querySelector('[data-do=seek]');
            slider.value = arguments[1];
            slider.dispatchEvent(new Event('input'))""", player, to)
        assert frame() == to, 'the slider'
        place = player.find_element(By.CSS_SELECTOR, 'svg[role=img]').rect # whose own screenshot is black
        box = place['x'], place['y'], place['x'] + place['width'], place['y'] + place['height']
        shot = Image.open(io.BytesIO(page.get_screenshot_as_png())).crop(box)
        pictures.append(np.asarray(shot.convert('L'), float))
    assert all(picture.mean() > 150 and (picture < 100).mean() > 0.002 for picture in pictures), 'black or empty'
    assert np.abs(pictures[0] - pictures[1]).mean() > 0.5, 'the first and the last frame look alike'


def check_explore(page):
    fits = lambda: page.find_element(By.ID, 'fits').text
    until(fits, 'a fit')
    before = fits()
    page.find_element(By.ID, 'lr').send_keys(Keys.ARROW_LEFT * 5)
    until(lambda: fits() != before, 'another fit')


def main():
    learn = linear_learner(seed=0, log_every=None)
    with learn.no_bar(), learn.no_logging(): learn.fit(20, lr=0.1)
    with tempfile.TemporaryDirectory() as folder:
        learn.animate_fit.save(Path(folder, 'player.html'))
        explore(steps=20).save(Path(folder, 'explore.html'))
        page = browser()
        try:
            print(page.capabilities['browserName'], page.capabilities['browserVersion'])
            for name, check in dict(player=check_player, explore=check_explore).items():
                page.get(Path(folder, f'{name}.html').as_uri())
                check(page)
                print(f'{name}: all holds')
        finally: page.quit()


if __name__ == '__main__': main()
