"""Looking never changes a record: every public method and view, on models that write to what they are given."""

import inspect
from hashlib import blake2b

import pytest
import torch
from fastai.basics import Learner, nn
from learners import silent
from matplotlib.figure import Figure
from torch.nn import functional as F

import fastsgd
from fastsgd import (
    MetricsView,
    Plane,
    RecordParamsCallback,
    Trajectory,
    View,
    animate,
    compare_fits,
    loss_surface,
    tensor_dls,
)
from fastsgd.trajectory.samples import leaves
from fastsgd.views import choose_views

VIEWS = sorted(name for name in fastsgd.__all__ if inspect.isclass(getattr(fastsgd, name))
               and issubclass(getattr(fastsgd, name), View) and name != 'View')


class Renormed(nn.Module):
    "`max_norm` makes a lookup write to its weight"
    def __init__(self, layer):
        super().__init__()
        self.words, self.head = layer, nn.Linear(3, 2)
        with torch.no_grad(): self.words.weight.mul_(20)
    def forward(self, x):
        out = self.words(x)
        return self.head(out.mean(1) if out.ndim == 3 else out)


class Clamped(nn.Module):
    "Writes to its parameter, its buffer and its input"
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer('calls', torch.zeros(1))
    def forward(self, x):
        with torch.no_grad():
            self.layer.weight.clamp_(-0.1, 0.1)
            self.calls += 1
            x.mul_(0.5)
        return self.layer(x)


MODELS = {'embedding': (lambda: Renormed(nn.Embedding(9, 3, max_norm=0.5)), lambda: torch.randint(0, 9, (40, 4))),
          'bag': (lambda: Renormed(nn.EmbeddingBag(9, 3, max_norm=0.5)), lambda: torch.randint(0, 9, (40, 4))),
          'clamp': (Clamped, lambda: torch.randn(40, 2))}


def everything_in(traj) -> str:
    "A hash of all numbers of a record"
    tensors = [*traj.params.values(), *traj.buffers.values(), traj.steps, traj.losses, traj.lrs, *traj.valid,
               *leaves(traj.data), *leaves(traj.ragged), *leaves(list(traj.batches.values())),
               *leaves((traj.samples.xs, traj.samples.ys)), *leaves(list(traj.metrics.values())),
               *traj.params.first.values()]
    digest = blake2b()
    for t in tensors: digest.update(repr((t.dtype, t.shape)).encode() + t.contiguous().numpy().tobytes())
    digest.update(repr([traj.samples.inputs, traj.samples.targets, traj.label]).encode())
    return digest.hexdigest()


@pytest.fixture(scope='module', params=MODELS)
def fitted(request):
    make, draw = MODELS[request.param]
    torch.manual_seed(0)
    x = draw()
    dls = tensor_dls((x, torch.randint(0, 2, (40,))), valid=(draw(), torch.randint(0, 2, (40,))), bs=10, seed=0)
    learn = silent(Learner(dls, make(), F.cross_entropy, lr=0.1, cbs=RecordParamsCallback()))
    learn.fit(3)
    return learn


def unchanged(learn, look, count):
    "`look(traj)` leaves the record and the model as they are; what it can't show it may refuse"
    traj = learn.record_params.trajectory
    before, state = everything_in(traj), {k: v.clone() for k, v in learn.model.state_dict().items()}
    try: look(traj)
    except ValueError as e: assert 'View' in str(e) or 'expected' in str(e), e
    else: count('records that stayed as they were while they were looked at')
    assert everything_in(traj) == before
    assert all(torch.equal(v, state[k]) for k, v in learn.model.state_dict().items())


@pytest.mark.parametrize('name', VIEWS)
def test_a_view(fitted, name, count):
    view = getattr(fastsgd, name)(**({'n': 4} if name == 'PathView' else {}))
    def look(traj):
        view.plot(traj, Figure().add_subplot(projection=view.projection), i=2)
        animation = animate(traj, view, max_frames=4)
        animation.to_jshtml()
    unchanged(fitted, look, count)


METHODS = {
    'predict': lambda t: [t.predict(i, *t.samples.xs) for i in (0, -1, slice(None), [1, 2])],
    'predict data': lambda t: t.predict(range(len(t)), *t.data[0]), 'flat': lambda t: t.flat.zero_(),
    'state': lambda t: [v.zero_() for v in t.state(1).values()], 'thin': lambda t: t.thin(3).predict(0, *t.data[0]),
    'take': lambda t: t.take([0, 2]).flat, 'at': lambda t: t.at([0, 1, 5]).flat, 'loss': lambda t: t.loss(3),
    'to_df': lambda t: t.to_df().__imul__(0), 'diverged': lambda t: t.diverged, 'repr': lambda t: t._repr_html_(),
    'save': None, 'loss_surface': lambda t: loss_surface(t, n=4),
    'loss_at': lambda t: loss_surface(t, n=3).loss_at(t), 'random plane': lambda t: Plane.random(t, seed=1),
    'pca': lambda t: Plane.pca(t), 'choose_views': choose_views, 'animate': lambda t: animate(t).to_jshtml(),
    'two fits': lambda t: animate([t, t.take(range(5))], MetricsView()).to_jshtml(),
    'samples': lambda t: [v.zero_() for v in leaves(t.samples.take(3).xs)]}


@pytest.mark.parametrize('name', METHODS)
def test_a_method(fitted, name, count, tmp_path):
    look = METHODS[name] or (lambda t: Trajectory.load(t.save(tmp_path/'fit')).flat.zero_())
    unchanged(fitted, look, count)


def test_every_public_method_is_among_them():
    public = {n for n, o in vars(Trajectory).items() if not n.startswith('_') and n not in ('load', 'label')}
    assert public <= {*METHODS, 'point', 'index', 'sizes', 'n_params', 'n_steps', 'load', 'from_states'}, public


def test_what_is_given_to_predict_stays(fitted):
    traj = fitted.record_params.trajectory
    x = traj.data[0][0].clone()
    before = x.clone()
    traj.predict([0, 1, 2], x)
    assert torch.equal(x, before)


def test_a_comparison(fitted, count):
    unchanged(fitted, lambda t: compare_fits(fitted, {'a': dict(lr=0.1), 'b': dict(lr=0.01)}, n_epoch=1), count)
