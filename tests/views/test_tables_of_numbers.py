"""fastai's tables with one or two continuous columns and no category: an empty tensor is no input."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.tabular.all import CategoryBlock, Normalize, RegressionBlock, TabularDataLoaders, tabular_learner
from learners import silent
from matplotlib.figure import Figure

from fastsgd import AnimateFitCallback, BoundaryView, FitView


def table(names, y, block):
    rng = np.random.default_rng(0)
    df = pd.DataFrame({'x': rng.normal(size=60), 'z': rng.normal(size=60)})
    df['y'] = y(df)
    dls = TabularDataLoaders.from_df(df, procs=[Normalize], cat_names=[], cont_names=names, y_names='y', y_block=block,
                                     bs=20, valid_idx=list(range(10)), num_workers=0)
    learn = silent(tabular_learner(dls, layers=[8], cbs=AnimateFitCallback()))
    learn.fit_one_cycle(3, 1e-2)
    return learn


def test_one_column_and_a_number_have_a_curve():
    learn = table(['x'], lambda df: np.sin(df.x).astype(np.float32), RegressionBlock())
    assert repr(learn.animate_fit).startswith('AnimateFitCallback: FitView and LossView')
    traj = learn.record_params.trajectory
    ax = FitView(ghost=False).plot(traj, Figure().subplots(), i=4)
    curve = next(line for line in ax.lines if line.get_label() == 'model')
    at, drawn = map(np.asarray, curve.get_data())
    learn.model.load_state_dict(traj.state(4))
    learn.model.eval()
    rows = torch.as_tensor(at, dtype=torch.float32)[:, None]
    with torch.no_grad(): wanted = learn.model(torch.empty(len(rows), 0, dtype=torch.long), rows).flatten()
    inside = np.isfinite(drawn)
    assert inside.sum() > 50 and drawn[inside] == pytest.approx(wanted.numpy()[inside], abs=1e-5)
    assert '<svg' in learn.animate_fit._repr_html_()


def test_two_columns_and_classes_have_a_boundary():
    learn = table(['x', 'z'], lambda df: np.where(df.x > df.z, 'above', 'below'), CategoryBlock())
    assert repr(learn.animate_fit).startswith('AnimateFitCallback: BoundaryView and LossView')
    traj = learn.record_params.trajectory
    ax = BoundaryView(n=9).plot(traj, Figure().subplots())
    image = np.asarray(ax.images[0].get_array())
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    gx, gy = np.linspace(left, right, 9), np.linspace(low, high, 9)
    rows = torch.as_tensor(np.stack(np.meshgrid(gx, gy), -1).reshape(-1, 2), dtype=torch.float32)
    p = traj.predict(-1, torch.empty(len(rows), 0, dtype=torch.long), rows).softmax(-1)[:, 1]
    assert image.shape == (9, 9) and image.flatten() == pytest.approx(p.numpy(), abs=1e-5)
    assert learn.animate_fit.animation is not None
