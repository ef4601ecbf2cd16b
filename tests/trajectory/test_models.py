"""Any kind of model answers from its record as it answered itself, and neither record nor inputs are written to."""

import copy
import math
import os
import pickle
import threading
import warnings
import weakref
from types import SimpleNamespace

import pytest
import torch
from fastai.basics import Learner
from fastai.text.models.awdlstm import AWD_LSTM
from learners import Closure, Sparse
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, spectral_norm, weight_norm
from torch.utils._pytree import tree_leaves

from fastsgd import Trajectory, compare_fits, loss_surface, tensor_dls
from fastsgd.trajectory import Recording
from fastsgd.trajectory.models import copy_model, unwrapped


class Calls(nn.Module):
    "A model of two parameters whose forward is `func(self, *xs)`"
    def __init__(self, func, dtype=torch.float32):
        super().__init__()
        self.func = func
        self.a = nn.Parameter(torch.randn(3, 2, dtype=dtype))
        self.b = nn.Parameter(torch.zeros(2, dtype=dtype))
        self.plain, self.state = [self.a], 0.

    def forward(self, *xs): return self.func(self, *xs)


class Resets(Calls):
    def reset(self): self.state = 0.


def clamps(self, x):
    with torch.no_grad(): self.a.clamp_(-0.5, 0.5)
    return x.clamp_(0, 1) @ self.a + self.b


def adds_up(self, x):
    self.state = self.state + 1
    return x @ self.a * self.state


def several(self, batch, factor):
    out = batch['x'] @ self.a * factor
    return {'logits': out, 'parts': (out[:, 0], [self.b * 2, None]), 'b': self.b}


def expands(self, x): return x @ self.a + self.one


def with_expanded_buffer():
    model = Calls(expands)
    model.register_buffer('one', torch.ones(1).expand(2))
    return model


def old_style(norm):
    "`torch.nn.utils.weight_norm` warns that it is old, and people's models have it"
    with pytest.warns(FutureWarning): return norm(nn.Linear(3, 2))


class Texts(nn.Module):
    "fastai's language model body, which keeps a hidden state and its weights twice"
    def __init__(self):
        super().__init__()
        self.body, self.head = AWD_LSTM(20, 6, 8, 2), nn.Linear(6, 2)
    def reset(self): self.body.reset()
    def forward(self, x): return self.head(self.body(x))


class Keeps(nn.Module):
    "It keeps what can't be copied, as people's models do: a module, a file, locks"
    def __init__(self):
        super().__init__()
        self.lin, self.log, self.tools = nn.Linear(3, 2), open(os.devnull, 'w'), {'math': math}
        weakref.finalize(self, self.log.close)
        self.locks = [threading.Lock(), threading.RLock(), (threading.Event(), threading.Condition())]
    def forward(self, x):
        with self.locks[0]: self.log.write('asked\n')
        return self.lin(x) * self.tools['math'].e


def quiet_script(make, *args):
    "`torch.jit` warns that it is old, and people have such models"
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return make(*args)


def layers(): return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))


X, WORDS = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.arange(20).reshape(4, 5)
HALF = X.half(), X.bfloat16()
KINDS = {
    'linear': (lambda: nn.Linear(3, 2), X),
    'batch norm and dropout': (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)),
                               X),
    'old weight_norm': (lambda: old_style(weight_norm), X),
    'old spectral_norm': (lambda: spectral_norm(nn.Linear(3, 2)), X),
    'new weight_norm': (lambda: parametrizations.weight_norm(nn.Linear(3, 2)), X),
    'new spectral_norm': (lambda: parametrizations.spectral_norm(nn.Linear(3, 2)), X),
    'AWD_LSTM': (Texts, WORDS),
    'GRU': (lambda: nn.GRU(3, 2, batch_first=True), X[None]),
    'transformer': (lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), torch.randn(2, 3, 4)),
    'DataParallel': (lambda: nn.DataParallel(nn.Linear(3, 2)), X),
    'compiled': (lambda: torch.compile(nn.Linear(3, 2), backend='eager'), X),
    'compiled part': (lambda: nn.Sequential(torch.compile(nn.Linear(3, 4), backend='eager'), nn.Linear(4, 2)), X),
    'scripted': (lambda: quiet_script(torch.jit.script, layers()), X),
    'traced': (lambda: quiet_script(torch.jit.trace, layers().eval(), X), X),
    'scripted part': (lambda: nn.Sequential(quiet_script(torch.jit.script, nn.Linear(3, 4)), nn.Linear(4, 2)), X),
    'keeps locks and files': (Keeps, X),
    'sparse buffer': (lambda: Sparse(2), X),
    'half': (lambda: nn.Linear(3, 2).half(), HALF[0]),
    'bfloat16': (lambda: nn.Linear(3, 2).bfloat16(), HALF[1]),
    'complex': (lambda: Calls(lambda self, x: (x.cfloat() @ self.a).abs(), torch.complex64), X),
    'max_norm': (lambda: nn.Sequential(nn.Embedding(20, 3, max_norm=0.5), nn.Linear(3, 2)), WORDS),
    'bag with max_norm': (lambda: nn.EmbeddingBag(20, 3, max_norm=0.5), WORDS),
    'writes to weights and inputs': (lambda: Calls(clamps), X),
    'works in place on its input': (lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2)), X),
    'keeps a state and resets it': (lambda: Resets(adds_up), X),
    'weights in a plain list': (lambda: Calls(lambda self, x: x @ self.plain[0]), X),
    'answers with its weights': (lambda: Calls(lambda self, x: (self.a, x @ self.a)), X),
    'expanded buffer': (with_expanded_buffer, X),
    'parameters without entries': (lambda: Calls(lambda self, x: x @ self.a), X),
}


def answer(model, xs):
    "What the model itself says, in evaluation mode"
    inner = unwrapped(model)
    inner.eval()
    if hasattr(inner, 'reset'): inner.reset()
    with torch.no_grad(): out = model(*copy.deepcopy(xs))
    inner.train()
    return [t.clone() for t in tree_leaves(out) if t is not None]


def fitted(model, *xs):
    "A fit of three steps, and what the model answered at each point"
    recording, answers = Recording(model), []
    for _ in range(3):
        recording.point()
        answers.append(answer(model, xs))
        with torch.no_grad():
            for p in unwrapped(model).parameters(): p.add_(torch.randn(p.shape).to(p.dtype), alpha=0.1)
        recording.step(torch.tensor(1.), 0.1)
    traj = recording.trajectory()
    return traj, [*answers, answer(model, xs)]


def bits(traj):
    return [(n, t.shape, str(t.tolist())) for cols in (traj.params, traj.buffers) for n, t in cols.items()]


def same(out, wanted):
    got = [t for t in tree_leaves(out) if t is not None]
    # an LSTM whose weights lie elsewhere in memory rounds otherwise
    return len(got) == len(wanted) and all(a.dtype == b.dtype and torch.allclose(a, b, atol=1e-7) for a,
                                           b in zip(got, wanted))


@pytest.mark.parametrize('kind', KINDS)
def test_a_point_answers_as_the_model_did(kind, count):
    torch.manual_seed(0)
    make, x = KINDS[kind]
    model = make()
    if kind == 'parameters without entries': model.none = nn.Parameter(torch.zeros(0, 3))
    traj, answers = fitted(model, x)
    frozen, given, state = bits(traj), x.clone(), torch.get_rng_state()
    for i in (0, 3, 1, 2): assert same(traj.predict(i, x), answers[i]), i
    if isinstance(out := traj.predict(slice(None), x), torch.Tensor): assert same(out[1], answers[1])
    assert bits(traj) == frozen and torch.equal(x, given) and torch.equal(torch.get_rng_state(), state)
    count('kinds of models that answer from their record')


def test_batches_that_are_dicts_and_outputs_that_are_dicts():
    torch.manual_seed(0)
    batch = {'x': X.clone()}
    traj, answers = fitted(Calls(several), batch, 2.)
    for i in range(4): assert same(traj.predict(i, batch, 2.), answers[i])
    every = traj.predict([0, 2], batch, 2.)
    assert every['logits'].shape == (2, 5, 2) and torch.equal(every['parts'][0][1], answers[2][1])
    # not overwritten by the point after it
    assert every['parts'][1][1] is None and torch.equal(every['b'][0], answers[0][-1])


def test_a_wrapped_or_other_model_may_be_given_to_a_loaded_record(tmp_path):
    model = nn.Linear(3, 2).half()
    traj, answers = fitted(model, HALF[0])
    path = traj.save(tmp_path / 'fit.safetensors')
    for other in (nn.DataParallel(nn.Linear(3, 2)), torch.compile(nn.Linear(3, 2), backend='eager')):
        assert same(Trajectory.load(path, other).predict(1, HALF[0]), answers[1]) # in half precision, as recorded


def test_copying_touches_nothing_and_shares_nothing():
    model = old_style(weight_norm)
    model(X).sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    twin = copy_model(nn.DataParallel(model))
    assert not twin.training and model.training and not any(p.requires_grad for p in twin.parameters())
    with torch.no_grad():
        for p in (*twin.parameters(), twin.weight): p.fill_(7.)
    assert all(p.requires_grad and torch.equal(p.grad, g) and not (p == 7).any() for p,
               g in zip(model.parameters(), grads))


class Sees:
    "A hook that keeps activations with their history, and something that can't be copied"
    def __init__(self): self.learn, self.out = (i for i in range(3)), None
    def __call__(self, module, xs, out): self.out = out
    def see(self, module, xs, out): self.out = out


@pytest.mark.parametrize('hook', [Sees(), Sees().see])
def test_hooks_that_hold_what_cannot_be_copied(hook):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    model[0].register_forward_hook(hook)
    model[2].register_forward_hook(lambda module, xs, out: out * 2)
    traj, answers = fitted(model, X)
    model(X)
    for i in range(4): assert same(traj.predict(i, X), answers[i])
    loss_surface(SimpleNamespace(model=model, loss_func=nn.MSELoss()), 'random', n=2, data=(X, X[:, :2]))


def test_a_model_without_numbers_is_enough():
    torch.manual_seed(0)
    traj, answers = fitted(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), X)
    with torch.device('meta'): traj.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    traj.loss_func, traj.data = nn.MSELoss(), ((X,), (X[:, :2],))
    for i in range(4): assert same(traj.predict(i, X), answers[i])
    wanted = [float(nn.MSELoss()(answer[0], X[:, :2])) for answer in answers]
    assert loss_surface(traj, n=3).loss_at(traj).tolist() == pytest.approx(wanted, rel=1e-5)


def test_compiled_parts_of_a_copy_are_not_compiled():
    compiled = []
    model = nn.Sequential(torch.compile(nn.Linear(3, 4), backend=lambda graph, xs: compiled.append(1) or graph.forward),
                          nn.Linear(4, 2))
    traj, answers = fitted(model, X)
    seen = len(compiled)
    assert seen and same(traj.predict(1, X), answers[1])
    loss_surface(SimpleNamespace(model=model, loss_func=nn.MSELoss()), 'random', n=2, data=(X, X[:, :2]))
    assert len(compiled) == seen


def test_a_model_that_cannot_be_copied_is_refused_in_one_sentence(count):
    model = nn.Linear(3, 2)
    model.numbers = iter(range(3)), (i for i in range(3))
    with pytest.raises(ValueError, match='the model cannot be copied: TypeError: cannot pickle'): copy_model(model)
    learn = Learner(tensor_dls((X, X[:, :2]), bs=5, seed=0), model, nn.MSELoss())
    with pytest.raises(ValueError, match='learn cannot be copied: TypeError: .*; expected a model, data and callbacks'):
        compare_fits(learn, [dict(lr=0.1)], 1)
    count('bad inputs refused')


def test_threads_that_ask_at_once_get_right_answers():
    torch.manual_seed(0)
    traj, answers = fitted(nn.Sequential(nn.Linear(3, 50), nn.Tanh(), nn.Linear(50, 2)), X)
    wrong = []
    def ask(i):
        for _ in range(100):
            if not same(traj.predict(i, X), answers[i]): wrong.append(i)
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert not wrong


class Hidden(nn.Module):
    "Holds a weight where torch does not see it"
    def __init__(self):
        super().__init__()
        self.lin, self.hidden = nn.Linear(3, 1), [nn.Parameter(torch.ones(3, 3))]
    def forward(self, x): return self.lin(x @ self.hidden[0])


def of_one_point(model):
    return Trajectory({n: p.detach()[None] for n, p in model.named_parameters()}, steps=[0], model=model,
                      loss_func=F.mse_loss, data=((torch.rand(5, 3),), (torch.rand(5, 1),)))


def test_weights_of_the_model_itself_are_noticed():
    model = Closure()
    traj, x = of_one_point(model), torch.rand(5, 3)
    for _ in range(2):
        with pytest.raises(ValueError, match="reads 'lin.weight' of the model itself, through a closure"):
            traj.predict(0, x)


def test_weights_that_were_not_recorded_are_noticed():
    model, x = Hidden(), torch.rand(5, 3)
    traj, said = of_one_point(model), r'not among its parameters, of shapes \[\(3, 3\)\]: .* in an nn.ParameterList'
    with pytest.warns(UserWarning, match=said): out = traj.predict(0, x)
    assert torch.allclose(out, model(x)) and torch.equal(traj.predict(0, x), out) # said once
    with pytest.warns(UserWarning, match=said): surface = loss_surface(traj, 'random', n=3)
    assert surface.loss_at(traj)[0] == pytest.approx(F.mse_loss(model(traj.data[0][0]), traj.data[1][0]).item())


def test_a_trajectory_that_answered_can_be_pickled():
    traj = of_one_point(nn.Linear(3, 1))
    out = traj.predict(0, torch.ones(1, 3))
    assert torch.equal(pickle.loads(pickle.dumps(traj)).predict(0, torch.ones(1, 3)), out)
