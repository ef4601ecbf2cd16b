"""`AnimateFitCallback` by itself: what it takes, and what it says before there is anything to show."""

import pytest

from fastsgd import AnimateFitCallback, FitView, LossView, animate, linear_learner


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


def test_it_follows_a_second_fit_and_goes_with_a_single_one():
    learn = linear_learner(seed=0)
    learn.remove_cb(learn.animate_fit)
    cb = AnimateFitCallback(LossView())
    with learn.no_bar():
        learn.fit(3, lr=0.1, cbs=cb)
        assert cb.learn is None and cb.animation is cb.animation and len(list(cb.animation.new_frame_seq())) == 4
        learn.fit(2, lr=0.1)
    assert len(list(cb.animation.new_frame_seq())) == 6
