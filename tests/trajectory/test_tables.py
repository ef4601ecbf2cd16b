"""What a reader sees of a result: tables, one line of text, a DataFrame, and what the tab key offers."""

import copy
import re
import sys

import numpy as np
import pytest
import torch
from fastai.basics import Learner, MSELossFlat

import fastsgd
from fastsgd import (
    AnimateFitCallback,
    LossView,
    Trajectory,
    animate,
    compare_fits,
    explore,
    linear_learner,
    loss_surface,
    tensor_dls,
)
from fastsgd.views.live import LivePicture


def fitted(n=40, **kwargs):
    learn = linear_learner(seed=0, log_every=None, **kwargs)
    with learn.no_bar(), learn.no_logging(): learn.fit(n, lr=0.1)
    return learn


@pytest.fixture(scope='module')
def learn(): return fitted()


@pytest.fixture
def traj(learn): return copy.copy(learn.record_params.trajectory)


def rows(html):
    "name -> text of a table"
    return {k: v for k, v in re.findall(r'<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td>', html)}


def test_line_above_a_picture_is_the_same_live_and_in_the_animation():
    traj = Trajectory({'a': torch.rand(4, 2)}, losses=[2., 1., torch.inf], lrs=[0.1] * 3)
    func = animate(traj, LossView())._func
    assert [func(i)[0].get_text() for i in range(4)] == [
        'step 0 of 3   loss 2', 'step 1 of 3   loss 1', 'step 2 of 3   loss inf   diverged at step 2',
        'step 3 of 3   loss inf   diverged at step 2']
    assert LivePicture().describe(traj, 3) == func(3)[0].get_text()


def test_trajectory_table(traj):
    table = rows(traj._repr_html_())
    assert table['steps'] == '40' and table['points'] == 'all 41' and table['parameters'] == '2: a (2,)'
    assert table['loss'] == (f'first {float(traj.losses[0]):.4g}, last {float(traj.losses[-1]):.4g}, '
                             f'lowest {float(traj.losses.min()):.4g}')
    assert table['learning rate'] == '0.1' and table['validation loss'].endswith('after step 40')
    assert 'diverged' not in table


def test_thinned_trajectory_says_what_is_left(traj):
    assert rows(traj.thin(5)._repr_html_())['points'] == '5 of 41, one every 10 steps'
    assert '5 of 41 points' in repr(traj.thin(5))


def test_markup_in_names_is_text():
    t = Trajectory({'<b>': torch.zeros(2, 1)}, losses=[float('nan')], lrs=[0.1])
    assert '&lt;b&gt;' in t._repr_html_() and '<b>' not in t._repr_html_() and 'diverged' in rows(t._repr_html_())


def test_many_parameters_are_counted_and_four_are_named():
    t = Trajectory({f'w{k}': torch.zeros(3, 5, 7) for k in range(9)}, losses=[1., 1.], lrs=[1., 2.])
    assert rows(t._repr_html_())['parameters'] == '315: w0 (5, 7), w1 (5, 7), w2 (5, 7), w3 (5, 7) and 5 more'
    assert rows(t._repr_html_())['learning rate'] == '1 to 2'


def test_data_frame(traj):
    df = traj.to_df()
    assert list(df.columns) == ['step', 'loss', 'lr', 'valid_loss', 'a[0]',
                                'a[1]'] and df.step.tolist() == list(range(41))
    assert df.loss[:40].tolist() == traj.losses.tolist() and np.isnan(df.loss[40]) and np.isnan(df.lr[40])
    assert np.array_equal(df[['a[0]', 'a[1]']], traj.flat.numpy())
    assert np.isnan(df.valid_loss[0]) and df.valid_loss[1:].tolist() == traj.valid[1].tolist()


def test_data_frame_of_thinned_points(traj):
    df = traj.thin(5).to_df()
    assert df.step.tolist() == [0, 10, 20, 30, 40] and df.loss[:4].tolist() == traj.losses[:40:10].tolist()


def test_data_frame_is_bounded():
    t = Trajectory({'s': torch.arange(2.), 'w': torch.arange(12.).reshape(2, 2, 3).bfloat16(),
                    'v': torch.zeros(2, 100)})
    assert list(t.to_df(4).columns) == ['step', 'loss', 'lr', 's', 'w[0,0]', 'w[0,1]', 'w[0,2]']
    assert t.to_df(4)['w[0,2]'].tolist() == [2, 8]
    assert len(t.to_df().columns) == 23 and list(t.to_df(0).columns) == ['step', 'loss', 'lr']


def test_parameters_do_not_hide_what_the_record_says():
    names = 'step', 'loss', 'lr', 'valid_loss', 'a', 'a[0]', 'param.loss'
    t = Trajectory({n: torch.full((3,) if n != 'a' else (3, 1), float(k)) for k, n in enumerate(names)}, None, [5., 4.],
                   [0.1, 0.2], valid=([2], [9.]))
    df = t.to_df()
    assert df.step.tolist() == [0, 1, 2] and df.loss[:2].tolist() == [5, 4] and df.valid_loss[2] == 9
    assert torch.tensor(df.lr[:2]).tolist() == pytest.approx([0.1, 0.2])
    got = ['param.step', 'param.loss', 'param.lr', 'param.valid_loss', 'a[0]', 'param.a[0]', 'param.param.loss']
    assert list(df.columns)[4:] == got and df.iloc[0, 4:].tolist() == list(range(7))


@pytest.mark.parametrize('max_params', [-1, 2.5, True])
def test_data_frame_checks_its_argument(traj, max_params):
    with pytest.raises(ValueError, match=f'max_params={max_params}: expected a whole number of at least 0'):
        traj.to_df(max_params)


def test_data_frame_without_pandas(traj, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pandas', None)
    with pytest.raises(ImportError, match='to_df needs pandas: pip install pandas'): traj.to_df()


def test_surface_table(learn):
    surface = loss_surface(learn, n=(8, 6))
    table = rows(surface._repr_html_())
    assert table['a[0]'].startswith('8 points from ') and table['a[1]'].startswith('6 points from ')
    assert table['loss'] == f'{float(surface.loss.min()):.4g} to {float(surface.loss.max()):.4g}'
    assert 'mean over 100 samples' in table['evaluated'] and 'not finite' not in table
    surface.loss[0, 0] = torch.inf
    assert rows(surface._repr_html_())['not finite'] == '1 of 48'


def test_animation_with_a_line_of_text(learn):
    text, html = repr(learn.animate_fit), learn.animate_fit._repr_html_()
    assert text == ('AnimateFitCallback: FitView, PathView and LossView, since the model has one input, one output and '
                    f'two parameters, over which the loss surface is exact ({learn.record_params.trajectory})')
    assert html.count('class="fastsgd-player"') == 1 and f'<small>{text.split(": ", 1)[1]}</small>' in html


def test_animation_says_what_was_left_out():
    learn = linear_learner(seed=0, log_every=None)
    learn.remove_cb(learn.animate_fit).add_cb(AnimateFitCallback(LossView(), max_frames=7))
    with learn.no_bar(), learn.no_logging(): learn.fit(30, lr=0.1)
    assert repr(learn.animate_fit).startswith('AnimateFitCallback: LossView (Trajectory: 30 steps')
    assert repr(learn.animate_fit).endswith(', 7 of 31 points shown)')
    assert learn.animate_fit.animation._save_count == 7


def test_record_params_shows_its_trajectory(learn):
    assert rows(learn.record_params._repr_html_())['steps'] == '40'
    assert 'nothing recorded yet' in linear_learner(seed=0).record_params._repr_html_()


@pytest.mark.parametrize('name, wanted', [
    ('animate_fit', {'animation', 'trajectory', 'save', 'views', 'live', 'learn'}),
    ('record_params', {'trajectory', 'recording', 'earlier', 'max_bytes', 'learn'}),
    ('log_loss', {'every', 'learn'})])
def test_tab_key_offers_the_callback_not_the_learner(name, wanted):
    cb = getattr(linear_learner(seed=0), name)
    names = {n for n in dir(cb) if n[0] != '_'}
    assert wanted <= names and len(names) < 25
    assert not names & {'fit', 'dls', 'model', 'after_batch', 'before_fit'}
    assert all(hasattr(type(cb), n) or hasattr(cb, n) for n in names)


def test_tab_key_offers_a_trajectory(traj):
    names = {n for n in dir(traj) if n[0] != '_'}
    assert {'params', 'steps', 'losses', 'lrs', 'flat', 'state', 'predict', 'thin', 'to_df', 'loss', 'n_steps'} <= names
    assert len(names) <= 40
    assert traj.params._ipython_key_completions_() == ['a']


def test_tab_key_offers_names_of_fits(learn):
    fits = compare_fits(learn, {'slow': dict(lr=0.01), 'fast': dict(lr=0.1)}, 2)
    assert fits._ipython_key_completions_() == ['slow', 'fast']


def test_star_import_brings_the_public_names_and_no_other():
    space = {}
    exec('from fastsgd import *', space)
    assert set(space) - {'__builtins__'} == set(fastsgd.__all__) and len(set(fastsgd.__all__)) == len(fastsgd.__all__)


def test_one_of_a_kind_is_no_plural():
    t = Trajectory({'a': torch.tensor([[1.], [2.]])}, losses=[1.], lrs=[0.1], model=torch.nn.Linear(1, 1, bias=False))
    assert repr(t).startswith('Trajectory: 1 step, 1 parameter, ') and 'a fit, 1 step, ' in animate(t, LossView()).alt
    assert '100 points, 1 step, ' in repr(explore(steps=1)._page())
    one = Learner(tensor_dls((torch.rand(4, 1), torch.rand(4, 1))), torch.nn.Linear(1, 1, bias=False), MSELossFlat())
    with pytest.raises(ValueError, match='the model has 1 parameter: a plane'): loss_surface(one)
