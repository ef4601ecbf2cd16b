"""What a record says about how a fit went, against fits where it is known: at least 95 of 100 sentences are true."""

import copy

import pytest
import torch
from torch import nn

from fastsgd import Trajectory, animate
from fastsgd.trajectory.health import FEW

SEEDS = range(24)


def seeded(seed): return torch.Generator().manual_seed(seed)


def line(seed, n=64, noise=0.5):
    g = seeded(seed)
    x = torch.randn(n, 3, generator=g)
    return x, x @ torch.randn(3, 1, generator=g) + noise * torch.randn(n, 1, generator=g)


def wave(seed, n=64, noise=0.2):
    g = seeded(seed)
    x = torch.rand(n, 1, generator=g) * 6 - 3
    return x, x.sin() + noise * torch.randn(n, 1, generator=g)


def net(seed, wide=16, inputs=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(inputs, wide), nn.ReLU(), nn.Linear(wide, 1))


def fit(seed, model, data, lr=0.05, steps=120, bs=16, valid=None, every=10, opt=torch.optim.SGD, harm=None,
        **how):
    "A plain PyTorch loop; the trajectory, and the model as it stands"
    (x, y), g, order, grads = data, seeded(seed), [], []
    opt = opt([p for p in model.parameters() if p.requires_grad], lr=lr, **how)
    states, losses, checks = [], [], []
    state = lambda: {n: p.detach().clone() for n, p in model.named_parameters()}
    with torch.no_grad():
        for step in range(steps):
            if valid and step % every == 0 and step: checks.append((step, float(full_loss(model, valid))))
            if len(order) < bs: order = torch.randperm(len(x), generator=g).tolist()
            at, order = order[:bs], order[bs:]
            states.append(state())
            with torch.enable_grad():
                loss = nn.functional.mse_loss(model(x[at]), y[at])
                loss.backward()
            losses.append(float(loss))
            grads.append([torch.nan if p.grad is None else float(p.grad.norm()) for p in model.parameters()])
            opt.step()
            opt.zero_grad()
            if harm == step: nn.init.constant_(model[2].bias, -100.)
    states.append(state())
    traj = Trajectory({n: torch.stack([s[n] for s in states]) for n in states[0]}, losses=losses, lrs=[lr] * steps,
                      valid=tuple(map(torch.tensor, zip(*checks))) if checks else None,
                      grad_norms=dict(zip(states[0], torch.tensor(grads).T)))
    return traj, model


def full_loss(model, data):
    with torch.no_grad(): return nn.functional.mse_loss(model(data[0]), data[1])


def loss_after(traj, model, data, step):
    twin = copy.deepcopy(model)
    twin.load_state_dict(traj.state(step))
    return float(full_loss(twin, data))


def stuck(seed):
    "Outputs that no step changes, a fit that has long arrived, or nothing to learn"
    if seed % 3 == 0:
        model, data = net(seed), wave(seed)
        nn.init.constant_(model[0].bias, -100.)
        nn.init.constant_(model[2].bias, float(data[1].mean()))
        return fit(seed, model, data, bs=64, steps=200)
    if seed % 3 == 1: return fit(seed, nn.Linear(3, 1), line(seed), bs=64, lr=0.1, steps=200)
    return fit(seed, nn.Linear(3, 1), line(seed), lr=0.1, steps=2000, bs=32)


def learning(seed):
    "Still on the way: its full loss falls in the second half"
    if seed % 3 == 0: return fit(seed, net(seed, 64), wave(seed, noise=0.05), lr=0.05, steps=160)
    return fit(seed, nn.Linear(3, 1), line(seed), lr=(0.002, 0.004)[seed % 2], bs=(8, 64)[seed % 2], steps=160)


def overfits(seed):
    data, valid = wave(seed, n=12, noise=0.5), wave(seed + 1000, n=400, noise=0.5)
    model = net(seed, 100)
    return *fit(seed, model, data, lr=0.02, bs=12, steps=1200, valid=valid, every=20, opt=torch.optim.Adam), valid


def generalises(seed):
    if seed % 2: data, valid = line(seed, 200), line(seed, 200) # what is measured is what is learned
    else: data, valid = wave(seed, 400, 0.2), wave(seed + 1000, 20, 0.2)
    model = nn.Linear(3, 1) if seed % 2 else net(seed, 16)
    return *fit(seed, model, data, steps=400, valid=valid, every=20), valid


def stands(seed):
    model = net(seed)
    if seed % 2: model[0].requires_grad_(False)
    else: nn.init.constant_(model[0].bias, -100.)
    return fit(seed, model, wave(seed))


def moves(seed): return fit(seed, net(seed), wave(seed), opt=(torch.optim.SGD, torch.optim.Adam)[seed % 2], lr=0.01)


def dies(seed):
    "A layer behind which no unit is left, from the beginning or after some steps; weight decay goes on"
    model = nn.Sequential(*net(seed)[:2], nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    how = {'opt': (torch.optim.SGD, torch.optim.AdamW)[seed % 2], 'lr': 0.01, 'weight_decay': 0.01}
    if seed % 3: nn.init.constant_(model[2].bias, -100.)
    return fit(seed, model, wave(seed), harm=30 if seed % 3 == 0 else None, **how)


def lives(seed):
    "Healthy, narrow with some dead units, or with a gradient that is zero now and then"
    how = {'opt': (torch.optim.SGD, torch.optim.AdamW)[seed % 2], 'lr': 0.01, 'weight_decay': 0.01}
    model = net(seed, (4, 16)[seed % 2])
    if seed % 3 == 0: nn.init.constant_(model[0].bias, -2.)
    return fit(seed, model, wave(seed), bs=(2, 16)[seed % 2], **how)


def cut_off(seed, traj, model):
    "Of the loss over all data some gradient is zero at the end"
    data = wave(seed)
    grads = torch.autograd.grad(nn.functional.mse_loss(model(data[0]), data[1]), [*model.parameters()])
    return any(not g.any() for g in grads) and any(g.any() for g in grads)


def crawls(seed): return fit(seed, net(seed), wave(seed), lr=2e-6 * (1 + seed % 3), bs=64, steps=100)


def walks(seed):
    "A good pace, a slow one, and a fit from the optimum, where there is nothing to gain"
    if seed % 3: return fit(seed, net(seed), wave(seed), lr=(0.05, 0.005)[seed % 3 - 1], steps=100)
    model, data = nn.Linear(3, 1), line(seed)
    solution = torch.linalg.lstsq(torch.cat([data[0], torch.ones(64, 1)], 1), data[1]).solution[:, 0]
    model.load_state_dict({'weight': solution[None, :3], 'bias': solution[3:]})
    return fit(seed, model, data, lr=1e-6, steps=100)


def arrived(seed, traj, model, *_):
    "The loss over all data is lower by less than 2 % at the end than in the middle"
    data = (wave if isinstance(model, nn.Sequential) else line)(seed)
    if model[0].out_features == 64 if isinstance(model, nn.Sequential) else False: data = wave(seed, noise=0.05)
    return loss_after(traj, model, data, -1) > 0.98 * loss_after(traj, model, data, traj.n_steps // 2)


def overfitted(seed, traj, model, valid):
    best = int(traj.valid[0][traj.valid[1].argmin()])
    return loss_after(traj, model, valid, -1) > 1.03 * loss_after(traj, model, valid, best)


def stood(seed, traj, model): return any((v == v[0]).all() for v in traj.params.values())


def too_slow(seed, traj, model):
    "With a hundred times the learning rate the same fit ends far lower"
    data = wave(seed) if isinstance(model, nn.Sequential) else line(seed)
    twin = copy.deepcopy(model)
    twin.load_state_dict(traj.state(0))
    _, faster = fit(seed, twin, data, lr=100 * float(traj.lrs[0]), bs=64, steps=traj.n_steps)
    return float(full_loss(faster, data)) < 0.98 * loss_after(traj, model, data, -1)


RULES = {'the loss no longer falls': (stuck, learning, arrived),
         'the validation loss rises': (overfits, generalises, overfitted),
         'without a gradient': (stands, moves, stood),
         'no gradient from here on': (dies, lives, cut_off),
         'learning rate may be much too small': (crawls, walks, too_slow)}


@pytest.mark.parametrize('rule', RULES)
def test_sentences_are_true(rule, tell, count):
    there, absent, truth = RULES[rule]
    said, right, n = 0, 0, 0
    for kind in (there, absent):
        for seed in SEEDS:
            made = kind(seed)
            true = truth(seed, *made)
            heard = any(rule in text for _, text in made[0].findings)
            said, right, n = said + heard, right + (heard and true), n + (true and kind is there)
    assert n >= 20, f'only {n} fits where it holds'
    assert right >= 0.95 * said and said >= 0.5 * n, (said, right, n)
    tell('sentences about a fit', f'«{rule}»: said of {said}, true of {right}; true of {n} of {len(SEEDS)} made so')
    count('fits asked for what they show', 2 * len(SEEDS))


def test_the_step_at_which_a_layer_died_is_said():
    found, = [f for f in dies(0)[0].findings if 'no gradient' in f.text]
    assert str(found) == ('0.weight, 0.bias and 3 more get no gradient from here on: dead, or cut off from the loss '
                          '(step 31)')


@pytest.mark.parametrize('at', [1, 50, 9_000])
def test_a_layer_that_stands_still_is_found_however_long_ago(at):
    rows = torch.randn(20_000, 10, generator=seeded(0))
    rows[at:] = rows[at].clone()
    traj = Trajectory({'still': rows, 'moves': rows.roll(1, 0) + torch.arange(20_000.)[:, None]},
                      losses=torch.ones(19_999), lrs=torch.full((19_999,), 0.1))
    assert [(f.step, f.text) for f in traj.findings if 'still' in f.text] == [
        (at, 'still stands still from here on: frozen, or without a gradient')]


def test_a_diverged_fit_says_only_that():
    traj, _ = fit(0, nn.Linear(3, 1), line(0), lr=3., bs=64, steps=60)
    assert [f.step for f in traj.findings] == [traj.diverged]
    reason = traj.findings[0].text.removeprefix('diverged: ')
    assert traj.findings[0].text != reason and f'at step {traj.diverged}: {reason}<' in traj._repr_html_()


def test_a_short_or_plain_fit_says_nothing():
    assert Trajectory({'a': torch.rand(3, 2)}, losses=[2., 1.], lrs=[0.1] * 2).findings == []
    assert Trajectory({'a': torch.rand(1, 2)}).findings == []
    assert fit(0, net(0), wave(0), steps=FEW - 1)[0].findings == []


def test_the_pace_that_is_said_is_that_of_single_steps():
    "Moves that cancel out are moves; from first point to last, small batches seem up to 4 times slower"
    path = torch.ones(101, 1, 4) + 1e-6 * torch.arange(101)[:, None, None]
    losses = torch.linspace(1., 0.99, 100)
    slow = Trajectory({'w': path}, losses=losses, lrs=[0.1] * 100)
    said = 'a step changes the weights by 1e-06 of their size at most (1e-03 is usual): the learning rate may be much '
    assert said + 'too small' in [f.text for f in slow.findings]
    assert slow.take([0, 50, 100]).findings == slow.findings, 'the norms of a part are those of the whole'
    path[::2] += 1e-3
    assert not any('too small' in f.text for f in Trajectory({'w': path}, losses=losses, lrs=[0.1] * 100).findings)


def test_findings_are_said_in_the_table_and_in_the_alternative_text():
    traj, _ = stands(1)
    said = str(traj.findings[0])
    assert said == '0.weight, 0.bias never change: frozen, or without a gradient (step 0)'
    assert said in traj._repr_html_() and said in animate(traj).alt
