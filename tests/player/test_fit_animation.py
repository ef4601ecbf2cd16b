"""`FitAnimation`: what matplotlib's `FuncAnimation` takes, and what comes out."""

import base64
import io
import itertools
import json
import re
import shutil
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import PillowWriter, writers
from PIL import Image
from player_figures import build

from fastsgd import FitAnimation
from fastsgd.player import draw_pixels, find_ffmpeg


def animation(frames=4, name='line_points_text', **kwargs):
    fig, func = build(name)
    return FitAnimation(fig, func, frames, **kwargs)


def data_of(html): return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


@pytest.mark.parametrize('frames, n', [(4, 4), ([3, 1, 2], 3), (lambda: iter([1, 2]), 2), (iter([1, 2, 3]), 3)])
def test_frames_as_in_matplotlib(frames, n):
    anim = animation(frames)
    assert [data_of(anim.to_jshtml())['frames'] for _ in range(2)] == [n, n]


def test_endless_frames_need_a_number():
    with pytest.raises(ValueError, match='save_count'): animation(None).to_jshtml()
    assert data_of(animation(None, save_count=3).to_jshtml())['frames'] == 3
    assert data_of(animation(itertools.count, save_count=3).to_jshtml())['frames'] == 3


def test_arguments_and_first_drawing():
    fig, func = build('line_points_text')
    calls = []

    def shifted(i, by):
        calls.append(i + by)
        return func(i + by)
    FitAnimation(fig, shifted, 2, fargs=(5,), init_func=lambda: calls.append('init')).to_jshtml()
    assert calls == ['init', 5, 6]


def test_pyplot_figure_is_left_as_it_is():
    fig, ax = plt.subplots()
    line, = ax.plot([0, 1], [0, 1])
    numbers, rc = plt.get_fignums(), dict(mpl.rcParams)
    anim = FitAnimation(fig, lambda i: line.set_ydata([0, i]), 3)
    assert data_of(anim.to_jshtml())['frames'] == 3
    assert plt.get_fignums() == numbers and dict(mpl.rcParams) == rc
    plt.close(fig)


def test_dropped_without_drawing_warns_nobody(): animation()


def test_fps_is_honoured_each_time():
    anim = animation(interval=20)
    assert [data_of(anim.to_jshtml(fps=fps))['interval'] for fps in (None, 10, 25, None)] == [20, 100, 40, 20]


def test_mode_and_autoplay():
    assert data_of(animation().to_jshtml())['mode'] == 'loop'
    assert data_of(animation(repeat=False)._repr_html_())['mode'] == 'once'
    anim = animation(default_mode='reflect', autoplay=True)
    assert data_of(anim.to_jshtml())['mode'] == 'reflect' and data_of(anim.to_jshtml())['autoplay'] is True
    assert data_of(anim.to_jshtml(default_mode='once'))['mode'] == 'once'


def test_never_a_dropped_frame():
    with mpl.rc_context({'animation.embed_limit': 0.001}): assert data_of(animation(150).to_jshtml())['frames'] == 150


@pytest.mark.parametrize('kwargs, message', [
    (dict(interval=0), 'interval=0: expected a finite number above 0'),
    (dict(default_mode='bounce'), "default_mode='bounce': expected one of 'loop', 'once', 'reflect'"),
    (dict(labels=['a']), 'labels has 1 entries for 4 frames'),
])
def test_what_does_not_fit_is_said_at_once(kwargs, message):
    with pytest.raises(ValueError, match=message): animation(**kwargs)


def test_wrong_fps_and_mode():
    with pytest.raises(ValueError, match='fps=0: expected'): animation().to_jshtml(fps=0)
    with pytest.raises(ValueError, match='fps=-1: expected'): animation().save('x.gif', fps=-1)
    with pytest.raises(ValueError, match="default_mode='x'"): animation().to_jshtml(default_mode='x')


def n_frames(path):
    with Image.open(path) as image: return image.n_frames


def test_save_by_suffix_and_by_matplotlibs_writers(tmp_path):
    anim, calls = animation(), []
    anim.save(tmp_path/'a.gif', fps=10, progress_callback=lambda i, n: calls.append((i, n)))
    assert n_frames(tmp_path/'a.gif') == 4 and calls == [(i, 4) for i in range(4)]
    anim.save(tmp_path/'b.gif', writer='pillow', dpi=50)
    anim.save(tmp_path/'c.gif', writer=PillowWriter(fps=5))
    anim.save(tmp_path/'d.gif', savefig_kwargs=dict(transparent=False))
    anim.save(str(tmp_path/'e.html'))
    anim.save(tmp_path/'f.html', writer='html')
    assert [n_frames(tmp_path/f'{name}.gif') for name in 'bcd'] == [4, 4, 4]
    assert 'data-fastsgd' in (tmp_path/'e.html').read_text() and 'new Animation' in (tmp_path/'f.html').read_text()
    names = ['a.gif', 'b.gif', 'c.gif', 'd.gif', 'e.html', 'f.html', 'f_frames']
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_matplotlibs_writers_leave_the_old_file_too(tmp_path):
    fig, _ = build('line_points_text')
    path = tmp_path/'a.gif'
    path.write_text('old')

    def fails(i):
        if i == 2: raise KeyboardInterrupt
        return []
    with pytest.raises(KeyboardInterrupt): FitAnimation(fig, fails, 4).save(path, writer='pillow')
    assert path.read_text() == 'old' and len(list(tmp_path.iterdir())) == 1


def test_two_animations_of_one_figure():
    fig, func = build('line_points_text')
    first, second = FitAnimation(fig, func, 3), FitAnimation(fig, func, 5)
    for _ in range(2): assert [data_of(a.to_jshtml())['frames'] for a in (first, second)] == [3, 5]
    assert data_of(first.to_jshtml())['parts'][0][1] == data_of(first.to_jshtml())['parts'][0][1]


def test_labels_may_be_given_one_by_one():
    anim = animation(labels=iter('abcd'))
    assert anim.labels == list('abcd') and data_of(anim.to_jshtml())['labels'] == list('abcd')


def test_alternative_text_and_labels():
    html = animation(alt='4 steps <b>', labels=list('abcd')).to_jshtml()
    assert 'aria-label="4 steps &lt;b&gt;"' in html and data_of(html)['labels'] == list('abcd')


@pytest.fixture
def ffmpeg():
    "matplotlib with an ffmpeg, wherever it is"
    with mpl.rc_context({'animation.ffmpeg_path': find_ffmpeg()}): yield


def undrawn():
    "An animation that must not be drawn"
    return FitAnimation(build('line_points_text')[0], lambda i: pytest.fail('drawn'), 4)


@pytest.mark.parametrize('name', ['fit.xyz', 'fit', 'fit.jpg', 'fit.gif.part'])
def test_unknown_suffix_is_said_before_drawing(tmp_path, name, ffmpeg, count):
    wanted = r"filename is a path that ends in '.*': expected one of \.apng, \.avi, \.gif, .*\.flv.*writer=\"ffmpeg\""
    with pytest.raises(ValueError, match=wanted):
        undrawn().save(tmp_path / name)
    with mpl.rc_context({'animation.ffmpeg_path': 'no-ffmpeg'}), pytest.raises(ValueError, match='filename is a'):
        undrawn().save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    count('bad inputs refused', 2)


@pytest.mark.parametrize('suffix, settings', [('.mpg', {}), ('.ts', {}), ('.mov', {}), ('.flv', {}),
                                              ('.tiff', {}), ('.mp4', {'savefig_kwargs': {'transparent': False}})])
def test_what_matplotlib_writes_by_suffix_goes_on_working(tmp_path, suffix, settings, ffmpeg):
    animation().save(tmp_path/f'fit{suffix}', **settings)
    assert (tmp_path/f'fit{suffix}').stat().st_size > 500


@pytest.mark.parametrize('suffix', ['.webm', '.avi', '.ogv', '.mpg'])
def test_all_videos_find_the_ffmpeg_of_imageio(tmp_path, monkeypatch, suffix):
    pytest.importorskip('imageio_ffmpeg')
    real = shutil.which
    monkeypatch.setattr(shutil, 'which', lambda name, *args: None if name == 'ffmpeg' else real(name, *args))
    animation().save(tmp_path/f'fit{suffix}')
    assert (tmp_path/f'fit{suffix}').stat().st_size > 500
    if suffix == '.webm': assert '<video' in animation().to_html5_video()


def test_a_writer_takes_any_suffix(tmp_path, ffmpeg, monkeypatch):
    animation().save(tmp_path/'fit.xyz', writer='ffmpeg', extra_args=['-f', 'avi'])
    assert (tmp_path/'fit.xyz').read_bytes()[:4] == b'RIFF'

    class Other(PillowWriter):
        def finish(self): self._frames[0].save(self.outfile, 'gif')
    monkeypatch.setitem(writers._registered, 'other', Other)
    with mpl.rc_context({'animation.writer': 'other'}): animation().save(tmp_path/'fit.abc')
    assert (tmp_path/'fit.abc').read_bytes()[:3] == b'GIF'


@pytest.mark.parametrize('name, settings', [('fit.avi', {}), ('fit.mp4', {'savefig_kwargs': {'transparent': False}})])
def test_a_video_without_ffmpeg_is_refused_before_drawing(tmp_path, name, settings, count, monkeypatch):
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    without = mpl.rc_context({'animation.ffmpeg_path': 'no-ffmpeg'})
    with without, pytest.raises(RuntimeError, match='needs ffmpeg, and none was found'):
        undrawn().save(tmp_path / name, **settings)
    count('bad inputs refused')


def test_what_a_page_does_not_take_is_refused_before_drawing(tmp_path, count):
    with pytest.raises(ValueError, match='codec, savefig_kwargs: not for .html files; leave out'):
        undrawn().save(tmp_path/'fit.html', codec='h264', savefig_kwargs={'transparent': True})
    count('bad inputs refused')


@pytest.mark.parametrize('n, interval', [(4, 400), (10, 400), (50, 100), (100, 50), (200, 25), (1000, 20)])
def test_a_whole_play_takes_its_time(n, interval):
    fig, _ = build('line_points_text')
    data = data_of(FitAnimation(fig, lambda i: [], n).to_jshtml())
    assert (data['interval'], data['pause']) == (interval, 1000)
    data = data_of(FitAnimation(fig, lambda i: [], n, interval=70, repeat_delay=0).to_jshtml())
    assert (data['interval'], data['pause']) == (70, 0)


def test_show_opens_the_player_in_a_browser(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr('fastsgd.player.animation.webbrowser.open', opened.append)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    path = animation().show()
    assert opened == [path.as_uri()] and tmp_path in path.parents
    assert '<script' in path.read_text(encoding='utf-8')


def test_where_there_is_no_html_the_last_frame_is_shown():
    anim = animation(interval=50)
    shown = anim._repr_mimebundle_()
    assert shown['text/html'].startswith('<div class="fastsgd-player"') and shown['text/plain'] == repr(anim)
    with Image.open(io.BytesIO(base64.b64decode(shown['image/png']))) as picture:
        ours, size = np.asarray(picture.convert('RGB')), picture.size
    anim._func(3)
    wanted = next(draw_pixels(anim._fig, lambda _: None, [0], dpi=72))
    assert size == (288, 216) and np.abs(ours - wanted[..., :3].astype(float)).mean() < 2
    assert len(shown['image/png']) < 20_000


@pytest.mark.parametrize('error, message, ask', [
    (TypeError, 'frames returned 5: expected something', lambda: animation(lambda: 5).to_jshtml()),
    (ValueError, "format='a b': expected what kind", lambda: animation().save(io.BytesIO(), format='a b')),
    (ValueError, 'savefig_kwargs=.*: expected backend', lambda: animation().save('x.gif', savefig_kwargs={'x': 1}))])
def test_what_does_not_fit_is_refused(error, message, ask):
    with pytest.raises(error, match=message): ask()
