"""Every view stays legible in matplotlib's styles, and drawing leaves its settings alone, in threads too."""

import itertools
import threading
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from fits import classes, line
from looked_at import pictures, texts
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from fastsgd import (
    BoundaryView,
    ConfusionView,
    EmbeddingView,
    FitView,
    HistogramView,
    LayersView,
    LossView,
    ParamsView,
    PathView,
    SamplesView,
    animate,
)

STYLES = {'dark': lambda: plt.style.context('dark_background'), 'ggplot': lambda: plt.style.context('ggplot'),
          'large': lambda: mpl.rc_context({'font.size': 20}), 'xkcd': plt.xkcd,
          'no TeX': lambda: mpl.rc_context({'text.usetex': True})}


def contrast(a, b):
    "As the WCAG have it, of two colours"
    light = [np.dot([0.2126, 0.7152, 0.0722], np.where((c := np.array(to_rgb(o))) <= 0.04045, c / 12.92,
                                                     ((c + 0.055) / 1.055)**2.4)) + 0.05 for o in (a, b)]
    return max(light) / min(light)


@pytest.fixture(params=STYLES)
def style(request, monkeypatch):
    monkeypatch.setattr('shutil.which', lambda name, *args, **kwargs: None) # no TeX, wherever this runs
    with STYLES[request.param](), warnings.catch_warnings():
        warnings.filterwarnings('ignore', '.*findfont') # of the hand-drawn style
        yield request.param


def drawn(anim):
    for i in (0, anim._save_count - 1):
        anim._func(i)
        anim._fig.draw_without_rendering()
    return anim._fig


def apart(fig):
    boxes = [ax.get_tightbbox() for ax in fig.axes] + [legend.get_window_extent() for legend in fig.legends]
    for a, b in itertools.combinations(boxes, 2):
        width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if min(width, height) >= 1: return False
    w, h = fig.bbox.x1 + 3, fig.bbox.y1 + 3
    return all(box.x0 >= -3 and box.y0 >= -3 and box.x1 <= w and box.y1 <= h for box in boxes)


def test_panels_of_one_fit(style):
    fig = drawn(animate(line(bs=5, n=10), FitView(), PathView(n=9), LossView()))
    assert apart(fig)
    lines = {a.get_label(): a for a in fig.axes[0].lines}
    for name, color in (('batch', lines['batch'].get_markeredgecolor()), ('model', lines['model'].get_color())):
        assert contrast(color, fig.axes[0].get_facecolor()) > 3, name


def test_panels_of_a_classifier(style):
    fig = drawn(animate(classes(2, n=10, lr=0.5), BoundaryView(n=20), ParamsView(), HistogramView()))
    assert apart(fig)
    ax = fig.axes[0]
    image, = ax.images
    edge = {a.get_label(): a for a in ax.lines}['boundary'].get_color()
    for share in (0., 0.5, 1.): assert contrast(edge, image.cmap(share)) > 3 and image.get_alpha() is None
    if legend := ax.get_legend(): assert contrast(legend.get_texts()[0].get_color(),
                                                  legend.get_frame().get_facecolor()) > 4


def test_panels_of_several(style):
    fig = drawn(animate([line(n=10, label='a'), line(n=10, lr=1.2, label='b')], FitView(), LossView(), PathView(n=9)))
    assert apart(fig)
    marks = [a for a in fig.axes[1].lines if a.get_marker() == 'D']
    assert marks and all(contrast(a.get_markeredgecolor(), fig.axes[1].get_facecolor()) > 3 for a in marks)


def test_panels_of_samples(style):
    fig = drawn(animate(pictures(), SamplesView(), ConfusionView(), LayersView()))
    assert apart(fig)
    samples, confusion = fig.axes[:2]
    told = [t for t in samples.texts if t.get_text()[:1] in '✓✗' and t.get_text()]
    assert len(told) == 12 and all(contrast(t.get_color(), '0.93') > 7 for t in told)
    assert not any(line.get_visible() for line in (*confusion.get_xgridlines(), *confusion.get_ygridlines()))
    image, = confusion.images
    for t in filter(Text.get_text, confusion.texts):
        c, r = map(round, t.get_position())
        assert contrast(t.get_color(), image.to_rgba(image.get_array())[r, c, :3]) > 4 and not t.get_path_effects()


def test_threads_leave_the_settings_alone():
    before, errors, start = mpl.rcParams.copy(), [], threading.Barrier(3)
    anims = [animate(line(n=n), LossView()) for n in (3, 5, 9)]

    def draw(anim):
        start.wait()
        try:
            for _ in range(3): anim.to_jshtml(fps=10 + _)
        except Exception as e: errors.append(e)
    threads = [threading.Thread(target=draw, args=(anim,)) for anim in anims]
    for t in threads: t.start()
    for t in threads: t.join()
    assert not errors and mpl.rcParams == before


def test_names_of_an_embedding_are_legible(style):
    ax = EmbeddingView().plot(texts())
    assert len(ax.texts) > 3
    for text in ax.texts: assert contrast(text.get_color(), ax.get_facecolor()[:3]) > 4.5
    plt.close(ax.figure)
