"""Measure what a notebook costs: from the end of `fit` to the player, a slider of `explore`, the live view.

    python tests/benchmarks/notebook.py
"""

import argparse
import statistics
from time import perf_counter, process_time

import torch
from fastai.basics import CrossEntropyLossFlat, Learner
from matplotlib.animation import FuncAnimation

from fastsgd import AnimateFitCallback, LossView, ParamsView, explore, linear_learner, tensor_dls
from fastsgd.views import live


class Shell:
    "A notebook that throws away what it is shown"
    kernel, execution_count = True, 1
    class events:
        callbacks = {'post_run_cell': []}
        register = unregister = staticmethod(lambda name, f: None)


def seconds(f, *args):
    began = perf_counter()
    f(*args)
    return perf_counter() - began


def spread(values):
    "The least disturbed run first: what else the machine does only adds"
    return f'{min(values):.3f} s (median {statistics.median(values):.3f})'


def to_player(repeats):
    "From the end of the lesson's `fit` to the HTML that the cell shows"
    ours, theirs, cpu = [], [], []
    for _ in range(repeats):
        learn = linear_learner(seed=0)
        with learn.no_bar(), learn.no_logging(): learn.fit(100, lr=0.1)
        began = process_time()
        ours.append(seconds(learn.animate_fit._repr_html_))
        cpu.append(process_time() - began)
        animation = learn.animate_fit.animation
        plain = FuncAnimation(animation._fig, animation._func, len(learn.animate_fit.trajectory))
        plain._draw_was_started = True # no warning that nobody looked at it, in the warm-up
        if len(theirs) < 2: theirs.append(seconds(plain.to_jshtml))
    ratio = min(theirs) / min(ours)
    print(f'end of fit to player, lesson of 100 steps   fastsgd {spread(ours)}, of the processor {min(cpu):.3f} s   '
          f'matplotlib to_jshtml {spread(theirs)}   {ratio:.1f} times as fast')


def slider(repeats):
    "From a slider's new value to the HTML of the fit that it makes"
    explorer = explore()
    times = [seconds(setattr, explorer.lr, 'value', 0.05 + 0.01 * k) for k in range(repeats)]
    print(f'a slider of explore to its player   {spread(times)}')


def lesson():
    return linear_learner(seed=0, log_every=None)


def mlp():
    torch.manual_seed(0)
    x = torch.randn(2560, 64)
    y = (x[:, 0] * x[:, 1] > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2))
    return Learner(tensor_dls((x, y), bs=64, seed=0), model, CrossEntropyLossFlat(),
                   cbs=AnimateFitCallback(LossView(), ParamsView()))


def live_cost(name, learner, epochs, repeats):
    """The same fit with and without the live view in turn, up to the moment when the player takes over.

    In seconds of the processor, on one thread: other processes don't count. All fits of a kind are added up, since
    Python's garbage collector runs only once in a few pictures.
    """
    torch.set_num_threads(1)
    times, pictures, shares = {False: [], True: []}, 0, []
    live.LiveView.finish = lambda self, get_animation: self.step()
    throttle = live.Throttle(live.SHARE)
    for k in range(-1, repeats): # the first two fits fill caches, and are not counted
        for on in (False, True) if k % 2 else (True, False):
            learn = learner()
            learn.animate_fit.live = on
            if on:
                learn.animate_fit._live_view = view = live.LiveView(learn.animate_fit.views)
                view.throttle = throttle # knows from the last fit what a picture costs, as in a second fit
            began = process_time()
            with learn.no_bar(), learn.no_logging(): learn.fit(epochs)
            if k < 0: continue
            times[on].append(process_time() - began)
            if on:
                pictures += view.drawn
                shares.append(throttle.spent / (times[True][-1] - throttle.spent))
    off, on = (sum(times[k]) for k in (False, True))
    pairs = [100 * (b / a - 1) for a, b in zip(times[False], times[True])]
    print(f'live view, {name}, {repeats} fits without {off:.2f} s, {repeats} with {on:.2f} s: '
          f'{100 * (on / off - 1):+.1f} % '
          f'(pairs: median {statistics.median(pairs):+.1f} %, from {min(pairs):+.1f} to {max(pairs):+.1f}); '
          f'{pictures} pictures took {100 * statistics.mean(shares):.1f} % of the rest')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=5)
    repeats = parser.parse_args().repeats
    to_player(repeats)
    slider(repeats)
    live.notebook = lambda: Shell
    import IPython.display
    handle = type('Handle', (), {'update': lambda self, data, raw=False: None})
    IPython.display.display = lambda *args, **kwargs: handle()
    live_cost('lesson of 100 steps', lesson, 100, repeats)
    live_cost('lesson of 3,000 steps', lesson, 3000, repeats)
    live_cost('perceptron of 4,000 steps', mlp, 100, repeats)


if __name__ == '__main__': main()
