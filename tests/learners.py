"""Learners for the tests: small, seeded, silent."""

import random
from contextlib import contextmanager

import numpy as np
import torch
from fastai.basics import SGD, Callback, DataLoaders, Learner, MSELossFlat
from fastai.callback.progress import ProgressCallback  # it adds itself to each Learner
from torch import nn

from fastsgd import RecordParamsCallback, linear_dls, linear_learner, tensor_dls

DEVICES = ['cpu', *(['cuda'] if torch.cuda.is_available() else [])]


class Net(nn.Module):
    "All that a model may have: normalisation, dropout, shared weights, a frozen part, buffers of several kinds"
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))
        self.tied = nn.Linear(8, 8)
        self.again = self.tied
        self.fixed = nn.Parameter(torch.ones(4), requires_grad=False)
        self.codes = nn.Parameter(torch.arange(3), requires_grad=False)
        self.register_buffer('calls', torch.zeros((), dtype=torch.int64))
        self.register_buffer('scratch', torch.zeros(2), persistent=False)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        self.calls += 1
        x = self.again(self.tied(self.body(x)))
        return self.head(x) * self.fixed.mean()


class Sparse(nn.Module):
    "Three inputs and a sparse buffer, as in networks on graphs"
    def __init__(self, n_out):
        super().__init__()
        self.lin = nn.Linear(3, n_out)
        self.register_buffer('near', torch.eye(3).to_sparse())
    def forward(self, x): return self.lin(torch.sparse.mm(self.near, x.T).T)


class Closure(nn.Module):
    "Reads its weights through a closure"
    def __init__(self):
        super().__init__()
        self.lin = lin = nn.Linear(3, 1)
        self.f = lambda x: nn.functional.linear(x, lin.weight, lin.bias)
    def forward(self, x): return self.f(x)


def net_dls(n=40, bs=8, device=None, seed=0):
    gen = torch.Generator().manual_seed(seed)
    x = torch.randn(n + 16, 3, generator=gen)
    y = x.sum(1, keepdim=True) + 0.1 * torch.randn(n + 16, 1, generator=gen)
    return tensor_dls((x[:n], y[:n]), (x[n:], y[n:]), bs=bs, seed=seed, device=device)


def net_learner(record=True, cbs=(), device=None, model=None, progress=False, **kwargs):
    seed_all()
    kwargs = {'loss_func': MSELossFlat(), 'opt_func': SGD, 'lr': 0.05, 'dls': net_dls(device=device), **kwargs}
    learn = Learner(model=Net() if model is None else model, cbs=[*cbs, *([RecordParamsCallback()] if record else [])],
                    **kwargs)
    return learn if progress else silent(learn)


def line_learner(**kwargs):
    "The lesson's learner with mini-batches"
    return silent(linear_learner(linear_dls(40, bs=10, seed=0), log_every=None, **kwargs))


def silent(learn):
    learn.logger = lambda *_: None
    learn.remove_cbs(ProgressCallback)
    return learn


def seed_all(seed=0):
    random.seed(seed)
    np.random.seed(seed) # noqa: NPY002  fastai and its users draw from it
    torch.manual_seed(seed)


def random_state():
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist() # noqa: NPY002


def outcome(learn):
    "All that recording must not change"
    opt = [{k: v.tolist() if isinstance(v, torch.Tensor) else v for k, v in learn.opt.state[p].items()}
           for p, *_ in learn.opt.all_params()] if learn.opt is not None else None
    grads = [None if p.grad is None else p.grad.tolist() for p in learn.model.parameters()]
    return ({n: (t.dtype, t.tolist()) for n, t in all_tensors(learn.model).items()}, opt, grads, random_state(),
            [m.training for m in learn.model.modules()], [p.requires_grad for p in learn.model.parameters()])


def all_tensors(model): return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def check(traj, learn=None, steps=None):
    "The promises of a complete trajectory; with `learn`: and it ends at its model"
    n = traj.n_steps
    assert len(traj) == n + 1 and len(traj.losses) == len(traj.lrs) == n and traj.steps.tolist() == list(range(n + 1))
    assert traj.losses.isfinite().all() and (traj.valid[0] <= n).all() and len(traj.valid[0]) == len(traj.valid[1])
    for columns in (traj.params, traj.buffers):
        for name in columns: assert len(columns[name]) == n + 1
    if steps is not None: assert n == steps
    if learn is not None: same_state(traj.state(-1), learn.model.state_dict())


def same_state(a, b):
    assert a.keys() == b.keys()
    for name, t in b.items():
        assert a[name].dtype == t.dtype and torch.equal(a[name].cpu(), t.detach().cpu()), name


class Oracle(Callback):
    """Notes by its own means, step by step, what a trajectory must say. It runs first, and copies whatever it sees."""
    order = -100
    def __init__(self): self.points, self.losses, self.lrs, self.batch_losses, self.before = [], [], [], [], None
    def before_batch(self):
        if not self.training: return
        if not self.batch_losses:
            self.before = {n: t.detach().cpu().clone() for n, t in all_tensors(self.model).items()}
    def before_backward(self): self.batch_losses.append((float(self.loss.detach().mean()), len(self.yb[0])))
    def after_step(self):
        weights = sum(n for _, n in self.batch_losses)
        self.points.append(self.before)
        self.losses.append(sum(loss * n for loss, n in self.batch_losses) / weights)
        self.lrs.append(self.opt.hypers[-1]['lr'])
        self.batch_losses = []

    def check(self, traj, learn, first=0):
        assert traj.n_steps == len(self.losses) - first
        torch.testing.assert_close(traj.losses.double(), torch.tensor(self.losses[first:]).double(), rtol=1e-6, atol=0)
        assert traj.lrs.tolist() == self.lrs[first:]
        for i, point in enumerate(self.points[first:]):
            got = {**{n: traj.params[n][i] for n in traj.params}, **{n: traj.buffers[n][i] for n in traj.buffers}}
            same_state(got, point)
        check(traj, learn)


@contextmanager
def interrupts_at(files, k, error):
    "Raise `error` at the k-th line that runs in `files`; yields a list that says where, empty if it was never reached"
    import sys
    seen, where = 0, []

    def trace(frame, event, arg):
        nonlocal seen
        if not frame.f_code.co_filename.endswith(files): return None
        if event == 'line' and not where:
            seen += 1
            if seen == k:
                where.append(f'{frame.f_code.co_filename}:{frame.f_lineno}')
                raise error
        return trace
    old = sys.gettrace()
    sys.settrace(trace)
    try: yield where
    finally: sys.settrace(old)


def empty_dls(): return DataLoaders.from_dsets([], [], bs=4)
