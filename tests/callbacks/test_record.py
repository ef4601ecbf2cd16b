"""`RecordParamsCallback`: exact, bounded, the same fit bit for bit, whatever the Learner does."""

import copy
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from fastai.basics import (
    SGD,
    Callback,
    CancelBackwardException,
    CancelBatchException,
    CancelStepException,
    Learner,
    MSELossFlat,
    load_learner,
)
from fastai.callback.all import GradientAccumulation, SaveModelCallback  # and `lr_find`, `fit_one_cycle`, `to_fp16` ...
from hypothesis import given, settings
from hypothesis import strategies as st
from learners import (
    DEVICES,
    Net,
    Oracle,
    check,
    interrupts_at,
    line_learner,
    net_dls,
    net_learner,
    outcome,
    same_state,
    seed_all,
    silent,
)
from torch import nn
from torch.nn import functional as F

from fastsgd import (
    AnimateFitCallback,
    RecordParamsCallback,
    compare_fits,
    linear_dls,
    linear_learner,
    loss_surface,
    tensor_dls,
)
from fastsgd.trajectory.recording import Recording


def traj_of(learn): return learn.record_params.trajectory


# -- what is recorded

@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('epochs', [1, 3])
def test_points_losses_and_rates_are_those_of_each_step(device, epochs):
    oracle = Oracle()
    learn = net_learner(cbs=[oracle], device=device)
    learn.fit(epochs)
    check(traj_of(learn), learn, steps=5 * epochs)
    oracle.check(traj_of(learn), learn)


@given(n=st.integers(1, 30), bs=st.none() | st.integers(1, 40), epochs=st.integers(1, 4), lr=st.floats(0, 0.5))
@settings(max_examples=25, deadline=None)
def test_any_batch_size_and_rate(n, bs, epochs, lr):
    oracle = Oracle()
    learn = silent(linear_learner(linear_dls(n, bs=bs, seed=1, n_valid=3), cbs=oracle))
    learn.fit(epochs, lr=lr)
    oracle.check(traj_of(learn), learn)


def test_losses_are_raw_where_fastai_smooths_them():
    learn = net_learner()
    learn.fit(2)
    raw = traj_of(learn).losses
    smooth = torch.tensor([float(x) for x in learn.recorder.losses])
    assert ((raw[1:] - smooth[1:]).abs() > 1e-3).all()


def test_points_do_not_alias_the_live_weights():
    learn = line_learner()
    learn.fit(1, lr=0.1)
    before = traj_of(learn).flat
    with torch.no_grad(): learn.model.a.fill_(7)
    traj = traj_of(learn)
    assert torch.equal(traj.flat, before) and len(before.unique(dim=0)) == 5


def test_buffers_shared_and_frozen_tensors_are_there_by_name():
    learn = net_learner()
    learn.fit(2)
    traj = traj_of(learn)
    assert 'body.1.running_mean' in traj.buffers and 'scratch' in traj.buffers and 'scratch' not in traj.state()
    assert traj.aliases == {'again.weight': 'tied.weight', 'again.bias': 'tied.bias'}
    assert traj.params.constant('fixed') and traj.params.constant('codes') and not traj.params.constant('head.bias')
    assert torch.equal(traj.params['fixed'], torch.ones(11, 4)) and traj.params['codes'].dtype == torch.int64
    assert torch.equal(traj.state(3)['again.weight'], traj.params['tied.weight'][3])


def test_validation_losses_come_with_their_step():
    learn = net_learner()
    learn.fit(3)
    steps, losses = traj_of(learn).valid
    assert steps.tolist() == [5, 10, 15]
    assert losses.tolist() == pytest.approx([v[1] for v in learn.recorder.values], rel=1e-6)
    learn.validate()
    learn.get_preds()
    assert traj_of(learn).valid[0].tolist() == [5, 10, 15]


def test_a_validation_that_measures_nothing_has_no_loss():
    learn = net_learner()
    learn.recorder.valid_metrics = False
    learn.fit(2)
    assert not len(traj_of(learn).valid[0]) and traj_of(learn).n_steps == 10 and 'train_loss' in traj_of(learn).metrics


def test_a_recorder_that_is_switched_off_records_again_after_the_fit():
    learn = net_learner()
    learn.record_params.run = False
    learn.fit(1)
    assert traj_of(learn) is None and learn.record_params.run
    learn.fit(1)
    assert traj_of(learn).n_steps == 5


def test_a_trajectory_asked_for_before_the_validation_is_not_the_last_word():
    class Ask(Callback):
        order = 100
        def after_batch(self): self.record_params.trajectory # noqa: B018
    learn = net_learner(cbs=[Ask()])
    learn.fit(2)
    assert traj_of(learn).valid[0].tolist() == [5, 10]


@pytest.mark.parametrize('order', [-100, 0, 69, 71, 200])
@pytest.mark.parametrize('event', ['before_batch', 'after_pred', 'after_loss', 'before_backward', 'after_backward',
                                   'before_step', 'after_step', 'after_batch', 'after_epoch'])
def test_asking_at_any_moment_changes_nothing(event, order):
    ask = Callback(**{event: lambda self: self.record_params.trajectory})
    ask.order = order
    oracle, learn = Oracle(), None
    learn = net_learner(cbs=[ask, oracle])
    learn.fit(2)
    oracle.check(traj_of(learn), learn)


@pytest.mark.parametrize('shape, rows', [((12, 3, 400, 400), 8), ((2, 3, 1400, 1400), 0)])
def test_of_batches_too_large_to_keep_the_first_rows_are_the_data(shape, rows):
    x = torch.rand(shape)
    y = torch.rand(len(x), 1)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1))
    learn = net_learner(dls=tensor_dls((x, y)), model=model)
    learn.fit(2)
    if not rows: assert traj_of(learn).data is None
    else:
        (xs,), (ys,) = traj_of(learn).data
        assert torch.equal(xs, x[:rows]) and torch.equal(ys, y[:rows])


# -- recording changes nothing

FITS = {
    'fit': lambda learn: learn.fit(2),
    'fit twice': lambda learn: (learn.fit(1), learn.fit(2, lr=0.01)),
    'fit_one_cycle': lambda learn: learn.fit_one_cycle(2),
    'fit_flat_cos': lambda learn: learn.fit_flat_cos(2),
    'fit_sgdr': lambda learn: learn.fit_sgdr(2, 1),
    'lr_find': lambda learn: (learn.fit(1), learn.lr_find(num_it=8, show_plot=False), learn.fit(1)),
    'fine_tune': lambda learn: learn.fine_tune(1),
    'freeze': lambda learn: (learn.freeze(), learn.fit(1), learn.unfreeze(), learn.fit(1)),
    'validate': lambda learn: (learn.validate(), learn.fit(1), learn.validate(), learn.fit(1)),
    'get_preds': lambda learn: (learn.get_preds(), learn.fit(1), learn.get_preds(), learn.fit(1)),
    'bf16': lambda learn: (learn.to_bf16(), learn.fit(2)),
    'fp16': lambda learn: (learn.to_fp16(), learn.fit(2)),
    'no epoch': lambda learn: (learn.fit(0), learn.fit(1), learn.fit(0)),
    'start_epoch': lambda learn: learn.fit(3, start_epoch=1),
}


def split(model): return [list(model.body.parameters()),
                          [*model.tied.parameters(), *model.head.parameters(), model.fixed]]


@pytest.mark.filterwarnings('ignore:.*CUDA is not available:UserWarning') # torch, on fp16 without a GPU
@pytest.mark.parametrize('momentum', [0., 0.9])
@pytest.mark.parametrize('how', FITS)
def test_with_and_without_is_the_same_bit_for_bit(how, momentum, tmp_path):
    from functools import partial
    outcomes = []
    for cbs in ([], [RecordParamsCallback()], [AnimateFitCallback()]):
        oracle = Oracle()
        learn = net_learner(record=False, cbs=[*cbs, oracle], splitter=split, opt_func=partial(SGD, mom=momentum),
                            path=tmp_path)
        FITS[how](learn)
        outcomes.append(outcome(learn))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    traj = learn.animate_fit.trajectory
    check(traj, learn)
    if how != 'lr_find': oracle.check(traj, learn)


@pytest.mark.parametrize('n_acc', [8, 12, 16, 1000])
def test_gradient_accumulation_has_fewer_steps_than_batches(n_acc):
    oracle = Oracle()
    learn = net_learner(cbs=[oracle, GradientAccumulation(n_acc)])
    learn.fit(3)
    steps = {8: 15, 12: 7, 16: 7, 1000: 0}[n_acc]
    if not steps: assert traj_of(learn) is None
    else:
        check(traj_of(learn), learn, steps=steps)
        oracle.check(traj_of(learn), learn)


def test_the_loss_of_an_accumulated_step_is_that_of_its_batches():
    dls = net_dls(n=12, bs=8)
    learn = net_learner(dls=dls, cbs=[GradientAccumulation(12)], model=nn.Linear(3, 1))
    start = copy.deepcopy(learn.model)
    x, y = dls.train_ds.tensors
    learn.fit(1)
    # two batches, of 8 and 4: together the whole data
    assert float(traj_of(learn).losses) == pytest.approx(float(((start(x) - y)**2).mean().detach()), rel=1e-5)


@pytest.mark.parametrize('loss_func', [nn.MSELoss(reduction='sum'), partial(F.mse_loss, reduction='sum'),
                                       MSELossFlat(reduction='sum')], ids=['module', 'partial', 'flat'])
def test_a_summed_loss_adds_up_over_accumulated_batches(loss_func):
    dls = net_dls(n=12, bs=8)
    learn = net_learner(dls=dls, cbs=[GradientAccumulation(12)], model=nn.Linear(3, 1), loss_func=loss_func, lr=1e-3)
    start = copy.deepcopy(learn.model)
    x, y = dls.train_ds.tensors
    learn.fit(1)
    traj, wanted = traj_of(learn), float(((start(x) - y)**2).sum().detach())
    assert float(traj.losses) == pytest.approx(wanted, rel=1e-5)
    assert float(loss_surface(traj, 'random', n=3).loss_at(traj)[0]) == pytest.approx(wanted, rel=1e-5)


# -- what people do with a Learner

def test_a_second_fit_goes_on_from_the_first():
    learn = net_learner()
    learn.fit(1)
    first = traj_of(learn)
    learn.fit(2)
    both = traj_of(learn)
    check(both, learn, steps=15)
    assert torch.equal(both.flat[:6], first.flat) and torch.equal(both.losses[:5], first.losses)
    assert len(first) == 6 # what was handed out does not grow


def test_lr_find_leaves_no_trace(tmp_path):
    learn = net_learner(path=tmp_path)
    learn.lr_find(num_it=5, show_plot=False)
    assert traj_of(learn) is None
    learn.fit(1)
    before = traj_of(learn)
    learn.lr_find(num_it=5, show_plot=False)
    assert traj_of(learn) is before
    learn.fit(1)
    check(traj_of(learn), learn, steps=10)


def test_validate_and_get_preds_neither_start_nor_end_anything():
    learn = net_learner()
    learn.validate()
    learn.get_preds()
    assert traj_of(learn) is None
    learn.fit(1)
    before = traj_of(learn)
    learn.validate()
    learn.get_preds()
    assert traj_of(learn) is before


def test_weights_loaded_between_fits_take_the_place_of_the_last_point(tmp_path):
    oracle = Oracle()
    learn = net_learner(path=tmp_path, cbs=[oracle])
    learn.save('start')
    start = {n: t.clone() for n, t in learn.model.state_dict().items()}
    learn.fit(1)
    ended = traj_of(learn)
    learn.load('start', with_opt=False)
    same_state(ended.state(5), traj_of(learn).state(5)) # until the next fit
    learn.fit(1)
    oracle.check(traj_of(learn), learn)
    same_state(traj_of(learn).state(5), start) # the loss of step 5 belongs to these
    assert traj_of(learn).breaks.tolist() == [5] and ended.breaks.tolist() == []
    learn.fit(1) # on with the same weights
    assert traj_of(learn).breaks.tolist() == [5]
    learn.record_params.reset()
    learn.fit(1)
    assert traj_of(learn).breaks.tolist() == []


def test_weights_that_a_callback_puts_back_at_the_end_are_the_last_point(tmp_path):
    learn = net_learner(path=tmp_path, cbs=[SaveModelCallback()])
    learn.fit(1)
    learn.fit(3, lr=0.1) # best after the first epoch, which is loaded at the end
    traj = traj_of(learn)
    assert traj.valid[1][1:].argmin() == 0
    check(traj, learn, steps=20)
    same_state(traj.state(-1), traj.state(10))


def test_weights_changed_before_the_first_step_are_the_first_point():
    class Stop(Callback):
        def before_batch(self): raise KeyboardInterrupt
    learn = line_learner()
    with pytest.raises(KeyboardInterrupt): learn.fit(1, cbs=Stop())
    with torch.no_grad(): learn.model.a.fill_(-1)
    learn.fit(1)
    check(traj_of(learn), learn, steps=4)
    assert traj_of(learn).flat[0].tolist() == [-1, -1]


def test_weights_changed_after_a_batch_was_cut_off_are_taken_anew():
    class Stop(Callback):
        def after_pred(self):
            if self.iter == 2: raise KeyboardInterrupt
    learn = line_learner()
    with pytest.raises(KeyboardInterrupt): learn.fit(1, cbs=Stop())
    assert len(traj_of(learn)) == 3
    with torch.no_grad(): learn.model.a.fill_(-1)
    learn.fit(1)
    check(traj_of(learn), learn, steps=6)
    assert traj_of(learn).flat[2].tolist() == [-1, -1]


@pytest.mark.parametrize('bar', [False, True])
def test_with_and_without_a_progress_bar(bar, capsys):
    learn = Learner(net_dls(), Net(), loss_func=MSELossFlat(), opt_func=SGD, cbs=RecordParamsCallback())
    if bar: learn.fit(2)
    else:
        with learn.no_bar(), learn.no_logging(): learn.fit(2)
    check(traj_of(learn), learn, steps=10)


def test_no_validation_set():
    learn = silent(linear_learner(linear_dls(10, n_valid=0, seed=0)))
    learn.fit(3)
    check(traj_of(learn), learn, steps=3)
    assert len(traj_of(learn).valid[0]) == 0


def test_loaders_without_a_batch():
    x, y = torch.ones(0, 3), torch.ones(0, 1)
    learn = net_learner(dls=tensor_dls((x, y), bs=4))
    learn.fit(2)
    assert traj_of(learn) is None and 'nothing recorded' in repr(learn.record_params)


def test_export_leaves_the_record_out_and_load_learner_records_anew(tmp_path):
    learn = net_learner(path=tmp_path, cbs=[AnimateFitCallback()])
    learn.fit(1)
    before = traj_of(learn)
    learn.export('learner.pkl')
    assert traj_of(learn) is before
    with pytest.warns(UserWarning, match='pickle'): loaded = load_learner(tmp_path / 'learner.pkl')
    assert loaded.record_params.trajectory is None and loaded.record_params.max_bytes == learn.record_params.max_bytes
    same_state(loaded.model.state_dict(), learn.model.state_dict())
    loaded.dls = net_dls()
    loaded.fit(1)
    check(traj_of(loaded), loaded, steps=5)


def test_a_deep_copy_takes_its_record_along_and_goes_on_alone():
    learn = net_learner(cbs=[AnimateFitCallback()])
    learn.fit(1)
    other = copy.deepcopy(learn)
    other.fit(1)
    check(traj_of(learn), learn, steps=5)
    check(traj_of(other), other, steps=10)
    learn.fit(2)
    check(traj_of(learn), learn, steps=15)
    check(traj_of(other), other, steps=10)
    assert traj_of(other).model is other.model


def test_several_recorders_and_one_given_to_fit():
    learn = net_learner(record=False)
    recorder = RecordParamsCallback()
    learn.fit(1, cbs=recorder)
    check(recorder.trajectory, learn, steps=5)
    learn.fit(1, cbs=recorder)
    check(recorder.trajectory, learn, steps=10)


def test_no_shadowing_warning_and_a_name_that_teaches(recwarn):
    learn = net_learner()
    learn.fit(1)
    assert not recwarn.list and isinstance(learn.record_params, RecordParamsCallback)
    assert repr(learn.record_params).startswith('RecordParamsCallback: Trajectory: 5 steps')


@pytest.mark.parametrize('bad', [0, -1, 1.5, True, '1', None])
def test_a_bad_budget_is_refused(bad, count):
    with pytest.raises(ValueError,
                       match='max_bytes=.*expected a whole number of at least 1'): RecordParamsCallback(max_bytes=bad)
    count('bad inputs refused')


def test_a_large_model_skips_points_that_would_be_dropped_again():
    def recorded(epochs, budget):
        learn = net_learner(record=False, model=nn.Sequential(nn.Linear(3, 100_000), nn.Linear(100_000, 1)), lr=1e-7,
                            cbs=[RecordParamsCallback(max_bytes=budget)]) # a point has 2 MB
        learn.fit(epochs)
        same_state(traj_of(learn).state(-1), learn.model.state_dict())
        return traj_of(learn).steps.tolist(), learn.record_params.recording.stored_bytes
    assert recorded(2, 2**30)[0] == list(range(11))
    steps, size = recorded(2, 2 * 10**7)
    assert steps == [0, 4, 8, 10] and size < 10**7 # half of the budget: the picture needs memory as well
    assert recorded(4, 6 * 10**6)[0] == [0, 16, 20]
    assert recorded(14, 2**30)[0] == list(range(0, 71, 2)) # 64 points are enough


def test_a_fit_of_more_parameters_keeps_fewer_points():
    "As in `fine_tune`: first the head, which is small, then everything"
    body, head = nn.Linear(2, 4_000_000, bias=False), nn.Sequential(nn.ReLU(), nn.AvgPool1d(4_000_000), nn.Linear(1, 1))
    learn = net_learner(record=False, model=nn.Sequential(nn.Linear(3, 2), body, head), lr=1e-9,
                        cbs=[RecordParamsCallback()])
    body.requires_grad_(False)
    learn.fit(2)
    assert traj_of(learn).steps.tolist() == [0, 2, 4, 6, 8, 10] # what stands still is looked at, too
    assert learn.record_params.recording.stored_bytes < 33 * 10**6 # and kept once
    body.requires_grad_(True)
    learn.fit(3) # 32 MB a point: 12 MiB are copied a step
    t = traj_of(learn)
    assert t.steps.tolist() == [0, 2, 4, 6, 8, 12, 16, 20, 24, 25] and t.n_steps == 25
    same_state(t.state(-1), learn.model.state_dict())
    learn = net_learner(record=False, model=nn.Sequential(nn.Linear(3, 2), body, head), lr=1e-9,
                        cbs=[RecordParamsCallback()])
    learn.fit(1)
    assert traj_of(learn).steps.tolist() == [0, 1, 2, 3, 4, 5] # a short fit has some points nevertheless


# -- steps that are no steps

def raising(event, error, at, order=0):
    "A callback that raises `error` once, in training batch `at`"
    def f(self):
        if self.training and self.train_iter == at and not self.done:
            self.done = True
            raise error('on purpose')
    cb = Callback(**{event: f})
    cb.order, cb.done = order, False
    return cb


@pytest.mark.parametrize('order', [0, 100])
def test_a_cancelled_step_is_no_step(order):
    cb = raising('before_step', CancelStepException, 2, order)
    learn = net_learner(cbs=[cb])
    learn.fit(1)
    check(traj_of(learn), learn, steps=4)


@pytest.mark.parametrize('order', [0, 100])
@pytest.mark.parametrize('event', ['before_batch', 'after_pred', 'after_loss', 'before_backward'])
def test_the_loss_of_a_cancelled_batch_does_not_count(event, order):
    learn = net_learner(cbs=[raising(event, CancelBatchException, 1, order)], model=nn.Linear(3, 1))
    oracle = Oracle()
    oracle.before_backward, oracle.before_step = lambda: None, lambda: oracle.batch_losses.append(
        (float(learn.loss.detach()), len(learn.yb[0])))
    learn.add_cb(oracle)
    learn.fit(1)
    if (event, order) != ('before_backward', 100): oracle.check(traj_of(learn), learn)
    check(traj_of(learn), learn, steps=4)


@pytest.mark.parametrize('first', [0, 1])
def test_weights_that_a_cancelled_batch_changed_by_itself_belong_to_the_next_point(first):
    "By hand, without the optimiser, in every second batch: the first or the second one"
    class ByHand(Callback):
        batch = 0
        def after_loss(self):
            self.batch += self.training
            if not self.training or self.batch % 2 == first: return
            params = list(self.model.parameters())
            for p, g in zip(params, torch.autograd.grad(self.learn.loss_grad, params)): p.data -= 0.05 * g
            raise CancelBatchException
    learn = net_learner(cbs=[ByHand()], model=nn.Linear(3, 1))
    learn.fit(2)
    t = traj_of(learn)
    assert t.n_steps == len(t.losses) == 5
    for i in range(5):
        (x,), (y,) = t.batches[i]
        assert float(learn.loss_func(t.predict(i, x), y)) == pytest.approx(float(t.losses[i]), rel=1e-6)


def test_a_cancelled_backward_still_steps():
    learn = net_learner(cbs=[raising('before_backward', CancelBackwardException, 1)], model=nn.Linear(3, 1))
    learn.fit(1)
    check(traj_of(learn), learn, steps=5)
    assert torch.equal(traj_of(learn).flat[1], traj_of(learn).flat[2]) and len(traj_of(learn).losses.unique()) == 5


@pytest.mark.parametrize('order', [0, 100])
def test_a_batch_cancelled_after_its_step_counts(order):
    learn = net_learner(cbs=[raising('after_step', CancelBatchException, 2, order)], model=nn.Linear(3, 1))
    learn.fit(1)
    check(traj_of(learn), learn, steps=5)


# -- steps that a callback takes by itself

def own_step(when, every=1, cancel=True, times=1):
    "A callback that steps by itself in the event `when`, in every `every`-th training batch"
    def f(self):
        if not self.training or self.train_iter % every: return
        for _ in range(times): self.learn.opt.step()
        self.learn.opt.zero_grad()
        if cancel: raise CancelStepException('stepped already')
    return Callback(**{when: f})


@pytest.mark.parametrize('kwargs, steps', [
    (dict(when='before_step'), 5), (dict(when='before_step', every=2), 5), (dict(when='before_step', times=2), 10),
    (dict(when='after_batch', cancel=False), 10), (dict(when='before_step', every=2, cancel=False), 8)])
def test_each_step_of_the_optimiser_counts_whoever_takes_it(kwargs, steps):
    learn = net_learner(cbs=[own_step(**kwargs)], model=nn.Linear(3, 1))
    plain = net_learner(record=False, cbs=[own_step(**kwargs)], model=nn.Linear(3, 1))
    learn.fit(1)
    plain.fit(1)
    traj = traj_of(learn)
    check(traj, learn, steps=steps)
    assert outcome(learn) == outcome(plain)
    for step, (xs, ys) in traj.batches.items(): # the loss of a point is that of the model there
        loss = nn.functional.mse_loss(traj.predict(step, *xs), *ys)
        assert float(traj.losses[step]) == pytest.approx(float(loss), rel=1e-5)


def test_the_optimiser_is_left_as_it_was():
    learn = net_learner()
    learn.fit(1)
    assert 'step' not in vars(learn.opt)
    with pytest.raises(KeyboardInterrupt): learn.fit(1, cbs=raising('after_loss', KeyboardInterrupt, 2))
    learn.fit(1)
    assert 'step' not in vars(learn.opt)
    check(traj_of(learn), learn, steps=12)


def test_another_optimiser_in_the_middle_of_a_fit():
    def swap(self):
        if self.training and self.train_iter == 2: self.learn.create_opt()
    learn = net_learner(cbs=[Callback(before_batch=swap), Callback(after_batch=swap)])
    learn.fit(1, lr=0.05)
    check(traj_of(learn), learn, steps=5)


def test_a_validation_in_the_middle_of_an_epoch_loses_no_step():
    def ask(self):
        if not self.training or self.train_iter != 2: return
        self.learn.validate()
        self.learn.training = self.model.training = True # fastai leaves that to the caller
    oracle = Oracle()
    learn = net_learner(cbs=[Callback(after_batch=ask), oracle])
    learn.fit(2)
    assert traj_of(learn).n_steps == 10
    oracle.check(traj_of(learn), learn)


# -- a new record

def test_reset_starts_a_new_record():
    learn = net_learner(cbs=[AnimateFitCallback()])
    learn.fit(1)
    learn.record_params.reset()
    assert traj_of(learn) is None and 'nothing' in repr(learn.animate_fit)
    before = copy.deepcopy(learn.model.state_dict())
    learn.fit(2)
    check(traj_of(learn), learn, steps=10)
    same_state({n: t for n, t in traj_of(learn).state(0).items()}, before)


def test_reset_in_the_middle_of_a_fit():
    def reset(self):
        if self.training and self.train_iter == 3: self.record_params.reset()
    learn = net_learner(cbs=[Callback(after_batch=reset)])
    learn.fit(1)
    check(traj_of(learn), learn, steps=2)


@pytest.mark.parametrize('number', [np.int64(1000), torch.tensor(1000)])
def test_numpy_and_torch_integers_are_budgets(number): assert RecordParamsCallback(number).max_bytes == 1000


# -- whatever goes wrong

RECORDER = ('trajectory/recording.py', 'callbacks/record.py', 'trajectory/points.py', 'trajectory/batches.py',
            'trajectory/losses.py', 'trajectory/pace.py')


def test_an_interrupt_at_any_line_of_the_recorder(count):
    "Each line that a fit runs in the recorder, once"
    survived, k = 0, 0
    while True:
        k += 1
        seed_all()
        learn = line_learner()
        learn.dls.train.bs = 20
        with interrupts_at(RECORDER, k, KeyboardInterrupt()) as where:
            try: learn.fit(1, lr=0.1)
            except KeyboardInterrupt: pass
        if not where: break
        traj = traj_of(learn)
        n = 0 if traj is None else traj.n_steps
        if traj is not None: check(traj, learn)
        learn.fit(1, lr=0.1)
        check(traj_of(learn), learn, steps=n + 2)
        survived += 1
    count('interrupts at a line of the recorder survived', survived)
    assert survived > 100


@pytest.mark.parametrize('name, steps', [('point', 5), ('step', 5), ('_snapshot', 5), ('finish', 10)])
def test_trouble_in_the_recorder_does_not_cost_the_run(name, steps, monkeypatch, count):
    other = net_learner(record=False)
    other.fit(1)
    other.fit(1)
    expected = outcome(other)

    def broken(*args): raise MemoryError('no memory')
    learn = net_learner()
    learn.fit(1)
    with monkeypatch.context() as m, pytest.warns(UserWarning,
                                                  match='recording stopped; training continues: .*no memory'):
        m.setattr(Recording, name, broken)
        learn.fit(1)
    assert outcome(learn) == expected
    assert traj_of(learn).n_steps == steps
    with pytest.warns(UserWarning, match='starting a new trajectory'): learn.fit(1)
    check(traj_of(learn), learn, steps=5)
    assert len(learn.record_params.earlier) == 1
    count('failures of the recorder survived')


# -- unusual parameters, through a Learner

class Words(nn.Module):
    "Sparse gradients: the mean of a few words' vectors"
    def __init__(self):
        super().__init__()
        self.words, self.out = nn.EmbeddingBag(10, 4, mode='mean', sparse=True), nn.Linear(4, 1)
    def forward(self, x): return self.out(self.words(x))


class Halves(nn.Module):
    "Half precision inside, a count as a parameter, and one that no loss reaches"
    def __init__(self):
        super().__init__()
        self.w, self.idle = nn.Parameter(torch.zeros(1, 1, dtype=torch.bfloat16)), nn.Parameter(torch.ones(3))
        self.count = nn.Parameter(torch.tensor(7), requires_grad=False)
    def forward(self, x): return (x.bfloat16() @ self.w).float()


@pytest.mark.parametrize('model, x', [
    (Words, torch.arange(120).reshape(40, 3) % 10), (Halves, torch.linspace(-1, 1, 40)[:, None]),
], ids=['sparse', 'half'])
def test_sparse_gradients_and_half_integer_and_idle_parameters(model, x):
    seed_all()
    y = x.float().mean(1, keepdim=True)
    without, learn = (silent(Learner(tensor_dls((x, y), bs=8, seed=0), copy.deepcopy(m), MSELossFlat(), SGD, lr=0.1,
                                     cbs=cbs))
                      for m in [model()] for cbs in ([], [AnimateFitCallback()]))
    for each in (without, learn): each.fit(2)
    check(traj_of(learn), learn, steps=10)
    same_state(without.model.state_dict(), learn.model.state_dict())
    assert not torch.equal(traj_of(learn).flat[0], traj_of(learn).flat[-1]) # it was trained
    learn.animate_fit.animation._func(5)


@pytest.mark.parametrize('part', [False, True])
def test_scripted_models(part):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore') # `torch.jit` is old
        inner = torch.jit.script(nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)))
    seed_all()
    x = torch.linspace(-1, 1, 40)[:, None]
    model = nn.Sequential(inner, nn.Tanh()) if part else inner
    learn = silent(Learner(tensor_dls((x, x.square()), bs=8, seed=0), model, MSELossFlat(), SGD, lr=0.1,
                           cbs=AnimateFitCallback()))
    learn.fit(2)
    check(traj_of(learn), learn, steps=10)
    compared = compare_fits(learn, [dict(lr=0.1)], 1)[0]
    assert torch.equal(compared.predict(0, x), traj_of(learn).predict(-1, x))
    assert not torch.equal(compared.flat[0], compared.flat[-1])
