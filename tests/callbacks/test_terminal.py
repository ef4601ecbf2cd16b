"""A good guest in a process: fastai's defaults stay, and a terminal gets text, with IPython and without."""

import subprocess
import sys

import pytest
from fastai.callback.progress import ProgressCallback
from fastai.learner import Recorder

from fastsgd import tensor_dls
from fastsgd.callbacks.base import PROGRESS_ORDER

CALLBACKS = """
import torch
from fastai.basics import DataLoaders, Learner
learn = Learner(DataLoaders.from_dsets([], []), torch.nn.Linear(1, 1), loss_func=torch.nn.MSELoss())
print(*[type(cb).__name__ for cb in learn.cbs])
"""


def python(source):
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', source], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize('imports', ['fastai.basics', 'fastai.callback.all', 'fastai.tabular.all',
                                     'fastai.callback.progress'])
def test_every_learner_has_the_callbacks_that_it_has_without_us(imports):
    star = f'from {imports} import *'
    expected = python(star + CALLBACKS)
    assert python(f'import fastsgd\n{star}{CALLBACKS}') == python(f'{star}\nimport fastsgd{CALLBACKS}') == expected


def test_what_fastsgd_brings_along():
    shown = python('from fastsgd import *\nfrom fastai.basics import Learner\n'
                   'print(*(hasattr(Learner, name) for name in ("no_bar", "fit_one_cycle", "fine_tune")))')
    assert shown == 'True True True\n'


def test_the_order_is_relative_to_fastais_bar(): assert Recorder.order < PROGRESS_ORDER == ProgressCallback.order


@pytest.mark.parametrize('imports', ['', 'from fastai.callback.all import *\n'])
def test_no_html_in_a_terminal_with_ipython(imports):
    source = imports + """
from fastsgd import *
learn = linear_learner(linear_dls(n_valid=0, seed=0))
learn.fit(30, lr=0.1)
fits = compare_fits(learn, [dict(lr=0.1)], 2)
"""
    ipython = [sys.executable, '-W', 'ignore', '-m', 'IPython', '--simple-prompt', '--colors=nocolor', '-c', source]
    done = subprocess.run(ipython, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()] == ['0', '10', '20'], done.stdout
    assert '<' not in done.stdout and 'empty' not in done.stderr


def test_a_learner_with_a_bar_and_without_validation_says_nothing(recwarn, capsys):
    import torch
    from fastai.basics import Learner

    from fastsgd import AnimateFitCallback
    learn = Learner(tensor_dls((torch.rand(8, 1), torch.rand(8, 1))), torch.nn.Linear(1, 1),
                    loss_func=torch.nn.MSELoss(),
                    cbs=AnimateFitCallback())
    learn.fit(2)
    assert hasattr(learn, 'progress') and not recwarn.list and 'empty' not in ''.join(capsys.readouterr())
