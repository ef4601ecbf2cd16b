"""The read-out of bars, images, dates and colours: compared with what the figure was made of."""

import itertools

import numpy as np
import pytest
from matplotlib import dates
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from read_out import copied, held, note, point_at, shown, text, values_of  # noqa: F401
from test_browser import opened, players  # noqa: F401

from fastsgd import FitAnimation
from fastsgd.player.draw import values
from fastsgd.player.draw.artists import CURTAIN, MOST_CELLS

N = 4
HEIGHTS = np.array([[1., 4., 2.], [2., 3., 0.], [3., 2., 5.5], [0.25, 1., 7.]]) # frame, bar
HEAT = np.random.default_rng(0).normal(size=(N, 2, 3)).astype('f4').astype(float)
MESH = np.random.default_rng(1).normal(size=(2, 3)).astype('f4').astype(float)
TIMES = np.array(['2024-02-28', '2024-02-29T12:30:01', '2024-08-10T23:59:59'], dtype='datetime64[s]')


def one_axes(**kwargs):
    fig = Figure(figsize=(5, 4), dpi=100)
    FigureCanvasAgg(fig)
    return fig, fig.add_subplot(**kwargs)


def bars(horizontal=False, log=False):
    fig, ax = one_axes()
    made = (ax.barh if horizontal else ax.bar)(['ash', 'oak', 'yew'], HEIGHTS[0], label='tall')
    side = 'x' if horizontal else 'y'
    ax.set(**{f'{side}lim': (0.1, 10), f'{side}label': 'metres', **({f'{side}scale': 'log'} if log else {})})

    def func(i):
        for patch, value in zip(made, HEIGHTS[i]): (patch.set_width if horizontal else patch.set_height)(value)
    return FitAnimation(fig, func, N)


@pytest.mark.parametrize('horizontal', [False, True])
@pytest.mark.parametrize('log', [False, True])
def test_a_bar_is_told_wherever_one_points_at_it(shown, horizontal, log):  # noqa: F811
    anim = bars(horizontal, log)
    page, names = shown(anim.to_jshtml()), ['ash', 'oak', 'yew']
    for i, k in [(0, 1), (2, 1), (2, 2), (3, 0)]:
        page.locator('[data-do=seek]').fill(str(i))
        at = (k + 0.35, 0.12) # near its edge and its foot, and far from its end
        point_at(page, anim, 0, *(at[::-1] if horizontal else at))
        said = [f'x = {names[k]}', f'metres = {HEIGHTS[i, k]:g}']
        if horizontal: said = [said[1], f'y = {names[k]}']
        assert note(page) == 'tall: ' + ', '.join(said)


def test_bars_that_stand_on_others_tell_their_height_too(shown):  # noqa: F811
    fig, ax = one_axes(ylim=(0, 9))
    ax.hist([0.5, 1.5, 1.6], bins=[0, 1, 2], label='below')
    ax.bar([0.5, 1.5], [3, 4], bottom=[1, 2], width=0.8, label='above')
    anim = FitAnimation(fig, lambda i: None, 2)
    page = shown(anim.to_jshtml())
    for x, y, said in [(1.4, 1, 'below: x = 1.5, y = 2'), (1.4, 3, 'above: x = 1.5, y = 6, height = 4')]:
        point_at(page, anim, 0, x, y)
        assert note(page) == said


def image(origin='upper', texts=True):
    fig, ax = one_axes(xlabel='predicted', ylabel='true')
    picture = ax.imshow(HEAT[0], origin=origin)
    ax.set_xticks([0, 1, 2], ['cat', 'dog', 'eel'])
    fig.colorbar(picture, label='share')
    inside = [ax.text(c, r, '', ha='center') for r in range(2) for c in range(3)] if texts else []
    ax.text(0.01, 0.9, 'of all', transform=ax.transAxes)

    def func(i):
        picture.set_data(HEAT[i])
        for k, one in enumerate(inside): one.set_text(f'{i}{k}' if k != 4 else '')
    return FitAnimation(fig, func, N)


@pytest.mark.parametrize('origin', ['upper', 'lower'])
def test_a_cell_of_an_image_is_told_with_the_text_in_it(shown, origin):  # noqa: F811
    anim = image(origin)
    page = shown(anim.to_jshtml())
    for i, r, c in itertools.product((0, 3), (0, 1), (0, 2)):
        page.locator('[data-do=seek]').fill(str(i))
        place = point_at(page, anim, 0, c + 0.2, r + 0.3)
        name = f'{i}{3 * r + c}'
        assert note(page) == f'{name}: predicted = {["cat", "dog", "eel"][c]}, true = {r}, share = {HEAT[i, r, c]:.5g}'
        assert np.allclose(place, anim._fig.axes[0].transData.transform((c, r)), atol=1.5)
    point_at(page, anim, 0, 1, 1)
    assert note(page).startswith('image: predicted = dog, true = 1, ') # no text stands in it
    rows = [row for row in copied(page) if row['value']]
    assert [(row['x'], row['y']) for row in rows] == [(x, y) for y in '01' for x in ('cat', 'dog', 'eel')]
    assert np.array_equal([np.float32(row['value']) for row in rows], HEAT[3].ravel())
    assert {row['value is'] for row in rows} == {'share'} and rows[2]['name'] == '32'


def test_the_cells_of_a_mesh_and_what_a_curtain_hides(shown):  # noqa: F811
    fig, ax = one_axes()
    ax.pcolormesh([0, 1, 3, 10], [1, 10, 1000], np.ma.masked_where(MESH == MESH[0, 1], MESH), rasterized=True)
    ax.set(yscale='log', xlim=(0, 8))
    cover = ax.add_patch(Rectangle((0, 0), 1, 1, fc='white', zorder=9, label=CURTAIN))
    cover.set_transform(ax.get_xaxis_transform())
    anim = FitAnimation(fig, lambda i: cover.set_bounds([0, 1, 3, 10][i], 0, 10, 1), N)
    page = shown(anim.to_jshtml())
    for i, x, y, said in [(3, 0.1, 900, (0.5, 505, MESH[1, 0])), (3, 7.5, 2, (6.5, 5.5, MESH[0, 2])), (3, 2.5, 3, None),
                          (1, 0.1, 900, (0.5, 505, MESH[1, 0])), (1, 7.5, 2, (0.5, 5.5, MESH[0, 0]))]:
        page.locator('[data-do=seek]').fill(str(i))
        point_at(page, anim, 0, x, y)
        if said is None: assert f'{MESH[0, 1]:.5g}' not in note(page) # a masked one is not told: a neighbour is
        else: assert note(page) == f'cells: x = {said[0]:g}, y = {said[1]:g}, value = {said[2]:.5g}'
    page.locator('[data-do=seek]').fill('0')
    point_at(page, anim, 0, 0.1, 900)
    assert note(page) is None


def test_dates_are_told_as_dates(shown):  # noqa: F811
    fig, ax = one_axes(xlabel='day')
    ax.plot(TIMES, [1, 2, 3], 'o', label='sold')
    dot, = ax.plot(TIMES[:1], [3.], 'o', label='now')
    anim = FitAnimation(fig, lambda i: dot.set_xdata([TIMES[min(i, 2)]]), N)
    page = shown(anim.to_jshtml())
    for i, k in itertools.product((0, 1), range(3)):
        page.locator('[data-do=seek]').fill(str(i))
        place = point_at(page, anim, 0, dates.date2num(TIMES[k]), k + 1.02)
        assert note(page) == f'sold, point {k}: day = {str(TIMES[k]).removesuffix("T00:00:00")}, y = {k + 1}'
        assert np.allclose(place, ax.transData.transform((dates.date2num(TIMES[k]), k + 1)), atol=1.5)
        assert [row['x'] for row in copied(page) if row['name'] == 'now'] == [str(TIMES[i]).removesuffix('T00:00:00')]


def test_the_colours_of_points_tell_their_values(shown):  # noqa: F811
    fig, ax = one_axes(ylim=(0, 5))
    dots = ax.scatter([1, 2, 3], [1, 2, 3], c=[0., 0, 0])
    fig.colorbar(dots, label='loss', orientation='horizontal')
    anim = FitAnimation(fig, lambda i: dots.set_array(np.arange(3) + i / 4), N)
    page = shown(anim.to_jshtml())
    page.locator('[data-do=seek]').fill('3')
    point_at(page, anim, 0, 2.1, 2.1)
    assert note(page) == 'points, point 1: x = 2, y = 2, loss = 1.75'
    rows = copied(page)
    assert [row['value'] for row in rows] == ['0.75', '1.75', '2.75'] and rows[0]['value is'] == 'loss'


def test_by_keyboard_cell_by_cell(shown):  # noqa: F811
    page = shown(image(texts=False).to_jshtml())
    players(page).focus()
    page.keyboard.press('v')
    assert text(page, 'live').splitlines()[-1].endswith(f'share = {HEAT[0, 1, 2]:.5g}')
    for _ in range(4): page.keyboard.press('ArrowDown') # past the text, to the third cell
    assert text(page, 'live').endswith(f'predicted = eel, true = 0, share = {HEAT[0, 0, 2]:.5g}')


def moving(size, n=30):
    fig, ax = one_axes()
    rng = np.random.default_rng(2)
    picture, dot = ax.imshow(rng.random((size, size))), ax.plot([1], [1], 'o')
    return fig, ax, n, lambda i: picture.set_data(rng.random((size, size))) or dot


@pytest.mark.parametrize('size, why', [(65, f'its {65 * 65:,} values are too many to tell'),
                                       (64, 'its values would take too many bytes')])
def test_what_is_left_out_is_said_where_nothing_else_is_near(shown, size, why):  # noqa: F811
    assert 64 * 64 <= MOST_CELLS < 65 * 65
    fig, ax, n, func = moving(size)
    anim = FitAnimation(fig, func, n)
    page = shown(anim.to_jshtml())
    point_at(page, anim, 0, size / 2, size / 3)
    assert note(page) == 'line: x = 1, y = 1' # the nearest point
    assert [row['name'] for row in copied(page)] == ['line', f'image: {why}']


def test_bytes_stay_in_bounds(tell):
    still = moving(64, 2)[0]
    kept = values_of(still, lambda i: None, 5)
    assert len(held(kept, 0, 4, 'v')['image'][0]) == 64 * 64 # a still one is told whole
    fig, _, n, func = moving(64)
    gone = len(values_of(fig, func, n)['numbers'])
    tell('the read-out', f'of 64 x 64 cells that stand still {len(kept["numbers"])} bytes, that move {gone}')
    assert len(kept['numbers']) < 25_000 and gone < 1000


@pytest.mark.parametrize('page_bytes, told', [(10**7, True), (10**5, False)])
def test_a_page_of_many_bytes_leaves_moving_cells_out(page_bytes, told, monkeypatch):
    monkeypatch.setattr(values, 'PAGE_BYTES', page_bytes)
    fig, _, n, cells = moving(24, 20)
    rng, photograph = np.random.default_rng(4), fig.add_axes([0, 0, 0.7, 1]).imshow(np.zeros((300, 300, 3)))

    def func(i):
        cells(i)
        photograph.set_data(rng.random((300, 300, 3)))
    assert bool(held(values_of(fig, func, n), 0, 3, 'v')['image']) == told


def test_a_photograph_tells_its_label_and_no_values(shown):  # noqa: F811
    fig, ax = one_axes()
    ax.imshow(np.random.default_rng(3).random((300, 300, 3)), label='sample 7: cat')
    anim = FitAnimation(fig, lambda i: None, 2)
    page = shown(anim.to_jshtml())
    point_at(page, anim, 0, 30, 280)
    assert note(page) == 'sample 7: cat' and [row['name'] for row in copied(page)] == ['sample 7: cat']
