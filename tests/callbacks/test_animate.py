"""`AnimateFitCallback` by itself: what it takes, and what it says before there is anything to show."""

import copy
import inspect

import pytest
import torch
from fastai.basics import SGD, Learner, MSELossFlat
from learners import Net, net_dls, silent
from torch import nn

from fastsgd import (
    AnimateFitCallback,
    Comparison,
    FitView,
    LogLossCallback,
    LossView,
    ParityView,
    RecordParamsCallback,
    animate,
    linear_learner,
    tensor_dls,
)


@pytest.fixture(scope='module')
def traj():
    learn = linear_learner(seed=0)
    with learn.no_bar(): learn.fit(3, lr=0.1)
    return learn.record_params.trajectory


@pytest.mark.parametrize('wrong, message', [
    (3, r'views has 3, expected views with a method draw'),
    (FitView, r'views has the class FitView, expected a view: FitView\(\)'),
    ([FitView(), LossView()], 'several trajectories to compare go into one list'),
])
def test_views_that_cannot_draw_are_refused_at_once(wrong, message):
    with pytest.raises(TypeError, match=message): AnimateFitCallback(wrong)
    with pytest.raises(TypeError, match=message): animate(None, wrong) # before the trajectory is looked at


def test_before_a_fit_it_says_so():
    learn = linear_learner(seed=0)
    for shown in (repr(learn.animate_fit), learn.animate_fit._repr_html_()): assert 'call learn.fit(...) first' in shown
    with pytest.raises(RuntimeError, match='nothing to animate yet'): learn.animate_fit.save('fit.html')
    with pytest.raises(RuntimeError, match='nothing to animate yet'): learn.animate_fit.show()


def test_it_follows_a_second_fit_and_goes_with_a_single_one():
    learn = linear_learner(seed=0)
    learn.remove_cb(learn.animate_fit)
    cb = AnimateFitCallback(LossView())
    with learn.no_bar():
        learn.fit(3, lr=0.1, cbs=cb)
        assert cb.learn is None and cb.animation is cb.animation and len(list(cb.animation.new_frame_seq())) == 4
        learn.fit(2, lr=0.1)
    assert len(list(cb.animation.new_frame_seq())) == 6


WRONG = [({'nonsense': 1}, TypeError,
          r'nonsense=1: \w+ has no such argument, expected one of axs, max_frames, figsize'),
         ({'traj': 1}, TypeError, 'traj=1: animate has no such argument|multiple values'),
         ({'fargs': (1,)}, TypeError, r'fargs=\(1,\): animate has no such argument'),
         ({'frames': 3}, TypeError, r'frames=3: animate has no such argument'),
         ({'max_frames': 1}, ValueError, 'max_frames=1: expected a whole number of at least 2'),
         ({'max_frames': 'all'}, ValueError, "max_frames='all': expected a whole number of at least 2"),
         ({'interval': 0}, ValueError, 'interval=0: expected a finite number above 0'),
         ({'interval': 'slow'}, ValueError, "interval='slow': expected a finite number above 0"),
         ({'default_mode': 'bounce'}, ValueError, "default_mode='bounce': expected one of 'loop'"),
         ({'figsize': 4}, ValueError, 'figsize=4: expected width and height in inches')]


@pytest.mark.parametrize('settings, error, message', WRONG, ids=lambda o: str(o)[:20])
def test_settings_are_checked_before_any_fit_and_before_anything_is_drawn(settings, error, message, traj, count):
    class Drawn(LossView):
        def draw(self, traj, ax): pytest.fail('drawn')
    with pytest.raises(error, match=message): AnimateFitCallback(**settings)
    with pytest.raises(error, match=message): animate(traj, Drawn(), **settings)
    with pytest.raises(error, match=message): Comparison([traj], ['one']).animate(Drawn(), **settings)
    count('bad inputs refused', 3)


def test_labels_of_a_wrong_number_are_refused_before_anything_is_drawn(traj):
    class Drawn(LossView):
        def draw(self, traj, ax): pytest.fail('drawn')
    with pytest.raises(ValueError, match='labels has 2 entries for 4 frames'): animate(traj, Drawn(), labels=['a', 'b'])


def test_ones_own_labels_and_text_win(traj):
    own = animate(traj, LossView(), labels=iter('abcd'), alt='a fit')
    assert own.labels == list('abcd') and own.alt == 'a fit'
    plain = animate(traj, LossView())
    assert plain.labels == [f'step {i} of 3' for i in range(4)] and plain.alt.startswith('Animation of a fit, 3 steps')
    cb = AnimateFitCallback(LossView(), alt='mine')
    learn = linear_learner(seed=0)
    learn.remove_cb(learn.animate_fit)
    with learn.no_bar(): learn.fit(3, lr=0.1, cbs=cb)
    assert cb.animation.alt == 'mine'


def test_what_matplotlib_takes_is_passed_on(traj):
    assert animate(traj, LossView(), repeat_delay=500, blit=False)._repeat_delay == 500


def test_help_names_the_settings():
    of_animate = list(inspect.signature(animate).parameters)
    assert of_animate == ['traj', 'views', 'axs', 'max_frames', 'figsize', 'alt', 'labels', 'interval', 'repeat',
                          'repeat_delay', 'autoplay', 'default_mode']
    assert list(inspect.signature(AnimateFitCallback).parameters) == ['views', 'live', *of_animate[2:]]
    assert list(inspect.signature(Comparison.animate).parameters) == ['self', *of_animate[1:]]


# -- whose it is

def plain_learner(**kwargs):
    return silent(Learner(net_dls(), Net(), loss_func=MSELossFlat(), opt_func=SGD, lr=0.05, **kwargs))


@pytest.mark.parametrize('kind', [AnimateFitCallback, RecordParamsCallback, LogLossCallback])
def test_one_callback_for_two_learners_is_an_error_at_the_second(kind):
    cb = kind()
    first = plain_learner(cbs=cb)
    with pytest.raises(ValueError, match=rf'this {kind.__name__} follows another Learner .* {kind.__name__}\(\)'):
        plain_learner(cbs=[cb])
    assert cb.learn is first
    first.remove_cb(cb)
    assert cb.learn is None and plain_learner(cbs=cb).cbs[-1].learn is not first


def test_a_callback_given_to_fit_is_within_reach_afterwards():
    learn = plain_learner()
    assert not hasattr(learn, 'animate_fit') and not hasattr(learn, 'record_params')
    learn.fit(2, cbs=AnimateFitCallback(LossView()))
    assert learn.animate_fit.trajectory.n_steps == 10 and learn.animate_fit not in learn.cbs
    assert len(list(learn.animate_fit.animation.new_frame_seq())) == 11
    learn.fit(1, cbs=(second := AnimateFitCallback(LossView())))
    assert learn.animate_fit is second and second.trajectory.n_steps == 15
    other = copy.deepcopy(learn)
    assert other.animate_fit.trajectory.n_steps == 15
    recorded = plain_learner()
    recorded.fit(1, cbs=RecordParamsCallback())
    assert recorded.record_params.trajectory.n_steps == 5
    recorded.fit(1, cbs=AnimateFitCallback()) # the recorder that was taken off records no more: another one comes along
    assert recorded.animate_fit.trajectory.n_steps == 5 and recorded.record_params in recorded.cbs


def test_a_second_recorder_for_one_fit_leaves_the_first_within_reach():
    learn = plain_learner(cbs=RecordParamsCallback())
    first = learn.record_params
    learn.fit(1)
    learn.fit(1, cbs=RecordParamsCallback()) # which is silent beside the first
    assert learn.record_params is first and first.trajectory.n_steps == 10
    learn.remove_cb(first)
    assert learn.record_params is first, 'its record can be shown still'


def test_a_callback_without_anything_to_show_is_gone_once_it_is_taken_off():
    learn = plain_learner(cbs=AnimateFitCallback())
    learn.remove_cbs([learn.animate_fit, learn.record_params])
    assert not hasattr(learn, 'animate_fit') and not hasattr(learn, 'record_params')


def test_a_fit_that_is_over_gets_a_picture_whatever_the_chosen_views_raise(monkeypatch):
    learn = Learner(tensor_dls((torch.randn(40, 4), torch.randn(40, 1)), seed=0), nn.Linear(4, 1), MSELossFlat(),
                    cbs=AnimateFitCallback())
    silent(learn).fit(2, 0.1)
    def broken(*_): raise RuntimeError('no such thing\nat all')
    monkeypatch.setattr(ParityView, 'draw', broken)
    assert 'LossView' in learn.animate_fit.animation.alt
    told = repr(learn.animate_fit)
    assert 'LossView and ParamsView' in told and 'could not be drawn: no such thing)' in told
    asked_for = Learner(learn.dls, nn.Linear(4, 1), MSELossFlat(), cbs=AnimateFitCallback(ParityView()))
    silent(asked_for).fit(1, 0.1)
    with pytest.raises(RuntimeError, match='no such thing'): asked_for.animate_fit.save('x.html')
