"""Norms of gradients and updates that a Learner's recorder keeps, against a loop of plain PyTorch over its batches."""

import copy
from functools import partial

import pytest
import torch
from fastai.basics import SGD, Adam, Callback, CancelStepException, Learner, MSELossFlat
from fastai.callback.all import GradientAccumulation, GradientClip
from learners import net_dls, outcome, seed_all, silent
from torch import nn

from fastsgd import RecordParamsCallback, Trajectory, linear_learner

LRS = [0.01, 0.03, 0.1] # of three groups of parameters


class Scaled(Callback):
    "What fastai's MixedPrecision does, on the CPU: bfloat16 inside, scaled gradients, and a batch that overflows"
    order, overflow_at = 10, 3
    def before_fit(self): self.scaler = torch.amp.GradScaler('cpu', init_scale=2.**10)
    def before_batch(self):
        self.autocast = torch.autocast('cpu', torch.bfloat16)
        self.autocast.__enter__()
    def after_loss(self): self.autocast.__exit__(None, None, None)
    def before_backward(self):
        self.learn.loss_grad = self.scaler.scale(self.loss_grad)
        if self.train_iter == self.overflow_at: self.learn.loss_grad = self.loss_grad * torch.inf
    def before_step(self):
        self.skipped = True
        self.scaler.step(self)
        if self.skipped: raise CancelStepException('overflow')
    def after_step(self): self.scaler.update()
    @property
    def param_groups(self): return self.opt.param_groups
    def step(self): self.skipped = False


class Batches(Callback):
    "Notes each batch"
    order = -100
    def __init__(self): self.seen = []
    def before_batch(self):
        if self.training: self.seen.append((self.xb[0].clone(), self.yb[0].clone()))


def net():
    seed_all()
    model = nn.Sequential(nn.Linear(3, 1500), nn.Tanh(), nn.Linear(1500, 4), nn.Linear(4, 4), nn.Tanh(),
                          nn.Linear(4, 1))
    model[3].requires_grad_(False)
    return model


def groups(model): return [list(model[0].parameters()), list(model[2].parameters()), list(model[5].parameters())]


def fitted(*cbs, model=None, epochs=2, lr=0.1, opt_func=SGD, splitter=None, record=True, **kwargs):
    learn = silent(Learner(net_dls(), net() if model is None else model, MSELossFlat(), opt_func, lr=lr, cbs=[*cbs, *(
        [RecordParamsCallback(**kwargs)] if record else [])], **({'splitter': splitter} if splitter else {})))
    learn.fit(epochs)
    return learn


def replay(batches, batches_a_step=1, skipped=(), clip=None, lrs=(0.1, 0.1, 0.1), autocast=False):
    "Name -> norms of the gradients, step by step"
    model, norms, grads, n = net(), [], {}, 0
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for k, (x, y) in enumerate(batches):
        with torch.autocast('cpu', torch.bfloat16, enabled=autocast): loss = MSELossFlat()(model(x), y)
        new = dict(zip(trained, torch.autograd.grad(loss / batches_a_step, [*trained.values()])))
        if k in skipped: continue
        grads, n = {name: g + grads[name] if grads else g for name, g in new.items()}, n + 1
        if n < batches_a_step: continue
        total = float(sum(g.double().square().sum() for g in grads.values()).sqrt())
        if clip is not None: grads = {name: g * min(clip / (total + 1e-6), 1.) for name, g in grads.items()}
        norms.append([float(g.double().norm()) for g in grads.values()])
        with torch.no_grad():
            for name, p in trained.items(): p.add_(grads[name], alpha=-lrs['025'.index(name[0])])
        grads, n = {}, 0
    return dict(zip(trained, torch.tensor(norms, dtype=torch.float64).T))


CASES = {'plain': ((), {}), 'clipped': ((GradientClip(0.05),), {'clip': 0.05}),
         'accumulated': ((GradientAccumulation(16),), {'batches_a_step': 2}),
         'accumulated and clipped': ((GradientAccumulation(16), GradientClip(0.05)),
                                     {'batches_a_step': 2, 'clip': 0.05}),
         'scaled': ((Scaled(),), {'autocast': True, 'skipped': [3]}), 'groups': ((), {'lrs': LRS})}


@pytest.mark.parametrize('case', CASES)
def test_gradients_are_those_of_a_plain_loop(case, count):
    cbs, how = CASES[case]
    seen, lrs = Batches(), how.get('lrs', [0.1] * 3)
    set_lrs = Callback(before_batch=lambda self: self.opt.set_hypers(lr=lrs))
    learn = fitted(seen, set_lrs, *cbs, splitter=groups)
    traj = learn.record_params.trajectory
    wanted = replay(seen.seen, **how)
    steps = {'accumulated': 5, 'accumulated and clipped': 5, 'scaled': 9}.get(case, 10)
    assert traj.n_steps == steps and {*traj.grad_norms} == {*traj.params}
    for name, norms in wanted.items():
        torch.testing.assert_close(traj.grad_norms[name].double(), norms, rtol=1e-6, atol=0)
        assert len(norms) == steps
    for name in ('3.weight', '3.bias'): assert traj.grad_norms[name].isnan().all(), 'frozen'
    total = torch.stack([*wanted.values()]).square().sum(0).sqrt()
    torch.testing.assert_close(traj.grad_norm.double(), total, rtol=1e-6, atol=0)
    if 'clipped' in case: assert (traj.grad_norm <= 0.05 * (1 + 1e-6)).all() and (traj.grad_norm > 0.049).any()
    by_group = dict(zip(('0', '2', '5'), lrs))
    for name, norms in wanted.items(): # plain SGD: rate times gradient, to the rounding of the parameters
        rounding = 2**-24 * float(traj.params[name].flatten(1).norm(dim=1).max())
        torch.testing.assert_close(traj.update_norms[name].double(), by_group[name[0]] * norms, rtol=1e-6,
                                   atol=1.1 * rounding)
    for name in ('3.weight', '3.bias'): assert not traj.update_norms[name].any()
    count('kinds of steps whose gradients agree with autograd to 1e-6')


@pytest.mark.parametrize('opt_func', [SGD, partial(Adam, wd=0.1)])
def test_with_norms_and_without_is_the_same_bit_for_bit(opt_func):
    without, other, recorded = (fitted(GradientClip(), opt_func=opt_func, lr=1e-3, **how) for how in (
        {'record': False}, {'norms': False}, {}))
    assert outcome(without) == outcome(other) == outcome(recorded)
    assert not other.record_params.trajectory.grad_norms and other.record_params.trajectory.grad_norm.isnan().all()


def test_a_second_fit_goes_on_and_frozen_layers_change():
    learn = fitted(splitter=groups)
    learn.freeze()
    learn.fit(1, lr=0.1)
    learn.unfreeze()
    learn.fit(1, lr=0.1)
    norms = learn.record_params.trajectory.grad_norms
    assert norms['0.weight'].isnan().tolist() == [False] * 10 + [True] * 5 + [False] * 5
    assert norms['5.weight'].isfinite().all() and len(norms['5.weight']) == 20
    moved = learn.record_params.trajectory.update_norms['0.weight']
    assert (moved == 0).tolist() == [False] * 10 + [True] * 5 + [False] * 5


def test_no_step_leads_to_weights_that_were_loaded():
    learn = fitted()
    start = copy.deepcopy(learn.record_params.trajectory.state(0))
    learn.model.load_state_dict(start)
    learn.fit(1, lr=0.1)
    traj = learn.record_params.trajectory
    assert traj.update_norms['0.weight'].isnan().nonzero().tolist() == [[9]] and traj.grad_norm.isfinite().all()


def test_a_step_that_was_cancelled_has_no_norm():
    def cancel(self):
        if self.train_iter == 2: raise CancelStepException('on purpose')
    traj = fitted(Callback(before_step=cancel), epochs=1).record_params.trajectory
    assert traj.n_steps == 4 and len(traj.grad_norm) == 4 and traj.grad_norm.isfinite().all()


class Master(Callback):
    "An optimiser on copies of the parameters, as for half precision: their gradients are not the model's"
    def before_fit(self):
        self.learn.opt.param_lists = [[p.detach().clone().requires_grad_() for p in self.model.parameters()]]


def test_gradients_that_the_optimiser_never_sees_are_not_told():
    traj = fitted(Master(), epochs=1).record_params.trajectory
    assert not traj.grad_norms and not any(traj.update_norms[n].any() for n in traj.params)


def test_a_gradient_that_is_not_finite_is_told():
    def spoil(self):
        if self.train_iter == 2: self.model[5].bias.grad.fill_(torch.nan)
    traj = fitted(Callback(before_step=spoil), epochs=1).record_params.trajectory
    assert traj.grad_norm.isnan().tolist() == [False, False, True, True, True]
    assert traj.grad_norms['5.bias'].isnan().tolist() == [False, False, True, True, True]


def test_the_update_of_the_lesson_is_rate_times_gradient():
    learn = silent(linear_learner(seed=0, log_every=None))
    learn.fit(20, lr=0.1)
    traj = learn.record_params.trajectory
    torch.testing.assert_close(traj.update_norms['a'], 0.1 * traj.grad_norms['a'], rtol=1e-6,
                               atol=2**-24 * float(traj.flat.norm(dim=1).max()))
    assert torch.equal(traj.grad_norm, traj.grad_norms['a'])


def test_sparse_half_and_double_gradients(tmp_path):
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.EmbeddingBag(2000, 4, sparse=True)
            self.wide, self.thin = nn.Linear(4, 1, dtype=torch.float64), nn.Linear(1, 5000, dtype=torch.bfloat16)
        def forward(self, x):
            words = self.words((x.abs() * 9).long())
            return self.thin(self.wide(words.double()).bfloat16()).float().mean(1)
    seed_all()
    seen, noted = Words(), []
    def note(self):
        noted.append([p.grad.to_dense().double().norm() for p in self.model.parameters()])
    traj = fitted(Callback(before_step=note), model=seen, lr=1e-4).record_params.trajectory
    for name, norms in zip(traj.params, torch.tensor(noted).T):
        torch.testing.assert_close(traj.grad_norms[name].double(), norms.double(), rtol=1e-5, atol=0)
    saved = Trajectory.load(traj.save(tmp_path / 'fit'))
    for name in traj.params: assert torch.equal(saved.update_norms[name], traj.update_norms[name])
