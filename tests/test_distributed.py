"""Two processes on the CPU, as a user starts them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fastai.basics import SGD, Learner, MSELossFlat
from learners import silent

import fastsgd
from fastsgd import LinearModel, RecordParamsCallback, Trajectory, linear_dls

pytest.importorskip('accelerate')
ROOT = Path(fastsgd.__file__).parent.parent


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return str(s.getsockname()[1])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('distributed')
    launch = [sys.executable, '-m', 'accelerate.commands.launch', '--multi_gpu', '--num_processes', '2',
              '--num_machines', '1',
              '--mixed_precision', 'no', '--dynamo_backend', 'no', '--main_process_port', free_port()]
    env = {**os.environ, 'ACCELERATE_USE_CPU': 'true', 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '',
           'PYTHONPATH': str(ROOT)}
    run = subprocess.run([*launch, ROOT / 'examples' / 'distributed.py', folder], capture_output=True, text=True,
                         timeout=240,
                         env=env)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.count('wrote') == 1
    return folder


def test_the_path_is_that_of_one_process_with_the_joint_batch(folder):
    learn = silent(Learner(linear_dls(100, seed=0), LinearModel(), loss_func=MSELossFlat(), opt_func=SGD,
                           cbs=RecordParamsCallback()))
    learn.fit(20, lr=0.1)
    alone, joint = learn.record_params.trajectory, Trajectory.load(folder / 'distributed.safetensors', LinearModel())
    assert torch.equal(joint.steps, alone.steps) and len(joint) == 21 and torch.equal(joint.lrs, alone.lrs)
    torch.testing.assert_close(joint.flat, alone.flat, rtol=1e-5, atol=1e-6)
    assert list(joint.params) == ['a'] # without the prefix of the wrapper
    # the losses are those of the first half of the points
    x, y = (t[:50] for t in learn.dls.train_ds.tensors)
    for i in range(20):
        assert float(joint.losses[i]) == pytest.approx(float(((joint.predict(i, x) - y)**2).mean()), rel=1e-4)


def test_only_the_first_process_writes(folder):
    assert sorted(p.name for p in folder.iterdir()) == ['distributed.html', 'distributed.safetensors']


def test_another_process_than_the_first_records_nothing(monkeypatch):
    monkeypatch.setenv('RANK', '1')
    learn = silent(Learner(linear_dls(20, seed=0), LinearModel(), loss_func=MSELossFlat(), opt_func=SGD,
                           cbs=fastsgd.AnimateFitCallback()))
    learn.fit(2, lr=0.1)
    assert learn.record_params.recording is None and learn.animate_fit.trajectory is None
