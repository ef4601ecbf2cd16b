"""`BoundaryView`: what a classifier of two inputs says over their plane."""

import numpy as np
import torch
from contourpy import contour_generator
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.lines import Line2D

from ..checks import check_whole
from ..trajectory.answers import classes_of, is_signed
from ..trajectory.several import as_list, label_of
from ..trajectory.tables import several
from .given import check_labels_of, check_points
from .legends import legend
from .limits import padded, plain
from .predictions import Predictions, check_activation, filled
from .style import as_one_image, class_style, color_bar, ink, shortened, style, tidy
from .view import View

# blue and vermilion, mixed with white as `shade` does: black lines are seen on them
PALE = ['#66AACF', 'white', '#E69E66']
DIVERGING = LinearSegmentedColormap.from_list('blue-white-vermilion', PALE)


class BoundaryView(View):
    """Two inputs and their classes, the probability that the model gives to these, and the boundary in between.

    Of several trajectories the boundaries alone are drawn, each in its colour. Raises ValueError for invalid settings,
    for data of another kind, and where nothing tells what a single output means.

    >>> import torch
    >>> from fastai.basics import CrossEntropyLossFlat, Learner
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> learn = Learner(moons_dls(seed=0), model, CrossEntropyLossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(5, 0.1)
    >>> ax = BoundaryView(names=('upper', 'lower')).plot(learn.record_params.trajectory)
    """
    several = True
    figsize = (5.5, 4.)
    live_points = 2
    def __init__(self,
        x: torch.Tensor | None = None, # Inputs (n, 2); None: as recorded
        y: torch.Tensor | None = None, # Classes: whole numbers from 0, -1 and 1, or rows with a single 1
        names: tuple | None = None, # What the classes are called; None: as recorded, or their numbers
        activation=None, # Name or function that makes outputs probabilities, (n, k) or (n,); None: what suits the loss
        n: int = 80, # Points along each axis at which the model is asked
    ):
        (self.x, self.y), self.names = check_points(x, y, 'class'), check_labels_of('names', names)
        self.activation, self.n = check_activation(activation), check_whole('n', n, 2, cap=2000, example=80)

    def draw(self, traj, ax):
        trajs = as_list(traj)
        data = trajs[0].data if self.x is None else ((torch.as_tensor(self.x),), (torch.as_tensor(self.y),))
        x, y = two_inputs(data)
        models = [Classifier(t, data, self.activation) for t in trajs]
        k = max(models[0](0, x[:1]).shape[-1], int(y.max()) + 1)
        dtype, x = x.dtype, plain(x)
        names = self._names(k, trajs[0], is_signed(data[1][0]))
        (left, right), ylim = (padded(x[:, j], 0.12) for j in (0, 1))
        tidy(ax, xlabel='input 0', ylabel='input 1', xlim=(left, right), ylim=ylim)
        ax.grid(False)
        many = as_one_image(ax, len(x))
        handles = [self._points(ax, x[y == c], c, names[c], len(trajs) > 1, many) for c in range(k)]
        lines = [self._line(ax, t, j, len(trajs)) for j, t in enumerate(trajs)]
        _on_white(legend(ax, [x[:, 0]], [x[:, 1]], handles + lines, grow=len(trajs) == 1))
        low, high = ax.get_ylim() # the legend may have asked for room
        image = None if len(trajs) > 1 else self._background(ax, (left, right, low, high), k, models[0], names)
        gx, gy = np.linspace(left, right, self.n), np.linspace(low, high, self.n)
        rows = torch.as_tensor(np.stack(np.meshgrid(gx, gy), -1).reshape(-1, 2), dtype=dtype)

        def update(i):
            for line, model in zip(lines, models):
                p = model(i, rows).reshape(self.n, self.n, -1)
                line.set_data(*boundary(gx, gy, p))
                if image is not None: image.set_data(shade(p) if k > 2 else model.of_class_1(p))
            return [*lines, *([] if image is None else [image])]
        return update

    def _names(self, k, traj, signed):
        known = getattr(traj.samples, 'classes', None) or []
        if self.names is None and len(known) == k and self.x is None: return list(map(str, known))
        if self.names is None: return [f'class {c}' for c in ((-1, 1) if signed else range(k))]
        if len(self.names) != k:
            raise ValueError(f'names has {len(self.names)} names, expected {k}: one for each class')
        return list(map(str, self.names))

    def _background(self, ax, extent, k, model, names):
        # cells around the points where the model is asked; smoothing would store each frame at the screen's resolution
        left, right, low, high = extent
        dx, dy = (right - left) / (self.n - 1) / 2, (high - low) / (self.n - 1) / 2
        look = {'extent': (left - dx, right + dx, low - dy, high + dy), 'origin': 'lower', 'aspect': 'auto',
                'interpolation': 'none', 'zorder': 0}
        if k > 2: image = ax.imshow(np.ones((self.n, self.n, 3)), **look)
        else:
            image = ax.imshow(np.full((self.n, self.n), 0.5), cmap=DIVERGING, vmin=-1 if model.signed else 0, vmax=1,
                              **look)
            what = 'probability of' if model.are_probabilities else 'output for'
            color_bar(ax, image, shortened(f'{what} {names[1]}'))
        ax.set(xlim=(left, right), ylim=(low, high))
        return image

    def _points(self, ax, x, c, name, pale, many):
        look = {**class_style(c), 'mew': 0.6, 'mec': 'none' if many else 'white', 'ms': 2 if many else 5.5,
                'alpha': 0.5 if pale else 1, 'rasterized': many}
        return ax.plot(x[:, 0], x[:, 1], label=name, ls='none', zorder=2, **look)[0]

    def _line(self, ax, traj, j, total):
        look = {'color': 'black', 'label': 'boundary'} if total == 1 else {
            **style(j), 'label': label_of(traj, j), 'markevery': 20, 'ms': 5, 'mec': ink()}
        return ax.add_line(Line2D([], [], lw=1.8, zorder=3, **look))


def _on_white(legend):
    "The boundary is black and the regions are pale in any style: so is the legend on them"
    legend.get_frame().set_facecolor('white')
    for text in legend.get_texts(): text.set_color('black')


class Classifier(Predictions):
    "What a model says of each class, `(rows, classes)`; ValueError where the data or the output is of another kind"
    def __init__(self, traj, data, activation):
        super().__init__(traj, data, activation)
        x, y = two_inputs(data)
        out = super().__call__(-1, x[:1])
        self.single = out.numel() == len(out)
        self.signed = self.single and self.name in ('identity', '') and activation is None and is_signed(data[1][0])
        columns, classes = out.numel() // len(out), int(y.max()) + 1
        if classes > max(columns, 2):
            raise ValueError(f'the model answers with {several(columns, "number")}, and there are {classes} classes: '
                             'expected one number for each')
        if self.single and self.name == '':
            raise ValueError('the loss does not tell what the single output of this model means: say so, as in '
                             "BoundaryView(activation='sigmoid')")
        p = self(-1, self.inputs)
        self.are_probabilities = not self.signed and bool(((p >= 0) & (p <= 1)).all())

    def __call__(self, i, rows):
        p = super().__call__(i, rows).reshape(len(rows), -1)
        if self.signed: p = (p + 1) / 2 # labels -1 and 1
        return (torch.cat([1 - p, p], 1) if self.single else p).numpy()

    def of_class_1(self, p):
        "One number for two: the probability of class 1, or an output that is 0 or 1, -1 or 1, for the classes"
        share = (1 + p[..., 1] - p[..., 0]) / 2
        return 2 * share - 1 if self.signed else share


def two_inputs(data) -> tuple:
    "Inputs (n, 2) and classes (n,) of a recorded sample, or a ValueError that says what else it is"
    if data is None: raise ValueError('this trajectory recorded no data: give it, as in BoundaryView(x, y)')
    xs, ys = filled(data[0]), data[1]
    hint = 'BoundaryView is for classes of two inputs; PathView and LossView suit any model'
    if len(xs) != 1 or len(ys) != 1:
        raise ValueError(f'the data has {len(xs)} inputs and {len(ys)} targets, expected one tensor each: {hint}')
    x, y = plain(xs[0]), plain(ys[0])
    if x.ndim != 2 or x.shape[1] != 2 or not x.is_floating_point():
        raise ValueError(f'x has shape {tuple(x.shape)}, expected (n, 2), fractional numbers: {hint}')
    classes = classes_of(y)
    if classes is None or len(classes) != len(x):
        raise ValueError(f'y has shape {tuple(y.shape)} and values such as {y[:3].tolist()!s:.60}, expected classes '
                         f'0, 1, ... in shape (n,) or (n, 1): {hint}')
    return x.to(torch.as_tensor(xs[0]).dtype), classes


def boundary(gx, gy, p) -> tuple:
    "Coordinates of the lines along which the likeliest class of `p` (ny, nx, classes) changes, NaN between the pieces"
    pieces = []
    for c in range(p.shape[-1] if p.shape[-1] > 2 else 1):
        others = np.delete(p, c, -1).max(-1)
        pieces += contour_generator(gx, gy, np.ma.masked_invalid(p[..., c] - others)).lines(0.)
    if not pieces: return [], []
    gap = np.full((1, 2), np.nan)
    return np.concatenate([part for piece in pieces for part in (piece, gap)]).T


def shade(p) -> np.ndarray:
    "The colour of the likeliest class, the paler the less sure; shape (ny, nx, 3)"
    colors = np.array([to_rgb(class_style(c)['color']) for c in range(p.shape[-1])])
    known = np.isfinite(p).all(-1)
    best = np.where(known[..., None], p, 0).argmax(-1)
    sure = (np.where(known, p.max(-1), 0) * p.shape[-1] - 1) / (p.shape[-1] - 1)
    return 1 - 0.6 * np.clip(sure, 0, 1)[..., None] * (1 - colors[best])
