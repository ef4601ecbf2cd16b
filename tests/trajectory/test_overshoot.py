"""Is a learning rate above 2 / sharpness for long? What a record says, against the sharpness of the loss itself."""

import copy
import math

import pytest
import torch
from test_health import SEEDS, fit, line, net, seeded, wave
from torch import nn

from fastsgd import Trajectory, linear_learner, sharpness
from fastsgd.trajectory.overshoot import overshoot

LONG = 1 / 4 # of a fit, or more


def deep(seed, wide=8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(1, wide), nn.Tanh(), nn.Linear(wide, wide), nn.Tanh(), nn.Linear(wide, 1))


def cnn(seed):
    "Signals whose number of ups is to be told, and a network for them"
    g = seeded(seed)
    x = torch.randn(32, 1, 12, generator=g)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(40, 1))
    return model, (x, (x.diff() > 0).float().mean(2) * 4)


def limit(data):
    "2 / sharpness of linear regression with an intercept"
    x = torch.cat([data[0], torch.ones(len(data[0]), 1)], 1).double()
    return 2 / float(torch.linalg.eigvalsh(2 / len(x) * x.T @ x)[-1])


def linear(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(3, 1)


def above(seed):
    "Models and data at learning rates that full-batch descent just survives, above the edge or at it"
    kind, data = seed % 6, wave(seed)
    if kind == 0: return fit(seed, linear(seed), line(seed), lr=1.003 * limit(line(seed)), bs=64, steps=150), line(seed)
    if kind == 1: return fit(seed, net(seed), data, lr=0.2, bs=64, steps=300), data
    if kind == 2: return fit(seed, deep(seed), data, lr=0.3, bs=64, steps=400), data
    if kind == 3: return fit(seed, deep(seed, 24), data, lr=0.15, bs=64, steps=400), data
    if kind == 4: # the network of the notebook about the edge of stability
        x = torch.linspace(-3, 3, 60)[:, None]
        return fit(seed, deep(seed, 40), (x, x.sin()), lr=0.12, bs=60, steps=300), (x, x.sin())
    model, data = cnn(seed)
    return fit(seed, model, data, lr=0.18, bs=32, steps=300), data


def below(seed):
    "Lower rates; batches, dropout, momentum, Adam, and a few steps too far at the beginning"
    kind, data, few = seed % 8, wave(seed), seed // 8 % 2
    if kind == 0: return fit(seed, linear(seed), line(seed), lr=0.98 * limit(line(seed)), bs=64, steps=200), line(seed)
    if kind == 1: return fit(seed, net(seed), data, lr=0.05, bs=(63, 16)[few]), data
    if kind == 2: return fit(seed, deep(seed), data, lr=0.05, bs=64, steps=200), data
    if kind == 3: return fit(seed, nn.Sequential(*net(seed)[:2], nn.Dropout(0.1), net(seed)[2]), data, bs=64), data
    if kind == 4: return fit(seed, net(seed), data, lr=0.02, bs=64, steps=200, momentum=0.9), data
    if kind == 5: return fit(seed, linear(seed), line(seed), lr=0.1, bs=(8, 63)[few], steps=200), line(seed)
    if kind == 6: return fit(seed, net(seed), data, lr=0.01, bs=64, opt=torch.optim.Adam), data
    model, data = cnn(seed)
    return fit(seed, model, data, lr=0.1, bs=(32, 8)[few]), data


def sharp_at(traj, model, data, n=13):
    "Sharpness times rate / 2 at `n` of its points"
    whole = Trajectory(traj.params, losses=traj.losses, lrs=traj.lrs, model=copy.deepcopy(model),
                       loss_func=nn.functional.mse_loss, data=((data[0],), (data[1],)))
    found = sharpness(whole, n=n)
    rates = torch.cat([traj.lrs, traj.lrs[-1:]])[found.steps]
    return found.values * rates / 2


def sharp_where_it_rises(traj, model, data, where):
    "The same at both ends of eight of the steps after which the loss is higher"
    rises = (traj.losses.diff()[where.start:where.stop] > 0).nonzero()[:, 0] + where.start
    ends = rises[torch.linspace(0, len(rises) - 1, 8).long()][:, None] + torch.arange(2)
    return sharp_at(traj.at(ends.flatten().tolist()), model, data, 16)


def test_the_sentence_is_true(tell, count):
    said, right, near, n = 0, 0, 0, 0
    for kind in (above, below):
        for seed in SEEDS:
            (traj, model), data = kind(seed)
            true = float((sharp_at(traj, model, data) > 1).double().mean()) >= LONG
            found = next((f for f in traj.findings if 'is above 2 / sharpness' in f.text), None)
            n += true and kind is above
            if found is None: continue
            said, right = said + 1, right + true
            where = overshoot(traj)
            real = float(sharp_where_it_rises(traj, model, data, where).mean())
            near += abs(where.rate / where.limit / real - 1) < 0.1
            assert found.step == where.start
    assert n >= 20, f'only {n} fits where it holds'
    assert right >= 0.95 * said and near >= 0.95 * said and said >= 0.5 * n, (said, right, near, n)
    tell('sentences about a fit', f'«is above 2 / sharpness»: said of {said}, true of {right}, to 10 % of {near}; '
                                  f'true of {n} of {len(SEEDS)} made so')
    count('fits asked for what they show', 2 * len(SEEDS))


def lesson(lr, n=60, **kwargs):
    learn = linear_learner(seed=1, log_every=None, **kwargs)
    with learn.no_bar(), learn.no_logging(): learn.fit(n, lr=lr)
    x = learn.dls.train.dataset.tensors[0].double()
    return learn.record_params.trajectory, 2 / float(torch.linalg.eigvalsh(2 / len(x) * x.T @ x)[-1])


def test_a_lesson_that_diverges_says_the_limit():
    traj, most = lesson(3.)
    found, = traj.findings
    assert found.step == traj.diverged
    assert found.text.startswith('diverged: the learning rate 3 is above 2 / sharpness (about ')
    assert overshoot(traj).limit == pytest.approx(most, rel=0.01)
    assert f'at step {traj.diverged}: the learning rate 3 is above' in traj._repr_html_()


def test_the_edge_is_said_on_one_side_only():
    _, most = lesson(0.1, 1)
    assert lesson(0.99 * most)[0].findings == []
    found, = lesson(1.01 * most)[0].findings
    assert found.text.endswith(f'the learning rate {1.01 * most:.3g} is above 2 / sharpness (about {most:.3g})')


def gone(traj, **kwargs):
    "The same record with something else, or less, in it"
    kept = {'losses': traj.losses, 'lrs': traj.lrs, 'grad_norms': {n: traj.grad_norms[n] for n in traj.params}}
    return Trajectory(traj.params, **(kept | kwargs))


def test_in_doubt_nothing_is_said():
    traj, model = above(1)[0]
    assert overshoot(gone(traj)) == overshoot(traj) is not None
    assert overshoot(gone(traj, grad_norms=None)) is None
    assert overshoot(gone(traj, lrs=1.5 * traj.lrs)) is None, 'the steps are not rate times gradient'
    mixed = traj.losses[torch.randperm(300, generator=seeded(0))]
    assert overshoot(gone(traj, losses=mixed)) is None, 'the losses are not those of the steps'
    assert overshoot(traj.thin(100)) is None and overshoot(traj.take(range(0, len(traj), 2))) is None
    spoilt = traj.losses.clone()
    spoilt[40:] = math.nan
    assert overshoot(gone(traj, losses=spoilt)) is None
    assert overshoot(Trajectory({'a': torch.rand(1, 2)})) is None


def test_a_schedule_is_followed():
    "The rate of each step counts: below the edge to begin with, then above it"
    (x, y), model = line(0), linear(0)
    most = limit((x, y))
    rates = [most * (0.95 if step < 10 else 1.02 + 0.01 * (step % 3)) for step in range(120)]
    states, losses, norms = [], [], []
    for rate in rates:
        loss = nn.functional.mse_loss(model(x), y)
        grads = torch.autograd.grad(loss, [*model.parameters()])
        states.append([p.detach().clone() for p in model.parameters()])
        losses.append(loss.item())
        norms.append([float(g.norm()) for g in grads])
        with torch.no_grad():
            for p, g in zip(model.parameters(), grads): p.sub_(g, alpha=rate)
    weight, bias = (torch.stack(values) for values in zip(*states))
    traj = Trajectory({'weight': weight, 'bias': bias}, losses=losses, lrs=rates, steps=range(len(rates)),
                      grad_norms=dict(zip(('weight', 'bias'), torch.tensor(norms).T)))
    found = overshoot(traj)
    assert found.start >= 10 and 1.02 * most <= found.rate <= 1.0401 * most
    assert found.limit == pytest.approx(most, rel=0.01)
