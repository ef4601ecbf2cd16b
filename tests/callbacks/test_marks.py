"""The record says where further fits begin and where other parameters are trained, and keeps it in files."""

import pytest
import torch
from fastai.basics import SGD, Callback, CrossEntropyLossFlat, Learner, params
from learners import silent

from fastsgd import LinearModel, RecordParamsCallback, Trajectory, tensor_dls


def learner(*cbs):
    "Five steps an epoch, three groups of parameters"
    data = torch.rand(50, 4), torch.arange(50) % 2
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.Linear(8, 2))
    return silent(Learner(tensor_dls(data, data, bs=10, seed=0), model, CrossEntropyLossFlat(), opt_func=SGD,
                          splitter=lambda m: [params(m[0]), params(m[2]), params(m[3])],
                          cbs=[RecordParamsCallback(), *cbs]))


def marks(learn): return learn.record_params.trajectory.marks


def test_fine_tune(tmp_path):
    learn = learner()
    learn.fine_tune(2, freeze_epochs=1)
    assert marks(learn) == [(0, 'freeze'), (5, 'fit'), (5, 'unfreeze')]
    path = learn.record_params.trajectory.save(tmp_path/'fit')
    assert Trajectory.load(path).marks == marks(learn)


def test_fits_in_a_row():
    learn = learner()
    for epochs in (1, 2, 1): learn.fit(epochs)
    assert marks(learn) == [(5, 'fit'), (15, 'fit')]
    learn.validate()
    learn.record_params.reset()
    learn.fit(1)
    assert marks(learn) == [], 'a new record'


def test_gradual_unfreezing():
    learn = learner()
    for n in (-1, -2, 0):
        learn.freeze_to(n)
        learn.fit(1)
    learn.freeze()
    learn.fit(1)
    assert marks(learn) == [(0, 'freeze'), (5, 'fit'), (5, 'unfreeze'), (10, 'fit'), (10, 'unfreeze'), (15, 'fit'),
                            (15, 'freeze')]


class InTheMiddle(Callback):
    def before_batch(self):
        if self.training and self.train_iter == 3: self.learn.unfreeze()
        if self.training and self.train_iter == 7: self.learn.freeze_to(1)


def test_in_the_middle_of_a_fit():
    learn = learner(InTheMiddle())
    learn.freeze()
    learn.fit(2)
    assert marks(learn) == [(0, 'freeze'), (3, 'unfreeze'), (7, 'freeze')]


def test_by_hand_between_fits():
    learn = learner()
    learn.fit(1)
    for p in learn.model[0].parameters(): p.requires_grad_(False)
    learn.fit(1)
    learn.fit(1)
    assert marks(learn) == [(5, 'fit'), (5, 'freeze'), (10, 'fit')]


class Interrupt(Callback):
    "Before a fit takes a step, twice"
    stops = 2
    def before_batch(self):
        if not self.stops: return
        self.stops -= 1
        raise KeyboardInterrupt


def test_an_interrupted_beginning_counts_once():
    learn = learner()
    learn.fit(1)
    stop = Interrupt()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt): learn.fit(1, cbs=stop)
    learn.fit(1)
    assert marks(learn) == [(5, 'fit')]


@pytest.mark.parametrize('given, message', [
    (3, 'marks is of type int: expected'), ([3], r'expected \(step, kind\)'),
    ([(1, 'stop')], "one of 'fit', 'freeze', 'unfreeze'"),
    ([(-1, 'fit')], 'a whole number'), ([(0.5, 'fit')], 'a whole number')])
def test_odd_marks_are_refused(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Trajectory({'a': torch.rand(3, 2)}, losses=[1, 2], lrs=[1, 1], marks=given)


def test_marks_by_hand_stand_in_order():
    t = Trajectory({'a': torch.rand(3, 2)}, losses=[1, 2], lrs=[1, 1], marks=[[2, 'fit'], [1, 'freeze']])
    assert t.marks == t.thin(2).marks == t.at([0, 1]).marks == [(1, 'freeze'), (2, 'fit')]
    assert LinearModel().a.requires_grad
