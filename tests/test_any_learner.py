"Every public view and plane over every kind of Learner, none of which knows of fastsgd"

import re
import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from fastai.basics import (
    SGD,
    Adam,
    BCEWithLogitsLossFlat,
    Callback,
    CategoryBlock,
    CrossEntropyLossFlat,
    DataLoaders,
    L1LossFlat,
    Learner,
    MSELossFlat,
    TfmdDL,
    params,
)
from fastai.tabular.all import Categorify, FillMissing, Normalize, TabularDataLoaders, tabular_learner
from fastai.test_utils import RegModel, synth_learner
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from fastsgd import (
    AnimateFitCallback,
    BoundaryView,
    FitView,
    HistogramView,
    LinearModel,
    LossView,
    LRView,
    ParamsView,
    PathView,
    Plane,
    animate,
    linear_dls,
    linear_learner,
    loss_surface,
    moons_dls,
    sine_dls,
    spiral_dls,
)

VIEWS = [FitView(), BoundaryView(n=12), LossView(), LRView(), ParamsView(), HistogramView(), HistogramView('updates'),
         PathView(n=6, max_samples=20), PathView(kind='3d', n=6, max_samples=20),
         PathView(n=6, plane='random', max_samples=20)]


# -- models that know nothing of fastsgd

def dls_of(*tensors, bs=8):
    ds = TensorDataset(*tensors)
    dl = TfmdDL(ds, bs=bs, shuffle=True, num_workers=0)
    return DataLoaders(dl, TfmdDL(ds, bs=bs, num_workers=0))


class Cnn(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Dropout(0.5),
                         nn.Linear(16, 3))


class Rnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.rnn, self.out = nn.Embedding(7, 5), nn.LSTM(5, 6, batch_first=True), nn.Linear(6, 7)
    def forward(self, x): return self.out(self.rnn(self.emb(x))[0])


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(2, 4)
    def forward(self, x, z): return (self.a(x) * self.b(z)).sum(1)


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(4, 4)
        self.two = nn.Linear(4, 4)
        self.two.weight = self.one.weight
    def forward(self, x): return self.two(torch.relu(self.one(x)))


class InPlace(nn.Module):
    "Works on its input, and counts how often it was asked"
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 1)
        self.register_buffer('asked', torch.zeros(()))
    def forward(self, x):
        self.asked += 1
        return self.lin(x.mul_(2))


class Branches(nn.Module):
    "Cannot be vectorised: its path depends on values"
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 1)
    def forward(self, x):
        y = self.lin(x)
        return y if y.sum().item() > 0 else y * 2


class Tuple(nn.Module):
    "Answers with more than a tensor"
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 1)
    def forward(self, x): return self.lin(x), x


def learner(dls, model, loss_func, **kwargs):
    return Learner(dls, model, loss_func=loss_func, opt_func=partial(SGD, mom=0.9), **kwargs)


def frozen():
    learn = learner(dls_of(torch.randn(32, 3), torch.randn(32, 1)),
                    nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)),
                    MSELossFlat(), splitter=lambda m: [params(m[0]), params(m[2])])
    learn.freeze()
    return learn


def tabular():
    n = 48
    gen = np.random.default_rng(0)
    df = pd.DataFrame({'kind': gen.choice(['a', 'b', 'c'], n), 'x': gen.normal(size=n), 'z': gen.normal(size=n)})
    df['y'] = np.where(df.x > 0, 'yes', 'no')
    dls = TabularDataLoaders.from_df(df, procs=[Categorify, FillMissing, Normalize], cat_names=['kind'],
                                     cont_names=['x', 'z'],
                                     y_names='y', y_block=CategoryBlock(), bs=16, valid_idx=list(range(8)),
                                     num_workers=0)
    return tabular_learner(dls, layers=[6], opt_func=Adam)


class Float32(Callback):
    "fastai's own Recorder takes no loss in half precision"
    def after_pred(self): self.learn.pred = self.learn.pred.float()


def class_loss(pred, y): return nn.functional.cross_entropy(pred.float(), y)
def number_loss(pred, y): return nn.functional.mse_loss(pred.float(), y)


def mlp(i, o): return nn.Sequential(nn.Linear(i, 6), nn.Tanh(), nn.Linear(6, o))


LEARNERS = {
    'the lesson': (lambda: linear_learner(linear_dls(seed=1), log_every=None), 'FitView PathView LossView'),
    'mini-batches': (lambda: linear_learner(linear_dls(bs=20, seed=1), log_every=None), 'FitView PathView LossView'),
    'RegModel': (lambda: synth_learner(n_trn=3), 'FitView PathView LossView'),
    'RegModel of its own': (lambda: synth_learner(model=RegModel(), lr=0.1), 'FitView PathView LossView'),
    'one input': (lambda: learner(sine_dls(seed=1, bs=25), mlp(1, 1), MSELossFlat()), 'FitView LossView'),
    'one input, robust': (lambda: learner(sine_dls(seed=1), mlp(1, 1), L1LossFlat()), 'FitView LossView'),
    'two classes': (lambda: learner(moons_dls(seed=1, bs=50), mlp(2, 2), CrossEntropyLossFlat()),
                    'BoundaryView LossView'),
    'three classes': (lambda: learner(spiral_dls(arms=3, seed=1), mlp(2, 3), nn.CrossEntropyLoss()),
                      'BoundaryView LossView'),
    'a single logit': (lambda: learner(dls_of(torch.randn(32, 2), (torch.rand(32, 1) > 0.5).float()), mlp(2, 1),
                                       BCEWithLogitsLossFlat()), 'BoundaryView LossView'),
    'regression of two inputs': (lambda: learner(dls_of(torch.randn(32, 2), torch.randn(32, 1)), mlp(2, 1),
                                                 MSELossFlat()),
                                 'ParityView PathView MetricsView'),
    'many inputs': (lambda: learner(dls_of(torch.randn(32, 5), torch.randn(32, 1)), mlp(5, 1), MSELossFlat()),
                    'ParityView PathView MetricsView'),
    'several outputs': (lambda: learner(dls_of(torch.randn(32, 1), torch.randn(32, 3)), mlp(1, 3), MSELossFlat()),
                        'ParityView PathView MetricsView'),
    'multi-label': (lambda: learner(dls_of(torch.randn(32, 2), (torch.rand(32, 4) > 0.5).float()), mlp(2, 4),
                                    BCEWithLogitsLossFlat()), 'SamplesView PathView MetricsView'),
    'CNN': (lambda: learner(dls_of(torch.randn(32, 1, 8, 8), torch.randint(3, (32,))), Cnn(), CrossEntropyLossFlat()),
            'SamplesView ConfusionView MetricsView'),
    'RNN': (lambda: learner(dls_of(torch.randint(7, (32, 5)), torch.randint(7, (32, 5))), Rnn(),
                            CrossEntropyLossFlat()),
            'PathView MetricsView'),
    'tabular': (tabular, 'EmbeddingView ConfusionView MetricsView'),
    'several tensors': (lambda: learner(dls_of(torch.randn(32, 3), torch.randn(32, 2), torch.randn(32)), TwoInputs(),
                                        MSELossFlat()), 'ParityView PathView MetricsView'),
    'frozen': (frozen, 'ParityView PathView MetricsView'),
    'shared': (lambda: learner(dls_of(torch.randn(32, 4), torch.randn(32, 4)), Shared(), MSELossFlat()),
               'ParityView PathView MetricsView'),
    'in place': (lambda: learner(dls_of(torch.randn(32, 3), torch.randn(32, 1)), InPlace(), MSELossFlat()),
                 'ParityView PathView MetricsView'),
    'branches': (lambda: learner(dls_of(torch.randn(32, 3), torch.randn(32, 1)), Branches(), MSELossFlat()),
                 'ParityView PathView MetricsView'),
    'a tuple': (lambda: learner(dls_of(torch.randn(32, 3), torch.randn(32, 1)), Tuple(),
                                lambda p, y: ((p[0] - y)**2).mean()),
                'ParityView PathView MetricsView'),
    'one parameter': (lambda: learner(dls_of(torch.randn(32, 1), torch.randn(32, 1)), nn.Linear(1, 1, bias=False),
                                      MSELossFlat()),
                      'FitView LossView'),
    'bfloat16, two inputs': (lambda: learner(dls_of(torch.randn(32, 2).bfloat16(), torch.randint(2, (32,))),
                                             mlp(2, 2).bfloat16(), class_loss), 'BoundaryView LossView'),
    'bfloat16, one input': (lambda: learner(dls_of(torch.randn(32, 1).bfloat16(), torch.randn(32, 1)),
                                            mlp(1, 1).bfloat16(), number_loss), 'FitView LossView'),
    'half, by a callback': (lambda: learner(dls_of(torch.randn(32, 1, 8, 8).half(), torch.randint(3, (32,))),
                                            Cnn().half(), CrossEntropyLossFlat(), cbs=Float32()),
                            'SamplesView ConfusionView MetricsView'),
    'diverged': (lambda: linear_learner(linear_dls(bs=5, seed=1), init=(1e4, 1e4), log_every=None),
                 'FitView PathView LossView'),
}


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    "Models this small only wait for each other's threads"
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope='module')
def fitted():
    "name -> Learner, fitted once"
    cache = {}

    def get(name):
        if name not in cache:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                learn = LEARNERS[name][0]()
                learn.add_cb(AnimateFitCallback()) if not hasattr(learn, 'animate_fit') else None
                with learn.no_bar(), learn.no_logging(), warnings.catch_warnings():
                    warnings.filterwarnings('ignore', message='.*lr_scheduler.*')
                    learn.fit(2, lr={'diverged': 2.}.get(name, 0.02))
            cache[name] = learn
        return cache[name]
    return get


def axes(view):
    fig = Figure(figsize=(4, 3), dpi=40)
    FigureCanvasAgg(fig)
    return fig.add_subplot(projection=view.projection)


@pytest.mark.parametrize('name', LEARNERS)
def test_something_right_without_arguments(fitted, name):
    learn = fitted(name)
    animate_fit = learn.animate_fit
    state = {k: v.clone() for k, v in learn.model.state_dict().items()}
    anim = animate_fit.animation
    views = LEARNERS[name][1].split()
    told = repr(animate_fit)
    assert re.findall(r'\w+View', told.split(', since')[0].split(': ')[1]) == views
    assert anim.alt.endswith(f'Shown: {", ".join(views)}.')
    for i in (0, anim._save_count - 1): anim._func(i)
    anim._fig.canvas.draw()
    assert all(torch.equal(state[k], v) for k, v in learn.model.state_dict().items())


@pytest.mark.parametrize('count', [1, 3])
@pytest.mark.parametrize('name', LEARNERS)
def test_every_view(fitted, name, count):
    traj = fitted(name).record_params.trajectory
    trajs = traj if count == 1 else [traj.take(range(len(traj)))] * 2 + [traj.thin(3)]
    for view in VIEWS:
        ax = axes(view)
        try: view.plot(trajs, ax, i=1)
        except ValueError as e: # a view of one kind of model says so, and which to take
            assert isinstance(view, (FitView, BoundaryView)) or name == 'one parameter', (view, e)
            assert re.search('LossView.*suit any|a plane needs at least two', str(e)), e
            continue
        ax.figure.canvas.draw()
    expected = LEARNERS[name][1]
    for view in (FitView(), BoundaryView(n=5)):
        if type(view).__name__ in expected: view.plot(trajs, axes(view))
    assert not plt.get_fignums()


@pytest.mark.parametrize('plane', ['params', 'pca', 'random', 'given'])
@pytest.mark.parametrize('name', [n for n in LEARNERS if n != 'one parameter'])
def test_every_plane(fitted, name, plane):
    traj = fitted(name).record_params.trajectory
    if plane == 'given':
        gen = torch.Generator().manual_seed(0)
        plane = Plane(traj.flat[0], *torch.randn(2, traj.flat.shape[1], generator=gen))
    elif plane == 'params' and traj.flat.shape[1] != 2: plane = Plane.params(traj, [0, 1])
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='this model cannot be vectorised')
        surface = loss_surface(traj, plane, n=(4, 3), max_samples=20)
    assert surface.loss.shape == (3, 4)
    for view, trajs in ((PathView(surface), traj), (PathView(surface, kind='3d'), [traj] * 3)):
        ax = axes(view)
        view.plot(trajs, ax)
        ax.figure.canvas.draw()


def test_an_animation_of_every_view_at_once(fitted):
    traj = fitted('the lesson').record_params.trajectory
    anim = animate([traj, traj.thin(2)], *(v for v in VIEWS if not isinstance(v, BoundaryView)))
    first = len(anim._func(0))
    assert {len(anim._func(i)) for i in (1, 2, 0)} == {first}


def test_nothing_fitted_yet():
    learn = linear_learner()
    learn.fit(0)
    assert repr(learn.animate_fit) == 'AnimateFitCallback: nothing to animate yet: call learn.fit(...) first'
    assert LinearModel.param_meanings['a[1]'] == 'intercept'
