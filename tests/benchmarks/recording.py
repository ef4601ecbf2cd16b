"""What recording costs: `python tests/benchmarks/recording.py`, or `recording.py norms` for these alone.

Ratios of runs that take turns. On the CPU in processor time on one thread, since a busy machine spoils the clock's.
"""

import gc
import re
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import torch
from fastai.basics import SGD, Callback, CrossEntropyLossFlat, DataLoaders, Learner, MSELossFlat, TfmdDL
from torch import nn
from torch.utils.data import TensorDataset

from fastsgd import LinearModel, RecordParamsCallback, linear_dls, linear_learner, tensor_dls
from fastsgd.trajectory.recording import Recording


class Empty(Callback): "The least that any callback costs"


def seconds(learn, epochs, cuda=False):
    with learn.no_bar(), learn.no_logging():
        gc.collect()
        gc.disable()
        clock = time.perf_counter if cuda else time.process_time
        start = clock()
        learn.fit(epochs)
        if cuda: torch.cuda.synchronize()
        end = clock()
        gc.enable()
    return end - start


def compare(what, target, make, base, epochs, repeats, cuda=False):
    "`make()` against `base()`, in turn, with the same weights to the last bit; the ratio is the median over the pairs"
    times, ratios = [], []
    for k in range(repeats + 1):
        pair, ends = {}, []
        for f in (make, base) if k % 2 else (base, make):
            learn = f()
            pair[f] = seconds(learn, epochs, cuda)
            ends.append([t.detach().cpu().clone() for t in learn.model.state_dict().values()])
        assert all(map(torch.equal, *ends)), what
        if k: # the first pair warms up
            ratios.append(pair[make] / pair[base])
            times.append((pair[make], pair[base]))
    ours, theirs = (min(t) for t in zip(*times))
    show(what, f'{statistics.median(ratios):.3f}', target,
         f'{1e3 * ours:.0f} ms against {1e3 * theirs:.0f} ms, of minima {ours / theirs:.3f}')


def show(what, figure, target, detail=''): print(f'{what:62} {figure:>9}  target {target:8} {detail}', flush=True)


def lesson(dls, *cbs): return Learner(dls, LinearModel(), loss_func=MSELossFlat(), opt_func=SGD, lr=0.1, cbs=cbs)


def plain_dls():
    "The lesson's data as fastai serves it"
    points = linear_dls(seed=0)
    return DataLoaders(*(TfmdDL(TensorDataset(*dl.dataset.tensors), bs=100, num_workers=0) for dl in points.loaders))


def mlp(width, n, bs, device, cb):
    "Four layers; 1M parameters for width 500, 25M for 2500"
    torch.manual_seed(0)
    x = torch.randn(n, width)
    model = nn.Sequential(*(layer for _ in range(4) for layer in (nn.Linear(width, width), nn.ReLU())),
                          nn.Linear(width, 1))
    dls = tensor_dls((x, x[:, :1]), bs=bs, seed=0, device=device)
    return Learner(dls, model.to(device), loss_func=MSELossFlat(), opt_func=SGD, lr=1e-3, cbs=cb())


def resnet(cb, n=8, bs=32, size=64):
    "A resnet18 on pictures of noise"
    from torchvision.models import resnet18
    torch.manual_seed(0)
    dls = tensor_dls((torch.randn(n * bs, 3, size, size), torch.arange(n * bs) % 10), bs=bs, seed=0)
    return Learner(dls, resnet18(num_classes=10), loss_func=CrossEntropyLossFlat(), opt_func=SGD, lr=1e-3, cbs=cb())


def norms():
    "Norms of gradients and updates, in a record beside one without them"
    without, dls = partial(RecordParamsCallback, norms=False), linear_dls(seed=0)
    compare('norms: the lesson', '<= 1.03', lambda: lesson(dls, RecordParamsCallback()),
            lambda: lesson(dls, without()), 100, 25)
    compare('norms: 1M parameters', '<= 1.05', partial(mlp, 500, 64 * 300, 64, 'cpu', RecordParamsCallback),
            partial(mlp, 500, 64 * 300, 64, 'cpu', without), 1, 5)
    compare('norms: resnet18, 32 images of 64 px', '<= 1.03', partial(resnet, RecordParamsCallback),
            partial(resnet, without), 1, 5)


def import_seconds(code):
    run = subprocess.run([sys.executable, '-c',
                          f'import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)'],
                         capture_output=True, text=True, check=True)
    return float(run.stdout)


def imports(repeats):
    "Measure what our import adds, in the process that imported fastai just before; the first pair fills the cache"
    base, added = [], []
    for _ in range(repeats + 1):
        base.append(import_seconds('from fastai.callback.all import *'))
        added.append(import_seconds('from fastai.callback.all import *; t = time.perf_counter(); import fastsgd'))
    base, added = statistics.median(base[1:]), statistics.median(added[1:])
    show('import fastsgd, added to fastai.callback.all', f'{100 * added / base:.1f} %', '10 %',
         f'{added:.2f} s on {base:.2f} s')


def peak():
    "Bytes of the largest memory so far; of this process alone, unlike getrusage's"
    return int(re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text()).group(1)) * 1024


def in_child(what):
    print(subprocess.run([sys.executable, __file__, what], capture_output=True, text=True, check=True).stdout, end='',
          flush=True)


def million_steps():
    "The lesson's two parameters, a million times"
    model, loss = LinearModel(), torch.tensor(1.)
    recording, before, start = Recording(model), peak(), time.perf_counter()
    model.a.grad = torch.ones(2)
    for _ in range(10**6):
        recording.point()
        recording.gradients()
        model.a.data.add_(1e-6)
        recording.step(loss, 0.1)
    took = time.perf_counter() - start
    kept = peak() - before
    traj = recording.trajectory()
    assert len(traj) == 10**6 + 1 and torch.equal(traj.flat[-1], model.a)
    show('memory for 1,000,000 steps of the lesson', f'{kept / 2**20:.0f} MiB', '1024 MiB',
         f'{(peak() - before) / 2**20:.0f} MiB with the trajectory, {took:.1f} s')


def large_model():
    "300 points of a model of 25 million parameters"
    model = nn.Linear(5000, 5000, bias=False)
    before = peak()
    recording, loss = Recording(model), torch.tensor(1.)
    for _ in range(300):
        recording.point()
        model.weight.data[0].add_(1.)
        recording.step(loss, 0.1)
    traj = recording.trajectory()
    show('memory for 300 steps of 25M parameters', f'{recording.stored_bytes / 2**20:.0f} MiB', '1024 MiB',
         f'peak {(peak() - before) / 2**20:.0f} MiB, {len(traj)} points kept, stride {recording.stride}')


def main():
    for f in (million_steps, large_model):
        if sys.argv[1:] == [f.__name__]: return f()
    torch.set_num_threads(1)
    if sys.argv[1:] == ['norms']: return norms()
    dls, plain = linear_dls(seed=0), plain_dls()
    compare('the lesson, recorded, against an empty callback', '<= 1.03', lambda: lesson(dls, RecordParamsCallback()),
            lambda: lesson(dls, Empty()), 100, 25)
    compare('linear_learner against a plain Learner on TfmdDL', '<= 0.85', lambda: linear_learner(dls, lr=0.1),
            lambda: lesson(plain), 100, 15)
    imports(5)
    for device in ['cpu', *(['cuda'] if torch.cuda.is_available() else [])]:
        rows = ('1M parameters', '<= 1.05', 500, 300, 5), ('25M parameters', '<= 1.10', 2500, 40, 2)
        for name, target, width, n, repeats in rows:
            make = partial(mlp, width, 64 * n, 64, device)
            compare(f'{name}, {device}', target, partial(make, RecordParamsCallback), partial(make, Empty), 1, repeats,
                    device == 'cuda')
    norms()
    in_child('million_steps')
    in_child('large_model')


if __name__ == '__main__': main()
