"""A fit under way in a notebook, with a shell and a display that take down what they are asked to show."""

import base64
import copy
import gc
import io
import os
import pickle
import random
import warnings
from pathlib import Path

import fastai.callback.schedule  # noqa: F401 -- patches `lr_find` in
import numpy as np
import pytest
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.training import GradientAccumulation
from PIL import Image

import fastsgd
from fastsgd import AnimateFitCallback, FitView, LossView, ParamsView, View, linear_learner
from fastsgd.views import live
from fastsgd.views.live import LivePicture, Throttle


class Events:
    def __init__(self): self.callbacks = {'post_run_cell': []}
    def register(self, name, f): self.callbacks[name].append(f)
    def unregister(self, name, f): self.callbacks[name].remove(f)
    def cell_ends(self):
        for f in list(self.callbacks['post_run_cell']): f(None)


class Shell:
    "What the live view asks of IPython's shell; `shown` has a list for each handle of what it showed in turn"
    kernel = True
    def __init__(self): self.execution_count, self.events, self.shown = 1, Events(), []
    def display(self, data, raw=False, display_id=None):
        assert raw and display_id is True
        self.shown.append([data])
        return Handle(self.shown[-1])


class Handle:
    def __init__(self, shown): self.shown = shown
    def update(self, data, raw=False): self.shown.append(data)


@pytest.fixture
def shell(monkeypatch):
    res = Shell()
    monkeypatch.setattr(live, 'notebook', lambda: res)
    monkeypatch.setattr('IPython.display.display', res.display)
    return res


@pytest.fixture
def eager(monkeypatch): monkeypatch.setattr(Throttle, 'ready', True)


class InterruptAt(Callback):
    def __init__(self, step, error=KeyboardInterrupt): self.step, self.error, self.n = step, error, 0
    def before_batch(self):
        self.n += self.training
        if self.n > self.step: raise self.error('on purpose')


def lesson(*cbs, live=True, views=(), **kwargs):
    learn = linear_learner(seed=0, log_every=None, **kwargs)
    learn.remove_cb(learn.progress).remove_cb(learn.animate_fit)
    return learn.add_cbs([AnimateFitCallback(*views, live=live), *cbs])


def fit(learn, n=12, **kwargs):
    with learn.no_logging(): learn.fit(n, lr=0.1, **kwargs)
    return learn


def texts(shown): return [o['text/plain'] if isinstance(o, dict) else type(o).__name__ for o in shown]


def test_one_handle_shows_each_state_then_the_animation(shell, eager):
    learn = fit(lesson())
    assert len(shell.shown) == 1
    waiting, *frames, final, player = texts(shell.shown[0])
    assert waiting == 'Training... the first picture will appear shortly.'
    assert [t.split('   ')[0] for t in frames] == [f'step {i} of 12' for i in range(1, 13)]
    assert final.startswith('step 12 of 12') and f'loss {learn.record_params.trajectory.loss(-1):.4g}' in final
    assert player == 'FitAnimation' and shell.shown[0][-1] is learn.animate_fit.animation
    assert not shell.events.callbacks['post_run_cell']


def test_pictures_are_whole_and_of_one_size(shell, eager):
    fit(lesson(), 3)
    sizes, pixels = set(), []
    for frame in shell.shown[0][1:-1]:
        tag = frame['text/html']
        image = Image.open(io.BytesIO(base64.b64decode(tag.split('base64,')[1].rstrip('">'))))
        assert f'width="{image.width}" height="{image.height}"' in tag and 'decoding="sync"' in tag
        sizes.add(image.size)
        pixels.append(np.asarray(image))
    assert len(sizes) == 1 and (pixels[0] != pixels[1]).any() and (pixels[0] < 255).any()


def test_the_last_picture_is_the_last_step(shell, eager):
    learn = fit(lesson(views=(ParamsView(),)), 5)
    picture = LivePicture((ParamsView(),))
    want = picture.html(learn.record_params.trajectory)
    assert shell.shown[0][-2]['text/html'] == want
    assert [float(line.get_ydata()[-1]) for line in picture.fig.axes[0].lines] == learn.model.a.tolist()


def test_axes_of_steps_stand_still():
    learn = fit(lesson(live=False), 4)
    picture = LivePicture((LossView(),))
    picture.png(learn.record_params.trajectory, planned=50)
    assert 50 <= picture.fig.axes[0].get_xlim()[1] < 52 and len(picture.fig.axes[0].lines[0].get_xdata()) == 4
    assert learn.record_params.trajectory.n_steps == 4


def test_silent_outside_a_notebook(monkeypatch):
    monkeypatch.setattr('IPython.display.display', lambda *a, **k: pytest.fail('displayed'))
    assert live.notebook() is None
    learn = fit(lesson())
    assert len(learn.animate_fit.trajectory) == 13


def test_a_terminal_is_no_notebook(monkeypatch):
    class Terminal: pass
    monkeypatch.setattr('IPython.get_ipython', Terminal)
    assert live.notebook() is None
    Terminal.kernel = object()
    assert isinstance(live.notebook(), Terminal)


def test_off_by_default(shell):
    fit(lesson(live=AnimateFitCallback().live))
    assert not shell.shown and not linear_learner(seed=0).animate_fit.live
    assert linear_learner(seed=0, live=True).animate_fit.live


def test_interrupted_fit_leaves_the_last_state(shell):
    learn = lesson(InterruptAt(7))
    with pytest.raises(KeyboardInterrupt): fit(learn)
    shell.events.cell_ends()
    assert texts(shell.shown[0])[-1].startswith('step 7 of 12')
    shell.events.cell_ends()
    assert len(shell.shown[0]) == 2


def test_failed_fit_with_the_callback_given_to_fit(shell):
    learn = lesson(InterruptAt(3, RuntimeError)).remove_cb(AnimateFitCallback)
    with pytest.raises(RuntimeError): fit(learn, cbs=AnimateFitCallback(live=True))
    shell.events.cell_ends()
    assert texts(shell.shown[0])[-1].startswith('step 3 of 12')


def test_cancelled_fit_ends_with_the_animation(shell, eager):
    fit(lesson(InterruptAt(4, CancelFitException)))
    assert texts(shell.shown[0])[-2].startswith('step 4 of 4') and texts(shell.shown[0])[-1] == 'FitAnimation'


def test_second_fit_in_the_cell_goes_on_in_its_place_and_another_cell_has_its_own(shell, eager):
    learn = fit(fit(lesson(), 2), 2)
    assert len(shell.shown) == 1 and texts(shell.shown[0])[-2].startswith('step 4 of 4')
    shell.execution_count += 1
    fit(learn, 2)
    assert len(shell.shown) == 2 and texts(shell.shown[1])[1].startswith('step 5 of 6')


def test_last_expression_of_the_same_cell_is_no_second_picture(shell):
    learn = fit(lesson())
    learn.animate_fit._repr_html_()
    assert texts(shell.shown[0])[-1] == ''
    fit(learn)
    shell.execution_count += 1
    learn.animate_fit._repr_html_()
    assert texts(shell.shown[1])[-1] == 'FitAnimation'


# `lr_find` loads its weights in numpy's old way
@pytest.mark.filterwarnings('ignore:numpy.core is deprecated:DeprecationWarning')
@pytest.mark.filterwarnings('ignore:Implicitly cleaning up:ResourceWarning') # and leaves its folder to the collector
def test_validate_and_lr_find_show_nothing(shell, eager):
    learn = lesson()
    with learn.no_logging():
        learn.validate()
        learn.lr_find(show_plot=False)
        learn.get_preds()
        del learn
        gc.collect() # here, where the folder's warning is known
    assert not shell.shown


def test_gradient_accumulation(shell, eager):
    learn = fit(lesson(GradientAccumulation(200)), 4)
    assert texts(shell.shown[0])[-2].startswith('step 2 of 2')
    assert learn.record_params.trajectory.n_steps == 2


class Noisy(torch.nn.Module):
    "Draws random numbers also in evaluation mode"
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor([0.5, 0.75]))
    def forward(self, x):
        random.random(), np.random.rand() # noqa: NPY002
        return (x + torch.randn_like(x) / 10) @ self.a


@pytest.mark.parametrize('model', [None, Noisy])
def test_weights_and_random_state_as_without_it(shell, monkeypatch, model):
    def run(live, ready):
        monkeypatch.setattr(Throttle, 'ready', ready)
        for seed in (random.seed, np.random.seed, torch.manual_seed): seed(3)
        learn = lesson(live=live)
        if model: learn.model = model()
        fit(learn)
        state = learn.opt.state_dict()
        flat = learn.record_params.trajectory.flat
        return (learn.model.state_dict()['a'], flat, torch.get_rng_state(), state['state'],
                random.getstate(), np.random.get_state()[1].tolist(), learn.model.training) # noqa: NPY002
    off, on = run(False, False), run(True, True)
    assert len(shell.shown[0]) > 12
    for a, b in zip(off, on): assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


class Broken(View):
    def draw(self, traj, ax): raise RuntimeError('cannot draw')


def test_drawing_never_harms_the_fit(shell, eager):
    learn = lesson(views=(Broken(),))
    with pytest.warns(UserWarning, match='live view stopped; training continues: RuntimeError: cannot'): fit(learn)
    assert learn.record_params.trajectory.n_steps == 12 and not shell.events.callbacks['post_run_cell']


def test_no_animation_leaves_the_last_step(shell, monkeypatch):
    learn = lesson()
    monkeypatch.setattr(AnimateFitCallback, 'animation', property(lambda self: 1 / 0))
    with pytest.warns(UserWarning, match='keeping the last live picture: ZeroDivisionError'): fit(learn)
    assert texts(shell.shown[0])[1:] == [LivePicture().describe(learn.record_params.trajectory, 12)]
    assert not shell.events.callbacks['post_run_cell']


def test_views_choose_how_much_they_need(shell):
    seen = []
    class Counts(View):
        live_points = 7
        def draw(self, traj, ax):
            seen.append(len(traj))
            return lambda i: []
    class Dear(Counts): live_points = 0
    learn = fit(lesson(live=False), 20)
    picture = LivePicture((FitView(), Counts(), Dear()))
    picture.png(learn.record_params.trajectory)
    assert seen == [7] and len(picture.fig.axes) == 2


def test_diverged_fit_says_so():
    learn = fit(lesson(live=False), 3)
    with learn.no_logging(): learn.fit(60, lr=50.)
    assert 'diverged at step' in LivePicture().html(learn.record_params.trajectory)


def test_throttle_keeps_its_share_whatever_a_picture_costs():
    now, drawn = [0.], []
    throttle = Throttle(0.1, clock=lambda: now[0])
    throttle.start()
    for i in range(20_000):
        now[0] += 0.001
        if not throttle.ready: continue
        with throttle.timed(): now[0] += 0.05 if i < 10_000 else 0.4
        drawn.append(i)
        assert throttle.spent <= 0.1 * (now[0] - throttle.spent) + 0.4
    assert sum(i < 10_000 for i in drawn) >= 15 and sum(i >= 10_000 for i in drawn) in (2, 3)


def test_throttle_knows_the_cost_in_the_next_fit():
    now = [0.]
    throttle = Throttle(clock=lambda: now[0])
    throttle.start()
    with throttle.timed(): now[0] += 3
    throttle.start()
    now[0] += 29
    assert not throttle.ready
    now[0] += 2
    assert throttle.ready


def test_a_short_fit_is_not_held_up(shell):
    fit(lesson(), 3)
    assert texts(shell.shown[0]) == ['Training... the first picture will appear shortly.', 'FitAnimation']


def test_copies_and_pickles_leave_the_picture_behind(shell, eager):
    learn = fit(lesson())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert copy.deepcopy(learn.animate_fit)._live_view is None
        assert pickle.loads(pickle.dumps(AnimateFitCallback(live=True))).live
    fit(learn)
    assert len(shell.shown) == 1


def test_in_a_real_kernel(tmp_path):
    "Beside fastai's bar and table; the displays of a cell as a notebook file keeps them"
    nbformat, nbclient = pytest.importorskip('nbformat'), pytest.importorskip('nbclient')
    cells = ["from fastsgd import *\nfrom fastsgd.views.live import Throttle\nimport time\nThrottle.ready = True\n"
             "learn = linear_learner(seed=0)\nlearn.animate_fit.live = True\nprint('before')",
             'learn.fit(12, lr=0.1)',
             'from fastai.callback.core import Callback\n'
             'class Stop(Callback):\n    def after_step(self):\n        if self.epoch == 4: raise KeyboardInterrupt\n'
             'learn.fit(12, lr=0.1, cbs=Stop())']
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    env = {**os.environ, 'PYTHONPATH': str(Path(fastsgd.__file__).parent.parent)}
    where = {'metadata': {'path': str(tmp_path)}}
    client = nbclient.NotebookClient(nb, timeout=120, allow_errors=True, resources=where)
    client.execute(env=env)
    (before,), fitted, stopped = (cell.outputs for cell in nb.cells)
    assert before.text == 'before\n'
    pictures = [o for o in fitted if 'FitAnimation' in o.get('data', {}).get('text/plain', '')]
    assert len(pictures) == 1 and '<progress' not in pictures[0].data['text/html']
    assert any('<table' in o.get('data', {}).get('text/html', '') for o in fitted) # fastai's log goes on
    texts = [o.get('data', {}).get('text/plain', '') for o in stopped]
    assert sum(t.startswith('step 17 of 24') for t in texts) == 1
    assert [o.ename for o in stopped if o.output_type == 'error'] == ['KeyboardInterrupt']
