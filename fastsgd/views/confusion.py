"""`ConfusionView`: which classes are taken for which."""

import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from ..checks import check_whole
from ..trajectory.samples import leaves
from .asked import Asked, given_samples, unfit
from .beside import one_for_each
from .cells import CHAR, SIZE, shorten
from .given import check_samples
from .style import BLUE, GREY, color_bar, shortened
from .view import View

SHARES = LinearSegmentedColormap.from_list('white-blue', ['white', '#9ecae9', BLUE, '#00304d'])
NUMBERS = 12 # classes at the most whose counts stand in the cells


class ConfusionView(View):
    """How often each true class is taken for each predicted one: a row for each true class, right answers diagonal

    The shade is the share of the true class, on one scale for all frames. Raises ValueError for a setting that does not
    fit, and when drawn for data without classes.

    >>> import torch
    >>> from fastai.basics import CrossEntropyLossFlat, Learner
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> learn = Learner(spiral_dls(seed=0), model, CrossEntropyLossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(5, 0.1)
    >>> ax = ConfusionView().plot(learn.record_params.trajectory)
    """
    several = True
    live_points = 2
    def __init__(self,
        data=None, # `Samples`, or `(x, y)`: a larger sample of the validation data; None: the samples recorded
        most: int = 100, # Classes at the most: of more, those that are confused most often
    ):
        self.data, self.most = check_samples(data), check_whole('most', most, 2, example=100)

    def _samples(self, traj):
        samples = given_samples(traj, self.data)
        if samples.target_kind not in ('category', 'mask'):
            raise ValueError(f'the targets are of kind {samples.target_kind!r}: ConfusionView is for classes; '
                             'ParityView is for numbers, SamplesView for all kinds')
        return samples

    @one_for_each
    def draw(self, traj, ax):
        samples = self._samples(traj)
        asked = Asked(traj, samples)
        if odd := unfit(asked):
            raise ValueError(f'{odd}: ConfusionView is for models with a number for each class; '
                             'EmbeddingView() shows what comes to lie near what')
        true = leaves(samples.ys)[0].flatten() if samples.target_kind == 'mask' else torch.tensor(samples.targets)
        k = max(asked(0).shape[1], int(true.max()) + 1)
        def counts(i):
            p = asked(i).movedim(1, -1).reshape(len(true), -1)
            known = p.isfinite().all(1) & (true >= 0)
            return (true[known] * k + p.argmax(1)[known]).bincount(minlength=k * k).reshape(k, k).numpy()
        classes = self._classes(traj, counts, k)
        names = [samples.label(c) for c in classes]
        image, numbers, title = _matrix(ax, names)
        ax.fmt_xdata = ax.fmt_ydata = lambda place: names[round(place)] # also of classes whose ticks have no room
        unit = 'pixels' if samples.target_kind == 'mask' else 'items'

        def update(i):
            whole = counts(i)
            shown = whole[np.ix_(classes, classes)]
            share = shown / np.maximum(whole.sum(1)[classes], 1)[:, None]
            image.set_data(share)
            for text, count, part in zip(numbers, shown.flat, share.flat):
                text.set_text(f'{count}' if count else '')
                text.set_color('white' if part > 0.5 else 'black')
            title.set_text(_summary(whole, samples, len(true), unit, len(classes), ax))
            return [image, *numbers, title]
        return update

    def _classes(self, traj, counts, k):
        "All classes, or those that are confused most often at a few points of the fit"
        if k <= self.most: return list(range(k))
        wrong = sum(counts(i) for i in {len(traj) // 4, len(traj) // 2, len(traj) - 1})
        np.fill_diagonal(wrong, 0)
        return sorted(np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind='stable')[:self.most].tolist())


def _matrix(ax, names):
    "The picture without its counts: `(image, a text for each cell if there is room, title)`"
    k, size = len(names), ax.get_window_extent().size / ax.figure.dpi - (1.5, 1.)
    image = ax.imshow(np.zeros((k, k)), cmap=SHARES, vmin=0, vmax=1, aspect='auto', interpolation='none')
    edges = [[(c - 0.5, c - 0.5), (c + 0.5, c - 0.5), (c + 0.5, c + 0.5), (c - 0.5, c + 0.5), (c - 0.5, c - 0.5)]
             for c in range(k)]
    ax.add_collection(LineCollection(edges, colors=GREY, lw=0.7 if k <= 12 else 0.3 if k <= 30 else 0.1))
    bar = color_bar(ax, image, 'share of the true class')
    bar.ax.tick_params(labelsize=SIZE)
    short = [shortened(name, 12) for name in names]
    for axis, inches, name in ((ax.xaxis, size[0], 'predicted'), (ax.yaxis, size[1], 'true')):
        upright = axis is ax.xaxis and max(map(len, short)) * CHAR > 0.9 * inches / k
        per_label = 0.13 if upright or axis is ax.yaxis else 0.13 + CHAR * max(map(len, short)) * 0.5
        step = max(int(np.ceil(k * per_label / max(inches, 0.5))), 1)
        axis.set_ticks(range(0, k, step), short[::step], fontsize=SIZE, parse_math=False, rotation=90 if upright else 0)
        axis.set_label_text(name)
    ax.tick_params(length=0)
    ax.grid(False) # of some styles, across the counts
    texts = [ax.text(c, r, '', ha='center', va='center', fontsize=SIZE, path_effects=[])
             for r in range(k) for c in range(k)] if k <= NUMBERS and k * 0.15 < max(size[1], 1) else []
    return image, texts, ax.set_title('\n', loc='left', fontsize=SIZE, parse_math=False)


def _summary(counts, samples, total, unit, shown, ax):
    "How many are right, and below it what is taken for what most often"
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    true, said = np.unravel_index(wrong.argmax(), wrong.shape)
    often = int(wrong[true, said])
    room = ax.get_window_extent().width / ax.figure.dpi + 0.5
    text = f'{np.trace(counts)} of {total} {unit} right'
    if shown < len(counts): text += f'; {shown} of {len(counts)} classes'
    if not often: return shorten(text, room) + '\n'
    most = max(int((room / CHAR - len(f' taken for : {often}')) / 2), 4) # letters of each name
    names = [shortened(samples.label(int(c)), most) for c in (true, said)]
    return f'{shorten(text, room)}\n{names[0]} taken for {names[1]}: {often}'
