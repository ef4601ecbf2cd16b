"""What the reader sees while a fit runs, outside and inside a notebook, and what is left of it: nothing."""

import re

import pytest
import torch
from fastai.basics import SGD, Learner, MSELossFlat
from fastai.callback.all import Callback, CSVLogger, GradientAccumulation, ProgressCallback
from fastai.imports import noop

from fastsgd import LinearModel, LogLossCallback, linear_dls, linear_learner


def fit(learn, *args, **kwargs):
    with learn.no_bar(): learn.fit(*args, **kwargs)


def steps(capsys): return [int(s) for s in re.findall(r'^step (\d+) +loss \S+$', capsys.readouterr().out, re.M)]


def test_the_raw_loss_every_ten_steps(capsys):
    learn = linear_learner(linear_dls(seed=1))
    fit(learn, 100, lr=0.1)
    lines = capsys.readouterr().out.splitlines()
    losses = learn.record_params.trajectory.losses
    assert lines == [f'step {i:<6} loss {losses[i]:.4f}' for i in range(0, 100, 10)] # and no table
    fit(learn, 15, lr=0.1)
    assert steps(capsys) == [100, 110] # goes on counting


@pytest.mark.parametrize('every, expected', [(1, list(range(6))), (4, [0, 4]), (99, [0])])
def test_the_cadence_is_a_parameter(capsys, every, expected):
    fit(linear_learner(linear_dls(bs=50), log_every=every), 3, lr=0.1)
    assert steps(capsys) == expected


def plain_learner(**kwargs):
    return Learner(linear_dls(seed=1, bs=10), LinearModel(), loss_func=MSELossFlat(), opt_func=SGD, **kwargs)


def test_on_a_learner_without_recorder(capsys):
    learn = plain_learner(cbs=LogLossCallback(5))
    fit(learn, 2, lr=0.1)
    assert steps(capsys) == [0, 5, 10, 15]


def test_a_step_over_several_batches_counts_once(capsys):
    fit(linear_learner(linear_dls(bs=10), cbs=GradientAccumulation(20), log_every=1), 2, lr=0.1)
    assert steps(capsys) == list(range(10))


def test_a_loss_that_is_no_number_is_told_once(capsys):
    fit(linear_learner(linear_dls(seed=1, bs=10)), 40, lr=3.)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r'step \d+ +loss (inf|nan)', lines[-1]) and sum('inf' in o or 'nan' in o for o in lines) == 1
    assert re.fullmatch(r'step 10 +loss \d\.\d{3}e\+\d\d', lines[1])


def test_small_losses_keep_their_digits(capsys):
    fit(linear_learner(linear_dls(noise=0, seed=1), init=(3.001, 2.)), 1, lr=0.1)
    assert re.fullmatch(r'step 0 +loss \d\.\d{3}e-07\n', capsys.readouterr().out)


class Stop(Callback):
    order = ProgressCallback.order + 30
    def __init__(self, event): setattr(self, event, self.stop)
    def stop(self): raise KeyboardInterrupt('stop')


@pytest.mark.parametrize('event', ['before_fit', 'before_batch', 'after_step', 'before_validate', 'after_epoch'])
def test_nothing_is_left_after_an_interrupt(capsys, event):
    learn = linear_learner(linear_dls(seed=1))
    with pytest.raises(KeyboardInterrupt): fit(learn, 3, lr=0.1, cbs=Stop(event))
    fit(learn, 1, lr=0.1)
    assert learn.logger is print
    with pytest.raises(KeyboardInterrupt): fit(learn, 3, lr=0.1, cbs=Stop(event))
    learn.remove_cb(learn.log_loss) # right after it, before another fit could tidy up
    assert learn.logger is print
    capsys.readouterr()
    fit(learn, 1, lr=0.1)
    assert 'train_loss' not in capsys.readouterr().out.replace('epoch', '') and learn.logger is print


def test_given_to_one_fit_only(capsys):
    learn = plain_learner()
    with pytest.raises(KeyboardInterrupt): fit(learn, 3, lr=0.1, cbs=[LogLossCallback(), Stop('after_step')])
    assert learn.logger is print and not hasattr(learn, 'log_loss')
    fit(learn, 1, lr=0.1, cbs=LogLossCallback())
    assert learn.logger is print


@pytest.mark.parametrize('progress', [True, False])
def test_beside_csv_logger(tmp_path, capsys, progress):
    learn = linear_learner(linear_dls(seed=1), path=tmp_path, cbs=CSVLogger())
    if progress: learn.fit(12, lr=0.1)
    else: fit(learn, 12, lr=0.1)
    table = learn.csv_logger.read_log()
    assert len(table) == 12 and list(table.columns) == ['epoch', 'train_loss', 'valid_loss', 'time']
    assert learn.logger is print
    assert len(re.findall(r'step \d+ +loss', capsys.readouterr().out)) == 2


def test_silence_is_kept(capsys, tmp_path):
    learn = linear_learner(linear_dls(seed=1), path=tmp_path)
    with learn.no_logging(): fit(learn, 12, lr=0.1)
    with learn.no_bar():
        learn.lr_find(show_plot=False)
        learn.validate()
        learn.get_preds()
    assert capsys.readouterr().out == '' and learn.logger is print
    learn.logger = noop
    fit(learn, 12, lr=0.1)
    assert capsys.readouterr().out == '' and learn.logger is noop


def test_a_logger_of_ones_own_gets_the_lines():
    lines, learn = [], linear_learner(linear_dls(seed=1))
    learn.logger = lines.append
    fit(learn, 20, lr=0.1)
    assert len(lines) == 2 and learn.logger == lines.append


@pytest.mark.parametrize('every', [0, -1, 2.5, True, 'x', None])
def test_errors_name_the_argument_the_value_and_what_was_wanted(every):
    with pytest.raises(ValueError, match=f'every={every!r}: expected a whole number of at least 1, .* every=10'):
        LogLossCallback(every)


def test_without_validation_the_bar_does_not_stumble(capsys):
    learn = linear_learner(linear_dls(n_valid=0, seed=1))
    learn.fit(2, lr=0.1)
    assert torch.isfinite(learn.record_params.trajectory.losses).all()
    assert 'empty' not in capsys.readouterr().out


def test_in_a_notebook(run_cells):
    html = run_cells("""
        from fastsgd import linear_learner
        learn = linear_learner(seed=1)
        learn.fit(25, lr=0.1)
        """)[0]
    table = html[-1]['data']['text/html'] # the bars are gone, the table stays
    assert re.findall(r'<tr><td>(\d+)</td><td>(\d\.\d{4})</td></tr>', table) and '<progress' not in table
    assert re.findall(r'<th>(\w+)</th>', table) == ['step', 'loss']
    assert re.findall(r'<tr><td>(\d+)</td>', table) == ['0', '10', '20']
    assert len(html) == 2 # fastprogress' style, and one display that is updated in place
