"""Surfaces and planes against the peers' way, in one run.  python tests/benchmarks/surfaces.py [threads ...] [kinds
...]

The peers' way is a Python loop which loads each parameter vector into the model and calls it. Both sides take turns,
and the fastest of each is compared, by the time of the processor, whatever else it does; with OMP_WAIT_POLICY=PASSIVE,
since several threads spend some while they wait. Peak memory is measured in a process of its own, on Linux.
loss-landscapes and Landscaper are measured too, on one thread, where they can be imported: `pip install loss-landscapes
landscaper`. Kinds are names of `KINDS`, for a quick look at some of the ten, `small` stands for what is not among them.
"""

import contextlib
import io
import subprocess
import sys
import time
from types import SimpleNamespace

import torch
from torch import nn

from fastsgd import Plane, Trajectory, loss_surface, sharpness
from fastsgd.lesson.learner import LinearModel
from fastsgd.trajectory.models import copy_model

REPEATS = 5


def best_of(*functions, repeats=REPEATS):
    "Seconds of the fastest run of each, taken in turns"
    for f in functions: f()
    times = [[] for _ in functions]
    for _ in range(repeats):
        for f, t in zip(functions, times):
            begin = time.process_time()
            f()
            t.append(time.process_time() - begin)
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


def peers_loop(learn, data, plane, u, v):
    *xs, y = data if isinstance(data, tuple) else (data,)
    xs, params = xs[0] if isinstance(xs[0], tuple) else xs, list(learn.model.parameters())
    learn.model.eval()
    before, res = nn.utils.parameters_to_vector(params).detach().clone(), []
    with torch.no_grad():
        for uv in zip(u.tolist(), v.tolist()):
            nn.utils.vector_to_parameters(torch.add(plane.origin, plane.d1, alpha=uv[0]).add_(plane.d2, alpha=uv[1]),
                                          params)
            if hasattr(learn.model, 'reset'): learn.model.reset()
            res.append(learn.loss_func(learn.model(*xs), y).item())
        nn.utils.vector_to_parameters(before, params)
    return torch.tensor(res)


# -- ten kinds of model that people have: `(model, inputs, targets, loss function)` for n samples

def classes(n, k=10): return torch.arange(n) % k


def conv(i, o, stride=1): return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class Block(nn.Module):
    "A residual block with two convolutions"
    def __init__(self, i, o):
        super().__init__()
        self.a, self.b = conv(i, o, 1 if i == o else 2), conv(o, o)
        self.short = nn.Identity() if i == o else nn.Conv2d(i, o, 1, 2)
    def forward(self, x): return self.b(self.a(x)) + self.short(x)


class Last(nn.Module):
    "The answer at the end of a sequence, from the outputs of a recurrent network or a transformer"
    def __init__(self, body, size):
        super().__init__()
        self.body, self.head = body, nn.Linear(size, 2)
    def forward(self, x):
        out = self.body(x)
        return self.head((out[0] if isinstance(out, tuple) else out)[:, -1])


def mlp(*sizes):
    return nn.Sequential(*(o for i, k in zip(sizes, sizes[1:]) for o in (nn.Linear(i, k), nn.ReLU())))[:-1]


def tabular(n):
    from fastai.tabular.model import TabularModel
    xs = torch.stack([torch.arange(n) % k for k in (9, 40, 100)], 1), torch.randn(n, 6)
    return TabularModel([(9, 5), (40, 10), (100, 17)], 6, 2, [200, 100]), xs, classes(n, 2), nn.CrossEntropyLoss()


def awd_lstm(n):
    from fastai.text.models import AWD_LSTM, get_text_classifier
    model = get_text_classifier(AWD_LSTM, 2000, 2, seq_len=32, drop_mult=1, config=dict(
        emb_sz=100, n_hid=200, n_layers=2, pad_token=1, bidir=False, output_p=0.1, hidden_p=0.1, input_p=0.1,
        embed_p=0.1, weight_p=0.1), lin_ftrs=[50], ps=[0.1])
    loss = nn.CrossEntropyLoss()
    return model, torch.randint(2, 2000, (n, 32)), classes(n, 2), lambda out, y: loss(out[0], y)


def resnet18(n):
    from torchvision.models import resnet18
    return resnet18(num_classes=10), torch.randn(n, 3, 32, 32), classes(n), nn.CrossEntropyLoss()


KINDS = {
    'linear': lambda n: (nn.Linear(20, 10), torch.randn(n, 20), classes(n), nn.CrossEntropyLoss()),
    'small perceptron': lambda n: (mlp(10, 50, 50, 3), torch.randn(n, 10), classes(n, 3), nn.CrossEntropyLoss()),
    'wide perceptron, 3,072 inputs': lambda n: (mlp(3072, 100, 10), torch.randn(n, 3072), classes(n),
                                                nn.CrossEntropyLoss()),
    'perceptron of 203,000': lambda n: (mlp(64, 400, 400, 40, 10), torch.randn(n, 64), classes(n),
                                        nn.CrossEntropyLoss()),
    'CNN with BatchNorm': lambda n: (
        nn.Sequential(conv(1, 8), conv(8, 16, 2), conv(16, 32, 2), nn.Flatten(), nn.Linear(1568, 10)),
                                     torch.randn(n, 1, 28, 28), classes(n), nn.CrossEntropyLoss()),
    'ResNet-20': lambda n: (nn.Sequential(conv(3, 16), *(Block(i, o) for i, o in zip(
        (16, 16, 16, 16, 32, 32, 32, 64, 64), (16, 16, 16, 32, 32, 32, 64, 64, 64))), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10)), torch.randn(n, 3, 32, 32), classes(n), nn.CrossEntropyLoss()),
    'resnet18': resnet18,
    'GRU': lambda n: (Last(nn.GRU(8, 32, batch_first=True), 32), torch.randn(n, 20, 8), classes(n, 2),
                      nn.CrossEntropyLoss()),
    'transformer': lambda n: (Last(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 32), torch.randn(n, 20, 32),
                              classes(n, 2), nn.CrossEntropyLoss()),
    'embedding bag': lambda n: (nn.Sequential(nn.EmbeddingBag(5000, 32), mlp(32, 32, 4)),
                                torch.randint(0, 5000, (n, 30)),
                                classes(n, 4), nn.CrossEntropyLoss()),
    'tabular': tabular,
    'AWD_LSTM': awd_lstm,
}


def with_loss_landscapes(model, ask, k):
    import loss_landscapes

    class Asked(loss_landscapes.metrics.Metric):
        def __call__(self, wrapper): return ask(wrapper.modules[0])
    loss_landscapes.random_plane(model, Asked(), distance=1, steps=k)


def with_landscaper(model, ask, k):
    from landscaper.compute import compute_loss_landscape
    dirs = [[torch.randn_like(p) for p in model.parameters()] for _ in range(2)]
    compute_loss_landscape(model, None, dirs, lambda m, _: ask(m), steps=k, distance=1., dim=2, device='cpu')


def per_point(peer, model, xs, y, loss_func, k):
    "Milliseconds that a peer takes for a point, as text: it asks for the loss without gradients, as all of these do"
    def ask(model):
        if hasattr(model, 'reset'): model.reset()
        return loss_func(model(*xs), y).item()
    try:
        with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            return f'{1e3 * best_of(lambda: peer(copy_model(model, None), ask, k), repeats=1)[0] / k**2:.3g} ms'
    except Exception as e: return f'({type(e).__name__})'


def row(kind, n, threads, seconds=1.):
    """A line of the table: both ways over the same points, and what is measured once before as a number of points of
    the loop
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model, x, y, loss_func = KINDS[kind](n)
    learn, plane = SimpleNamespace(model=model.eval(), loss_func=loss_func), Plane.random(model)
    xs = x if isinstance(x, tuple) else (x,)
    once = best_of(lambda: peers_loop(learn, (x, y), plane, torch.zeros(2), torch.zeros(2)), repeats=2)[0] / 2
    k = int(min(100, max(8, (seconds / once)**0.5)))
    at = torch.linspace(-1, 1, k)
    few = torch.linspace(0, k * k - 1, int(min(k * k, max(9, seconds / once)))).long() # of a slow model
    u, v = at.repeat(k)[few], at.repeat_interleave(k)[few]
    begin = time.process_time()
    surface = loss_surface(learn, plane, n=k, ulim=(-1, 1), vlim=(-1, 1), data=(x, y))
    whole = time.process_time() - begin
    loop = lambda: peers_loop(learn, (x, y), plane, u, v)
    off = float((loop() - surface.loss.flatten()[few]).abs().max() / surface.loss.abs().max())
    ours, theirs = (t / len(few) for t in best_of(lambda: surface.at(u, v), loop, repeats=3))
    peers = [per_point(o, model.eval(), xs, y, loss_func, 3 if once > 0.02 else 9) if threads == 1 else ''
             for o in (with_loss_landscapes, with_landscaper)]
    best = surface.objective.races[plane].best
    way, size = best.way, best.size
    n_params = sum(p.numel() for p in model.parameters())
    told = f'{type(way).__name__}{", first layers known" if way.first else ""}, {size} at a time'
    if way is surface.objective.loop: told = 'same loop' # a point, a call: what differs from the plain loop is chance
    print(f'| {kind}, {n_params:,} parameters | {n} | {threads} | {k} × {k} | {1e3 * theirs:.3g} ms | '
          f'{" | ".join(peers)} | {1e3 * ours:.3g} ms | {theirs / ours:.2f} | {told} | '
          f'{max(whole - ours * k**2, 0) / theirs:.0f} | {off:.0e} |', flush=True)


def compare(name, case, threads):
    learn, data, plane = case
    torch.set_num_threads(threads)
    surface = loss_surface(learn, plane, data=data)
    vv, uu = torch.meshgrid(surface.v, surface.u, indexing='ij')
    loop = lambda: peers_loop(learn, data, plane, uu.flatten(), vv.flatten())
    off = float((loop() - surface.loss.flatten()).abs().max())
    ours, theirs = best_of(lambda: loss_surface(learn, plane, data=data), loop)
    print(f'{name}, {threads} threads: {ours:.3f} s, loop {theirs:.3f} s: {theirs / ours:.1f} times faster '
          f'(largest difference {off:.1e}; {surface.objective.races[plane].best.size} vectors at once)')


def path(points=200, size=1_000_000):
    res, at, gen = torch.empty(points, size), torch.zeros(size), torch.Generator().manual_seed(0)
    for row in res:
        row.copy_(at)
        at = 0.99 * at + 0.01 * torch.randn(size, generator=gen) + 0.001
    return res


def sharpness_along(threads, points=50):
    "Of a perceptron, in units of a step of full-batch gradient descent"
    torch.set_num_threads(threads)
    learn, (x, y), _ = two_layers(torch.nn.Tanh)
    model, params = learn.model, list(learn.model.parameters())
    traj = Trajectory({n: p.detach().expand(points, *p.shape).clone() for n, p in model.named_parameters()},
                      model=model, loss_func=learn.loss_func, data=((x,), (y,)))
    step = lambda: torch.autograd.grad(learn.loss_func(model(x), y), params)
    ours, one = best_of(lambda: sharpness(traj, points, max_samples=10_000), step, repeats=3)
    print(f'sharpness along {points} points of {traj.n_params} parameters, {len(y)} samples, {threads} threads: '
          f'{ours:.2f} s, {ours / points / one:.0f} times a gradient for each point')


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
from fastsgd import Plane, Trajectory, loss_surface, sharpness
torch.set_num_threads(2)
peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024
cases = {{'two layers': lambda: surfaces.two_layers(torch.nn.Tanh), 'lesson': surfaces.lesson, 'path': surfaces.path}}
case = cases[{what!r}]()
if {what!r} == 'path': Plane.pca(case[:, :1000])
else:
    learn, (x, y), plane = case
    loss_surface(learn, plane, n=4, data=(x, y)) # what is loaded once
before = peak()
if {what!r} == 'path': Plane.pca(case)
else: loss_surface(learn, plane, data=(x, y), max_bytes={max_bytes})
print(peak() - before)
"""
    return float(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                                check=True).stdout.split()[-1])


if __name__ == '__main__':
    print(f'torch {torch.__version__}')
    chosen, threads = ([o for o in sys.argv[1:] if o in (*KINDS, 'small')],
                       [int(o) for o in sys.argv[1:] if o.isdigit()] or [1, 2])
    columns = ('model', 'samples', 'threads', 'points', 'plain loop', 'loss-landscapes', 'Landscaper', 'fastsgd',
               'times faster', 'way', 'points to begin with', 'largest relative difference')
    print(f'| {" | ".join(columns)} |\n{"|---" * len(columns)}|')
    for kind in [o for o in chosen if o in KINDS] if chosen else KINDS:
        for k in threads:
            for n in (64, 256): row(kind, n, k)
    if chosen and 'small' not in chosen: sys.exit()
    for k in threads:
        for activation in (nn.Tanh, nn.ReLU):
            compare(f'303 parameters ({activation.__name__}), 1083 points, 100 × 100', two_layers(activation), k)
        compare('the lesson, 2 parameters, 100 points, 100 × 100', lesson(), k)
        principal_plane(k)
        sharpness_along(k)
    for what in ('two layers', 'lesson'):
        peaks = [f'{peak(what, 2**k):.0f} MB with max_bytes={2**k >> 20} MB' for k in (28, 25, 22)]
        print(f'peak memory beside what was there, {what}: {", ".join(peaks)}')
    print(f'peak memory, PCA plane: {peak("path"):.0f} MB beside a path of 800 MB')
