"""The player in headless Chromium, with the network blocked.

Without a browser these are skipped; with FASTSGD_REQUIRE_BROWSER=1 they fail instead.
"""

import io

import numpy as np
import pytest
from PIL import Image
from player_figures import FIGURES, build

from fastsgd import FitAnimation
from fastsgd.player import draw_pixels

N = 8


@pytest.fixture
def opened(browser, tmp_path):
    "`opened(html)`: a page with it; afterwards nothing was requested and nothing complained."
    contexts, requests, complaints = [], [], []

    def block(route):
        if route.request.url.startswith('file:'): return route.continue_()
        requests.append(route.request.url)
        route.abort()

    def open_(html, expect_complaints=False, **kwargs):
        context = browser.new_context(offline=True, **{'viewport': dict(width=900, height=700), **kwargs})
        contexts.append(context)
        context.route('**', block)
        page = context.new_page()
        if not expect_complaints: page.on('console', lambda message: complaints.append(message.text))
        page.on('pageerror', lambda error: complaints.append(str(error)))
        path = tmp_path/f'page{len(contexts)}.html'
        path.write_text(html, encoding='utf-8')
        page.goto(path.as_uri())
        return page
    yield open_
    for context in contexts: context.close()
    assert not requests and not complaints


def animation(name='line_points_text', n=N, **kwargs): return FitAnimation(*build(name, dpi=100), n, **kwargs)


def players(page): return page.locator('.fastsgd-player')
def frame(player): return int(player.get_attribute('data-frame'))
def press(player, name): player.locator(f'[data-do={name}]').click()


# Agg puts thin lines and glyphs on the pixel grid, a browser does not: what one shows may lie a pixel off in the other.
# So a pixel counts as far apart as it is from all that the other shows within a pixel of it, both ways.
MEAN, WORST = 1.6, 85


def around(a):
    "The least and the most within a pixel of each pixel."
    wide = np.pad(a, ((1, 1), (1, 1), (0, 0)), mode='edge')
    shifted = [wide[y:y + a.shape[0], x:x + a.shape[1]] for y in range(3) for x in range(3)]
    return np.minimum.reduce(shifted), np.maximum.reduce(shifted)


def apart(shot, wanted):
    "How far two pictures are apart, of 255: on average, and at the worst place of 3 x 3 pixels."
    a, b = shot[..., :3].astype(float), wanted[..., :3].astype(float)
    difference = np.zeros(a.shape)
    for one, other in ((a, b), (b, a)):
        least, most = around(other)
        difference = np.maximum(difference, np.maximum(one - most, least - one))
    height, width = (side // 3 * 3 for side in a.shape[:2])
    blocks = difference[:height, :width].reshape(height // 3, 3, width // 3, 3, 3).mean((1, 3))
    return difference.mean(), blocks.max()


def alike(shot, wanted):
    mean, worst = apart(shot, wanted)
    return mean < MEAN and worst < WORST


def picture(player, selector='svg[role=img]'):
    shot = Image.open(io.BytesIO(player.locator(selector).screenshot()))
    return np.asarray(shot.convert('RGB'))


@pytest.mark.parametrize('name', sorted(FIGURES))
def test_frames_look_like_matplotlibs(opened, name, count):
    page = opened(animation(name).to_jshtml())
    wanted = [f.copy() for f in draw_pixels(*build(name, dpi=100), range(N))]
    player = players(page)
    for i in (0, N // 2, N - 1):
        player.evaluate("(root, i) => { const s = root.querySelector('[data-do=seek]'); s.value = i;"
                        " s.dispatchEvent(new Event('input')) }", i)
        assert frame(player) == i
        assert alike(picture(player), wanted[i]), (i, apart(picture(player), wanted[i]))
        count('frames compared in a browser')


def test_comparison_sees_a_missing_and_a_misplaced_layer(opened):
    page = opened(animation('zorder_between').to_jshtml())
    wanted = next(draw_pixels(*build('zorder_between', dpi=100), range(1)))
    player = players(page)
    assert alike(picture(player), wanted)
    moving = player.locator('svg [data-part]')
    for k in range(moving.count()):
        moving.nth(k).evaluate("part => { part.style.display = 'none' }")
        assert not alike(picture(player), wanted)
        moving.nth(k).evaluate("part => { part.style.display = '' }")
    assert alike(picture(player), wanted)
    moving.first.evaluate('part => part.ownerSVGElement.append(part)') # to the top
    assert not alike(picture(player), wanted)


def test_starts_paused_on_its_first_frame(opened):
    player = players(opened(animation(labels=[f'step {i}' for i in range(N)]).to_jshtml()))
    player.page.wait_for_timeout(150)
    assert frame(player) == 0 and player.locator('output').inner_text() == 'step 0'
    assert player.locator('[data-do=controls]').is_visible()


def test_plays_by_itself_if_asked_but_not_where_motion_is_reduced(opened):
    html = animation(n=400, autoplay=True).to_jshtml()
    moves = players(opened(html))
    moves.page.wait_for_function("document.querySelector('.fastsgd-player').dataset.frame > 3")
    still = players(opened(html, reduced_motion='reduce'))
    still.page.wait_for_timeout(200)
    assert frame(still) == 0


def test_play_and_pause(opened):
    player = players(opened(animation(n=400).to_jshtml()))
    play = player.locator('[data-do=play]')
    assert play.get_attribute('aria-label') == 'Play'
    play.click()
    player.page.wait_for_function("document.querySelector('.fastsgd-player').dataset.frame > 3")
    assert play.get_attribute('aria-label') == 'Pause'
    play.click()
    stopped = frame(player)
    player.page.wait_for_timeout(150)
    assert frame(player) == stopped > 3


def test_buttons_and_slider(opened):
    player = players(opened(animation().to_jshtml()))
    seen = []
    for name in ('next', 'next', 'back', 'last', 'next', 'first', 'back'):
        press(player, name)
        seen.append(frame(player))
    assert seen == [1, 2, 1, N - 1, N - 1, 0, 0]
    player.locator('[data-do=seek]').fill('5')
    assert frame(player) == 5


def test_keyboard_when_focused(opened):
    page = opened(animation(n=400).to_jshtml() + "<button id='elsewhere'>x</button>")
    player = players(page)
    page.keyboard.press('ArrowRight')
    assert frame(player) == 0 # not focused yet
    player.focus()
    seen = []
    for key in ('ArrowRight', 'ArrowRight', 'ArrowLeft', 'End', 'Home'):
        page.keyboard.press(key)
        seen.append(frame(player))
    assert seen == [1, 2, 1, 399, 0]
    page.keyboard.press('Space')
    page.wait_for_function("document.querySelector('.fastsgd-player').dataset.frame > 3")
    page.keyboard.press('Space')
    stopped = frame(player)
    page.wait_for_timeout(120)
    assert frame(player) == stopped
    page.locator('#elsewhere').focus()
    page.keyboard.press('Home')
    assert frame(player) == stopped


def test_slider_by_keyboard(opened):
    player = players(opened(animation().to_jshtml()))
    player.locator('[data-do=seek]').focus()
    for _ in range(3): player.page.keyboard.press('ArrowRight')
    assert frame(player) == 3


def watched(page, milliseconds):
    "The frames shown during some time, in order."
    return page.evaluate("""(milliseconds) => new Promise((done) => {
      const root = document.querySelector('.fastsgd-player'), seen = [Number(root.dataset.frame)];
      const watch = new MutationObserver(() => seen.push(Number(root.dataset.frame)));
      watch.observe(root, {attributes: true, attributeFilter: ['data-frame']});
      setTimeout(() => { watch.disconnect(); done(seen); }, milliseconds);
    })""", milliseconds)


def test_once_loop_and_reflect(opened):
    for mode in ('once', 'loop', 'reflect'):
        player = players(opened(animation(n=6, interval=30, repeat_delay=30, default_mode=mode).to_jshtml()))
        press(player, 'play')
        seen = watched(player.page, 700)
        falls = [b for a, b in zip(seen, seen[1:]) if b < a]
        if mode == 'once':
            assert not falls and seen[-1] == 5
            assert player.locator('[data-do=play]').get_attribute('aria-label') == 'Play'
        elif mode == 'loop': assert falls and max(falls) < 3
        else: assert falls and min(seen[seen.index(5):]) < 2 and max(falls) >= 3


def test_the_end_is_held(opened):
    player = players(opened(animation(n=6, interval=30, repeat_delay=5000).to_jshtml()))
    press(player, 'play')
    seen = watched(player.page, 700)
    assert seen == sorted(seen) and seen[-1] == 5
    assert player.locator('[data-do=play]').get_attribute('aria-label') == 'Pause'


def test_speed(opened):
    def frames_in(speed):
        player = players(opened(animation(n=400, interval=20).to_jshtml()))
        player.locator('[data-do=speed]').select_option(speed)
        press(player, 'play')
        return watched(player.page, 600)[-1]
    assert frames_in('0.25') < frames_in('1') < frames_in('4')


def test_two_players_and_the_same_one_twice(opened):
    html = animation().to_jshtml()
    page = opened(html + animation('image').to_jshtml() + html)
    first, second, third = (players(page).nth(k) for k in range(3))
    press(first, 'last')
    press(second, 'next')
    assert [frame(player) for player in (first, second, third)] == [N - 1, 1, 0]
    assert alike(picture(second), [f.copy() for f in draw_pixels(*build('image', dpi=100), range(2))][1])
    first.evaluate('root => root.remove()') # the cell was run again
    wanted = next(draw_pixels(*build('line_points_text', dpi=100), range(1)))
    assert alike(picture(players(page).nth(1)), wanted)


def test_last_frame_without_javascript(opened):
    page = opened(animation().to_jshtml(), java_script_enabled=False)
    shot = Image.fromarray(picture(players(page), 'img')).resize((100, 80))
    wanted = [f.copy() for f in draw_pixels(*build('line_points_text', dpi=100), range(N))][-1]
    wanted = Image.fromarray(wanted).convert('RGB').resize((100, 80))
    assert np.abs(np.asarray(shot).astype(float) - np.asarray(wanted)).mean() < 8
    assert players(page).inner_text().strip() == ''
    assert page.locator('button, input, select, output, svg').count() == 0


def test_page_from_save(opened, tmp_path):
    animation().save(tmp_path/'a.html')
    page = opened((tmp_path/'a.html').read_text())
    press(players(page), 'next')
    assert frame(players(page)) == 1


def test_svg_moves_inside_an_img(opened, tmp_path):
    animation(interval=300).save(tmp_path/'a.svg')
    wanted = [f.copy() for f in draw_pixels(*build('line_points_text', dpi=100), range(N))]
    page = opened(f'<body style="margin:0"><img width="400" src="{(tmp_path / "a.svg").as_uri()}">')
    page.wait_for_function("document.querySelector('img').complete")
    seen = set()
    for _ in range(12):
        shot = picture(page, 'img')
        seen |= {i for i in range(N) if alike(shot, wanted[i])}
        page.wait_for_timeout(130)
    assert len(seen) >= 3
    still = opened('', reduced_motion='reduce') # on its own: an emulated setting does not reach images
    still.goto((tmp_path/'a.svg').as_uri())
    assert alike(picture(still, 'svg'), wanted[-1])


def test_notebook_as_a_page(opened):
    import nbformat
    from nbconvert import HTMLExporter
    outputs = [nbformat.v4.new_output('display_data', {'text/html': animation(name).to_jshtml()})
               for name in ('line_points_text', 'solid')]
    cells = [nbformat.v4.new_code_cell('learn.animate_fit', outputs=[output]) for output in outputs]
    body, _ = HTMLExporter(mathjax_url='', require_js_url='', jquery_url='').from_notebook_node(
        nbformat.v4.new_notebook(cells=cells))
    for theme in ('light', 'dark'):
        html = body.replace('data-jp-theme-light="true"', f'data-jp-theme-light="{str(theme == "light").lower()}"')
        page = opened(html)
        assert players(page).count() == 2
        first, second = players(page).nth(0), players(page).nth(1)
        press(first, 'last')
        second.focus()
        page.keyboard.press('ArrowRight')
        assert [frame(first), frame(second)] == [N - 1, 1]
        wanted = [f.copy() for f in draw_pixels(*build('line_points_text', dpi=100), range(N))][-1]
        assert alike(picture(first), wanted)


def test_narrow_pages_shrink_the_figure(opened):
    page = opened(animation().to_jshtml(), viewport=dict(width=300, height=600))
    box = players(page).bounding_box()
    assert box['x'] + box['width'] <= 300
    assert page.evaluate('document.documentElement.scrollWidth') <= 300


def test_controls_take_the_pages_color(opened):
    for color in ('rgb(10, 20, 30)', 'rgb(240, 230, 220)'):
        player = players(opened(f'<div style="color:{color}">{animation().to_jshtml()}</div>'))
        assert player.locator('output').evaluate('node => getComputedStyle(node).color') == color


def test_script_may_run_before_its_output_is_on_the_page(opened):
    page = opened('<p>a notebook</p>')
    page.evaluate("""(html) => {
      const output = document.createElement('div');
      output.innerHTML = html;
      (0, eval)(output.querySelector('script:not([type])').textContent);
      setTimeout(() => document.body.append(output), 120);
    }""", animation().to_jshtml())
    page.wait_for_function("document.querySelector('.fastsgd-player')?.dataset.ready")
    press(players(page), 'next')
    assert frame(players(page)) == 1


def test_a_player_starts_however_late_it_comes_and_in_a_shadow_root_too(opened):
    page = opened('<p id=early></p>')
    page.evaluate("""([late, hidden]) => {
      const root = document.querySelector('#early').attachShadow({mode: 'open'});
      for (const html of [late, hidden]) {
        const output = document.createElement('div');
        output.innerHTML = html;
        (0, eval)(output.querySelector('script:not([type])').textContent);
        setTimeout(() => (html === late ? document.body : root).append(output), 2500);
      }
    }""", [animation().to_jshtml(), animation('image').to_jshtml()])
    page.wait_for_function("""document.querySelector('.fastsgd-player')?.dataset.ready &&
      document.querySelector('#early').shadowRoot.querySelector('.fastsgd-player')?.dataset.ready""")
    for k in range(2): # Playwright looks into shadow roots
        press(players(page).nth(k), 'next')
        assert frame(players(page).nth(k)) == 1


def test_a_page_that_was_saved_from_a_browser_plays_again(opened):
    page = opened(animation().to_jshtml())
    press(players(page), 'next')
    again = opened(page.content())
    press(players(again), 'last')
    assert frame(players(again)) == N - 1 and players(again).locator('svg[role=img]').count() == 1


def test_rests_out_of_sight_and_goes_on_in_sight(opened):
    page = opened(animation(n=400, interval=20).to_jshtml() + '<p style="margin-top: 3000px" id="below">x</p>')
    press(players(page), 'play')
    page.wait_for_function("document.querySelector('.fastsgd-player').dataset.frame > 3")
    page.locator('#below').scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    rest = frame(players(page))
    page.wait_for_timeout(300)
    assert frame(players(page)) == rest
    players(page).scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('.fastsgd-player').dataset.frame > {rest + 3}")


DATA = ('application/json', 'text/html') # scripts that are not run
HOSTILE = ('</title></svg><script>window.hacked = 1</script>', '"><img src=x onerror="window.hacked = 1">',
           '<svg onload="window.hacked = 1">', "'-(window.hacked = 1)-'")


@pytest.mark.parametrize('text', HOSTILE)
def test_text_that_users_give_stays_text(opened, tmp_path, text):
    import torch

    from fastsgd import LossView, ParamsView, Trajectory, View, animate

    class Titled(View):
        "Says the text in a title, a legend, an axis label and in each frame"
        def draw(self, traj, ax):
            line, = ax.plot([0], [0], label=text, gid=text, url=text)
            said = ax.text(0, 0, '')
            ax.set_xlabel(text)
            ax.legend()

            def update(i):
                said.set_text(f'{i} {text}')
                return [said, line]
            return update
    trajs = [Trajectory({text: torch.arange(4.)[:, None]}, losses=torch.ones(3), lrs=torch.ones(3), label=f'{k} {text}')
             for k in range(2)]
    fit = animate(trajs, Titled(), LossView(), ParamsView(), figsize=(40, 8)) # room for the long text
    fit.save(tmp_path/'fit.html')
    fit.save(tmp_path/'fit.svg')
    tables = ''.join(t._repr_html_() for t in trajs)
    for html in (fit.to_jshtml(), (tmp_path/'fit.html').read_text(), (tmp_path/'fit.svg').read_text(), tables):
        page = opened(html)
        for control in page.locator('[data-do=last]').all(): control.click()
        page.wait_for_timeout(200)
        assert page.evaluate('window.hacked') is None
        assert page.locator('img[src=x]').count() == 0
        assert all('hacked' not in script.text_content() or script.get_attribute('type') in DATA
                   for script in page.locator('script').all())
    page = opened('')
    page.goto((tmp_path/'fit.svg').as_uri())
    assert page.evaluate('window.hacked') is None and page.locator('script').count() == 0


def test_while_it_plays_the_label_lags_and_only_what_differs_is_made_anew(opened):
    page = opened(animation(n=400, interval=20, labels=[f'step {i}' for i in range(400)]).to_jshtml())
    page.evaluate("""() => {
      const root = document.querySelector('.fastsgd-player'), label = root.querySelector('output');
      window.seen = { frames: 0, labels: 0, made: 0 };
      new MutationObserver(() => seen.frames++).observe(root, { attributes: true, attributeFilter: ['data-frame'] });
      new MutationObserver(() => seen.labels++).observe(label, { childList: true });
      new MutationObserver((all) => { for (const one of all) seen.made += one.addedNodes.length })
        .observe(root.querySelector('[data-do=picture]'), { childList: true, subtree: true });
    }""")
    press(players(page), 'play')
    page.wait_for_function('seen.frames > 30')
    press(players(page), 'play')
    seen = page.evaluate('seen')
    assert seen['labels'] < seen['frames'] / 2 and seen['made'] < seen['frames'] / 2
    assert players(page).locator('output').inner_text() == f'step {frame(players(page))}'
    assert page.locator('[data-do=seek]').input_value() == str(frame(players(page)))
