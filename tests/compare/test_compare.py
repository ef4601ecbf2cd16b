"""`compare_fits`: one model, one start, the same data; each fit as a Learner of its own would do it."""

import copy
import random
from functools import partial

import numpy as np
import pytest
import torch
from fastai.basics import (
    SGD,
    Adam,
    CrossEntropyLossFlat,
    DataLoader,
    DataLoaders,
    Learner,
    OptimWrapper,
    RMSProp,
    TfmdDL,
)
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.callback.tracker import SaveModelCallback
from fastai.test_utils import synth_learner
from torch import nn

import fastsgd.compare.fits as compare_module
from fastsgd import Comparison, RecordParamsCallback, compare_fits, linear_dls, linear_learner, tensor_dls
from fastsgd.progress import Progress

FOUR = {'SGD': dict(), 'momentum': dict(opt_func=partial(SGD, mom=0.9), lr=0.03),
        'RMSProp': dict(opt_func=RMSProp, lr=0.03),
        'Adam': dict(opt_func=Adam, lr=0.03)}


def quiet_linear(bs=None, **kwargs):
    "The lesson without output and with a seed"
    learn = linear_learner(linear_dls(seed=3, bs=bs), log_every=None, **kwargs)
    learn.remove_cbs(ProgressCallback)
    return learn


def noisy_learner(**kwargs):
    "Dropout, batch norm, shuffled mini-batches by fastai's own DataLoader"
    torch.manual_seed(0)
    x = torch.randn(60, 4)
    items = [(a, int(a.sum() > 0)) for a in x]
    dls = DataLoaders(TfmdDL(items, bs=16, shuffle=True, drop_last=True, num_workers=0),
                      TfmdDL(items, bs=60, num_workers=0))
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    learn = Learner(dls, model, loss_func=CrossEntropyLossFlat(), opt_func=SGD, lr=0.1, **kwargs)
    learn.remove_cbs(ProgressCallback)
    return learn


def same(a, b):
    return torch.equal(a.flat, b.flat) and torch.equal(a.losses, b.losses) and torch.equal(a.lrs, b.lrs)


class SeeBatches(Callback):
    "Keeps the inputs of all training batches where copies of it can find them"
    run_valid, seen = False, []
    def before_fit(self): self.seen.append([])
    def before_batch(self): self.seen[-1].append(self.xb[0].clone())


def seen_batches(learn, *args, **kwargs):
    SeeBatches.seen = []
    learn.add_cb(SeeBatches())
    compare_fits(learn, *args, **kwargs)
    return SeeBatches.seen


# -- what is compared

@pytest.mark.parametrize('make', [quiet_linear, noisy_learner])
def test_same_first_guess(make):
    learn = make()
    learn.fit(2) # not the initial weights but those at hand
    res = compare_fits(learn, FOUR, 2, lr=0.1)
    assert len(res) == 4
    for t in res:
        for name, p in learn.model.named_parameters(): assert torch.equal(t.params[name][0], p)
        assert float(t.losses[0]) == float(res[0].losses[0]) # the same first batch too
    assert len({tuple(t.flat[-1].tolist()) for t in res}) == 4


@pytest.mark.parametrize('make', [partial(quiet_linear, bs=10), noisy_learner])
def test_same_batches(make):
    one, *others = seen_batches(make(), FOUR, 3, lr=0.1)
    assert len(one) > 6 and len(others) == 3
    assert not torch.equal(one[0], one[len(one) // 3]) # another order in the second epoch
    for other in others: assert all(map(torch.equal, one, other))


def test_smaller_batches_cut_the_same_order():
    tens, twenties = seen_batches(quiet_linear(bs=10), [dict(bs=10), dict(bs=20)], 2, lr=0.1)
    assert torch.equal(torch.cat(tens), torch.cat(twenties))
    assert [len(b) for b in twenties] == [20] * 10


def test_batch_size_of_a_full_batch_is_shuffled():
    full, tens = seen_batches(quiet_linear(), [dict(bs=None), dict(bs=10)], 1, lr=0.1)
    x = linear_dls(seed=3).train.dataset.tensors[0]
    assert torch.equal(full[0], x) and not torch.equal(torch.cat(tens), x)
    assert torch.equal(torch.cat(tens).sort(0).values, x.sort(0).values)


def test_a_fit_without_a_name_is_named_by_what_it_sets():
    fits = compare_fits(quiet_linear(), {'first': dict(lr=0.2), '': dict(lr=0.1)}, n_epoch=1)
    assert [t.label for t in fits] == ['first, lr=0.2', 'lr=0.1']


def test_same_as_the_learner_itself():
    learn = quiet_linear()
    res, = compare_fits(learn, [dict(opt_func=Adam, lr=0.05)], 20)
    learn.opt_func = Adam
    learn.fit(20, 0.05)
    assert same(res, learn.record_params.trajectory)
    assert torch.equal(res.valid[1], learn.record_params.trajectory.valid[1])


def test_one_cycle_is_the_learners():
    learn = quiet_linear(bs=10)
    learn.dls.train.seed = 42
    res, = compare_fits(learn, {'one cycle': dict(fit='fit_one_cycle', lr=0.3, pct_start=0.5)}, 3)
    learn.fit_one_cycle(3, 0.3, pct_start=0.5)
    assert same(res, learn.record_params.trajectory)


@pytest.mark.parametrize('fit, lr_name', [
    ('fit', 'lr'), ('fit_one_cycle', 'lr_max'), ('fit_flat_cos', 'lr'), ('fine_tune', 'base_lr')])
def test_lr_by_any_name(fit, lr_name):
    learn = quiet_linear()
    assert same(*compare_fits(learn, {'a': {'lr': 0.2}, 'b': {lr_name: 0.2}}, 3, fit=fit))


def test_lr_of_a_partial():
    res, = compare_fits(quiet_linear(), [dict(opt_func=partial(SGD, lr=0.07))], 2)
    assert res.lrs.tolist() == [0.07, 0.07]


def test_own_settings_before_shared_ones():
    a, b = compare_fits(quiet_linear(), {'a': dict(n_epoch=7), 'b': dict(lr=0.2)}, 3, lr=0.1)
    assert (a.n_steps, b.n_steps) == (7, 3)
    assert (float(a.lrs[0]), float(b.lrs[0])) == (0.1, 0.2)


@pytest.mark.parametrize('opt_func, fastais', [
    (torch.optim.Adam, partial(OptimWrapper, opt=torch.optim.Adam)),
    (partial(torch.optim.SGD, momentum=0.9), partial(OptimWrapper, opt=partial(torch.optim.SGD, momentum=0.9))),
    (partial(torch.optim.SGD, lr=0.07), partial(OptimWrapper, opt=torch.optim.SGD, lr=0.07)),
    (lambda params, lr: torch.optim.SGD(params, lr, 0.9),
     partial(OptimWrapper, opt=partial(torch.optim.SGD, momentum=0.9))),
])
def test_torch_optimisers_are_wrapped(opt_func, fastais):
    bare, wrapped = compare_fits(quiet_linear(), {'a': dict(opt_func=opt_func), 'b': dict(opt_func=fastais)}, 5)
    assert same(bare, wrapped) and float(bare.losses[-1]) < float(bare.losses[0])


def test_torch_optimiser():
    res, = compare_fits(quiet_linear(), {'Adagrad': dict(opt_func=partial(OptimWrapper, opt=torch.optim.Adagrad))}, 5,
                        lr=0.5)
    assert res.n_steps == 5 and float(res.losses[-1]) < float(res.losses[0])


# -- reproducible, and a good guest

@pytest.mark.parametrize('make', [partial(quiet_linear, bs=10), noisy_learner])
def test_reproducible(make):
    learn = make()
    first = compare_fits(learn, FOUR, 3, lr=0.1)
    torch.rand(3), random.random(), np.random.rand() # noqa: NPY002
    list(learn.dls.train)
    again = compare_fits(learn, FOUR, 3, lr=0.1)
    other = compare_fits(learn, FOUR, 3, lr=0.1, seed=7)
    assert all(map(same, first, again)) and not any(map(same, first, other))


def everything(learn):
    "All that a comparison might leave a trace in"
    dl = learn.dls.train
    opt = copy.deepcopy(learn.opt.state_dict()) if learn.opt is not None else None
    return {'model': copy.deepcopy(learn.model.state_dict()), 'opt': opt, 'rng': dl.rng.getstate(),
            'shuffles': getattr(dl, 'n_shuffles', None), 'python': random.getstate(),
            'numpy': np.random.get_state()[1].tolist(), # noqa: NPY002
            'torch': torch.get_rng_state(), 'cbs': [type(cb) for cb in learn.cbs], 'training': learn.model.training,
            'logger': learn.logger,
            'ids': [id(learn.opt), id(learn.model), id(learn.dls), id(dl), id(dl.dataset), dl.bs],
            'cudnn': torch.backends.cudnn.deterministic, 'fit': learn.opt_func, 'lr': learn.lr,
            'grads': [p.grad if p.grad is None else p.grad.clone() for p in learn.model.parameters()],
            'learns': [cb.learn is learn for cb in learn.cbs]}


def equal(a, b):
    if isinstance(a, torch.Tensor): return torch.equal(a, b)
    if isinstance(a, dict): return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)): return len(a) == len(b) and all(map(equal, a, b))
    return a == b


@pytest.mark.parametrize('make', [quiet_linear, partial(quiet_linear, bs=10), noisy_learner])
@pytest.mark.parametrize('fitted', [False, True])
def test_learner_untouched(make, fitted):
    learn = make()
    if not hasattr(learn, 'record_params'): learn.add_cb(RecordParamsCallback())
    if fitted: learn.fit(2)
    record, before = learn.record_params.trajectory, everything(learn)
    compare_fits(learn, {**FOUR, 'one cycle': dict(fit='fit_one_cycle'), 'small': dict(bs=5)}, 2, lr=0.1)
    assert equal(before, everything(learn))
    assert learn.record_params.trajectory is record


def test_after_an_interrupted_fit():
    class Stop(Callback):
        def before_backward(self): raise KeyboardInterrupt('now')
    learn = noisy_learner()
    with pytest.raises(KeyboardInterrupt): learn.fit(1, cbs=Stop())
    learn.remove_cbs(Stop)
    assert len(compare_fits(learn, [dict(lr=0.1)], 1)) == 1


def test_nothing_shown_but_a_bar(capsys, monkeypatch):
    learn, bars = linear_learner(linear_dls(seed=3)), []
    class Bar(Progress):
        def __init__(self, *args):
            super().__init__(*args)
            bars.append(self)
    monkeypatch.setattr(compare_module, 'Progress', Bar)
    compare_fits(learn, FOUR, 3, lr=0.1)
    assert capsys.readouterr().out == '' and bars[0].comment == 'Adam' and bars[0].done == 4 and bars[0].patience == 1
    with learn.no_bar(): compare_fits(learn, FOUR, 3, lr=0.1)
    assert bars[1].patience == float('inf') # the bar that was switched off stays off


def test_writes_no_files(tmp_path):
    learn = quiet_linear(path=tmp_path)
    learn.add_cb(SaveModelCallback())
    compare_fits(learn, FOUR, 2, lr=0.1)
    assert not list(tmp_path.rglob('*'))


def test_given_callbacks_are_copied():
    class Count(Callback):
        n = 0
        def after_step(self): self.n += 1
    cb = Count()
    compare_fits(quiet_linear(), [dict(cbs=cb)], 2, lr=0.1)
    assert cb.n == 0


def test_unmodified_fastai_learner():
    learn = synth_learner()
    learn.remove_cbs(ProgressCallback)
    a, b = compare_fits(learn, {'a': dict(), 'b': dict(opt_func=SGD)}, 2, lr=0.01)
    assert a.n_steps == b.n_steps == 20 and not same(a, b)


# -- the result

def test_labels():
    named = {'SGD': dict(), 'one cycle': dict(fit='fit_one_cycle', lr=1.), 'lr too large': dict(lr=2.)}
    res = compare_fits(quiet_linear(), named, 4, lr=0.1)
    assert [t.label for t in res] == ['SGD, lr=0.1', 'one cycle, lr up to 1', 'lr too large']
    unnamed = [dict(bs=10, lr=0.1), dict(bs=None), dict(opt_func=partial(SGD, mom=0.9)), dict()]
    res = compare_fits(quiet_linear(), unnamed, 1, lr=0.1)
    assert res.names == ['bs=10, lr=0.1', 'full batch', 'SGD, mom=0.9', 'as it is']


def test_by_name():
    res = compare_fits(quiet_linear(), FOUR, 2, lr=0.1)
    assert isinstance(res, Comparison) and res['Adam'] is res[3] and res[1:] == list(res)[1:]
    with pytest.raises(KeyError, match=r"no fit is called 'adam': expected one of \['SGD'"): res['adam']
    assert repr(res).splitlines()[3] == f'Adam, lr=0.03      {str(res[3]).removeprefix("Trajectory: ")}'


def test_shows_itself():
    res = compare_fits(quiet_linear(), {'a': dict(), 'b': dict(lr=0.2)}, 3, lr=0.1)
    assert len(res.animate(max_frames=3).labels) == 3
    assert '<' in res._repr_html_()


# -- interrupts and errors

class StopAt(Callback):
    "Ctrl-C in the middle of the k-th fit"
    fits = 0
    def __init__(self, k, step): self.k, self.step = k, step
    def before_fit(self): StopAt.fits += 1
    def before_batch(self):
        if self.training and StopAt.fits == self.k and self.train_iter == self.step: raise KeyboardInterrupt('now')


def test_interrupt_keeps_what_was_fitted(monkeypatch):
    monkeypatch.setattr(StopAt, 'fits', 0)
    learn = quiet_linear()
    learn.add_cb(StopAt(2, 5))
    with pytest.warns(UserWarning, match="interrupted in 'momentum': returning the 2 of 4"):
        res = compare_fits(learn, FOUR, 20, lr=0.1)
    assert [t.label for t in res] == ['SGD, lr=0.1', 'momentum, lr=0.03, interrupted at 5']
    assert res.names == ['SGD', 'momentum']
    assert [t.n_steps for t in res] == [20, 5]
    anim = res.animate(max_frames=5)
    assert anim._func(len(anim.labels) - 1)


def test_interrupt_before_the_first_step(monkeypatch):
    class Stop(Callback):
        def before_batch(self): raise KeyboardInterrupt('now')
    learn = quiet_linear()
    learn.add_cb(Stop())
    with pytest.raises(KeyboardInterrupt, match='before the first step'): compare_fits(learn, FOUR, 2)


def test_diverged_fit_is_drawn():
    res = compare_fits(quiet_linear(), {'fine': dict(lr=0.1), 'too large': dict(lr=1e6)}, 30)
    assert res[0].diverged is None and res[1].diverged == 1
    func = res.animate(max_frames=10)._func
    assert 'too large, lr=1e+06 diverged at step 1' in func(9)[0].get_text()


@pytest.mark.parametrize('error, settings, kwargs, message', [
    (ValueError, {}, {}, r'settings is empty: expected a dict such as'),
    (TypeError, 'SGD', {}, r"settings='SGD': expected a dict such as"),
    (TypeError, {'a': 0.1}, {}, r"settings\['a'\] is 0.1: expected a dict, for instance dict\(lr=0.1\)"),
    (TypeError, [0.1], {}, r'settings has 0.1: expected a dict'),
    (ValueError, [dict(lr=1.), dict(lr=1.)], {}, r"settings has 'lr=1.0' twice"),
    (ValueError, {'\udce9': dict(lr=1.)}, {}, 'settings=.*: expected a string that UTF-8 can hold'),
    (ValueError, {'a': dict(lrr=1)}, {},
     r"settings\['a'\] has lrr=1: expected settings among \['bs', 'cbs', 'fit', 'lr'"),
    (ValueError, {'a': dict()}, dict(div=2), r'shared settings has div=2: expected settings among'),
    (ValueError, {'a': dict(fit='fit_two')}, {}, r"has fit='fit_two': expected the name of a Learner method, one of"),
    (ValueError, {'a': dict(fit='fit_one_cycle', lr=1, lr_max=2)}, {},
     r'has both lr and lr_max, which are one here: give one'),
    (ValueError, {'a': dict(lr=float('nan'))}, {}, r'has lr=nan: expected a finite number'),
    (ValueError, {'a': dict(n_epoch=0)}, {}, r'has n_epoch=0: expected a whole number of at least 1'),
    (ValueError, {'a': dict(opt_func='Adam')}, {}, r"has opt_func='Adam': expected a function of parameters and lr"),
    (ValueError, {'a': dict(opt_func=torch.optim.LBFGS)}, {}, r'has opt_func=LBFGS, which evaluates the loss'),
    (ValueError, {'a': dict(opt_func=partial(OptimWrapper, opt=torch.optim.LBFGS))}, {}, r'has opt_func=LBFGS'),
    (ValueError, {'a': dict(opt_func=lambda params, lr: OptimWrapper(params, torch.optim.LBFGS, lr=lr))}, {},
     r'has opt_func=LBFGS, which evaluates the loss'),
    (ValueError, {'a': dict(opt_func=partial(torch.optim.SGD, momentom=0.9))}, {},
     r"has opt_func=functools.partial\(<class 'torch.optim.sgd.SGD'>, momentom=0.9\): .*unexpected keyword.*momentom"),
    (ValueError, {'a': dict(n_epoch=1.5)}, {}, r'has n_epoch=1.5: expected a whole number of at least 1'),
    (ValueError, {'a': dict(bs=101)}, {}, r'has bs=101: expected a whole number from 1 to 100, the number of items'),
    (ValueError, {'a': dict()}, dict(seed='x'), r"seed='x': expected a whole number"),
])
def test_errors(error, settings, kwargs, message):
    learn = quiet_linear()
    before = everything(learn)
    with pytest.raises(error, match=message): compare_fits(learn, settings, 2, **kwargs)
    assert equal(before, everything(learn))


def test_error_of_a_later_fit_comes_before_any_fit():
    learn = quiet_linear()
    learn.add_cb(SeeBatches())
    SeeBatches.seen = []
    with pytest.raises(ValueError): compare_fits(learn, {'a': dict(lr=0.1), 'b': dict(bs=0)}, 2)
    assert SeeBatches.seen == []


def test_not_a_learner():
    with pytest.raises(TypeError, match='learn is of type Linear: expected a fastai Learner'):
        compare_fits(nn.Linear(2, 1), FOUR, 2)


@pytest.mark.skipif(not hasattr(Exception, 'add_note'), reason='notes came with Python 3.11')
def test_error_within_a_fit_names_the_fit():
    def fail(): raise RuntimeError('out of order')
    def broken(params, lr):
        opt = SGD(params, lr)
        opt.step = fail
        return opt
    with pytest.raises(RuntimeError, match='out of order') as e:
        compare_fits(quiet_linear(), {'a': dict(), 'b': dict(opt_func=broken)}, 2)
    assert e.value.__notes__ == ["in the fit 'b' of compare_fits"]


def test_no_batches():
    dls = tensor_dls((torch.randn(5, 1), torch.randn(5, 1)))
    dls.loaders[0] = DataLoader(dls.train.dataset, bs=10, drop_last=True)
    learn = Learner(dls, nn.Linear(1, 1), loss_func=nn.functional.mse_loss, opt_func=SGD)
    learn.remove_cbs(ProgressCallback)
    with pytest.raises(ValueError,
                       match="the fit 'a' took no step: expected at least one batch in learn.dls.train, which has 0"):
        compare_fits(learn, {'a': dict(lr=0.1)}, 2)


def test_torch_dataloader():
    x = torch.randn(40, 1)
    ds = torch.utils.data.TensorDataset(x, 2 * x)
    train = torch.utils.data.DataLoader(ds, 10, shuffle=True, generator=torch.Generator().manual_seed(1))
    learn = Learner(DataLoaders(train, torch.utils.data.DataLoader(ds, 40)), nn.Linear(1, 1),
                    loss_func=nn.functional.mse_loss)
    learn.remove_cbs(ProgressCallback)
    state = train.generator.get_state()
    first, again = (compare_fits(learn, [dict(lr=0.1)], 2)[0] for _ in range(2))
    assert same(first, again) and torch.equal(state, train.generator.get_state())
    with pytest.raises(ValueError, match="has bs=5, which needs a DataLoader of fastai's"): compare_fits(learn,
                                                                                                         [dict(bs=5)],
                                                                                                         2)


def test_numpy_and_torch_scalars_are_numbers():
    learn = quiet_linear(bs=10)
    plain, = compare_fits(learn, {'a': dict(lr=0.1, bs=20)}, 2, seed=3)
    other, = compare_fits(learn, {'a': dict(lr=torch.tensor(0.1, dtype=torch.float64), bs=np.int64(20))}, np.int32(2),
                          seed=np.uint8(3))
    assert same(plain, other)
