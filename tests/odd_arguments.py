"""Give each argument of each public function odd values: `python tests/odd_arguments.py [part of a name] [share]`.

Each call works, or raises an error that names the argument, before any work is done: no file, no change of the model
or of random numbers. Anything else is unclear: an error from below, a warning, a call that takes too long.
"""

import datetime
import decimal
import fractions
import inspect
import math
import os
import re
import signal
import sys
import tempfile
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from fastai.basics import CrossEntropyLossFlat, Learner, nn
from learners import random_state, silent
from matplotlib.figure import Figure
from torch.nn import functional as F

import fastsgd
from fastsgd import (
    Comparison,
    FitAnimation,
    LinearModel,
    Plane,
    Recording,
    RecordParamsCallback,
    Samples,
    Surface,
    Trajectory,
    View,
    animate,
    compare_fits,
    explore,
    linear_dls,
    linear_learner,
    loss_surface,
    minimize,
    sharpness,
    spiral_dls,
    tensor_dls,
)

SECONDS = 10 # that a call may take

class Anything:
    "What takes all arguments, and is of no use"
    def __init__(self, *args, **kwargs): pass


class Model(nn.Module):
    "One of two parameters that takes all arguments, too"
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.ones(2))
    def forward(self, *args): pass


# Name -> a new value each time
ODD = {
    'None': lambda: None, 'True': lambda: True, 'False': lambda: False, 'numpy bool': lambda: np.bool_(True),
    '0': lambda: 0, '1': lambda: 1, '-1': lambda: -1, '3': lambda: 3, '-2**31': lambda: -2**31, '2**40': lambda: 2**40,
    '2**64': lambda: 2**64, '-2**70': lambda: -2**70, '10**400': lambda: 10**400, '0.5': lambda: 0.5,
    '-0.0': lambda: -0., 'nan': lambda: math.nan, 'inf': lambda: math.inf, '-inf': lambda: -math.inf,
    '1e308': lambda: 1e308, 'complex': lambda: 1 + 2j, 'fraction': lambda: fractions.Fraction(1, 3),
    'decimal': lambda: decimal.Decimal('0.1'), 'empty string': lambda: '', 'string': lambda: 'odd',
    'number in a string': lambda: '3', 'zero byte': lambda: 'a\0b', 'surrogate': lambda: '\udcff',
    'long string': lambda: 'x' * 1000, 'bytes': lambda: b'odd', 'empty list': lambda: [], 'list': lambda: [1],
    'three': lambda: [1, 2, 3], 'nested list': lambda: [[1], [2, 3]], 'list of None': lambda: [None, None],
    'list of strings': lambda: ['a', 'b'], 'empty tuple': lambda: (), 'tuple of nan': lambda: (math.nan, math.nan),
    'falling pair': lambda: (2, 1), 'dict': lambda: {'odd': 1}, 'empty dict': lambda: {},
    'dict of tensors': lambda: {1: torch.ones(2)}, 'set': lambda: {1, 2}, 'range': lambda: range(2),
    'class': lambda: Anything, 'module': lambda: math, 'generator': lambda: (k for k in range(3)),
    'function': lambda: lambda *args: None, 'object': object, 'slice': lambda: slice(None), 'dots': lambda: ...,
    'date': lambda: datetime.date(2020, 2, 29), 'path': lambda: Path('odd'), 'int64': lambda: np.int64(3),
    'float32': lambda: np.float32(0.5), '0-d array': lambda: np.array(3), 'empty array': lambda: np.array([]),
    'array': lambda: np.array([1.5, 2.]), 'array of strings': lambda: np.array(['a']),
    'array of objects': lambda: np.array([None, 1], dtype=object), '0-d tensor': lambda: torch.tensor(3),
    'tensor of nan': lambda: torch.tensor(math.nan), 'empty tensor': lambda: torch.empty(0),
    'tensor': lambda: torch.tensor([1., math.inf]), 'matrix': lambda: torch.ones(2, 3),
    'complex tensor': lambda: torch.tensor([1j, 2]), 'bool tensor': lambda: torch.tensor([True, False]),
    'sparse tensor': lambda: torch.eye(2).to_sparse(), 'meta tensor': lambda: torch.ones(2, device='meta'),
    'half': lambda: torch.ones(2, dtype=torch.float16), 'model': Model, 'figure': Figure,
}

class Fixed:
    "What base calls share; all of it is small"
    def __init__(self):
        torch.manual_seed(0)
        self.learn = silent(linear_learner(linear_dls(n=12, bs=4, n_valid=4, seed=0), log_every=None))
        self.learn.fit(2, 0.1)
        self.traj = self.learn.record_params.trajectory
        net = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 2))
        learn = silent(Learner(spiral_dls(n=12, n_valid=6, bs=6, seed=0), net, CrossEntropyLossFlat(),
                               cbs=RecordParamsCallback()))
        learn.fit(2, 0.1)
        self.classes = learn.record_params.trajectory
        conv = nn.Sequential(nn.Conv2d(1, 2, 5), nn.Flatten(), nn.Linear(32, 2))
        data = torch.rand(8, 1, 8, 8), torch.arange(8) % 2
        learn = silent(Learner(tensor_dls(data, data, seed=0), conv, CrossEntropyLossFlat(),
                               cbs=RecordParamsCallback()))
        learn.fit(1, 0.1)
        self.images = learn.record_params.trajectory
        self.curve = minimize(lambda p: ((p - 2)**2).sum(), (-1.,), lr=0.1, steps=4)
        self.surface = loss_surface(self.traj, n=4)
        self.plane = self.surface.plane
        self.animation = animate(self.traj, fastsgd.LossView(), max_frames=3)
        self.recording = Recording(LinearModel())
        self.x, self.y = self.traj.data[0][0], self.traj.data[1][0]
        self.samples = self.traj.samples
        self.comparison = Comparison([self.traj, self.traj.take([0, 1])], ['a', 'b'])
        self.explorer = explore(steps=2, max_frames=2)
        self.saved = self.traj.save('saved')
        self.figure = Figure()
        self.line, = self.figure.add_subplot().plot([0, 1])

    def state(self):
        "What no refused call may change"
        tensors = [*self.learn.model.parameters(), self.traj.flat, self.surface.loss, self.plane.origin, self.x]
        return ([t.detach().clone().numpy().tobytes() for t in tensors], str(random_state()),
                sorted((p.name, p.stat().st_mtime_ns) for p in Path().iterdir()), self.recording.n_steps)


DATA = {'n': 5, 'n_valid': 2, 'bs': 2, 'seed': 0}
VIEW_OF = {'BoundaryView': 'classes', 'ConfusionView': 'classes', 'ActivationsView': 'classes', 'WeightsView': 'images',
           'EmbeddingView': 'classes', 'CurveView': 'curve'}


def plotted(view, f):
    "The view drawn once: settings may be refused there, too"
    traj = getattr(f, VIEW_OF.get(type(view).__name__, 'traj'))
    view.plot(traj, Figure().add_subplot(projection=view.projection), i=1)
    repr(view)


def looked_at(traj, f):
    "What a trajectory is asked for at once"
    repr(traj), traj._repr_html_(), traj.to_df(), traj.take([0]), traj.diverged
    traj.save('looked at')
    os.unlink('looked at')


def base_calls(f) -> dict:
    "Name -> (function, its arguments, what is done with the result): calls that work"
    nothing = lambda result, f: None
    shown = lambda result, f: repr(result)
    params = {'a': torch.rand(3, 2), 'b': torch.rand(3)}
    trajectory = dict(params=params, steps=[0, 1, 2], losses=[2., 1.], lrs=[0.1, 0.1], buffers={'m': torch.rand(3, 1)},
                      model=None, loss_func=F.mse_loss, data=((torch.rand(4, 2),), (torch.rand(4),)), batches={},
                      ragged=[((torch.rand(4, 3),), (torch.rand(4),))], valid=None, label='x', parts={},
                      grad_norms={'a': [1., 2.]}, update_norms=None, drawn_from=(9, True))
    line = lambda: FitAnimation(f.figure, lambda i: f.line.set_ydata([0, i]) or [f.line], 3)
    calls = {
        'LinearModel': (LinearModel, {}, nothing),
        'LinearModel.forward': (LinearModel().forward, {'x': f.x}, nothing),
        'linear_data': (fastsgd.linear_data, dict(n=5, seed=0), nothing),
        'poly_data': (fastsgd.poly_data, dict(n=5, seed=0), nothing),
        'sine_data': (fastsgd.sine_data, dict(n=5, seed=0), nothing),
        **{name: (getattr(fastsgd, name), DATA, lambda r, f: list(r.train)) for name in
           ('linear_dls', 'poly_dls', 'sine_dls', 'moons_dls', 'circles_dls', 'blobs_dls', 'spiral_dls')},
        'tensor_dls': (tensor_dls, dict(train=(f.x, f.y), valid=(f.x, f.y), bs=4, seed=0), lambda r, f: list(r.train)),
        'linear_learner': (linear_learner, {'dls': f.learn.dls}, shown),
        'minimize': (minimize, dict(function=lambda p: (p**2).sum(), start=(1., 2.), steps=2), shown),
        'explore': (explore, dict(steps=2, max_frames=2), shown),
        'Explorer.save': (f.explorer.save, {'path': 'page.html'}, nothing),
        'compare_fits': (compare_fits, dict(learn=f.learn, settings={'a': dict(lr=0.1)}, n_epoch=1), shown),
        'Comparison': (Comparison, dict(trajs=[f.traj], names=['a']), shown),
        'Comparison.animate': (f.comparison.animate, {'views': (fastsgd.LossView(),)}, shown),
        'Trajectory': (Trajectory, trajectory, looked_at),
        'Trajectory.from_states': (Trajectory.from_states, dict(states=[f.traj.state(0), f.traj.state(1)]), looked_at),
        'Trajectory.load': (Trajectory.load, dict(path=f.saved), looked_at),
        'Trajectory.save': (f.traj.save, {'path': 'fit'}, nothing),
        'Trajectory.predict': (f.traj.predict, {'i': 0, 'x': (f.x,)}, nothing),
        'Trajectory.index': (f.traj.index, {'i': 0}, nothing), 'Trajectory.point': (f.traj.point, {}, nothing),
        'Trajectory.state': (f.traj.state, {}, nothing), 'Trajectory.loss': (f.traj.loss, {'i': 0}, nothing),
        'Trajectory.take': (f.traj.take, {'idxs': [0]}, looked_at),
        'Trajectory.thin': (f.traj.thin, {'max_frames': 3}, looked_at),
        'Trajectory.at': (f.traj.at, {'steps': [0]}, looked_at), 'Trajectory.to_df': (f.traj.to_df, {}, nothing),
        'Recording': (Recording, {'model': LinearModel()}, nothing),
        'Recording.expect': (f.recording.expect, {'steps': 3}, nothing),
        'Recording.follows': (f.recording.follows, {'model': f.recording.model}, nothing),
        'Recording.step': (lambda loss, lr, hypers=None, part='': _stepped(loss, lr, hypers, part),
                           dict(loss=1., lr=0.1), nothing),
        'Recording.validated': (Recording(LinearModel()).validated, {'loss': 1.}, nothing),
        'Recording.measured': (lambda values, epoch_ends=False: _measured(values, epoch_ends),
                               {'values': {'accuracy': 0.5}}, nothing),
        'Samples': (Samples, dict(xs=(f.x,), ys=(f.y,), input_kind='values', target_kind='category',
                                  targets=[0] * len(f.x)), shown),
        'Samples.take': (f.samples.take, {'k': 1}, shown), 'Samples.label': (f.samples.label, {'k': 0}, nothing),
        'Samples.pictures': (f.samples.pictures, {'out': torch.rand(2, 3, 4, 4)}, nothing),
        'Plane': (Plane, dict(origin=torch.zeros(2), d1=torch.tensor([1., 0]), d2=torch.tensor([0., 1])), shown),
        'Plane.params': (Plane.params, {'source': f.traj}, shown), 'Plane.pca': (Plane.pca, {'paths': f.traj}, shown),
        'Plane.random': (Plane.random, {'source': f.traj}, shown),
        'Plane.hessian': (Plane.hessian, {'learn': f.traj, 'i': 0}, shown),
        'Plane.at': (f.plane.at, {'u': 0., 'v': 1.}, nothing), 'Plane.project': (f.plane.project, {'flat': f.traj},
                                                                                 nothing),
        'Plane.distance': (f.plane.distance, {'flat': f.traj}, nothing),
        'Plane.limits': (f.plane.limits, {'paths': (f.traj,)}, nothing),
        'Surface': (Surface, dict(plane=f.plane, u=[0, 1], v=[0, 1, 2], loss=torch.rand(3, 2)), shown),
        'Surface.at': (f.surface.at, {'u': 0., 'v': 1.}, nothing),
        'Surface.loss_at': (f.surface.loss_at, {'path': f.traj}, nothing),
        'loss_surface': (loss_surface, dict(learn=f.traj, n=3), shown),
        'sharpness': (sharpness, dict(learn=f.traj, n=2), shown),
        'animate': (animate, {'traj': f.traj, 'views': (fastsgd.LossView(),), 'max_frames': 3}, shown),
        'FitAnimation': (FitAnimation, dict(fig=f.figure, func=lambda i: [f.line], frames=2),
                         lambda r, f: r.to_jshtml()),
        'FitAnimation.to_jshtml': (line().to_jshtml, {}, nothing),
        'FitAnimation.to_html5_video': (line().to_html5_video, {}, nothing),
        'FitAnimation.save': (line().save, {'filename': 'a.gif'}, nothing),
        'FitAnimation.save, video': (line().save, {'filename': 'a.mp4'}, nothing),
        'FitAnimation.save_strip': (line().save_strip, {'filename': 'a.png'}, nothing),
        'AnimateFitCallback': (fastsgd.AnimateFitCallback, {}, shown),
        'AnimateFitCallback.save': (f.learn.animate_fit.save, {'path': 'a.svg'}, nothing),
        'AnimateFitCallback.save_strip': (f.learn.animate_fit.save_strip, {'path': 'a.svg'}, nothing),
        'LogLossCallback': (fastsgd.LogLossCallback, {}, shown),
        'RecordParamsCallback': (RecordParamsCallback, {}, shown),
    }
    for name in fastsgd.__all__:
        cls = getattr(fastsgd, name)
        if not inspect.isclass(cls) or not issubclass(cls, View) or cls is View: continue
        traj = getattr(f, VIEW_OF.get(name, 'traj'))
        settings = {'n': 3} if name == 'PathView' else {}
        calls[name] = cls, settings, plotted
        calls[f'{name}.plot'] = cls(**settings).plot, {'traj': traj, 'ax': Figure().add_subplot()}, nothing
    return calls


def _stepped(loss, lr, hypers, part):
    recording = Recording(LinearModel())
    recording.step(loss, lr, hypers, part)
    recording.trajectory()


def _measured(values, epoch_ends):
    recording = Recording(LinearModel())
    recording.measured(values, epoch_ends)
    recording.trajectory()


def arguments_of(function) -> list:
    "Those that are ours: what is passed on to others is theirs to check"
    return [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD
            and p.name not in THEIRS.get(function.__name__, ())]


THEIRS = {'linear_learner': inspect.signature(Learner).parameters.keys() - {'dls'}}


def call(function, args: dict):
    "`function` with arguments by name; those before a `*args` by place"
    args, places = dict(args), []
    parameters = inspect.signature(function).parameters.values()
    several = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    if several and several[0] in args:
        for p in parameters:
            if p.name in several:
                places += args.pop(p.name)
                break
            places.append(args.pop(p.name))
    return function(*places, **args)


@contextmanager
def time_limit(seconds):
    def stop(*_): raise TimeoutError(f'takes more than {seconds} s')
    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try: yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def told_about(error, name, value) -> bool:
    "Does the error name the argument, or is it one that the documentation tells of, in our words?"
    text = str(error)
    if name in ('path', 'filename') and str(value) in text: return True
    if isinstance(error, IndexError): return 'does not exist' in text
    if isinstance(error, (TypeError, ValueError, KeyError)): return bool(re.search(rf'\b{name}\b', text))
    if isinstance(error, OSError): return not isinstance(error, TimeoutError) # the system's words, with the path
    return isinstance(error, RuntimeError) and text.startswith('ffmpeg failed')


def odd_calls(f, only='', share=1.) -> tuple:
    "`(outcomes, unclear)`: how many calls came to what, and what is not clear; `share` of all calls, evenly spread"
    outcomes, unclear, n = Counter(), [], 0
    for name, (function, args, use) in base_calls(f).items():
        for p in arguments_of(function) if only in name else ():
            for what, make in ODD.items():
                n += 1
                if int(n * share) == int((n - 1) * share): continue
                value = make()
                given = {**args, p.name: (value,) if p.kind is p.VAR_POSITIONAL else value}
                before, error = f.state(), None
                try:
                    with warnings.catch_warnings(), time_limit(SECONDS):
                        warnings.simplefilter('error')
                        use(call(function, given), f)
                except Exception as e: error = e
                outcomes['work' if error is None else 'are refused'] += 1
                if error is None: continue
                where = f'{name}({p.name}: {what})'
                if not told_about(error, p.name, value):
                    unclear.append(f'{where}: {type(error).__name__}: {str(error)[:300]}')
                elif f.state() != before: unclear.append(f'{where}: work was done before it was refused')
    return outcomes, unclear


@contextmanager
def in_a_folder():
    "Run in an empty folder, with what base calls share"
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try: yield Fixed()
        finally: os.chdir(here)


if __name__ == '__main__':
    only, share = [*sys.argv[1:], *['', '1'][len(sys.argv) - 1:]]
    with in_a_folder() as f: outcomes, unclear = odd_calls(f, only, float(share))
    for line in unclear: print(line)
    print(dict(outcomes), len(unclear), 'unclear')
    sys.exit(bool(unclear))
