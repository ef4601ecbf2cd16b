"""Surfaces and planes against the peers' way, in one run.  python tests/benchmarks/surfaces.py [threads ...]

The peers' way is a Python loop which loads each parameter vector into the model and calls it. Both sides take turns, and
the fastest of each is compared; peak memory is measured in a process of its own, on Linux.
"""

import subprocess
import sys
import time
from types import SimpleNamespace

import torch
from torch import nn

from fastsgd import Plane, loss_surface
from fastsgd.lesson.learner import LinearModel

REPEATS = 5


def best_of(*functions, repeats=REPEATS):
    "Seconds of the fastest run of each, taken in turns"
    for f in functions: f()
    times = [[] for _ in functions]
    for _ in range(repeats):
        for f, t in zip(functions, times):
            begin = time.perf_counter()
            f()
            t.append(time.perf_counter() - begin)
    return [min(t) for t in times]


def spiral(n=361, classes=3):
    "Three arms of 361 points: 1083 in all"
    r, k = torch.linspace(0, 1, n), torch.arange(classes).repeat_interleave(n)
    angle = 4 * r.repeat(classes) + k * 4 + 0.2 * torch.randn(n * classes, generator=torch.Generator().manual_seed(0))
    return torch.stack([angle.sin(), angle.cos()], 1) * r.repeat(classes)[:, None], k


def two_layers(activation):
    torch.manual_seed(0)
    x, y = spiral()
    model = nn.Sequential(nn.Linear(2, 50), activation(), nn.Linear(50, 3))
    return SimpleNamespace(model=model, loss_func=nn.CrossEntropyLoss()), (x, y), Plane.random(model)


def lesson():
    x = torch.ones(100, 2).uniform_(-1, 1)
    model = LinearModel()
    return SimpleNamespace(model=model, loss_func=nn.MSELoss()), (x, x @ torch.tensor([3., 2.])), Plane.params(model)


def peers_loop(learn, data, plane, surface):
    x, y = data
    vectors = plane.at(surface.u.repeat(len(surface.v)), surface.v.repeat_interleave(len(surface.u)))
    before, res = nn.utils.parameters_to_vector(learn.model.parameters()).detach().clone(), []
    with torch.no_grad():
        for vector in vectors:
            nn.utils.vector_to_parameters(vector, learn.model.parameters())
            res.append(learn.loss_func(learn.model(x), y).item())
        nn.utils.vector_to_parameters(before, learn.model.parameters())
    return torch.tensor(res).reshape(surface.loss.shape)


def compare(name, case, threads):
    learn, data, plane = case
    torch.set_num_threads(threads)
    surface = loss_surface(learn, plane, data=data)
    loop = lambda: peers_loop(learn, data, plane, surface)
    off = float((loop() - surface.loss).abs().max())
    ours, theirs = best_of(lambda: loss_surface(learn, plane, data=data), loop)
    print(f'{name}, {threads} threads: {ours:.3f} s, loop {theirs:.3f} s: {theirs / ours:.1f} times faster '
          f'(largest difference {off:.1e}; {surface.objective.chunk} vectors at once)')


def path(points=200, size=1_000_000):
    res, at, gen = torch.empty(points, size), torch.zeros(size), torch.Generator().manual_seed(0)
    for row in res:
        row.copy_(at)
        at = 0.99 * at + 0.01 * torch.randn(size, generator=gen) + 0.001
    return res


def principal_plane(threads):
    torch.set_num_threads(threads)
    flat = path()
    Plane.pca(flat[:, :1000]) # the first call of a linear algebra routine loads it
    seconds, = best_of(lambda: Plane.pca(flat), repeats=3)
    print(f'PCA plane of 200 points of 1,000,000 parameters, {threads} threads: {seconds:.2f} s')


def peak(what, max_bytes=2**28):
    "MB that the peak grows by, in a process of its own"
    code = f"""
import re, sys
sys.path.insert(0, {__file__.rpartition("/")[0] or "."!r})
import surfaces, torch
from fastsgd import Plane, loss_surface
torch.set_num_threads(2)
peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024
case = {{'two layers': lambda: surfaces.two_layers(torch.nn.Tanh), 'lesson': surfaces.lesson, 'path': surfaces.path}}[{what!r}]()
if {what!r} == 'path': Plane.pca(case[:, :1000])
else:
    learn, (x, y), plane = case
    loss_surface(learn, plane, n=4, data=(x, y)) # what is loaded once
before = peak()
if {what!r} == 'path': Plane.pca(case)
else: loss_surface(learn, plane, data=(x, y), max_bytes={max_bytes})
print(peak() - before)
"""
    return float(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.split()[-1])


if __name__ == '__main__':
    print(f'torch {torch.__version__}')
    for threads in map(int, sys.argv[1:] or ('2', '4')):
        for activation in (nn.Tanh, nn.ReLU):
            compare(f'303 parameters ({activation.__name__}), 1083 points, 100 × 100', two_layers(activation), threads)
        compare('the lesson, 2 parameters, 100 points, 100 × 100', lesson(), threads)
        principal_plane(threads)
    for what in ('two layers', 'lesson'):
        peaks = [f'{peak(what, 2**k):.0f} MB with max_bytes={2**k >> 20} MB' for k in (28, 25, 22)]
        print(f'peak memory beside what was there, {what}: {", ".join(peaks)}')
    print(f'peak memory, PCA plane: {peak("path"):.0f} MB beside a path of 800 MB')
