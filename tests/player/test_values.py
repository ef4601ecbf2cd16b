"""The player's read-out: what lines, points and texts hold at a frame, by pointer, keyboard, and as CSV."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from read_out import copied, held, note, point_at, shown, text, values_of  # noqa: F401
from test_browser import animation, opened, players, press  # noqa: F401

from fastsgd import FitAnimation, linear_learner
from fastsgd.player import draw_svg, player_html
from fastsgd.player.write.html import asset

N = 6


def own_figure(**kwargs):
    "A user's own: a line that moves, points, and a line that grows on axes of another scale"
    fig = Figure(figsize=(8, 3), dpi=100)
    FigureCanvasAgg(fig)
    left, right = fig.subplots(1, 2)
    left.scatter([1, 2, 3], [5, np.nan, 2.5], label='given')
    line, = left.plot([0, 4], [0, 0], label='moves')
    left.set(xlabel='weight', ylabel='height', xlim=(0, 4), ylim=(0, 8))
    grows, = right.plot([], [], label='error')
    right.set(xlabel='step', ylabel='error', title='Errors', xlim=(0, N), ylim=(1e-3, 1), yscale='log')

    def func(i):
        line.set_ydata([i / 7, i])
        grows.set_data(range(i + 1), 0.3 ** np.arange(i + 1))
    return FitAnimation(fig, func, N, **kwargs)


@pytest.fixture(scope='module')
def lesson():
    learn = linear_learner(seed=0)
    with learn.no_bar(), learn.no_logging(): learn.fit(60, 0.05)
    return learn


@pytest.fixture(scope='module')
def lesson_html(lesson): return lesson.animate_fit.animation.to_jshtml()


def test_pointing_tells_the_nearest_point_at_this_frame(shown):  # noqa: F811
    anim = own_figure()
    page = shown(anim.to_jshtml())
    page.locator('[data-do=seek]').fill('3')
    for ax, near, exact, told in [(0, (3.9, 3.2), (4, 3), 'moves, point 1: weight = 4, height = 3'),
                                  (0, (2.9, 2.4), (3, 2.5), 'given, point 2: weight = 3, height = 2.5'),
                                  (1, (1.8, 0.1), (2, 0.09), 'error, point 2: step = 2, error = 0.09'),
                                  (1, (5.5, 0.002), (3, 0.027), 'error, point 3: step = 3, error = 0.027')]:
        marked = point_at(page, anim, ax, *near)
        assert note(page) == told
        assert np.allclose(marked, anim._fig.axes[ax].transData.transform(exact), atol=1.5)
    assert text(page, 'live') == '' # nobody asked to hear it
    page.keyboard.press('ArrowRight')
    assert note(page) == 'error, point 4: step = 4, error = 0.0081' and text(page, 'live') == ''
    page.mouse.move(5, 5)
    assert note(page) is None
    page.locator('svg[role=img]').dispatch_event('pointerleave', dict(pointerType='mouse'))
    assert not page.locator('[data-do=ring]').is_visible()


@pytest.mark.parametrize('name, x, y', [('solid', 0, 0), ('polar', 0, 0)])
def test_other_axes_say_where_their_points_are(shown, name, x, y):  # noqa: F811
    anim = animation(name)
    page = shown(anim.to_jshtml())
    box = page.locator('svg[role=img]').bounding_box()
    page.mouse.move(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
    assert (' z = ' in note(page)) == (name == 'solid') and ' y = ' in note(page)
    ring = page.locator('[data-do=ring]').bounding_box()
    assert box['x'] < ring['x'] < box['x'] + box['width'] and box['y'] < ring['y'] < box['y'] + box['height']


def test_by_keyboard_and_for_a_screen_reader_on_demand_only(shown):  # noqa: F811
    page = shown(own_figure(labels=[f'epoch {i}' for i in range(N)]).to_jshtml())
    live = page.locator('[data-do=live]')
    assert live.get_attribute('aria-live') == 'polite'
    assert page.locator('[data-do=note]').get_attribute('aria-hidden') == 'true' # it would be said twice
    players(page).focus()
    page.keyboard.press('ArrowDown') # scrolls the page
    for _ in range(2): page.keyboard.press('ArrowRight')
    assert text(page, 'live') == '' and note(page) is None
    page.keyboard.press('v')
    assert text(page, 'live') == ('epoch 2\n\nmoves, point 1: weight = 4, height = 2\n'
                                  'given, point 2: weight = 3, height = 2.5')
    page.keyboard.press('v')
    assert text(page, 'live') == 'epoch 2\nErrors\nerror, point 2: step = 2, error = 0.09'
    page.keyboard.press('ArrowRight')
    assert text(page, 'live') == 'epoch 3\nErrors\nerror, point 3: step = 3, error = 0.027'
    for key, k in [('ArrowDown', 0), ('ArrowDown', 1), ('ArrowUp', 0), ('ArrowUp', 0)]:
        page.keyboard.press(key)
        assert text(page, 'live').endswith(f'error, point {k}: step = {k}, error = {0.3 ** k:.5g}')
    assert note(page) == 'error, point 0: step = 0, error = 1'
    page.keyboard.press('Escape')
    assert note(page) is None
    button = page.locator('[data-do=values]')
    button.focus()
    page.keyboard.press('Enter')
    assert 'weight' in text(page, 'live')
    assert button.get_attribute('aria-label') == 'Values of the next panel'


def test_while_it_plays_nothing_is_said(shown):  # noqa: F811
    page = shown(animation(n=300).to_jshtml())
    players(page).focus()
    page.keyboard.press('v')
    page.keyboard.press('Space')
    page.wait_for_timeout(100)
    before = text(page, 'live'), note(page)
    page.wait_for_function("document.querySelector('.fastsgd-player').dataset.frame > 12")
    assert text(page, 'live') == before[0] and note(page) != before[1]


def of(rows, name, axis): return np.array([row[axis] for row in rows if row['name'] == name], np.float32)


def test_csv_holds_the_numbers_of_the_record(shown, lesson, lesson_html):  # noqa: F811
    traj = lesson.record_params.trajectory
    page = shown(lesson_html)
    for i in (0, 37, 60):
        page.locator('[data-do=seek]').fill(str(i))
        rows = copied(page)
        losses, flat = traj.losses.numpy(), traj.flat.numpy()
        seen = of(rows, 'training', 'y')
        assert len(seen) == min(i + 1, len(losses)) and np.array_equal(seen, losses[:len(seen)])
        assert np.array_equal(of(rows, 'training', 'x'), np.arange(len(seen)))
        path = next(row['name'] for row in rows if 'slope' in row['x is'] and row['name'] != 'line')
        assert np.array_equal(np.stack([of(rows, path, 'x'), of(rows, path, 'y')], 1), flat[:i + 1])
        (x, *_), (y, *_) = traj.data
        assert np.array_equal(of(rows, 'data', 'x'), x[:, 0].numpy())
        assert np.array_equal(of(rows, 'data', 'y'), y.numpy())
        model = [row for row in rows if row['name'] == 'model'] # thinned, and says so
        a, b = flat[i]
        assert len(model) > 10 and int(model[1]['point']) > 1
        assert np.allclose(of(rows, 'model', 'y'), a * of(rows, 'model', 'x') + b, atol=1e-5)
        assert {row['frame'] for row in rows} == {f'step {i} of 60'}


def test_csv_says_what_is_what(shown):  # noqa: F811
    page = shown(own_figure().to_jshtml())
    assert copied(page)[-1] == {
        'frame': 'frame 0', 'panel': 'Errors', 'name': 'error', 'point': '0', 'x': '0', 'y': '1', 'z': '', 'value': '',
        'x is': 'step', 'y is': 'error', 'z is': 'z', 'value is': ''}
    page.evaluate('document.execCommand = () => false')
    press(players(page), 'copy')
    assert text(page, 'live') == note(page) == 'copying is not allowed'


def test_axe_finds_nothing_while_values_are_shown(shown, lesson_html):  # noqa: F811
    axe = pytest.importorskip('axe_playwright_python')
    for scheme in ('light', 'dark'):
        page = shown(f'<html lang=en><title>t</title><main><h1>t</h1>{lesson_html}</main></html>', color_scheme=scheme)
        press(players(page), 'values')
        page.evaluate((Path(axe.__file__).parent/'axe.min.js').read_text())
        found = page.evaluate('axe.run().then((r) => r.violations)')
        assert not [(v['id'], [n['html'][:200] for n in v['nodes']]) for v in found]


def test_what_it_costs(lesson, tell):
    anim = lesson.animate_fit.animation
    drawing = draw_svg(anim._fig, anim._update, range(61))
    with_values = len(player_html(drawing))
    drawing.values = None
    without = len(player_html(drawing))
    tell('the read-out', f'script {len(asset("values.js"))} bytes; the lesson {without} -> {with_values} bytes')
    assert len(asset('values.js')) <= 4096 and with_values < 1.15 * without
    assert 'data-do="values"' not in player_html(drawing)


def test_a_figure_drawn_anew_in_each_frame_keeps_its_lines():
    fig = Figure()
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()

    def func(i):
        ax.clear()
        ax.plot([0, 1], [i, 1], label='always')
        if i > 1: ax.plot([0], [i], label='later')
    values = values_of(fig, func, 4)
    assert [held(values, 0, i)['always'] for i in range(4)] == [[[0, 1], [i, 1]] for i in range(4)]
    assert [held(values, 0, i)['later'] for i in range(4)] == [[[], []], [[], []], [[0], [2]], [[0], [3]]]
    back = values_of(fig, lambda i: func(3 - i), 4)
    assert [held(back, 0, i)['later'] for i in range(4)] == [[[0], [3]], [[0], [2]], [[], []], [[], []]]


def test_a_text_that_comes_later_is_not_told_before():
    fig = Figure()
    FigureCanvasAgg(fig)
    note = fig.add_subplot().text(0.5, 0.5, '')
    one, = values_of(fig, lambda i: note.set_text('now' * (i > 1)), 4)['panels'][0]['series']
    assert one['words'] == ([0, 2], [(0, 0, ''), (0, 0, 'now')])


def test_what_is_hidden_or_placed_elsewhere_is_not_told():
    fig = Figure()
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()
    line, = ax.plot([0, 1], [1e300, 1], label='huge')
    ax.plot([0.5], [0.5], transform=ax.transAxes, label='decoration')
    ax.plot([0, 1], [1e300, 1], lw=9) # a casing
    ax.plot([1], [1]) # the end
    values = values_of(fig, lambda i: line.set_visible(i == 1), 3)
    assert [held(values, 0, i)['huge'] for i in range(3)] == [[[], []], [[0, 1], [np.inf, 1]], [[], []]]
    assert set(held(values, 0, 0)) == {'huge', 'line'}


def test_many_points_are_thinned():
    fig = Figure()
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()
    ax.scatter(np.arange(5000), np.arange(5000), label='many')
    line, = ax.plot(np.arange(500), np.arange(500), label='curve')
    values = values_of(fig, lambda i: line.set_ydata(np.arange(500) * np.cos(i)), 50)
    many, curve = (next(s for s in values['panels'][0]['series'] if s['name'] == name) for name in ('many', 'curve'))
    assert many['step'] >= 8 and held(values, 0, 3)['many'][0][:2] == [0, many['step']]
    x, y = held(values, 0, 3)['curve']
    assert x == list(range(0, 500, curve['step'])) and np.allclose(y, np.array(x) * np.cos(3), rtol=1e-5)


def test_a_figure_that_holds_nothing_has_no_read_out():
    fig = Figure()
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()
    image, patch = ax.imshow(np.zeros((4, 4, 3))), ax.add_patch(Circle((1, 1), 1))
    assert values_of(fig, lambda i: [image, patch], 3) is None
