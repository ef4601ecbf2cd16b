"Fits made by hand with torch alone: views need no Learner"

import math

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.trajectory import Trajectory


def train(model, x, y, loss_func, n=20, lr=0.1, bs=None, label='', valid=True):
    "A Trajectory of `n` steps of plain SGD"
    gen = torch.Generator().manual_seed(0)
    names = [name for name, _ in model.named_parameters()]
    points, losses, batches, checks = {name: [] for name in names}, [], {}, ([], [])
    keep = lambda: [points[name].append(p.detach().clone()) for name, p in model.named_parameters()]
    keep()
    for step in range(n):
        rows = slice(None) if bs is None else torch.randperm(len(x), generator=gen)[:bs]
        loss = loss_func(model(x[rows]), y[rows])
        if bs is not None: batches[step] = (x[rows],), (y[rows],)
        for p, g in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters()))): p.data -= lr * g
        losses.append(loss.detach())
        keep()
        if valid and step % 5 == 4:
            checks[0].append(step + 1)
            checks[1].append(loss_func(model(x), y).item())
    return Trajectory({k: torch.stack(v) for k, v in points.items()},
                      losses=torch.stack(losses) if losses else torch.empty(0),
                      lrs=torch.full((n,), lr), model=model, loss_func=loss_func, data=((x,), (y,)), batches=batches,
                      label=label,
                      valid=(torch.tensor(checks[0], dtype=torch.int64), torch.tensor(checks[1], dtype=torch.float64)))


class Line(nn.Module):
    def __init__(self, a=(0.5, 0.75)):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))
    def forward(self, x): return x @ self.a


def line_data(n=50):
    gen = torch.Generator().manual_seed(1)
    x = torch.ones(n, 2)
    x[:, 0].uniform_(-1, 1, generator=gen)
    return x, x @ torch.tensor([3., 2.]) + torch.rand(n, generator=gen)


def line(**kwargs):
    "The lesson's fit"
    return train(Line(), *line_data(), F.mse_loss, **kwargs)


def mlp(**kwargs):
    "A network with one input and one output"
    gen = torch.Generator().manual_seed(2)
    x = torch.rand(40, 1, generator=gen) * 2 - 1
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    return train(model, x, torch.sin(3 * x), F.mse_loss, **kwargs)


def classes(k=2, outputs=None, **kwargs):
    "A network with two inputs and `k` classes; `outputs=1` is the single logit of two"
    outputs = outputs or k
    gen = torch.Generator().manual_seed(4)
    y = torch.arange(60) % k
    angle = y * 2 * math.pi / k
    x = torch.stack([angle.cos(), angle.sin()], 1) * 2 + torch.randn(60, 2, generator=gen) * 0.6
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, outputs))
    if outputs == 1: return train(model, x, y[:, None].float(), F.binary_cross_entropy_with_logits, **kwargs)
    return train(model, x, y, F.cross_entropy, **kwargs)


def axes(view=None):
    "Axes of a figure that pyplot knows nothing of"
    fig = Figure(figsize=(4, 3), dpi=40)
    FigureCanvasAgg(fig)
    return fig.add_subplot(projection=getattr(view, 'projection', None))


def pixels(ax):
    ax.figure.canvas.draw()
    return np.asarray(ax.figure.canvas.buffer_rgba()).copy()
