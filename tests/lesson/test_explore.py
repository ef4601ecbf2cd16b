"""The sliders, moved from Python; tests/test_jupyterlab.py moves one in a browser."""

import sys

import pytest
import torch

from fastsgd import LossView, explore, linear_data, linear_learner, tensor_dls
from fastsgd.lesson.explore import Explorer, mean_squared_error
from fastsgd.lesson.page import ExplorePage


@pytest.fixture(scope='module')
def explorer(): return explore(views=(LossView(),), steps=30)


@pytest.fixture(autouse=True)
def as_before(explorer):
    yield
    for slider, value in zip(explorer.sliders, (0.1, 0., 100, 0.5, 0.75)): slider.value = value
    explorer.forget.click()


def html(explorer):
    (output,) = explorer.out.outputs
    return output['data']['text/html']


def test_same_fit_as_by_hand(explorer):
    learn = linear_learner(tensor_dls(tuple(t.double() for t in linear_data(seed=0))), log_every=None,
                           loss_func=mean_squared_error)
    learn.model.double()
    with learn.no_bar(), learn.no_logging(): learn.fit(30, lr=0.1)
    assert torch.equal(explorer.trajectory.flat, learn.record_params.trajectory.flat)
    assert explorer.trajectory.n_steps == 30 and f'{learn.model.a[0]:.4g}' in explorer.note.value


@pytest.mark.parametrize('slider, value, seen', [
    ('lr', 0.01, lambda t: t.lrs.tolist() == pytest.approx([0.01] * 30)),
    ('momentum', 0.9, lambda t: t.flat[:, 1].max() > 3), # it overshoots
    ('bs', 10, lambda t: t.losses.diff().max() > 0),
    ('slope', -4., lambda t: t.flat[0].tolist() == [-4, 0.75]),
    ('intercept', 8., lambda t: t.flat[0].tolist() == [0.5, 8])])
def test_each_slider_fits_anew_and_shows_it(explorer, slider, value, seen):
    before, old = html(explorer), explorer.trajectory
    assert not seen(old)
    getattr(explorer, slider).value = value
    assert seen(explorer.trajectory) and explorer.trajectory.n_steps == 30
    assert html(explorer) != before and html(explorer).count('class="fastsgd-player"') == 1


def test_the_same_sliders_show_the_same_fit(explorer):
    explorer.bs.value = 5
    first = explorer.trajectory.flat
    explorer.bs.value = 1
    explorer.bs.value = 5
    assert torch.equal(explorer.trajectory.flat, first)


def test_quiet(explorer, capsys):
    explorer.lr.value = 0.2
    assert capsys.readouterr() == ('', '')


def test_kept_fits_are_shown_beside_the_next(explorer):
    explorer.keep.click()
    explorer.momentum.value = 0.5
    explorer.keep.click()
    explorer.momentum.value = 0.8
    labels = [t.get_text() for t in explorer.animation._fig.legends[0].get_texts()]
    assert [label.split(',')[0] for label in labels] == ['momentum=0', 'momentum=0.5', 'momentum=0.8']
    explorer.forget.click()
    assert explorer.kept == [] and 'momentum=0.5' not in html(explorer)


def test_a_diverging_fit_is_shown_too():
    assert 'diverged' in html(explore(lr=3., momentum=0.9, steps=60))


def test_own_data_and_batch_size():
    explorer = explore(linear_data(30, noise=0.1, seed=1), steps=3, bs=7, views=(LossView(),))
    assert [label for label, _ in explorer.bs.options] == ['1', '2', '5', '7', '10', '20', 'all 30']
    assert explorer.bs.value == 7 and len(explorer.learn.dls.train) == 5


def test_data_that_the_page_can_not_draw():
    explorer = explore((torch.rand(9, 2), torch.rand(9)), steps=2)
    assert 'text/html' not in explorer._repr_mimebundle_() and explorer.trajectory.n_steps == 2


def test_shows_itself_as_a_widget(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle['application/vnd.jupyter.widget-view+json']['model_id'] == explorer.box.model_id
    assert bundle['text/plain'] == repr(explorer) and bundle['text/html'].startswith('<iframe ')
    assert repr(explorer).startswith('Explorer: lr=0.1, momentum=0, bs=100, init=(0.5, 0.75) (Trajectory: 30 steps')


@pytest.mark.parametrize('kwargs, text', [
    (dict(steps=0), 'steps=0: expected a whole number of at least 1'),
    (dict(lr=-1), 'lr=-1: expected a finite number from 0.001 to 3.16'),
    (dict(momentum=1.5), 'momentum=1.5: expected a finite number from 0 to 0.99'),
    (dict(bs=101), 'bs=101: expected a whole number from 1 to 100 or None for the full batch'),
    (dict(data=(torch.ones(3, 4), torch.ones(3))),
     r'data has shapes \(3, 4\) and \(3,\): expected \(n, 2\) and \(n,\)'),
    (dict(init=(1, 2, 3)), r'init=\(1, 2, 3\): expected 2 finite numbers')])
def test_errors(kwargs, text):
    with pytest.raises(ValueError, match=text): explore(**kwargs)


@pytest.mark.parametrize('kwargs, error, text', [
    (dict(data=3), TypeError, r'data holds int: expected two tensors or arrays, \(x, y\), as from linear_data'),
    (dict(data='xy'), TypeError, 'data holds str: expected two tensors'),
    (dict(data=(torch.ones(3, 2), None)), TypeError, 'data holds Tensor and NoneType: expected two tensors'),
    (dict(max_frames=1), ValueError, 'max_frames=1: expected a whole number of at least 2'),
    (dict(views=LossView), TypeError, r'views has the class LossView, expected a view: LossView\(\)'),
    (dict(views=[3]), TypeError, 'views has 3, expected views with a method draw'),
    (dict(lr='fast'), ValueError, "lr='fast': expected a finite number from"),
    (dict(momentum=None), ValueError, 'momentum=None: expected a finite number from')])
def test_wrong_arguments_are_refused_before_the_fit(kwargs, error, text, monkeypatch, count):
    monkeypatch.setattr(Explorer, '__init__', lambda *_: pytest.fail('made'))
    with pytest.raises(error, match=text): explore(**kwargs)
    count('bad inputs refused')


def test_a_single_view(): assert [type(v) for v in explore(views=LossView(), steps=2).views] == [LossView]


def test_without_ipywidgets(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ipywidgets', None)
    page = explore(lr=0.2, steps=7)
    assert isinstance(page, ExplorePage) and 'lr=0.2' in repr(page) and '7 steps' in repr(page)
    assert page._repr_html_().startswith('<iframe ') and '\n' not in page._repr_html_()
    with pytest.raises(ImportError, match='needs ipywidgets: pip install ipywidgets'): explore(views=LossView())
