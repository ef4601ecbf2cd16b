"""A strip of frames for print: the frames that the animation has, side by side or one a page."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from fastsgd import FitAnimation, LossView, animate, linear_learner
from fastsgd.player import draw_pixels, draw_svg


def made(n=11, width=4, alt='a <line>'):
    fig = Figure(figsize=(width, 2), dpi=50)
    FigureCanvasAgg(fig)
    ax = fig.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    line, = ax.plot([0, 1], [0, 0], lw=3)
    title = ax.set_title('')

    def update(i):
        line.set_ydata([0, i / 10])
        title.set_text(f'frame {i}')
        return [line, title]
    return FitAnimation(fig, update, n, alt=alt), update


def test_signs_that_no_document_may_hold(tmp_path):
    path = made(alt='a\0\x1b\ufffe <line>')[0].save_strip(tmp_path/'strip.svg')
    assert ElementTree.parse(path).getroot()[0].text == 'a <line>'


def test_pixels_are_those_of_the_frames(tmp_path):
    anim, update = made()
    path = anim.save_strip(tmp_path/'strip.png', dpi=50)
    with Image.open(path) as image: sheet, dots = np.asarray(image), image.info['dpi']
    frames = [image.copy() for image in draw_pixels(anim._fig, update, [0, 2, 5, 8, 10], 50)]
    h, w = frames[0].shape[:2]
    assert sheet.shape[:2] == (3 * h, 2 * w) # two are as wide as a page
    for k, frame in enumerate(frames):
        assert np.array_equal(sheet[k // 2 * h:, k % 2 * w:][:h, :w], frame), k
    assert dots == pytest.approx((50, 50), abs=0.1)


def test_vector_frames_stand_in_rows(tmp_path):
    anim, update = made()
    text = anim.save_strip(tmp_path/'strip.svg', n=3, columns=3).read_text()
    assert 'viewBox="0 0 864 144"' in text and '<title>a &lt;line&gt;</title>' in text
    assert re.findall(r'<g transform="translate\((\d+) (\d+)\)">', text) == [('0', '0'), ('288', '0'), ('576', '0')]
    drawing = draw_svg(anim._fig, update, [0, 5, 10])
    places = re.split(r'<g transform="translate\(\d+ \d+\)">', text)[1:]
    for k, part in enumerate(places): # the same shapes, whatever they are called
        named = lambda s: re.sub(r'#[@i]\d+', '#', s)
        assert named(drawing.frame(k)) in named(part)
    assert not set(re.findall(r'#(i\d+)', text)) - set(re.findall(r'id="(i\d+)"', text)) and '@' not in text


def test_a_page_for_each_frame(tmp_path):
    anim, _ = made()
    path = anim.save_strip(tmp_path/'strip.pdf', n=4)
    assert path.read_bytes()[:5] == b'%PDF-' and len(re.findall(rb'/Type /Page\b(?!s)', path.read_bytes())) == 4


def test_in_a_browser_and_of_a_fit(tmp_path):
    learn = linear_learner(seed=0, log_every=None)
    with learn.no_bar(), learn.no_logging(): learn.fit(30, 0.1)
    traj = learn.record_params.trajectory
    path = animate(traj, LossView()).save_strip(tmp_path/'fit.svg', n=2)
    assert path.stat().st_size < 100_000
    assert learn.animate_fit.save_strip(tmp_path/'all.png', n=1).stat().st_size > 1000
    chromium = shutil.which('chromium')
    if chromium is None: pytest.skip('needs Chromium')
    shot = tmp_path/'shot.png'
    subprocess.run([chromium, '--headless', '--no-sandbox', '--hide-scrollbars', f'--screenshot={shot}',
                    '--window-size=900,420', path.as_uri()], check=True, capture_output=True, timeout=60)
    with Image.open(shot) as image: pixels = np.asarray(image.convert('L'))
    assert (pixels[:, :400] < 128).sum() > 200 and (pixels[:, 480:] < 128).sum() > 200 # two frames with their axes


@pytest.mark.parametrize('name, kwargs, text', [
    ('a.gif', {}, "ends in '.gif': expected one of .svg, .png, .pdf"), ('a.svg', dict(n=0), 'n=0: expected'),
    ('a.svg', dict(columns='two'), "columns='two': expected a whole number")])
def test_errors_teach(name, kwargs, text, tmp_path, count):
    with pytest.raises(ValueError, match=text): made()[0].save_strip(tmp_path/name, **kwargs)
    assert not list(tmp_path.iterdir())
    count('bad inputs refused')


@pytest.mark.parametrize('name', ['a.svg', 'a.png', 'a.pdf'])
def test_a_failure_leaves_the_old_file(name, tmp_path, count):
    fig = Figure()
    def update(i):
        if i > 3: raise RuntimeError('on purpose')
    (tmp_path/name).write_text('old')
    with pytest.raises(RuntimeError, match='on purpose'): FitAnimation(fig, update, 9).save_strip(tmp_path/name)
    assert (tmp_path/name).read_text() == 'old' and len(list(tmp_path.iterdir())) == 1
    count('failed saves that left the old file whole')
