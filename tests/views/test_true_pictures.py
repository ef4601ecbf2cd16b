"""What BoundaryView and FitView show is what the model predicts, for kinds of loss × outputs × targets."""

from functools import partial

import numpy as np
import pytest
import torch
from fits import axes, train
from torch import nn
from torch.nn import functional as F

from fastsgd import BoundaryView, FitView, LossView, Trajectory
from fastsgd.views.choose import choose_views, fits_two_inputs

GEN = torch.Generator().manual_seed(0)
X = torch.rand(200, 2, generator=GEN) * 2 - 1
Y = (X.prod(1) > 0).long() # XOR
COLUMN, SIGNED, HOT = Y[:, None].float(), Y[:, None] * 2. - 1, F.one_hot(Y).float()


def own_bce(p, y): return -(y * p.log() + (1 - y) * (1 - p).log()).mean()
def own_log_loss(p, y): return -p[range(len(y)), y].log().mean()
def own_divergence(out, y): return F.kl_div(out, y, reduction='batchmean')
def hinge(out, y): return (1 - y * out).clamp(min=0).mean()
def fastbooks(out, y): return torch.where(y == 1, 1 - out.sigmoid(), out.sigmoid()).mean()


def net(outputs, *last, inputs=2):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs), *last)


same = lambda out: out[:, 0]
of_two = lambda out: out[:, 1]
CASES = { # loss, last layers, outputs, targets, learning rate, what is shown of an output
    'MSE on probabilities': (nn.MSELoss(), [nn.Sigmoid()], 1, COLUMN, 5., same),
    'L1 on probabilities': (nn.L1Loss(), [nn.Sigmoid()], 1, COLUMN, 1., same),
    'Huber on numbers': (nn.HuberLoss(), [], 1, COLUMN, 0.5, same),
    'MSE on 0 and 1': (nn.MSELoss(), [], 1, COLUMN, 0.3, same),
    'MSE on -1 and 1': (nn.MSELoss(), [], 1, SIGNED, 0.2, same),
    'hinge': (hinge, [], 1, SIGNED, 0.3, same),
    'soft margin': (nn.SoftMarginLoss(), [], 1, SIGNED, 1., lambda out: out.sigmoid()[:, 0]),
    'BCE': (nn.BCELoss(), [nn.Sigmoid()], 1, COLUMN, 1., same),
    'own BCE': (own_bce, [nn.Sigmoid()], 1, COLUMN, 1., same),
    'BCE with logits': (nn.BCEWithLogitsLoss(), [], 1, COLUMN, 1., lambda out: out.sigmoid()[:, 0]),
    "fastbook's": (fastbooks, [], 1, COLUMN, 3., lambda out: out.sigmoid()[:, 0]),
    'cross entropy': (F.cross_entropy, [], 2, Y, 1., lambda out: out.softmax(1)[:, 1]),
    'softmax and own log loss': (own_log_loss, [nn.Softmax(1)], 2, Y, 1., of_two),
    'softmax twice': (nn.CrossEntropyLoss(), [nn.Softmax(1)], 2, Y, 3., of_two),
    'NLL': (nn.NLLLoss(), [nn.LogSoftmax(1)], 2, Y, 1., lambda out: out.exp()[:, 1]),
    'own divergence of shares': (own_divergence, [nn.LogSoftmax(1)], 2, HOT, 1., lambda out: out.exp()[:, 1]),
    'weighted BCE with logits': (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.])), [], 1, COLUMN, 1.,
                                 lambda out: out.sigmoid()[:, 0]),
    'MSE on rows': (nn.MSELoss(), [], 2, HOT, 0.5, lambda out: (1 + out[:, 1] - out[:, 0]) / 2),
}


@pytest.mark.parametrize('case', CASES)
def test_the_boundary_is_true(case):
    loss, last, outputs, y, lr, shown = CASES[case]
    t = train(net(outputs, *last), X, y, loss, n=150, lr=lr, valid=False)
    assert fits_two_inputs(t) and isinstance(choose_views(t)[0][0], BoundaryView), 'chosen by itself'
    ax = BoundaryView(n=40).plot(t, axes())
    image, = ax.images
    gx, gy = np.linspace(*ax.get_xlim(), 40), np.linspace(*ax.get_ylim(), 40)
    rows = torch.as_tensor(np.stack(np.meshgrid(gx, gy), -1).reshape(-1, 2), dtype=torch.float32)
    assert np.allclose(image.get_array().ravel(), shown(t.predict(-1, rows)), atol=1e-5)
    middle = sum(image.get_clim()) / 2
    assert middle == (0 if case in ('MSE on -1 and 1', 'hinge') else 0.5)
    # the model is right where the picture has the colour of a point's class
    nearest = [np.abs(gx[None] - X[:, :1].numpy()).argmin(1), np.abs(gy[None] - X[:, 1:].numpy()).argmin(1)]
    right = ((image.get_array()[nearest[1], nearest[0]] > middle) == Y.numpy().astype(bool)).mean()
    out = shown(t.predict(-1, X)) > middle
    assert abs(right - (out == Y.bool()).float().mean().item()) < 0.06


def test_the_issues_picture():
    "XOR by a Sigmoid and MSE: right for nearly all points, and a boundary between them"
    t = train(net(1, nn.Sigmoid()), X, COLUMN, nn.MSELoss(), n=600, lr=5., valid=False)
    ax = BoundaryView().plot(t, axes())
    assert ((t.predict(-1, X) > 0.5) == COLUMN.bool()).float().mean() > 0.95
    assert ax.images[0].get_array().min() < 0.1 and len(ax.lines[-1].get_xdata()) > 50


def test_what_the_colour_bar_says():
    label = lambda t, **kw: BoundaryView(n=4, **kw).plot(t, axes()).child_axes[0].get_ylabel()
    assert label(train(net(1), X, COLUMN, nn.BCEWithLogitsLoss(), n=1)) == 'probability of class 1'
    assert label(train(net(1), X, SIGNED, nn.MSELoss(), n=1)) == 'output for class 1'
    assert label(train(net(1), X, COLUMN, nn.MSELoss(), n=1), names=('no', 'yes')) in (
        'output for yes', 'probability of yes')


def test_where_nothing_can_be_known():
    t = train(net(1), X, COLUMN, nn.MSELoss(), n=2)
    t.loss_func = None
    with pytest.raises(ValueError, match=r"not tell what the single output .* BoundaryView\(activation='sigmoid'\)"):
        BoundaryView().plot(t, axes())
    assert not fits_two_inputs(t)
    for given, shown in (('sigmoid', torch.sigmoid), (torch.sigmoid, torch.sigmoid), ('identity', lambda o: o)):
        image, = BoundaryView(activation=given, n=5).plot(t, axes()).images
        assert np.allclose(image.get_array()[0, 0], shown(t.predict(-1, torch.tensor(
            [[axis.min() - 0.12 * (axis.max() - axis.min()) for axis in X.T]]))).item(), atol=1e-5)


@pytest.mark.parametrize('View', [BoundaryView, FitView])
def test_an_activation_is_checked(View):
    with pytest.raises(ValueError, match="activation='tanh': expected a function of the output .* 'sigmoid'"):
        View(activation='tanh')


def ordinal(out, y): return F.binary_cross_entropy_with_logits(out, (y[:, None] > torch.arange(out.shape[1])).float())


@pytest.mark.parametrize('outputs, classes, loss', [(1, 3, lambda out, y: F.mse_loss(out[:, 0], y.float())),
                                                    (2, 3, ordinal), (4, 5, ordinal)])
def test_fewer_numbers_than_classes(outputs, classes, loss):
    t = train(net(outputs), X, torch.arange(200) % classes, loss, n=1)
    with pytest.raises(ValueError, match=f'answers with {outputs} numbers?, and there are {classes} classes'):
        BoundaryView().plot(t, axes())
    assert not isinstance(choose_views(t)[0][0], BoundaryView)


def straight(inputs, slope, bias):
    model = nn.Linear(inputs, 1)
    model.weight.data, model.bias.data = torch.full((1, inputs), slope), torch.tensor([bias])
    return model


@pytest.mark.parametrize('loss', [nn.BCEWithLogitsLoss(), lambda out, y: F.binary_cross_entropy_with_logits(out, y)])
def test_logits_that_look_like_probabilities(loss):
    "All of them between 0 and 1, at all points of a short fit"
    t = train(straight(2, 0.24, 0.5), X, COLUMN, loss, n=1, lr=1e-4, valid=False)
    image, = BoundaryView(n=5).plot(t, axes()).images
    assert image.get_array().min() > 0.45, 'the sigmoid of what is nearly 0'
    rows, y = torch.linspace(-1, 1, 40)[:, None], torch.ones(40, 1)
    ax = FitView().plot(train(straight(1, 0.49, 0.5), rows, y, loss, n=1, lr=1e-4, valid=False), axes())
    curve = next(a for a in ax.lines if a.get_label() == 'model')
    at = torch.as_tensor(curve.get_xdata())
    assert np.allclose(curve.get_ydata(), (0.49 * at + 0.5).sigmoid(), atol=1e-3)


def test_names_of_classes_as_recorded():
    class Samples: classes = ['upper', '$lower$']
    t = train(net(2), X, Y, F.cross_entropy, n=1)
    t.samples = Samples()
    ax = BoundaryView(n=4).plot(t, axes())
    assert {'upper', '$lower$'} <= {a.get_label() for a in ax.lines}


# -- FitView

x = torch.linspace(-2, 2, 60)[:, None]
ONES, COUNTS = (x > 0.3).float(), torch.poisson(x.exp(), generator=GEN)
LINES = { # loss, last layers, targets, what is shown of an output
    'BCE with logits': (nn.BCEWithLogitsLoss(), [], ONES, torch.sigmoid),
    'BCE': (nn.BCELoss(), [nn.Sigmoid()], ONES, lambda out: out),
    'MSE on probabilities': (nn.MSELoss(), [nn.Sigmoid()], ONES, lambda out: out),
    'Poisson': (nn.PoissonNLLLoss(), [], COUNTS, torch.exp),
    'Poisson of rates': (partial(F.poisson_nll_loss, log_input=False), [nn.Softplus()], COUNTS, lambda out: out),
    'soft margin': (nn.SoftMarginLoss(), [], ONES * 2 - 1, lambda out: 2 * out.sigmoid() - 1),
    'MSE': (nn.MSELoss(), [], COUNTS, lambda out: out),
    'MSE between 0 and 1': (nn.MSELoss(), [], x.sigmoid(), lambda out: out),
    'L1': (F.l1_loss, [], COUNTS, lambda out: out),
}


@pytest.mark.parametrize('case', LINES)
def test_the_curve_is_what_the_model_predicts(case):
    loss, last, y, shown = LINES[case]
    t = train(net(1, *last, inputs=1), x, y, loss, n=30, lr=0.05, valid=False)
    assert isinstance(choose_views(t)[0][0], FitView)
    ax = axes()
    update, lines = FitView().draw(t, ax), {a.get_label(): a for a in ax.lines}
    for i in (30, 3, 0):
        update(i)
        at, curve = lines['model'].get_data()
        wanted = shown(t.predict(i, torch.as_tensor(at, dtype=torch.float32)[:, None]))[:, 0]
        assert np.allclose(curve, wanted, atol=1e-5)
    assert np.allclose(lines['first guess'].get_ydata(), wanted, atol=1e-5)


def test_an_activation_given_to_a_curve():
    t = train(net(1, inputs=1), x, ONES, nn.MSELoss(), n=2)
    for given in ('sigmoid', torch.sigmoid):
        ax = FitView(activation=given).plot(t, axes())
        line = next(a for a in ax.lines if a.get_label() == 'model')
        at = torch.as_tensor(line.get_xdata(), dtype=torch.float32)[:, None]
        assert np.allclose(line.get_ydata(), t.predict(-1, at).sigmoid()[:, 0], atol=1e-5)


# -- many points

def test_many_points_are_one_image():
    "200,000 points make a small page; what stands still is stored once"
    from fastsgd import animate
    gen = torch.Generator().manual_seed(1)
    x = torch.rand(200_000, 1, generator=gen)
    y = 2 * x + torch.randn(200_000, 1, generator=gen) * 0.3
    model = nn.Linear(1, 1)
    points = {'weight': torch.linspace(0, 2, 21)[:, None, None], 'bias': torch.zeros(21, 1)}
    batches = {i: ((x[:4096],), (y[:4096],)) for i in range(20)}
    t = Trajectory(points, losses=torch.ones(20), lrs=torch.ones(20), model=model, loss_func=F.mse_loss,
                   data=((x,), (y,)), batches=batches)
    anim = animate(t, FitView(), LossView())
    assert len(anim.to_jshtml()) < 2_000_000
    assert 'batch (500 of 4,096)' in {a.get_label() for a in anim._fig.axes[0].lines}
    xy = torch.rand(100_000, 2, generator=gen)
    many = train(net(2), xy, (xy[:, 0] > 0.5).long(), F.cross_entropy, n=3)
    assert len(animate(many, BoundaryView()).to_jshtml()) < 2_000_000
