"""MixUp and CutMix: views show the data as it is, and the losses stay those that the optimiser saw."""

import pytest
import torch
from fastai.basics import Callback, CrossEntropyLossFlat, Learner, nn
from fastai.callback.mixup import CutMix, MixUp
from learners import silent

from fastsgd import AnimateFitCallback, RecordParamsCallback, loss_surface, tensor_dls


class Seen(Callback):
    "The losses as the optimiser saw them"
    order = 90
    def before_fit(self): self.losses = []
    def before_backward(self): self.losses.append(float(self.learn.loss_grad.detach()))


def test_points_that_never_were_are_not_shown():
    torch.manual_seed(0)
    x, y = torch.randn(200, 2), torch.randint(0, 2, (200,))
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    seen = Seen()
    learn = silent(Learner(tensor_dls((x, y), (x[:50], y[:50]), bs=20, seed=0), model, CrossEntropyLossFlat(),
                           cbs=[MixUp(), seen, AnimateFitCallback()]))
    learn.fit(2, 0.1)
    traj = learn.record_params.trajectory
    (points,), (classes,) = traj.data
    rows = {tuple(row): int(c) for row, c in zip(x.tolist(), y)}
    assert len(points) == 36 and all(rows[tuple(p)] == int(c) for p, c in zip(points.tolist(), classes))
    assert traj.losses.tolist() == pytest.approx(seen.losses) and len(seen.losses) == 20
    assert isinstance(traj.loss_func, CrossEntropyLossFlat)
    assert repr(learn.animate_fit).startswith('AnimateFitCallback: BoundaryView')
    assert not traj.batches and loss_surface(traj, n=2).loss.isfinite().all()
    learn.fit(1, 0.1) # MixUp again, and the record goes on
    assert learn.record_params.trajectory.n_steps == 30


@pytest.mark.parametrize('samples', [0, 36])
def test_images_that_were_cut_together(samples):
    x, y = torch.rand(40, 3, 8, 8), torch.randint(0, 2, (40,))
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    learn = silent(Learner(tensor_dls((x, y), (x, y), bs=20, seed=0), model, CrossEntropyLossFlat(),
                           cbs=[CutMix(), RecordParamsCallback(samples=samples)]))
    learn.fit(2, 0.1)
    data = learn.record_params.trajectory.data
    if not samples: assert data is None
    else: assert all(any(torch.equal(image, o) for o in x) for image in data[0][0])


def test_plain_fits_afterwards_record_their_data():
    x, y = torch.randn(60, 3), torch.randint(0, 2, (60,))
    learn = silent(Learner(tensor_dls((x, y), bs=20, seed=0), nn.Linear(3, 2), CrossEntropyLossFlat(),
                           cbs=[RecordParamsCallback()]))
    learn.fit(1, 0.1, cbs=MixUp())
    learn.fit(1, 0.1)
    (points,), _ = learn.record_params.trajectory.data
    assert sorted(points.tolist()) == sorted(x.tolist())
