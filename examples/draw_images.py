"""Draws the pictures of the index and the moving ones of the README: `python draw_images.py [FOLDER]`."""

import sys
from functools import partial
from pathlib import Path

import nbformat
import torch
from fastai.basics import SGD, Adam, CrossEntropyLossFlat, Learner, RMSProp, accuracy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.datasets import load_digits, make_moons
from torch import nn

from fastsgd import (
    AnimateFitCallback,
    BoundaryView,
    EmbeddingView,
    PathView,
    SamplesView,
    SharpnessView,
    View,
    animate,
    compare_fits,
    linear_data,
    linear_dls,
    linear_learner,
    tensor_dls,
)


def quiet(learn):
    "The same learner without bar and table"
    for name in ('progress', 'log_loss'):
        if hasattr(learn, name): learn.remove_cb(getattr(learn, name))
    learn.logger = lambda *_: None
    return learn


def lesson(file):
    "Every other step of the lesson: small enough for a page"
    learn = quiet(linear_learner(linear_dls(n_valid=0, seed=1)))
    learn.fit(100, lr=0.1)
    animate(learn.record_params.trajectory, max_frames=51, interval=60).save(file)


def digits(file):
    "scikit-learn's digits of 8 × 8 pixels, told apart by a small convolutional network"
    data = load_digits()
    x, y = torch.tensor(data.images[:, None] / 16, dtype=torch.float32), torch.tensor(data.target)
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
                          nn.Flatten(), nn.Linear(256, 10))
    learn = quiet(Learner(tensor_dls((x[:1400], y[:1400]), (x[1400:], y[1400:]), bs=128, seed=1), model,
                          CrossEntropyLossFlat(), metrics=accuracy,
                          cbs=AnimateFitCallback(max_frames=28, interval=250)))
    learn.fit_one_cycle(5, 0.02)
    learn.animate_fit.save(file)


def from_notebook(name):
    "The last trajectory of a notebook, run from the top down"
    space = {}
    for cell in nbformat.read(Path(__file__).with_name(name), 4).cells:
        if cell.cell_type == 'code': exec(cell.source, space)
    return space['learn'].animate_fit.trajectory


def books(): return EmbeddingView(labels=12), from_notebook('07_tables_and_ratings.ipynb')
def next_words(): return SamplesView(n=2), from_notebook('08_texts.ipynb')
def edge(): return SharpnessView(n=50), from_notebook('09_the_edge_of_stability.ipynb')


def learning_rates():
    learn = quiet(linear_learner(linear_dls(seed=1)))
    return PathView(), compare_fits(learn,
                                    {'too small': dict(lr=0.02), 'right': dict(lr=0.5), 'too large': dict(lr=0.95),
                                            'diverging': dict(lr=1.05)}, n_epoch=12)


def optimisers():
    x, y = linear_data(seed=1)
    x[:, 0], y = x[:, 0] + 2, y + 6
    learn = quiet(linear_learner(tensor_dls((x, y)), init=(0., 8.)))
    return PathView(), compare_fits(learn, {
        'SGD': dict(opt_func=SGD, lr=0.15), 'momentum': dict(opt_func=partial(SGD, mom=0.9), lr=0.03),
        'RMSProp': dict(opt_func=RMSProp, lr=0.05), 'Adam': dict(opt_func=Adam, lr=0.2)}, n_epoch=100)


def boundary():
    points, labels = make_moons(200, noise=0.2, random_state=1)
    dls = tensor_dls((torch.tensor(points, dtype=torch.float32), torch.tensor(labels)), bs=50, seed=1)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    learn = quiet(Learner(dls, model, loss_func=CrossEntropyLossFlat(), opt_func=Adam))
    return BoundaryView(), compare_fits(learn, {'Adam': dict(lr=0.02)}, n_epoch=40)


class ResidualView(View):
    "As in the notebook: target minus prediction for each data point"
    def draw(self, traj, ax):
        (x,), (y,) = traj.data
        dots, = ax.plot(x[:, 0], y, 'o', ms=4)
        ax.axhline(0, color='grey')
        ax.set(xlabel='x', ylabel='target minus prediction', ylim=(-2, 5))

        def update(i):
            dots.set_ydata(y - traj.predict(i, x))
            return [dots]
        return update


def residuals():
    learn = quiet(linear_learner(linear_dls(seed=1)))
    return ResidualView(), compare_fits(learn, {'SGD': dict(lr=0.1)}, n_epoch=10)


def main(folder=Path(__file__).parent/'images'):
    lesson(Path(folder)/'lesson.svg')
    digits(Path(folder)/'digits.svg')
    pictures = {'02': learning_rates, '03': optimisers, '04': boundary, '05': residuals, '07': books, '08': next_words,
                '09': edge}
    for name, make in pictures.items():
        view, traj = make()
        fig = Figure(figsize=(4.4, 3), layout='constrained')
        FigureCanvasAgg(fig)
        view.plot(traj, fig.add_subplot()).set_title('', loc='left') # the figures of a path are too small to read here
        fig.savefig(Path(folder)/f'{name}.png', dpi=90)


if __name__ == '__main__': main(*sys.argv[1:])
