"""The animation against matplotlib's own, side by side in one run: `python tests/benchmarks/animation.py`.

Times are the best of `REPEATS` for ours and of one run for matplotlib's, which takes long enough to be steady.
"""

import shutil
import tempfile
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fastsgd import FitAnimation, linear_learner
from fastsgd.player import find_ffmpeg

REPEATS = 3


def data(n):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 100)
    t = np.arange(n) / (n / 7)
    w = np.array([3, 2.5]) + np.array([-2.5, -1.75]) * np.exp(-t)[:, None] + rng.normal(0, 0.03, (n, 2))
    return x, 3 * x + 2 + rng.uniform(0, 1, 100), w, 5 * np.exp(-t) * (1 + 0.2 * rng.normal(size=n)) + 0.083


def lesson(n):
    "The lesson's figure: points, line, text."
    x, y, w, loss = data(n)
    fig = Figure()
    FigureCanvasAgg(fig)
    ax = fig.add_subplot(xlabel='x', ylabel='y', ylim=(-1.5, 6.5))
    ax.scatter(x, y, color='C1')
    ends = np.array([-1.0, 1.0])
    line, = ax.plot(ends, ends)
    text = ax.text(0.02, 0.95, '', transform=ax.transAxes)

    def func(i):
        line.set_ydata(w[i, 0] * ends + w[i, 1])
        text.set_text(f'step {i}, loss {loss[i]:.4f}')
        return line, text
    return fig, func


def three_panels(n):
    "Fit, path on filled contours, loss; path and loss grow with each frame."
    x, y, w, loss = data(n)
    fig = Figure(figsize=(13, 4))
    FigureCanvasAgg(fig)
    fit, plane, curve = fig.subplots(1, 3)
    fit.scatter(x, y, color='C1')
    ends = np.array([-1.0, 1.0])
    line, = fit.plot(ends, ends)
    fit.set(ylim=(-1.5, 6.5), xlabel='x', ylabel='y')
    u, v = np.meshgrid(np.linspace(0, 6, 100), np.linspace(0, 5, 100))
    plane.contourf(u, v, (u - 3) ** 2 / 3 + (v - 2.5) ** 2 + 0.083, levels=20)
    path, = plane.plot([], [], 'w-')
    at, = plane.plot([], [], 'wo')
    plane.set(xlabel='slope', ylabel='intercept')
    losses, = curve.plot([], [])
    now, = curve.plot([], [], 'o')
    curve.set(xlim=(0, n), ylim=(0.03, 12), yscale='log', xlabel='step', ylabel='loss')
    title = fit.set_title('')

    def func(i):
        line.set_ydata(w[i, 0] * ends + w[i, 1])
        path.set_data(w[:i + 1, 0], w[:i + 1, 1])
        at.set_data(w[i:i + 1, 0], w[i:i + 1, 1])
        losses.set_data(np.arange(i + 1), loss[:i + 1])
        now.set_data([i], [loss[i]])
        title.set_text(f'step {i}, loss {loss[i]:.4f}')
        return line, path, at, losses, now, title
    return fig, func


def labelled(n, layout=None, legend=None):
    "A user's own figure: two panels whose titles and labels change"
    x, y, w, loss = data(n)
    fig = Figure(figsize=(8, 4), layout=layout)
    FigureCanvasAgg(fig)
    fit, curve = fig.subplots(1, 2)
    fit.scatter(x, y, color='C1', label='data')
    ends = np.array([-1.0, 1.0])
    line, = fit.plot(ends, ends, label='fit')
    fit.set(ylim=(-1.5, 6.5), ylabel='y')
    losses, = curve.plot([], [])
    curve.set(xlim=(0, n), ylim=(0.03, 12), yscale='log')
    if legend: fit.legend(loc=legend)

    def func(i):
        line.set_ydata(w[i, 0] * ends + w[i, 1])
        losses.set_data(np.arange(i + 1), loss[:i + 1])
        if layout: fit.set_title(f'slope {w[i, 0]:.2f}')
        if layout: curve.set_title(f'loss {loss[i]:.4f}')
        fit.set_xlabel(f'x, at step {i}')
        return line, losses
    return fig, func


def at_rest(n):
    "With a live layout engine, what moves stays within the axes"
    fig, func = lesson(n)
    fig.set_layout_engine('constrained')
    return fig, func


def shown_by_default(n):
    "What a lesson's learner shows by itself."
    learn = linear_learner()
    with learn.no_bar(), learn.no_logging(): learn.fit(n - 1, lr=0.1)
    anim = learn.animate_fit.animation
    return anim._fig, anim._func


def best(run, repeats=REPEATS):
    "Seconds, and what the last run returned."
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return min(times), result


def row(what, figure, target): print(f'{what:<52} {figure:<58} target: {target}')


def html(make, what, times='20 times'):
    figures = [make(100) for _ in range(1 + REPEATS)]
    def theirs(): return FuncAnimation(*figures.pop(), 100, interval=20).to_jshtml()
    def ours(): return FitAnimation(*figures.pop(), 100).to_jshtml()
    with mpl.rc_context({'animation.embed_limit': 2 ** 10}): slow, large = best(theirs, 1)
    fast, small = best(ours)
    row(f'{what}, HTML: time', f'{slow:.2f} s / {fast:.3f} s = {slow / fast:.1f} times faster', times)
    row(f'{what}, HTML: bytes', f'{len(small):,} of {len(large):,} = 1/{len(large) / len(small):.1f}', '1/8')


def file(name, writer, what, target):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        slow, _ = best(lambda: FuncAnimation(*lesson(100), 100, interval=20).save(path, writer=writer(fps=50)), 1)
        large = path.stat().st_size
        fast, _ = best(lambda: FitAnimation(*lesson(100), 100).save(path))
        small = path.stat().st_size
    row(f'{what}: time', f'{slow:.2f} s / {fast:.3f} s = {slow / fast:.1f} times faster', target)
    row(f'{what}: bytes', f'{small:,} of {large:,}', '-')


def growth():
    few, short = best(lambda: FitAnimation(*three_panels(100), 100).to_jshtml())
    many, long = best(lambda: FitAnimation(*three_panels(1000), 1000).to_jshtml(), 2)
    row('three panels, 1,000 frames against 100: bytes',
        f'{len(long):,} / {len(short):,} = {len(long) / len(short):.1f} times',
        'at most 12 times')
    row('three panels, 1,000 frames against 100: time', f'{many:.2f} s / {few:.3f} s = {many / few:.1f} times',
        'at most 20 times')


SWAP = """() => {
  const root = document.querySelector('.fastsgd-player'), slider = root.querySelector('[data-do=seek]'), times = [];
  for (let k = 0; k < 300; k++) {
    slider.value = (k * 37) % (Number(slider.max) + 1);
    const start = performance.now();
    slider.dispatchEvent(new Event('input'));
    root.querySelectorAll('[data-part]').forEach((part) => part.getBBox());      // makes the browser lay it out
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return [times[150], times[297]];
}"""


def swapping():
    chromium = shutil.which('chromium') or shutil.which('google-chrome')
    if chromium is None: return row('swapping a frame in Chromium', 'not measured: no Chromium', 'median below 4 ms')
    from playwright.sync_api import sync_playwright
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        for n in (100, 1000):
            path = Path(folder, f'{n}.html')
            FitAnimation(*three_panels(n), n).save(path)
            page = browser.new_page()
            page.goto(path.as_uri())
            middle, high = page.evaluate(SWAP)
            row(f'three panels, {n} frames, swapping one in Chromium',
                f'median {middle:.2f} ms, 99 in 100 below {high:.2f} ms',
                'median below 4 ms')
        browser.close()


if __name__ == '__main__':
    FitAnimation(*lesson(2), 2).to_jshtml() # fonts are read once
    html(lesson, 'lesson, 100 frames')
    html(three_panels, 'three panels, 100 frames')
    html(shown_by_default, 'what the lesson shows, 100 frames')
    for layout in ('constrained', 'tight'):
        html(lambda n, layout=layout: labelled(n, layout), f'labels, layout={layout!r}, 100 frames', '15 times')
    html(lambda n: labelled(n, legend='best'), "labels, legend at 'best', 100 frames", '8 times')
    html(at_rest, "lesson, layout='constrained', 100 frames", '40 times')
    file('fit.gif', PillowWriter, 'lesson, 100 frames, GIF', '4 times')
    with mpl.rc_context({'animation.ffmpeg_path': find_ffmpeg()}):
        file('fit.mp4', FFMpegWriter, 'lesson, 100 frames, MP4', '3 times')
    growth()
    swapping()
