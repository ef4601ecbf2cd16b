"""`explore`: sliders that fit the lesson anew, for use in class. As widgets with ipywidgets, else as a page."""

import importlib.util
from contextlib import suppress
from functools import partial

import torch
from fastai.basics import SGD, delegates
from fastai.callback.core import Callback, CancelFitException
from torch.nn.functional import mse_loss

from ..callbacks import RecordParamsCallback
from ..checks import check_max_frames, check_number, check_numbers, check_whole
from ..data import linear_data, tensor_dls
from ..trajectory.several import label_of
from ..trajectory.tables import several
from ..views import animate
from ..views.given import as_views
from .learner import linear_learner
from .page import ExplorePage

BATCH_SIZES = 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000
# that of lr as powers of 10
RANGES = {'lr': (-3, 0.5), 'momentum': (0, 0.99), 'slope': (-10, 10), 'intercept': (-10, 10)}
# Nbclassic runs no script of what is not yet on the page, nor later: there the still picture does it
RUN = ("const root = this.closest('[data-fastsgd]'), script = document.createElement('script');"
       "if (root && !root.dataset.ready) {script.textContent = root.querySelector('script:not([type])').textContent;"
       'document.head.append(script); script.remove()}')
HEIGHT = 420 # pixels that the player takes: the page does not jump while a new one is put in its place


class _StopAfter(Callback):
    "Stop the fit after `steps` optimiser steps, whatever the batch size"
    order, run_valid = RecordParamsCallback.order + 1, False
    def __init__(self, steps): self.steps, self.n = steps, 0
    def after_batch(self):
        self.n += 1
        if self.n >= self.steps: raise CancelFitException('enough steps')


def mean_squared_error(pred, y):
    "As precise as `pred`, where fastai's loss rounds `y` to single precision; its Recorder wants such a result"
    return mse_loss(pred, y).float()


class Explorer:
    """Sliders and the animation of their fit; as the last expression of a cell it shows itself.

    `lr`, `momentum`, `bs`, `slope` and `intercept` are ipywidgets: setting their `value` fits anew, in double
    precision. `learn` is the present fit, `trajectory` its record, `animation` what is shown, and `kept` are the fits
    kept beside it. `save` writes a page with these sliders. `explore` makes one, and checks the arguments.
    """
    def __init__(self, data, steps, views, seed, max_frames, lr, momentum, bs, init):
        w = _widgets()
        self.data, self.steps, self.views, self.seed = data, steps, views, seed
        self.max_frames, self.kept = max_frames, []
        n = len(data[0])
        sizes = [(str(s) if s < n else f'all {n}', s) for s in batch_sizes(n, bs)]
        look = dict(continuous_update=False, style={'description_width': '8em'}, layout=w.Layout(width='360px'))
        self.lr = w.FloatLogSlider(lr, base=10, min=RANGES['lr'][0], max=RANGES['lr'][1], step=0.05,
                                   readout_format='.3g', description='learning rate', **look)
        self.momentum = w.FloatSlider(momentum, min=0, max=0.99, step=0.01, description='momentum', **look)
        self.bs = w.SelectionSlider(options=sizes, value=bs, description='batch size', **look)
        self.slope, self.intercept = (
            w.FloatSlider(v, min=min(v, RANGES[k][0]), max=max(v, RANGES[k][1]), step=0.25, description=f'first {k}',
                          **look)
            for v, k in zip(init, ('slope', 'intercept')))
        self.keep = w.Button(description='keep this fit', tooltip='Show the next fits beside this one')
        self.forget = w.Button(description='forget kept fits')
        self.note, self.out = w.HTML(), w.Output(layout=w.Layout(min_height=f'{HEIGHT}px'))
        self.sliders = self.lr, self.momentum, self.bs, self.slope, self.intercept
        self.box = w.VBox([w.HBox([w.VBox([self.lr, self.momentum, self.bs]), w.VBox([self.slope, self.intercept]),
                                   w.VBox([self.keep, self.forget])]), self.note, self.out])
        for slider in self.sliders: slider.observe(lambda change: self.fit(), 'value')
        self.keep.on_click(lambda button: self._keep([*self.kept, self.trajectory]))
        self.forget.on_click(lambda button: self._keep([]))
        self.fit()

    def fit(self):
        "Fit with what the sliders say, and show it"
        bs = None if self.bs.value == len(self.data[0]) else self.bs.value
        dls = tensor_dls(tuple(t.double() for t in self.data), bs=bs, seed=self.seed)
        self.learn = learn = linear_learner(
            dls, (self.slope.value, self.intercept.value), log_every=None, cbs=_StopAfter(self.steps),
            opt_func=partial(SGD, mom=self.momentum.value), loss_func=mean_squared_error)
        learn.model.double()
        with learn.no_bar(), learn.no_logging(): learn.fit(-(-self.steps // len(dls.train)), lr=self.lr.value)
        self.trajectory = learn.record_params.trajectory
        self.trajectory.label = f'momentum={self.momentum.value:g}, batch {self.bs.label}'
        self.trajectory.label = label_of(self.trajectory, 0)
        self.show()

    def show(self):
        "Show the present fit, and the kept ones beside it"
        fits = [t for t in self.kept if t is not self.trajectory] + [self.trajectory]
        self.animation = animate(fits if len(fits) > 1 else fits[0], *self.views, max_frames=self.max_frames,
                                 interval=40, autoplay=True, default_mode='once')
        a, loss = self.trajectory.state(-1)['a'].tolist(), float(self.trajectory.losses[-1])
        fitted = f'slope {a[0]:.4g}, intercept {a[1]:.4g}, last loss {loss:.4g}'
        self.note.value = f'<code>{several(self.steps, "step")}: {fitted}</code>'
        html = self.animation._repr_html_().replace('<img ', f'<img onload="{RUN}" ', 1)
        # all at once, where `clear_output` and `display` would leave the place empty in between
        self.out.outputs = ({'output_type': 'display_data', 'metadata': {},
                             'data': {'text/html': html, 'text/plain': repr(self)}},)

    @delegates(ExplorePage.save)
    def save(self,
        path, # File to write, such as 'explore.html'
        **kwargs
    ):
        "Write a page with these sliders, as they stand, that needs neither a kernel nor a network. Returns the path."
        return self._page().save(path, **kwargs)

    def _page(self):
        start = {k: getattr(self, k).value for k in ('lr', 'momentum', 'bs', 'slope', 'intercept')}
        return page_of(self.data, self.steps, start, self.seed)

    def _keep(self, kept):
        self.kept = kept
        self.show()

    def __repr__(self):
        return (f'Explorer: lr={self.lr.value:.3g}, momentum={self.momentum.value:g}, bs={self.bs.value}, '
                f'init=({self.slope.value:g}, {self.intercept.value:g}) ({self.trajectory})')

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {**self.box._repr_mimebundle_(include=include, exclude=exclude), 'text/plain': repr(self)}
        with suppress(ValueError): # where there are no widgets, in nbviewer or a static book, the page is shown
            bundle['text/html'] = self._page()._repr_html_()
        return bundle


def batch_sizes(n, bs):
    "Batch sizes to choose from, for `n` points: `bs` is one of them, and so is the full batch"
    return [*(s for s in sorted({bs, *BATCH_SIZES}) if s < n), n]


def page_of(data, steps, start, seed) -> ExplorePage:
    low, high = RANGES['lr']
    ranges = {'lr': (low, high, 0.05), 'momentum': (*RANGES['momentum'], 0.01)}
    for k in ('slope', 'intercept'):
        ranges[k] = min(start[k], RANGES[k][0]), max(start[k], RANGES[k][1]), 0.25
    return ExplorePage(data, steps, batch_sizes(len(data[1]), start['bs']), ranges, start, seed)


def explore(
    # `(x, y)` of shapes (n, 2) and (n,), as `linear_data` gives them; None: `linear_data(seed=seed)`
    data: tuple | None = None,
    steps: int = 100, # Optimiser steps of each fit, whatever the batch size
    views: tuple = (), # Views to draw, or one of them; none: those that suit
    *,
    lr: float = 0.1, # Where the sliders stand at first: learning rate,
    momentum: float = 0., # momentum,
    bs: int | None = None, # batch size (None is the full batch)
    init: tuple = (0.5, 0.75), # and first guess of slope and intercept
    seed: int = 0, # Seed of points and batches: the same sliders show the same fit
    max_frames: int = 50, # Frames at the most
) -> Explorer: # An `ExplorePage` without ipywidgets
    """Sliders for learning rate, momentum, batch size and first guess: each change fits the lesson anew and replays it.

    `save(path)` writes a page with these sliders that needs no kernel. Raises TypeError for non-views and other data,
    ValueError for any other invalid argument, ImportError for `views` without ipywidgets.

    >>> explorer = explore(lr=0.05, steps=20) # as the last expression of a cell it shows itself
    >>> explorer.momentum.value = 0.9
    >>> explorer.trajectory.n_steps
    20
    """
    seed = check_whole('seed', seed, example=0)
    steps = check_whole('steps', steps, 1, cap=100_000, example=100)
    check_max_frames(max_frames)
    views = as_views(views)
    x, y = linear_data(seed=seed) if data is None else _points(data)
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1]:
        raise ValueError(f'data has shapes {tuple(x.shape)} and {tuple(y.shape)}: expected (n, 2) and (n,), as from '
                         'linear_data')
    low, high = (10**p for p in RANGES['lr'])
    lr = check_number('lr', lr, low, round(high, 2), example=0.1)
    momentum = check_number('momentum', momentum, 0, 0.99, example=0.9)
    if bs is not None: bs = check_whole('bs', bs, 1, len(x), or_else=' or None for the full batch')
    bs, init = len(x) if bs is None else bs, check_numbers('init', init, 2, example=(0.5, 0.75))
    if importlib.util.find_spec('ipywidgets') is None and not views:
        start = dict(lr=lr, momentum=momentum, bs=bs, slope=init[0], intercept=init[1])
        return page_of((x, y), steps, start, seed)
    return Explorer((x, y), steps, views, seed, max_frames, lr, momentum, bs, init)


def _points(data):
    "`data` as two tensors"
    pair = data if isinstance(data, (tuple, list)) else ()
    try: x, y = map(torch.as_tensor, pair)
    except (TypeError, ValueError, RuntimeError) as e:
        told = ' and '.join(type(o).__name__ for o in pair) or type(data).__name__
        raise TypeError(f'data holds {told}: expected two tensors or arrays, (x, y), as from linear_data') from e
    return x, y


def _widgets():
    try:
        import ipywidgets
    except ImportError as e:
        raise ImportError('explore with views of your choice needs ipywidgets: pip install ipywidgets') from e
    return ipywidgets
