"""What a model's output means, for every kind of loss, output and target."""

from functools import partial

import pytest
import torch
from fastai.callback.mixup import CutMix, MixUp
from fastai.losses import (
    BCELossFlat,
    BCEWithLogitsLossFlat,
    CrossEntropyLossFlat,
    DiceLoss,
    FocalLossFlat,
    LabelSmoothingCrossEntropy,
    LabelSmoothingCrossEntropyFlat,
    MSELossFlat,
)
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.answers import activate, activation_for, activation_of, classes_of, threshold_of

GEN = torch.Generator().manual_seed(0)
LOGITS, CLASSES = torch.randn(30, 3, generator=GEN) * 3, torch.arange(30) % 3
LOGIT, LABELS = torch.randn(30, 1, generator=GEN) * 3, (torch.arange(30) % 2).float()[:, None]
COUNTS, SHARES = torch.randint(1, 9, (30, 1), generator=GEN).float(), LOGITS.softmax(-1)


class Twice(nn.Module):
    "A loss of one's own around torch's"
    def __init__(self):
        super().__init__()
        self.loss = nn.CrossEntropyLoss()
    def forward(self, out, y): return 2 * self.loss(out, y)


class Weighted(nn.CrossEntropyLoss): pass


def fastbooks(out, y): # chapter 4's `mnist_loss`
    p = out.sigmoid()
    return torch.where(y == 1, 1 - p, p).mean()


def mixed(kind):
    "The bound method that fastai's MixUp puts in the loss's place"
    callback = kind()
    callback.old_lf = CrossEntropyLossFlat()
    return callback.lf


def cross_entropy(out, y): return -out[range(len(y)), y].log().mean() # of probabilities, whatever its name
def own_nll(out, y): return -out[range(len(y)), y].mean()
def own_bce(out, y): return -(y * out.log() + (1 - y) * (1 - out).log()).mean()
def own_bce_cut(out, y): return own_bce(out.clamp(1e-6, 1 - 1e-6), y)
def own_logistic(out, y): return F.softplus(-(2 * y - 1) * out).mean()
def hinge(out, y): return (1 - y * out).clamp(min=0).mean()
def rmse(out, y): return (out - y).pow(2).mean().sqrt()
def own_poisson(out, y): return (out.exp() - y * out).mean()
def tweedie(out, y): return (2 * y * (-out / 2).exp() + 2 * (out / 2).exp()).mean()
def smoothed(out, y, much=0.5): return F.binary_cross_entropy_with_logits(out, y * (1 - much) + much / 2)
def heavy(out, y): return F.binary_cross_entropy_with_logits(out, y, pos_weight=torch.tensor(20.))
def logistic(out, y): return F.softplus(-y * out).mean() # of labels -1 and 1
def margin(out, y): return F.multi_margin_loss(out, y)
def own_margin(out, y): return (1 + out - out.gather(1, y[:, None])).clamp(min=0).mean()
def smooth_classes(out, y): return F.cross_entropy(out, y, label_smoothing=0.3)
def soft(out, y): return -(y * out.log_softmax(1)).sum(1).mean() # of shares


KNOWN = [
    ('softmax', LOGITS, CLASSES, [
        F.cross_entropy, nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=torch.ones(3)), Weighted(), DiceLoss(),
        CrossEntropyLossFlat(), LabelSmoothingCrossEntropy(), LabelSmoothingCrossEntropyFlat(), FocalLossFlat(),
        mixed(MixUp), mixed(CutMix), partial(mixed(MixUp)), partial(F.cross_entropy, reduction='sum'),
        nn.CrossEntropyLoss().forward]),
    ('log', LOGITS.log_softmax(-1), CLASSES, [F.nll_loss, nn.NLLLoss()]),
    ('log', LOGIT, COUNTS, [F.poisson_nll_loss, nn.PoissonNLLLoss(), partial(F.poisson_nll_loss, log_input=True)]),
    ('sigmoid', LOGIT, LABELS, [F.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss(), BCEWithLogitsLossFlat()]),
    ('sigmoid', LOGIT, LABELS * 2 - 1, [nn.SoftMarginLoss()]),
    ('sigmoid', LOGITS, F.one_hot(CLASSES).float(), [nn.BCEWithLogitsLoss(), nn.MultiLabelSoftMarginLoss()]),
    ('identity', LOGIT, LABELS, [nn.MSELoss(), F.l1_loss, nn.HuberLoss(), nn.SmoothL1Loss(), MSELossFlat()]),
    ('identity', LOGIT, LABELS * 2 - 1, [F.mse_loss, nn.HingeEmbeddingLoss()]),
    ('identity', LOGIT.sigmoid(), LABELS, [nn.BCELoss(), F.binary_cross_entropy, BCELossFlat(), nn.MSELoss()]),
    ('identity', LOGIT.exp(), COUNTS, [nn.PoissonNLLLoss(log_input=False),
                                       partial(F.poisson_nll_loss, log_input=False)]),
    ('identity', LOGITS, CLASSES, [nn.MultiMarginLoss()]),
]
OWN = [
    ('softmax', LOGITS, CLASSES, [Twice(), lambda out, y: F.cross_entropy(out, y) + 1, smooth_classes]),
    ('softmax', LOGITS, F.one_hot(CLASSES).float(), [soft]), ('softmax', LOGITS, SHARES, [soft]),
    ('identity', LOGITS, CLASSES, [margin, own_margin]),
    ('identity', LOGITS, F.one_hot(CLASSES).float(), [rmse]), ('identity', LOGITS, SHARES, [rmse]),
    ('sigmoid', LOGITS, F.one_hot(CLASSES).float(), [smoothed, heavy]),
    ('log', LOGITS.log_softmax(-1), CLASSES, [own_nll]),
    ('log', LOGIT, COUNTS, [own_poisson, tweedie]), ('log', LOGIT, (COUNTS - 4).clamp(min=0), [own_poisson, tweedie]),
    ('sigmoid', LOGIT, LABELS, [fastbooks, own_logistic, smoothed, heavy]),
    ('sigmoid', LOGIT, LOGIT.sigmoid(), [smoothed, heavy, F.binary_cross_entropy_with_logits.__call__]),
    ('sigmoid', LOGIT, LABELS * 2 - 1, [logistic]),
    ('identity', LOGIT.sigmoid(), LABELS, [own_bce, own_bce_cut]),
    ('identity', SHARES, CLASSES, [cross_entropy]),
    ('identity', LOGIT, LABELS, [rmse]), ('identity', LOGIT, COUNTS, [rmse]),
    ('identity', LOGIT, LABELS * 2 - 1, [hinge, rmse]),
    ('', LOGITS, CLASSES, [lambda out, y: torch.zeros(()), None, 'no function']),
]
each = lambda table: [(loss, *row) for *row, losses in table for loss in losses]


@pytest.mark.parametrize('loss, name, out, y', each(KNOWN))
def test_a_known_loss_tells_by_itself(loss, name, out, y):
    assert activation_of(loss) == activation_of(loss, out) == activation_of(loss, out, y) == name


@pytest.mark.parametrize('loss, name, out, y', each(OWN))
def test_a_loss_of_ones_own_is_tried_out(loss, name, out, y):
    before = torch.get_rng_state()
    assert activation_of(loss, out, y) == name
    assert activation_of(loss) == '', 'nothing to try it on'
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize('loss', [F.cross_entropy, CrossEntropyLossFlat(), nn.NLLLoss(), None, F.mse_loss])
def test_shares_of_a_whole_are_taken_as_they_are(loss):
    assert activation_of(loss, SHARES) == activation_of(loss, SHARES, CLASSES) == 'identity'


def test_probabilities_of_one_output_are_taken_as_they_are():
    assert activation_of(None, LOGIT.sigmoid()) == activation_of(nn.BCEWithLogitsLoss(), LOGIT.sigmoid()) == 'identity'
    at_first = torch.rand(30, 1) * 0.3 + 0.3
    assert activation_of(nn.BCEWithLogitsLoss(), at_first) == 'sigmoid', 'logits before the first step'
    assert activation_of(nn.PoissonNLLLoss(), SHARES) == 'log', 'rates are no shares'


@pytest.mark.parametrize('name, function', [
    ('softmax', lambda o: o.softmax(-1)), ('sigmoid', torch.sigmoid), ('log', torch.exp), ('identity', lambda o: o),
    ('', lambda o: o)])
def test_activate(name, function):
    assert torch.equal(activate(name, LOGITS), function(LOGITS))


def test_the_axis_of_the_classes():
    masks, words = torch.randn(2, 3, 4, 5), torch.randn(2, 7, 3)
    assert torch.equal(activate('softmax', masks), masks.softmax(1))
    assert torch.equal(activate('softmax', words), words.softmax(2))
    assert torch.equal(activate('softmax', words, 1), words.softmax(1))
    told = activation_for(CrossEntropyLossFlat(axis=1), words)
    assert torch.equal(told(words), words.softmax(1)), 'the loss knows it'
    with pytest.raises(ValueError, match="name='tanh': expected 'softmax', 'sigmoid', 'identity', 'log' or ''"):
        activate('tanh', words)


def test_an_activation_of_the_losss_own():
    class Loss:
        def activation(self, out): return out / 2
        def __call__(self, out, y): return (out / 2 - y).pow(2).mean()
    assert activation_of(Loss()) == '' and torch.equal(activation_for(Loss(), LOGIT)(LOGIT), LOGIT / 2)
    assert torch.equal(activation_for(CrossEntropyLossFlat(), SHARES)(SHARES), SHARES)


@pytest.mark.parametrize('targets, classes', [
    ([0, 1, 2], [0, 1, 2]), ([[0.], [1.]], [0, 1]), ([-1., 1., 1.], [0, 1, 1]), ([[-1], [1]], [0, 1]), ([1, 1], [1, 1]),
    ([[0, 1, 0], [1, 0, 0]], [1, 0]), ([0.5, 1], None), ([[1, 1], [0, 1]], None), ([-2, 1], None), ([], None),
    ([float('nan')], None), ([True, False], [1, 0])])
def test_classes_of(targets, classes):
    got = classes_of(torch.tensor(targets))
    assert got is None if classes is None else got.tolist() == classes


def test_threshold():
    assert threshold_of('identity', LABELS) == 0.5 and threshold_of('identity', LABELS * 2 - 1) == 0
    assert threshold_of('sigmoid', LABELS * 2 - 1) == 0.5, 'a probability, whatever the labels'
