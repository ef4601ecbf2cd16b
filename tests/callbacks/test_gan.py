"""GANs, whose generator and critic take turns: two lines of losses, and images made of the same noise."""

import copy

import numpy as np
import pytest
import torch
from applications import digest, fitted, gan, make, pictures
from applications import fit as fit_of
from fastai.basics import Callback, CancelFitException
from fastai.callback.progress import ProgressCallback
from fastai.vision.gan import FixedGANSwitcher, GANLearner
from learners import seed_all, silent
from matplotlib.figure import Figure
from torch import nn

from fastsgd import (
    AnimateFitCallback,
    LossView,
    MetricsView,
    Recording,
    RecordParamsCallback,
    SamplesView,
    Trajectory,
    loss_surface,
    sharpness,
)
from fastsgd.player.palette import with_palette
from fastsgd.trajectory import Samples
from fastsgd.views import choose_views
from fastsgd.views.budget import bytes_of_picture, within_budget
from fastsgd.views.forms import few_shades

PARTS = {'generator', 'critic'}


class Turns(Callback):
    "Whose turn it was and what was lost, batch by batch"
    order = 100
    def before_fit(self): self.seen = []
    def before_step(self): self.seen.append((self.gan_trainer.gen_mode, float(self.learn.loss.detach())))


class StopAt(Callback):
    "Ends the fit in the middle of a turn"
    order = 101
    def __init__(self, step): self.left = step
    def after_step(self):
        self.left -= 1
        if not self.left: raise CancelFitException


def fit(*cbs, epochs=3, **kwargs):
    seed_all()
    learn = silent(gan([RecordParamsCallback(), *cbs], **kwargs))
    learn.fit(epochs, 1e-3)
    return learn, learn.record_params.trajectory


@pytest.mark.parametrize('kwargs', [{}, {'valid': range(0, 36, 4)}, {'learner': GANLearner.wgan}], ids=str)
def test_each_step_says_whose_loss_it_has(kwargs):
    turns = Turns()
    _, traj = fit(turns, **kwargs)
    modes, losses = zip(*turns.seen)
    assert traj.losses.tolist() == pytest.approx(losses) and traj.n_steps == len(losses)
    assert traj.parts.keys() == (PARTS if any(modes) else {'critic'})
    for part, mode in (('generator', True), ('critic', False)):
        assert traj.parts.get(part, torch.tensor([])).tolist() == [i for i, m in enumerate(modes) if m == mode]
    assert not len(traj.valid[0]), "the generator's alone: it is among the metrics"
    assert ('valid_loss' in traj.metrics) == ('valid' in kwargs)


def test_samples_are_what_the_generator_makes_of_the_same_noise():
    learn, traj = fit()
    (noise,), samples = traj.samples.xs, traj.samples
    assert noise.shape == (36, 10) and samples.targets == [None] * 36 and samples.note == ''
    with torch.no_grad(): made = learn.model.generator.eval()(noise)
    assert torch.allclose(traj.predict(-1, noise), made, atol=1e-6)
    # from -1 to 1, as the data was normalised
    shown = ((made + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    for image, wanted in zip(samples.pictures(made), shown): assert int((image.int() - wanted.int()).abs().max()) <= 1
    assert torch.equal(fit(epochs=1)[1].samples.xs[0], noise), 'the same ones in each run'


def test_no_more_noise_is_asked_about_than_is_shown(monkeypatch):
    learn, traj = fit()
    asked, predict = [], Trajectory.predict
    monkeypatch.setattr(Trajectory, 'predict', lambda self, i, *xs: asked.append((i, len(xs[0]))) or predict(
        self, i, *xs))
    ax = Figure((6.2, 4.8)).subplots()
    frames = [min(i // 2, traj.n_steps) for i in range(2 * traj.n_steps)] # each point twice, as a thinned record has it
    update = SamplesView().draw(traj.take(frames), ax)
    for i in range(len(frames)): update(i)
    assert {n for _, n in asked} == {9} and len(asked) == len(set(frames)) < len(frames)
    with torch.no_grad(): made = learn.model.generator.eval()(traj.samples.xs[0])
    for image, wanted in zip(ax.images, traj.samples.pictures(made)): # in the colours of a GIF
        assert np.abs(image.get_array().astype(float) - wanted.numpy()).mean() < 6


@pytest.mark.parametrize('side', [8, 32, 64])
def test_pictures_of_noise_fit_into_their_budget(side):
    rng = np.random.default_rng(0)
    made = torch.tensor(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
    shown = np.dstack([few_shades(made, (side, side)), np.full((side, side), 255, np.uint8)])
    samples = Samples((torch.zeros(2, 3),), (torch.zeros(2, 3, side, side),), target_kind='new image')
    assert len(with_palette(shown)) <= bytes_of_picture(samples)


def test_of_large_pictures_there_are_fewer_points():
    _, traj = fit()
    larger, long = copy.copy(traj), 30
    larger.samples = Samples(traj.samples.xs, (torch.zeros(36, 3, 256, 256),), target_kind='new image')
    for t, most in ((traj, 200), (larger, 14)):
        part, told = within_budget(t.take([0] * long))
        assert len(part) == min(long, most) and ('since pictures take room' in told) == (most < long)


@pytest.mark.parametrize('steps', [1, 2, 3, 4])
def test_the_generator_answers_whoever_had_the_last_turn(steps):
    learn, traj = fit(StopAt(steps))
    assert traj.n_steps == steps and traj.predict(-1, *traj.samples.xs).shape == (36, 3, 32, 32)


def test_a_hundred_random_numbers_are_no_picture():
    _, traj = fit(size=100, epochs=1)
    assert (traj.samples.input_kind, traj.samples.target_kind) == ('values', 'new image')


def test_the_data_are_the_right_way_round():
    _, traj = fit()
    (noise,), (images,) = traj.data
    assert noise.shape == (36, 10) and images.shape == (36, 3, 32, 32) and len(list(pictures().glob('images/*'))) == 36


def lines(ax): return {a.get_label(): a for a in ax.lines if not a.get_label().startswith('_')}


def test_two_losses_are_two_lines():
    turns = Turns()
    _, traj = fit(turns)
    ax = Figure().subplots()
    update = LossView().draw(traj, ax)
    for i in (0, 4, traj.n_steps):
        update(i)
        for name, mode in (('generator', True), ('critic', False)):
            wanted = [(k, loss) for k, (m, loss) in enumerate(turns.seen) if m == mode and k <= i]
            assert np.allclose(lines(ax)[name].get_xydata(), np.reshape(wanted, (-1, 2)))
    look = [(a.get_color(), a.get_marker()) for a in lines(ax).values()]
    assert len(look) == len({c for c, _ in look}) == len({m for _, m in look}) == 2
    assert {t.get_text() for t in ax.get_legend().get_texts()} == PARTS
    parts = [part for part in MetricsView().plot(traj, Figure().subplots()).child_axes if PARTS <= lines(part).keys()]
    assert len(parts) == 1 and len({lines(parts[0])[name].get_linestyle() for name in PARTS}) == 2


def test_two_fits_have_four_lines():
    trajs = [fit()[1] for _ in range(2)]
    for traj, label in zip(trajs, 'ab'): traj.label = label
    drawn = lines(LossView().plot(trajs, Figure().subplots()))
    assert drawn.keys() == {f'{label}, lr=0.001, {part}' for label in 'ab' for part in PARTS}
    assert len({(a.get_color(), a.get_linestyle()) for a in drawn.values()}) == 4


def test_the_sentence_and_the_step_say_whose_loss_it_is():
    learn, traj = fit(AnimateFitCallback())
    told = repr(learn.animate_fit)
    assert 'made' not in told and 'what the generator makes of the same noise; ' in told
    assert 'the losses of critic and generator (Trajectory' in told and 'surface' not in told
    assert ', critic loss 2' in repr(traj) and ', generator loss 0.' in repr(traj)
    titles = [learn.animate_fit.animation._func(i)[0].get_text() for i in (0, 1)]
    assert 'critic loss' in titles[0] and 'generator loss' in titles[1]
    shown = SamplesView(n=4).plot(traj, Figure().subplots())
    assert len(shown.images) == 4 and not shown.patches, 'there is no truth to be right or wrong about'


def test_a_loss_that_calls_the_model_has_no_surface_and_is_not_called():
    learn, traj = fit()
    learn.model.train()
    before = {k: v.clone() for k, v in learn.model.state_dict().items()}
    for ask in (loss_surface, sharpness): # its critic's running means would move
        with pytest.raises(ValueError, match="the loss holds 'generator.* of the model itself"): ask(traj)
    choose_views(traj)
    SamplesView().plot(traj, Figure().subplots())
    assert all(torch.equal(before[k], v) for k, v in learn.model.state_dict().items())


def test_a_critic_that_falls_behind_is_no_divergence():
    x = torch.ones(41, 1)
    losses = torch.tensor([1., 0.001] * 10 + [1e4, 5e4] * 10)
    parts = {'critic': torch.arange(0, 40, 2), 'generator': torch.arange(1, 40, 2)}
    assert Trajectory({'a': x}, losses=losses, lrs=losses).diverged == 20
    traj = Trajectory({'a': x}, losses=losses, lrs=losses, parts=parts)
    assert traj.diverged is None and traj.findings == []
    losses[30:] = torch.nan # for good
    assert Trajectory({'a': x}, losses=losses, lrs=losses, parts=parts).diverged == 30


def test_a_file_says_whose_loss_it_is(tmp_path):
    _, traj = fit()
    back = Trajectory.load(traj.save(tmp_path/'fit'), traj.model, traj.loss_func)
    assert {k: v.tolist() for k, v in back.parts.items()} == {k: v.tolist() for k, v in traj.parts.items()}
    assert back.samples.target_kind == 'new image' and back.samples.scale == traj.samples.scale


def test_a_loop_of_ones_own_says_it_itself():
    model = nn.Linear(2, 1)
    recording = Recording(model)
    for step, part in enumerate(['judge', 'painter', 'judge', '', 'painter']):
        recording.point()
        recording.step(torch.tensor(float(step)), 0.1, part=part)
    recording.n_steps = 4 # an interrupt struck
    recording.step(9., 0.1, part='judge')
    traj = recording.trajectory()
    assert {k: v.tolist() for k, v in traj.parts.items()} == {'judge': [0, 2, 4], 'painter': [1]}
    drawn = {k: a.get_xdata().tolist() for k, a in lines(LossView().plot(traj, Figure().subplots())).items()}
    assert drawn == {'judge': [0, 2, 4], 'painter': [1], 'other': [3]}
    assert ', judge loss 0 to 9, painter loss 1 to 1, other loss 3 to 3' in repr(traj)
    with pytest.raises(TypeError, match='part=3'): recording.step(1., 0.1, part=3)


@pytest.mark.parametrize('parts, message', [
    ({'a': [5]}, 'expected each of the 2 steps once at most'), ({'a': [0], 'b': [0]}, 'once'), ({1: [0]}, 'a string'),
    ([0], 'a dict, name -> steps'), ({'a': [0.5]}, 'whole numbers')])
def test_steps_that_do_not_fit_are_refused(parts, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Trajectory({'a': torch.zeros(3, 1)}, losses=[1., 2.], lrs=[1., 1.], parts=parts)


def test_turns_of_several_steps():
    learn = silent(gan([RecordParamsCallback()], learner=lambda *args, cbs: GANLearner.wgan(
        *args, cbs=cbs, switcher=FixedGANSwitcher(2, 1))))
    learn.fit(2, 1e-3)
    # fastai validates the generator after each epoch, and goes on with it
    assert learn.record_params.trajectory.parts['generator'].tolist() == [2, 3]


def test_other_learners_have_one_loss():
    assert fitted('siamese').record_params.trajectory.parts == {}


@pytest.mark.filterwarnings('ignore:.*Your generator is empty:UserWarning') # fastai's bar over no validation
def test_without_validation_a_bar_changes_no_random_number(capsys):
    "Noise is drawn anew in each epoch: had we skipped the empty validation, it would be another"
    outcomes = []
    for cbs in ([], [AnimateFitCallback()]):
        learn = fit_of(make('gan', cbs).add_cb(ProgressCallback()), 'gan')
        outcomes.append([*digest(learn)[:4], learn.gan_trainer.gen_mode])
    assert outcomes[0] == outcomes[1]
