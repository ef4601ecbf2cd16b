"""The loss along a line, checked against the model itself, its derivative and its samples."""

import numpy as np
import pytest
import torch
from applications import fitted
from fastai.basics import Learner, MSELossFlat, nn
from learners import net_learner, silent
from matplotlib.figure import Figure
from torch.nn import functional as F

from fastsgd import AnimateFitCallback, CurveView, Trajectory, minimize, tensor_dls


def drawn(traj, i=-1, **kwargs):
    ax = CurveView(**kwargs).plot(traj, Figure().subplots(), i=i)
    return ax, {line.get_label(): np.asarray(line.get_xydata(), dtype=float) for line in ax.lines}


def test_a_function_of_one_number_with_its_tangent():
    f = lambda p: ((p - 2)**2).sum() + (3 * p).sin().sum()
    traj = minimize(f, torch.tensor([-1.5], dtype=torch.float64), lr=0.05, steps=20)
    for i in (0, 7, 20):
        ax, lines = drawn(traj, i)
        x = lines['loss'][:, 0]
        np.testing.assert_allclose(lines['loss'][:, 1], (x - 2)**2 + np.sin(3 * x), atol=1e-4)
        at = float(traj.params['x'][i])
        assert lines['the fit'].tolist() == [pytest.approx([at, (at - 2)**2 + np.sin(3 * at)], abs=1e-5)]
        (x0, y0), (x1, y1) = lines['tangent']
        assert (y1 - y0) / (x1 - x0) == pytest.approx(2 * (at - 2) + 3 * np.cos(3 * at), abs=2e-2)
    assert ax.get_xlabel() == 'x[0]' and ax.get_ylabel() == 'loss'


def test_a_model_with_one_parameter_gets_it_by_itself():
    x = torch.randn(40, 1)
    learn = silent(Learner(tensor_dls((x, 3 * x), bs=10, seed=0), nn.Linear(1, 1, bias=False), MSELossFlat(),
                           cbs=AnimateFitCallback()))
    learn.fit(4, 0.1)
    told = repr(learn.animate_fit)
    assert told.startswith('AnimateFitCallback: FitView') or 'CurveView' in told
    ax, lines = drawn(learn.record_params.trajectory)
    w, loss = lines['loss'].T
    wanted = [float(F.mse_loss(v * x, 3 * x)) for v in w]
    np.testing.assert_allclose(loss, wanted, rtol=1e-4)
    assert repr(silent(two_inputs()).animate_fit).startswith('AnimateFitCallback: CurveView and MetricsView, since the')


def two_inputs():
    "One parameter, and two inputs: no curve to fit"
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))
        def forward(self, x): return self.scale * x.sum(1, keepdim=True)
    x = torch.randn(40, 2)
    learn = Learner(tensor_dls((x, x.sum(1, keepdim=True)), bs=10, seed=0), Scaled(), MSELossFlat(),
                    cbs=AnimateFitCallback())
    with learn.no_bar(), learn.no_logging(): learn.fit(2, 0.1)
    return learn


def test_from_the_first_point_to_the_last():
    learn = net_learner() # with BatchNorm
    learn.fit(3)
    traj = learn.record_params.trajectory
    _, lines = drawn(traj, 0, n=7)
    model = learn.model.eval()
    first, last = traj.state(0), traj.state(-1)
    (xs, ys), params = traj.data, {*traj.params, *traj.aliases}
    for t, loss in lines['loss']:
        state = {k: first[k] + t * (last[k] - first[k]) if k in params else last[k] for k in last}
        model.load_state_dict(state)
        with torch.no_grad(): assert loss == pytest.approx(float(traj.loss_func(model(*xs), *ys)), rel=1e-4)
    for i, place in ((0, 0.), (-1, 1.)):
        model.load_state_dict(traj.state(i))
        with torch.no_grad(): wanted = float(traj.loss_func(model(*xs), *ys))
        assert drawn(traj, i, n=7)[1]['the fit, nearest place'].tolist() == [pytest.approx([place, wanted], rel=1e-4)]
    assert 'tangent' not in lines


def test_samples_have_a_curve_of_their_own():
    traj = fitted('tensors').record_params.trajectory
    _, lines = drawn(traj, n=5)
    traj.model.load_state_dict(traj.state(-1))
    with torch.no_grad(): wanted = float(traj.loss_func(traj.model.eval()(*traj.samples.xs), *traj.samples.ys))
    at = lines[f'loss of the {traj.samples.n} samples']
    assert np.interp(1., *at.T) == pytest.approx(wanted, rel=2e-2)


@pytest.mark.parametrize('traj, text', [
    (Trajectory({'a': torch.rand(3, 2)}), 'has no model'),
    (Trajectory({'weight': torch.ones(3, 1, 2)}, model=nn.Linear(2, 1, bias=False), loss_func=F.mse_loss,
                data=((torch.ones(2, 2),), (torch.ones(2, 1),))), 'there is no line from one to the other'),
    (Trajectory({'weight': torch.rand(3, 1, 2)}, model=nn.Linear(2, 1, bias=False), loss_func=F.mse_loss),
     'no training data')])
def test_errors_teach(traj, text, count):
    with pytest.raises(ValueError, match=text): drawn(traj)
    for bad in (dict(n=2), dict(max_samples=0)):
        with pytest.raises(ValueError, match='expected a whole number of at least'): CurveView(**bad)
    count('bad inputs refused', 3)
