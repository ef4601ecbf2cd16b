"""The loss is evaluated on what the loss of the fit saw, where a callback picks a part of what the model returns."""

import pickle

import pytest
import torch
from applications import fit, make
from fastai.basics import Callback, Learner, nn
from learners import silent
from matplotlib.figure import Figure

from fastsgd import PathView, RecordParamsCallback, loss_surface, tensor_dls
from fastsgd.callbacks.parts import place_of
from fastsgd.trajectory.answers import PartLoss, activation_of


def check_losses(traj, model, picked, loss_func):
    "The loss at each recorded point is that of the model as it stood, on the recorded data"
    data = [traj.data, *traj.ragged]
    rows = torch.tensor([len(xs[0]) for xs, _ in data], dtype=torch.float64)
    surface = loss_surface(traj, n=3)
    got = surface.loss_at(traj)
    for i in range(len(traj)):
        model.load_state_dict(traj.state(i), strict=False)
        model.eval()
        losses = []
        for xs, ys in data:
            if hasattr(model, 'reset'): model.reset()
            with torch.no_grad(): losses.append(float(loss_func(picked(model(*xs)), *ys)))
        wanted = float(rows @ torch.tensor(losses, dtype=torch.float64) / rows.sum())
        assert float(got[i]) == pytest.approx(wanted, rel=2e-5) # of an LSTM with torch 2.8


@pytest.mark.parametrize('name', ['text_classes', 'language_model'])
def test_fastais_texts_have_a_loss_surface(name):
    learn = fit(make(name, [RecordParamsCallback()]), name)
    traj = learn.record_params.trajectory
    assert isinstance(traj.loss_func, PartLoss) and traj.loss_func.keys == (0,)
    assert activation_of(traj.loss_func) == 'softmax' and not learn.model._forward_hooks
    check_losses(traj, learn.model, lambda out: out[0], learn.loss_func)
    assert loss_surface(learn, n=2).loss.isfinite().all()
    assert 'loss' in PathView(n=3).plot(traj, Figure().subplots()).get_title(loc='left')
    pickle.dumps(traj.loss_func)


class Parts(nn.Module):
    "Returns more than the loss takes"
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
    def forward(self, x):
        out = self.layer(x)
        return {'hidden': [x, 7 * out], 'answer': {'logits': out}}


class Pick(Callback):
    "As RNNCallback does"
    def __init__(self, pick): self.pick = pick
    def after_pred(self): self.learn.pred = self.pick(self.pred)


@pytest.mark.parametrize('pick, keys', [
    (lambda out: out['answer']['logits'], ('answer', 'logits')), (lambda out: out['hidden'][1], ('hidden', 1)),
    (lambda out: out['answer']['logits'].double().float(), ('answer', 'logits'))])
def test_a_callback_picks_a_part(pick, keys):
    dls = tensor_dls((torch.randn(20, 2), torch.randn(20, 1)), bs=5, seed=0)
    learn = silent(Learner(dls, Parts(), nn.MSELoss(), cbs=[Pick(pick), RecordParamsCallback()]))
    learn.fit(2, 0.1)
    learn.fit(1, 0.1)
    traj = learn.record_params.trajectory
    assert traj.loss_func.keys == keys and isinstance(traj.loss_func.func, nn.MSELoss) and traj.n_steps == 12
    check_losses(traj, learn.model, pick, nn.MSELoss())


def test_an_output_as_it_is_or_made_anew_needs_no_part():
    for pick in (lambda out: out, lambda out: out + 1):
        dls = tensor_dls((torch.randn(20, 2), torch.randn(20, 1)), seed=0)
        learn = silent(Learner(dls, nn.Linear(2, 1), nn.MSELoss(), cbs=[Pick(pick), RecordParamsCallback()]))
        learn.fit(2, 0.1)
        assert isinstance(learn.record_params.trajectory.loss_func, nn.MSELoss) and not learn.model._forward_hooks


def test_places():
    a, b, c = torch.ones(2), torch.zeros(2), torch.tensor([1., 2.])
    assert place_of(a, a) == () and place_of(c, {'x': (a, [b, c])}) == ('x', 1, 1) and place_of(c, (a, b)) is None
    assert place_of(a.half(), (b, a)) == (1,) and place_of(torch.ones(3), (a,)) is None and place_of(None, (a,)) is None
