"""One look at a page with players, whatever front-end made it: does all that a player promises hold there?"""

import io
import time

import numpy as np
from PIL import Image
from playwright.sync_api import Error

PATIENCE = 120 # seconds for a front-end to show what it has
LEGIBLE = 4.5 # the least contrast of letters, as WCAG has it
DARK = 0.2 # the most luminance of a background that is called dark
LOCAL = 'http://127.0.0.1', 'ws://127.0.0.1', 'http://localhost', 'ws://localhost', 'data:', 'blob:', 'about:'


class Page:
    "A page that reaches this machine only, and takes down what else it asked for and what went wrong"
    def __init__(self, browser):
        self.context = browser.new_context(viewport=dict(width=1300, height=1000))
        self.asked, self.errors = [], []
        self.context.route('**', self._let)
        self.page = self.context.new_page()
        self.page.on('pageerror', lambda error: self.errors.append(str(error)))

    def _let(self, route):
        if route.request.url.startswith(LOCAL): return route.continue_()
        self.asked.append(route.request.url)
        route.abort()

    def players(self):
        "All players that are ready, in all frames of the page"
        try: return [p for frame in self.page.frames for p in frame.locator('.fastsgd-player[data-ready]').all()]
        except Error: return [] # a frame is just being replaced


def until(true, what):
    "Wait until `true()`"
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end: raise AssertionError(f'{what}: not within {PATIENCE} s')
        time.sleep(0.1)


def frame(player): return int(player.get_attribute('data-frame'))
def last(player): return int(player.locator('[data-do=seek]').get_attribute('max'))


def plays(player):
    "Press play, see frames pass, press pause, see it rest"
    scrub(player, 0)
    player.locator('[data-do=play]').click()
    until(lambda: frame(player) >= 2, 'playing')
    player.locator('[data-do=play]').click()
    rest = frame(player)
    time.sleep(0.3)
    assert frame(player) == rest, 'plays on after pause'


def scrub(player, to):
    player.locator('[data-do=seek]').fill(str(to))
    assert frame(player) == to, f'the slider set to {to} shows frame {frame(player)}'


def scrubs(player):
    "The slider shows another picture at each end, and neither is empty"
    pictures = []
    for to in (0, last(player)):
        scrub(player, to)
        pictures.append(player.locator('svg[role=img]').screenshot())
    assert pictures[0] != pictures[1], 'the first and the last frame look alike'
    for picture in pictures:
        grey = np.asarray(Image.open(io.BytesIO(picture)).convert('L'))
        assert grey.mean() > 150 and (grey < 100).mean() > 0.002, 'the picture is black or empty'


def keys(player):
    "Keys move the player, and nothing else on the page"
    scrub(player, 0)
    player.focus()
    seen = []
    for key in ('ArrowRight', 'ArrowRight', 'ArrowLeft', 'End', 'Home'):
        player.page.keyboard.press(key)
        seen.append(frame(player))
    assert seen == [1, 2, 1, last(player), 0], f'keys lead to frames {seen}'
    player.page.keyboard.press('Space')
    until(lambda: frame(player) >= 2, 'playing by the space bar')
    player.page.keyboard.press('Space')


def legible(player):
    "The controls' letters stand out from what is behind them; return whether that is dark"
    label = Image.open(io.BytesIO(player.locator('[data-do=label]').screenshot())).convert('RGB')
    levels = (np.asarray(label).reshape(-1, 3) / 255)
    levels = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055)**2.4) @ (0.2126, 0.7152, 0.0722)
    contrast = (levels.max() + 0.05) / (levels.min() + 0.05)
    assert contrast >= LEGIBLE, f"the controls' letters have a contrast of {contrast:.1f}"
    return np.median(levels) < DARK


def explores(page):
    "The page with sliders computes another fit when one is moved"
    def pages(): return [frame for frame in page.page.frames if frame.locator('#fits').count()]
    until(pages, 'the page with sliders')
    sliders = pages()[0]
    slope = lambda: sliders.locator('#fits').inner_text()
    before = slope()
    assert before.strip(), 'no fit'
    sliders.locator('#lr').focus()
    for _ in range(5): page.page.keyboard.press('ArrowLeft')
    until(lambda: slope() != before, 'another fit')


def check(browser, front_end, address):
    "Look at the page at `address`: return `({what: '' or why it does not hold}, other hosts that were asked)`"
    page, found = Page(browser), {}

    def each(test):
        for k, player in enumerate(page.players()):
            front_end.turn(page.page, k)
            player.scroll_into_view_if_needed()
            yield test(player)

    def starts():
        front_end.ready(page.page)
        until(lambda: len(page.players()) >= 2, 'two players')
        assert len(page.players()) == 2, f'{len(page.players())} players in place of 2'

    def dark():
        page.page.emulate_media(color_scheme='dark')
        front_end.darken(page.page)
        time.sleep(1)
        if not all(list(each(legible))): found['dark ground'] = None

    def again():
        page.page.reload()
        starts()
        list(each(plays))

    def quiet():
        front_end.turn(page.page, 2)
        before = len(page.asked)
        explores(page)
        list(each(scrubs))
        assert len(page.asked) == before, f'asked for {page.asked[before:]}'
        ours = [e for e in page.errors if 'fastsgd' in e]
        assert not ours, ours

    page.page.goto(address)
    tests = dict(starts=starts, plays=lambda: list(each(plays)), slider=lambda: list(each(scrubs)),
                 keyboard=lambda: list(each(keys)), light=lambda: list(each(legible)), dark=dark, reload=again,
                 explore=quiet)
    for what, test in tests.items():
        try:
            test()
            found[what] = ''
        except Exception as e: found[what] = f'{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ""}'
        if what == 'starts' and found[what]: break
    page.context.close()
    return found, sorted({url.split('/')[2] for url in page.asked})


def check_widgets(browser, front_end, address) -> str: # '' or why not
    "`explore`'s first player starts by itself, and so does the one that a slider asks for"
    page = Page(browser)
    try:
        page.page.goto(address)
        front_end.run_all(page.page)
        until(lambda: len(page.players()) == 1, "explore's first player")
        until(lambda: frame(page.players()[0]) >= 2, "explore's first player starts by itself")
        name = page.players()[0].get_attribute('data-fastsgd')
        page.page.locator('.noUi-target').first.click(position=dict(x=40, y=2))
        new = lambda: [p for p in page.players() if p.get_attribute('data-fastsgd') != name]
        until(new, 'a new player after a slider was moved')
        until(lambda: frame(new()[0]) >= 2, 'the new player starts by itself')
        assert len(page.players()) == 1, f'{len(page.players())} players in place of 1'
    except Exception as e: return f'{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ""}'
    finally: page.context.close()
    return ''
