"""Files by suffix: right frames, right times, whole or not at all."""

import io
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image
from player_figures import build

from fastsgd import FitAnimation
from fastsgd.player import SUFFIXES, VIDEOS, draw_pixels, find_ffmpeg, save_animation
from fastsgd.player.write import video as video_module
from fastsgd.player.write.gif import write_gif
from fastsgd.player.write.video import write_video

N = 6


@pytest.fixture
def saved(tmp_path):
    def save(suffix, name='line_points_text', **kwargs):
        path = tmp_path/f'fit{suffix}'
        save_animation(path, *build(name), range(N), N, **{'interval': 50, **kwargs})
        return path
    return save


def read(path):
    "Each frame of an image file with its milliseconds, and what the file says of itself."
    with Image.open(path) as image:
        about, shown = dict(image.info, size=image.size), []
        for i in range(image.n_frames):
            image.seek(i)
            shown.append((np.asarray(image.convert('RGBA')), image.info['duration']))
    return shown, about


def watch(path):
    "The frames of a video (n, height, width, 3), and what ffmpeg says of it."
    run = subprocess.run([find_ffmpeg(), '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'], capture_output=True,
                         check=True)
    about = run.stderr.decode()
    width, height = map(int, re.search(r'Video: .*?, (\d+)x(\d+)', about).groups())
    return np.frombuffer(run.stdout, np.uint8).reshape(-1, height, width, 3), about


def frames(name='line_points_text'): return [f.copy() for f in draw_pixels(*build(name), range(N))]


@pytest.mark.parametrize('suffix', ['.png', '.apng', '.webp'])
@pytest.mark.parametrize('name', ['line_points_text', 'image', 'face'])
def test_without_loss(saved, suffix, name):
    shown, about = read(saved(suffix, name))
    assert about['loop'] == 0
    for (picture, wait), frame in zip(shown, frames(name), strict=True):
        assert np.array_equal(picture, frame)
        assert suffix == '.webp' or wait == 50 # Pillow says of a WebP only when its frames are seen


def test_png_with_alpha(tmp_path):
    fig, func = build('line_points_text', facecolor=(1, 0, 0, 0.5))
    save_animation(tmp_path/'a.png', fig, func, range(3))
    shown, _ = read(tmp_path/'a.png')
    for (picture, _), frame in zip(shown, draw_pixels(fig, func, range(3)), strict=True):
        assert np.array_equal(picture, frame)
    assert frame[..., 3].min() < 255


def test_gif_has_one_palette_and_no_dither(saved):
    path = saved('.gif')
    shown, about = read(path)
    assert about['loop'] == 0 and path.read_bytes()[10] & 128
    for (picture, wait), frame in zip(shown, frames(), strict=True):
        apart = np.abs(picture[..., :3].astype(int) - frame[..., :3])
        assert apart.max() <= 40 and apart.mean() < 0.2 and wait == 50
        white = (frame[..., :3] == 255).all(-1)
        assert not apart[white].any() # flat areas stay flat


def test_few_colors_are_exact(tmp_path):
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (200, 4), dtype=np.uint8)
    colors[:, 3] = 255
    pictures = [colors[rng.integers(0, 200, (20, 30))] for _ in range(5)] * 2
    write_gif(tmp_path/'a.gif', pictures, 20)
    shown, _ = read(tmp_path/'a.gif')
    for (picture, _), wanted in zip(shown, pictures, strict=True): assert np.array_equal(picture, wanted)


def test_many_colors_get_the_nearest(tmp_path):
    ramp = np.full((64, 64, 4), 255, np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(64)[:, None] * 4, np.arange(64) * 4
    write_gif(tmp_path/'a.gif', [ramp, ramp[::-1].copy()], 20)
    shown, _ = read(tmp_path/'a.gif')
    for (picture, _), wanted in zip(shown, [ramp, ramp[::-1]], strict=True):
        palette = np.unique(shown[0][0].reshape(-1, 4), axis=0).astype(int)
        nearest = (((wanted.reshape(-1, 1, 4).astype(int) - palette) ** 2).sum(-1)).min(1)
        got = ((wanted.reshape(-1, 4).astype(int) - picture.reshape(-1, 4)) ** 2).sum(-1)
        assert len(palette) > 200 and np.array_equal(got, nearest)


def test_gif_keeps_frames_that_are_alike_and_the_time(tmp_path):
    write_gif(tmp_path/'a.gif', [np.full((5, 5, 4), 255, np.uint8)] * 30, 33.3)
    shown, _ = read(tmp_path/'a.gif')
    assert len(shown) == 30 and abs(sum(wait for _, wait in shown) - 30 * 33.3) <= 10


def test_video(saved):
    shown, about = watch(saved('.mp4'))
    assert shown.shape == (N, 300, 400, 3) and ' 20 fps' in about
    for picture, ours in zip(shown, frames(), strict=True):
        assert np.abs(picture.astype(int) - ours[..., :3]).mean() < 3


def test_video_of_odd_size(tmp_path):
    white = np.full((31, 41, 4), 255, np.uint8)
    write_video(tmp_path/'a.mp4', [white] * 3, 40, ffmpeg=find_ffmpeg(), metadata={'title': 'x'})
    shown, about = watch(tmp_path/'a.mp4')
    assert shown.shape == (3, 32, 42, 3) and 'title           : x' in about


def test_ffmpeg_says_what_was_wrong(saved, tmp_path):
    with pytest.raises(RuntimeError, match='ffmpeg failed: .*no-such-codec'):
        saved('.mp4', video={'codec': 'no-such-codec'})
    assert not list(tmp_path.iterdir())


def test_without_ffmpeg_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(video_module.shutil, 'which', lambda name: None)
    monkeypatch.setitem(__import__('sys').modules, 'imageio_ffmpeg', None)
    fig, _ = build('line_points_text')
    with pytest.raises(RuntimeError, match='pip install imageio-ffmpeg'):
        save_animation(tmp_path/'fit.mp4', fig, lambda i: pytest.fail('drawn'), range(N))


def test_missing_folder_is_said_before_drawing(tmp_path):
    fig, _ = build('line_points_text')
    with pytest.raises(FileNotFoundError, match='nowhere'):
        save_animation(tmp_path/'nowhere' / 'fit.gif', fig, lambda i: pytest.fail('drawn'), range(N))


@pytest.mark.parametrize('suffix', sorted({*SUFFIXES} - VIDEOS.keys()) + ['.mp4'])
@pytest.mark.parametrize('error', [KeyboardInterrupt, ZeroDivisionError])
def test_failure_leaves_the_old_file_and_no_other(tmp_path, suffix, error, count):
    path = tmp_path/f'fit{suffix}'
    path.write_text('old')
    fig, func = build('line_points_text')

    def fails(i):
        if i == 3: raise error
        return func(i)
    with pytest.raises(error): save_animation(path, fig, fails, range(N))
    assert path.read_text() == 'old' and [p.name for p in tmp_path.iterdir()] == [path.name]
    count('faults survived')


@pytest.mark.parametrize('suffix', ['.gif', '.webp', '.png', '.mp4', '.html', '.svg'])
def test_no_frames(tmp_path, suffix):
    with pytest.raises(ValueError, match='frames is empty'):
        save_animation(tmp_path/f'fit{suffix}', *build('line_points_text'), [])


@pytest.mark.parametrize('suffix', ['.html', '.gif', '.png'])
def test_ticks(saved, suffix):
    ticks = []
    saved(suffix, tick=ticks.append)
    assert ticks == list(range(N))


def test_dpi(saved):
    assert read(saved('.png', dpi=50))[1]['size'] == (200, 150)


def test_figure_is_left_as_it_was(saved):
    fig, func = build('line_points_text', facecolor='0.9')
    before = fig.dpi, fig.get_facecolor(), fig.canvas.is_saving()
    for frame in draw_pixels(fig, func, range(2), dpi=33, facecolor='red'):
        assert tuple(frame[0, 0]) == (255, 0, 0, 255)
    assert (fig.dpi, fig.get_facecolor(), fig.canvas.is_saving()) == before
    assert not any('draw' in artist.__dict__ for artist in fig.findobj())


# Stand-ins for ffmpeg: (what it does to its last argument, what the error says)
BAD = {'words': ('echo "Error writing trailer: No space left" >&2; "$REAL" "$@"', 'No space left'),
       'empty': ('cat > /dev/null', 'it is empty'),
       'torn': ('"$REAL" "$@"; for f; do :; done; head -c 900 "$f" > "$f.half"; mv "$f.half" "$f"', 'cannot be read'),
       'hangs': ('exec sleep 60', 'no progress'),
       'hangs at the end': ('cat > /dev/null; exec sleep 60', 'no progress')}


@pytest.mark.skipif(sys.platform == 'win32', reason='a shell script in place of ffmpeg')
@pytest.mark.parametrize('case', BAD)
@pytest.mark.parametrize('settings', [{}, {'writer': 'ffmpeg'}], ids=['ours', 'matplotlibs'])
def test_a_failed_video_leaves_the_old_file(tmp_path, case, settings, monkeypatch, count):
    if settings and case not in ('torn', 'empty'): pytest.skip('how this process ends is a matter of matplotlib')
    does, said = BAD[case]
    script, path = tmp_path/'ffmpeg', tmp_path/'fit.mp4'
    # what is read back is read by the real one
    real = 'case "$*" in *null*|*-version*) exec "$REAL" "$@";; esac'
    script.write_text(f'#!/bin/sh\nREAL={find_ffmpeg()}\n{real}\n{does}\n')
    script.chmod(0o755)
    path.write_text('old')
    monkeypatch.setattr(video_module, 'PATIENCE', 0.5)
    with mpl.rc_context({'animation.ffmpeg_path': str(script)}), pytest.raises(RuntimeError, match=said):
        FitAnimation(*build('line_points_text'), 4).save(path, **settings)
    assert path.read_text() == 'old' and sorted(p.name for p in tmp_path.iterdir()) == ['ffmpeg', 'fit.mp4']
    count('failed saves that left the old file whole')


@pytest.mark.parametrize('suffix', ['.gif', '.png', '.webp'])
def test_the_last_frame_is_held(saved, suffix):
    waits = [wait for _, wait in read(saved(suffix, pause=700))[0]]
    # Pillow reads of a WebP how long the frame before was seen
    assert waits == [50] * (N - 1) + [750] if suffix != '.webp' else waits[-1] in (50, 750)


def test_the_last_frame_of_a_video_and_of_an_svg_is_held(saved):
    assert len(watch(saved('.mp4', pause=700))[0]) == N + 14
    text = saved('.svg', pause=700).read_text(encoding='utf-8')
    assert 'animation:1000ms step-end' in text
    assert re.findall('([\\d.]+)%{', text)[:6] == ['0', '5', '10', '15', '20', '25']


def test_gif_of_a_figure_without_colour_is_transparent(tmp_path):
    fig, func = build('line_points_text')
    fig.axes[0].set_facecolor('none')
    FitAnimation(fig, func, N).save(tmp_path/'fit.gif', savefig_kwargs=dict(facecolor='none'))
    wanted = [f.copy() for f in draw_pixels(fig, func, range(N), facecolor='none')]
    shown, _ = read(tmp_path/'fit.gif')
    for (picture, _), frame in zip(shown, wanted, strict=True): # nothing is left over from the frame before
        assert np.array_equal(picture[..., 3] > 0, frame[..., 3] > 0)
        assert (picture[..., 3] == 0).mean() > 0.5
        solid = frame[..., 3] == 255
        assert np.abs(picture[solid].astype(int) - frame[solid]).max() < 60
    empty = np.zeros((4, 5, 4), np.uint8)
    write_gif(tmp_path/'empty.gif', [empty], 50)
    assert not read(tmp_path/'empty.gif')[0][0][0][..., 3].any()


@pytest.mark.parametrize('format', ['gif', '.png', 'html', 'svg'])
def test_into_an_open_file(tmp_path, format):
    fit, file = FitAnimation(*build('line_points_text'), N), io.BytesIO()
    fit.save(file, format=format)
    fit.save(tmp_path/f'fit.{format.strip(".")}')
    if format in ('html', 'svg'):
        text = io.StringIO()
        fit.save(text, format=format)
        assert '<svg' in text.getvalue() and b'<svg' in file.getvalue()
    else: assert file.getvalue() == (tmp_path/f'fit.{format.strip(".")}').read_bytes()
    with pytest.raises(ValueError, match='format is None: an open file needs one'): fit.save(file)
    with pytest.raises(ValueError, match="format='gif': expected None: it is for open files"):
        fit.save(tmp_path/'fit.gif', format='gif')
