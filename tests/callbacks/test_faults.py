"""Each of fastai's events, and whatever may be thrown there."""

import pytest
import torch
from fastai.basics import (
    Callback,
    CancelBackwardException,
    CancelBatchException,
    CancelEpochException,
    CancelFitException,
    CancelStepException,
    CancelTrainException,
    CancelValidException,
    event,
)
from learners import check, line_learner, net_learner, outcome, seed_all
from matplotlib.figure import Figure

from fastsgd import AnimateFitCallback, LossView

CANCEL = {'backward': CancelBackwardException, 'step': CancelStepException, 'batch': CancelBatchException,
          'train': CancelTrainException, 'validate': CancelValidException,
          'epoch': CancelEpochException, 'fit': CancelFitException}
ERRORS = [RuntimeError, KeyboardInterrupt, *CANCEL.values()]
EVENTS = [e for e in vars(event) if not e.startswith('_') and e != 'after_create']


class Throw(Callback):
    "Throws `error` once, at the second occurrence of `where`; `after_cancel_...` events are brought about first"
    def __init__(self, where, error, order):
        self.where, self.error, self.order, self.seen, self.thrown = where, error, order, 0, 0

    def __call__(self, event_name):
        if not self.thrown and event_name == self.where:
            self.seen += 1
            if self.seen == 2 or event_name.endswith('_fit') or 'cancel' in event_name:
                self.thrown = 1
                raise self.error('on purpose')
        cause = self.where.removeprefix('after_cancel_')
        if not self.thrown and cause != self.where and event_name == f'before_{cause}':
            if getattr(self, 'train_iter', 1) > 0 or cause == 'fit': raise CANCEL[cause]


def test_the_events_are_fastais():
    assert len(EVENTS) == 23


@pytest.mark.parametrize('order', [0, 100]) # before the recorder, after it
@pytest.mark.parametrize('where', EVENTS)
def test_any_error_at_any_event(where, order, count):
    for error in ERRORS:
        seed_all()
        learn = line_learner(views=(LossView(),))
        throw = Throw(where, error, order)
        try: learn.fit(2, lr=0.1, cbs=throw)
        except (Exception, KeyboardInterrupt) as e: assert isinstance(e, error) and 'on purpose' in str(e)
        assert throw.thrown
        traj = learn.record_params.trajectory
        n = 0 if traj is None else traj.n_steps
        if traj is not None: check(traj, learn)
        # the learner goes on, and so does its record
        learn.fit(1, lr=0.1)
        traj = learn.record_params.trajectory
        check(traj, learn, steps=n + 4)
        if error is RuntimeError: draw = learn.animate_fit.animation._func
        else: draw = LossView().draw(traj, Figure().add_subplot()) # a tenth of the time
        for i in (0, n, n + 4): assert draw(i)
        count('events x faults survived')


@pytest.mark.parametrize('where',
                         ['before_step', 'after_step', 'after_batch', 'after_loss', 'before_validate', 'after_epoch'])
@pytest.mark.parametrize('error', ERRORS)
def test_a_fault_ends_alike_with_and_without_us(where, error, count):
    outcomes = []
    for cbs in ([], [AnimateFitCallback()]):
        learn = net_learner(record=False, cbs=cbs)
        try: learn.fit(2, cbs=Throw(where, error, 0))
        except (Exception, KeyboardInterrupt): pass
        learn.fit(1)
        outcomes.append(outcome(learn))
    assert outcomes[0] == outcomes[1]
    count('faults that ended alike with and without us')


@pytest.mark.parametrize('lr', [1.5, 1e3, 1e30, float('nan')])
def test_fits_that_diverge_are_recorded_and_drawn(lr, count):
    learn = line_learner()
    learn.fit(20, lr=lr)
    traj = learn.record_params.trajectory
    assert len(traj) == 81 and traj.diverged is not None
    torch.testing.assert_close(traj.params['a'][-1], learn.model.a.detach(), rtol=0, atol=0, equal_nan=True)
    animation = learn.animate_fit.animation
    for i in (0, 40, 80): animation._func(i)
    animation._fig.canvas.draw()
    count('diverged fits drawn')


def test_one_batch_and_one_step():
    learn = line_learner()
    learn.dls.train.bs = 40
    learn.fit(1)
    check(learn.record_params.trajectory, learn, steps=1)
    learn.animate_fit.animation._fig.canvas.draw()
