"""`BoundaryView`: what a classifier of two inputs says over their plane."""

import numpy as np
import torch
from contourpy import contour_generator
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.lines import Line2D

from ..checks import check_whole
from ..trajectory.several import as_list, label_of
from .limits import padded, plain
from .style import BLUE, COLORS, MARKERS, VERMILION, color_bar, legend, style, tidy
from .view import View

DIVERGING = LinearSegmentedColormap.from_list('blue-white-vermilion', [BLUE, 'white', VERMILION])


class BoundaryView(View):
    """Two inputs and their classes, the probability that the model gives to these, and the boundary in between.

    Of several trajectories the boundaries alone are drawn, each in its colour. Raises ValueError for a setting that does
    not fit, and when drawn for data of another kind.

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
        y: torch.Tensor | None = None, # Classes, n whole numbers from 0; None: as recorded
        names: tuple | None = None, # What the classes are called; None: their numbers
        activation=None, # Model output -> probabilities (n, k), or (n,) of class 1; None: what suits the loss
        n: int = 80, # Points along each axis at which the model is asked
    ):
        if (x is None) != (y is None): raise ValueError('x and y go together: expected both or none of them')
        if x is not None and len(x) != len(y):
            raise ValueError(f'x has {len(x)} rows and y {len(y)}: expected one class per row')
        self.x, self.y, self.names, self.activation, self.n = x, y, names, activation, check_whole('n', n, 2, example=80)

    def draw(self, traj, ax):
        trajs = as_list(traj)
        x, y = two_inputs(trajs[0].data) if self.x is None else two_inputs((([torch.as_tensor(self.x)]),
                                                                           [torch.as_tensor(self.y)]))
        k = max(self._probabilities(trajs[0], 0, x[:1]).shape[-1], int(y.max()) + 1)
        names = self._names(k)
        (left, right), ylim = (padded(x[:, j], 0.12) for j in (0, 1))
        tidy(ax, xlabel='input 0', ylabel='input 1', xlim=(left, right), ylim=ylim)
        ax.grid(False)
        handles = [self._points(ax, x[y == c], c, names[c], pale=len(trajs) > 1) for c in range(k)]
        lines = [self._line(ax, t, j, len(trajs)) for j, t in enumerate(trajs)]
        legend(ax, [x[:, 0]], [x[:, 1]], handles + lines)
        low, high = ax.get_ylim() # the legend may have asked for room
        image = self._background(ax, (left, right, low, high), k, names) if len(trajs) == 1 else None
        gx, gy = np.linspace(left, right, self.n), np.linspace(low, high, self.n)
        rows = torch.as_tensor(np.stack(np.meshgrid(gx, gy), -1).reshape(-1, 2), dtype=x.dtype)
        ask = lambda t, i: self._probabilities(t, i, rows).reshape(self.n, self.n, -1)

        def update(i):
            for line, t in zip(lines, trajs):
                p = ask(t, i)
                line.set_data(*boundary(gx, gy, p))
                if image is not None: image.set_data(p[..., 1] if k == 2 else shade(p))
            return [*lines, *([] if image is None else [image])]
        return update

    def _names(self, k):
        if self.names is None: return [f'class {c}' for c in range(k)]
        if len(self.names) != k:
            raise ValueError(f'names has {len(self.names)} names, expected {k}: one for each class')
        return [str(name) for name in self.names]

    def _probabilities(self, traj, i, rows):
        "Shape (rows, classes), float64"
        out = traj.predict(i, rows)
        p = plain((self.activation or activation_of(traj.loss_func, out))(out)).double()
        p = p.reshape(len(rows), -1)
        if p.shape[1] == 1: p = torch.cat([1 - p, p], 1) # a single number for two classes
        return p.numpy()

    def _background(self, ax, extent, k, names):
        # cells around the points where the model is asked; not smoothed, which would store a frame at the screen's resolution
        left, right, low, high = extent
        dx, dy = (right - left) / (self.n - 1) / 2, (high - low) / (self.n - 1) / 2
        look = {'extent': (left - dx, right + dx, low - dy, high + dy), 'origin': 'lower', 'aspect': 'auto',
                'interpolation': 'none', 'zorder': 0}
        if k > 2: image = ax.imshow(np.ones((self.n, self.n, 3)), **look)
        else:
            image = ax.imshow(np.full((self.n, self.n), 0.5), cmap=DIVERGING, vmin=0, vmax=1, alpha=0.6, **look)
            color_bar(ax, image, f'probability of {names[1]}')
        ax.set(xlim=(left, right), ylim=(low, high))
        return image

    def _points(self, ax, x, c, name, pale):
        look = {**class_style(c), 'ls': 'none', 'mec': 'white', 'mew': 0.6, 'ms': 5.5}
        return ax.plot(x[:, 0], x[:, 1], label=name, alpha=0.5 if pale else 1, zorder=2, **look)[0]

    def _line(self, ax, traj, j, total):
        look = {'color': 'black', 'label': 'boundary'} if total == 1 else {
            **style(j), 'label': label_of(traj, j), 'markevery': 20, 'ms': 5, 'mec': 'black', 'ls': style(j)['linestyle']}
        look.pop('linestyle', None)
        return ax.add_line(Line2D([], [], lw=1.8, zorder=3, **look))


def class_style(c) -> dict: return {'color': COLORS[c % len(COLORS)], 'marker': MARKERS[c % len(MARKERS)]}


def two_inputs(data) -> tuple:
    "Inputs (n, 2) and classes (n,) of a recorded sample, or a ValueError that says what else it is"
    if data is None: raise ValueError('this trajectory recorded no data: give it, as in BoundaryView(x, y)')
    xs, ys = data
    hint = 'BoundaryView is for classes of two inputs; PathView and LossView suit any model'
    if len(xs) != 1 or len(ys) != 1:
        raise ValueError(f'the data has {len(xs)} inputs and {len(ys)} targets, expected one tensor each: {hint}')
    x, y = plain(xs[0]), plain(ys[0])
    if x.ndim != 2 or x.shape[1] != 2 or not x.is_floating_point():
        raise ValueError(f'x has shape {tuple(x.shape)}, expected (n, 2), fractional numbers: {hint}')
    if y.numel() != len(y): raise ValueError(f'y has shape {tuple(y.shape)}, expected (n,) or (n, 1): {hint}')
    y = y.reshape(-1)
    if not len(y) or (y != y.round()).any() or y.min() < 0:
        raise ValueError(f'y has values such as {y[:3].tolist()}, expected classes 0, 1, ...: {hint}')
    return x.to(torch.as_tensor(xs[0]).dtype), y.long()


def activation_of(loss_func, out):
    "What turns the model's output into probabilities, as far as the loss function tells"
    if isinstance(loss_func, torch.nn.Module) or not callable(getattr(loss_func, 'activation', None)):
        name = (getattr(loss_func, '__name__', '') or type(loss_func).__name__).lower().replace('_', '')
        single = out.ndim == 1 or out.shape[-1] == 1
        if 'nll' in name: return torch.exp
        if ('bce' in name or 'binarycrossentropy' in name) and 'logits' not in name: return lambda o: o
        return torch.sigmoid if single else lambda o: o.softmax(-1)
    return loss_func.activation # fastai's losses know


def boundary(gx, gy, p) -> tuple:
    "Coordinates of the lines along which the likeliest class changes, with NaN between the pieces; `p` is (ny, nx, classes)"
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
