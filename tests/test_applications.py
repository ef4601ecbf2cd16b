"""Real fastai learners of each kind: the fit is the same bit for bit with us and without, and what is shown without
being told is three views that suit, why, and within the budget.
"""

from itertools import combinations
from unittest.mock import patch

import pytest
import torch
from applications import APPLICATIONS, digest, fit, make
from matplotlib.text import Text

from fastsgd import AnimateFitCallback
from fastsgd.player.draw.svg import Camera
from fastsgd.views.budget import SECONDS, within_budget, work_of_samples

VIEWS = {
    'vision': 'SamplesView ConfusionView MetricsView', 'vision_normalized': 'SamplesView ConfusionView MetricsView',
    'vision_multi': 'SamplesView HistogramView MetricsView', 'vision_points': 'SamplesView HistogramView MetricsView',
    'vision_value': 'SamplesView ParityView MetricsView', 'segmentation': 'SamplesView HistogramView MetricsView',
    'mixup': 'SamplesView ConfusionView MetricsView', 'cutmix': 'SamplesView ConfusionView MetricsView',
    'gan': 'SamplesView HistogramView LossView', 'autoencoder': 'SamplesView HistogramView MetricsView',
    'siamese': 'SamplesView ConfusionView MetricsView',
    'chapter4': 'SamplesView ConfusionView MetricsView', 'chapter4_deep': 'SamplesView ConfusionView MetricsView',
    'tensors': 'SamplesView ConfusionView MetricsView', 'tabular_classes': 'EmbeddingView ConfusionView MetricsView',
    'tabular_value': 'EmbeddingView ParityView MetricsView', 'collab': 'EmbeddingView ParityView MetricsView',
    'collab_nn': 'EmbeddingView ParityView MetricsView', 'text_classes': 'SamplesView ConfusionView MetricsView',
    'language_model': 'SamplesView HistogramView MetricsView', 'transformer': 'SamplesView ConfusionView MetricsView'}


def state(artists):
    "What an update returned, as far as it can be seen"
    seen = []
    for a in artists:
        for name in ('get_text', 'get_color', 'get_xydata', 'get_width', 'get_array', 'get_position', 'get_facecolor'):
            value = getattr(a, name, lambda: None)()
            seen.append(str(value.tolist() if hasattr(value, 'tolist') else value))
    return seen


def texts_in_the_way(fig) -> list:
    "Texts of `fig`, as they are drawn now, that leave it or cover one another"
    seen, draw, renderer = {}, Text.draw, fig.canvas.get_renderer()

    def note(self, *args, **kwargs):
        if self.get_visible() and self.get_text().strip(): seen[self] = self.get_window_extent(renderer)
        return draw(self, *args, **kwargs)
    with patch.object(Text, 'draw', note): fig.draw(renderer)
    width, height = fig.bbox.size
    beyond = [t for t, b in seen.items() if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]
    over = [(t, u) for (t, a), (u, b) in combinations(seen.items(), 2)
            if min(a.x1, b.x1) - max(a.x0, b.x0) > 1.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 2.5] # a descender
    return beyond + over


# what fastai is used for -> the learners here that do it
KINDS = {
    'vision_learner and fine_tune': 'vision vision_normalized vision_value', 'unet_learner': 'segmentation',
    'several labels': 'vision_multi', 'points': 'vision_points', 'xresnet with MixUp and CutMix': 'mixup cutmix',
    'text_classifier_learner': 'text_classes', 'language_model_learner': 'language_model',
    'tabular_learner': 'tabular_classes tabular_value', 'collab_learner': 'collab collab_nn',
    "fastbook's chapter 4": 'chapter4 chapter4_deep', 'a siamese model': 'siamese', 'an autoencoder': 'autoencoder',
    'a transformer': 'transformer', 'a GAN': 'gan', 'a CNN on tensors': 'tensors'}


def test_no_kind_is_missing():
    names = ' '.join(KINDS.values()).split()
    assert sorted(names) == sorted(APPLICATIONS) == sorted(VIEWS)


@pytest.mark.parametrize('name', APPLICATIONS)
def test_the_fit_is_the_same_and_three_views_suit(name, count, monkeypatch):
    whole, shoot_whole = [], Camera.shoot_whole
    monkeypatch.setattr(Camera, 'shoot_whole', lambda self, i: whole.append(i) or shoot_whole(self, i))
    plain = digest(fit(make(name), name))
    learn = fit(make(name, [AnimateFitCallback()]), name)
    assert digest(learn) == plain
    traj, cb = learn.record_params.trajectory, learn.animate_fit
    sentence = repr(cb)
    names = VIEWS[name].split()
    assert sentence.startswith(f'AnimateFitCallback: {names[0]}, {names[1]} and {names[2]}: ')
    animation = cb.animation
    assert len([ax for ax in animation._fig.axes if ax.get_subplotspec() is not None]) == 3
    last = animation._save_count - 1
    assert last == traj.n_steps
    first, end, again = (state(animation._func(i)) for i in (0, last, 0))
    assert first == again != end
    for i in (0, last // 2, last):
        animation._func(i)
        assert not texts_in_the_way(animation._fig)
    for_point, for_item = work_of_samples(traj)
    part, _ = within_budget(traj)
    assert len(part) * (for_point.seconds + part.samples.n * for_item.seconds) <= SECONDS
    html = cb._repr_html_()
    assert len(html) < 2e6 and 'fastsgd-player' in html
    assert whole == [0], 'after the first frame only what changed is drawn'
    assert digest(learn) == plain, 'drawing changes nothing either'
    count('real fits unchanged')
    count('real learners that show what they learned')


def test_less_is_shown_of_a_model_that_takes_long(monkeypatch):
    learn = fit(make('tensors', [AnimateFitCallback()]), 'tensors')
    traj = learn.record_params.trajectory
    whole = len(traj), traj.samples.n
    for_point, for_item = work_of_samples(traj)
    for share in (0.5, 0.1, 0.01):
        budget = share * whole[0] * (for_point.seconds + whole[1] * for_item.seconds)
        monkeypatch.setattr('fastsgd.views.budget.SECONDS', budget)
        part, told = within_budget(traj)
        assert len(part) * (for_point.seconds + part.samples.n * for_item.seconds) <= budget or (
            len(part), part.samples.n) == (2, 1)
        assert 'since the model is large' in told and (len(part), part.samples.n) < whole
        assert torch.equal(part.flat[0], traj.flat[0]) and torch.equal(part.flat[-1], traj.flat[-1])
        assert (len(traj), traj.samples.n) == whole, 'the record itself is whole'
    assert told in repr(learn.animate_fit)
    assert learn.animate_fit.animation._save_count == traj.n_steps + 1, 'the loss still moves at each step'
