"""`EmbeddingView`: where a model puts things: categories, words, items of a collaborative filter, or its samples."""

import numpy as np
import torch

from ..checks import check_string, check_whole
from ..trajectory.spread import evenly
from .asked import Asked, samples_of
from .beside import one_for_each
from .cells import CHAR, LINE, SIZE, shorten
from .legends import legend
from .limits import calm, padded
from .style import COLORS, GREY, MARKERS, MOST_MOVING, ink, literal, shortened, tidy
from .view import View

PROBES = 8 # points of the fit from which the two directions are found
ROWS = 1000 # points in the plot at the most
LETTERS = 18 # of a name
NO_NAME = '#na#' # what fastai calls a category that it has not seen
GROUPS = 6 # classes that have a colour and marker of their own


class EmbeddingView(View):
    """The rows of an embedding, or what the last layer gets of each sample, along the two directions of most spread.

    One pair of directions for all frames, found from the whole fit (principal components): a point that moves did move
    in the model. The axes say which share of the spread each one shows. Raises ValueError for a setting that does not
    fit, and when drawn for a model with nothing of the kind.

    >>> import torch
    >>> from fastai.basics import CrossEntropyLossFlat, Learner
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> learn = Learner(moons_dls(seed=0), model, CrossEntropyLossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(5, 0.1)
    >>> ax = EmbeddingView().plot(learn.record_params.trajectory)
    """
    several = True
    live_points = 2
    def __init__(self,
        name: str | None = None, # Of a parameter; 'samples' for what the last layer gets; None: what the record names
        labels: int = 20, # Names in the plot at the most
    ):
        if name is not None: check_string('name', name)
        self.name, self.labels = name, check_whole('labels', labels, 0, example=20)

    @one_for_each
    def draw(self, traj, ax):
        name = self._choose(traj)
        places, names, groups, what = self._of_samples(traj) if name == 'samples' else self._of_parameter(traj, name)
        probes = [places(i) for i in evenly(0, calm(traj) - 1, PROBES).tolist()]
        middle, axes, shares = directions(torch.cat(probes))
        at = lambda i: ((places(i) - middle) @ axes).numpy()
        shown = torch.cat([(p - middle) @ axes for p in probes])
        tidy(ax, xlim=padded(shown[:, 0], 0.1) or (-1, 1), ylim=padded(shown[:, 1], 0.1) or (-1, 1))
        ax.set_xlabel(f'direction 1, {shares[0]:.0%} of the spread')
        ax.set_ylabel(f'direction 2, {shares[1]:.0%}')
        ax.tick_params(labelsize=SIZE)
        title = ax.set_title(shorten(what, ax.get_window_extent().width / ax.figure.dpi), loc='left', fontsize=SIZE)
        literal(title)
        dots, classes = self._dots(ax, groups)
        texts = self._texts(ax, names, (probes[-1] - middle) @ axes)
        if len(classes) > 1: legend(ax, [shown[:, 0]], [shown[:, 1]], dots)
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()

        def update(i):
            xy = at(i)
            x, y = np.clip(xy[:, 0], left, right), np.clip(xy[:, 1], low, high) # at the edge what lies beyond
            for dot, rows in zip(dots, classes): dot.set_data(x[rows], y[rows])
            return [*dots, *place_names(ax, texts, x, y, self.labels)]
        return update

    def _choose(self, traj):
        if self.name == 'samples': return self.name
        if self.name is not None:
            if self.name not in traj.sizes or len(traj.sizes[self.name]) != 2:
                raise ValueError(f'name={self.name!r}: expected the name of a parameter with two dimensions, or '
                                 f"'samples': {[n for n, s in traj.sizes.items() if len(s) == 2]!r:.300}")
            return self.name
        told = {} if traj.samples is None else traj.samples.embeddings
        known = [n for n in told if n in traj.sizes and traj.sizes[n][1] >= 2]
        if not known: return 'samples'
        # of a table the largest category; of a collaborative filter the items, which come last
        pair = traj.samples.input_kind == 'pair'
        return known[-1] if pair else max(known, key=lambda n: traj.sizes[n].numel())

    def _of_parameter(self, traj, name):
        "`(point -> rows, names, group of each row, title)`"
        told = {} if traj.samples is None else traj.samples.embeddings
        what, names = told.get(name, (name, []))
        n = traj.sizes[name][0]
        rows = evenly(0, n - 1, ROWS) # of a large vocabulary some
        places = lambda i: traj.params.row(name, traj.index(i))[rows].double()
        names = [names[k] if k < len(names) else str(k) for k in rows.tolist()]
        return places, names, [''] * len(rows), f'embedding of {shortened(what, 24)}, {_of(len(rows), n)} rows'

    def _of_samples(self, traj):
        samples = samples_of(traj)
        total = samples.n
        if total > ROWS: samples = samples.take(evenly(0, total - 1, ROWS).tolist())
        asked = Asked(traj, samples)
        def places(i): # around their middle: where all of them go together is no news
            rows = asked.before_last(i).double()
            return rows - rows.mean(0)
        groups = [''] * samples.n
        if samples.target_kind == 'category': groups = [samples.label(c) for c in samples.targets]
        return places, [''] * samples.n, groups, f'what the last layer gets of {_of(samples.n, total)} samples'

    def _dots(self, ax, groups):
        "A line of dots for each group, and its rows; the rarest share one"
        order = sorted(set(groups), key=lambda g: (-groups.count(g), g))
        own = order if len(order) <= GROUPS else order[:GROUPS - 1]
        named = [g if g in own else 'others' for g in groups]
        dots, classes = [], []
        for n, g in enumerate(sorted(set(named), key=lambda g: (g == 'others', g))):
            look = {'color': COLORS[n % 6], 'marker': MARKERS[n % 6]}
            if g == 'others': look = {'color': GREY, 'marker': '.'}
            dots += ax.plot([], [], ls='none', ms=5, mec='white', mew=0.4, label=g or '_', zorder=3,
                            rasterized=len(groups) > MOST_MOVING, **look)
            classes.append(np.array([k for k, o in enumerate(named) if o == g]))
        return dots, classes

    def _texts(self, ax, names, at):
        "Names of those farthest out at the end, as far as they do not cover each other then: `(row, name, text)`"
        order = torch.nan_to_num(at.norm(dim=1)).argsort(descending=True, stable=True).tolist()
        known = [k for k in order if names[k] not in ('', NO_NAME)]
        boxes = name_boxes(ax, [(k, shortened(names[k], LETTERS)) for k in known], *at.T.numpy())
        free = [(k, name) for k, name, ha in boxes if ha][:2 * self.labels] # not all of them when a layout took room
        look = dict(fontsize=SIZE, va='bottom', clip_on=True, parse_math=False, color=ink(), alpha=0.8, zorder=4)
        return [(k, name, ax.text(0, 0, '', **look)) for k, name in free]


def name_boxes(ax, names, x, y) -> list:
    """`(row, name, alignment)` of `names`, `(row, name)` each: right where it would leave `ax`, None where it would
    cover an earlier one"""
    width, height = ax.get_window_extent().size / ax.figure.dpi
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    taken, res = [], []
    for k, name in names:
        a, b = (x[k] - left) / (right - left) * width, (y[k] - low) / (high - low) * height
        wide = CHAR * (len(name) + 1)
        beyond = a + wide > width
        box = (a - wide, b, a, b + LINE) if beyond else (a, b, a + wide, b + LINE)
        free = np.isfinite(a + b) and not any(box[0] < o[2] and o[0] < box[2] and box[1] < o[3] and o[1] < box[3]
                                              for o in taken)
        if free: taken.append(box)
        res.append((k, name, None if not free else 'right' if beyond else 'left'))
    return res


def place_names(ax, texts, x, y, most) -> list:
    "Put at most so many of the `texts` at their points; one that would cover another waits until there is room"
    for (k, name, ha), (*_, text) in zip(name_boxes(ax, [t[:2] for t in texts], x, y), texts):
        most -= ha is not None
        if most < 0: ha = None
        at = (x[k], y[k]) if np.isfinite(x[k] + y[k]) else (0, 0)
        text.set(text='' if ha is None else f'{name} ' if ha == 'right' else f' {name}', position=at, ha=ha or 'left')
    return [text for *_, text in texts]


def _of(n, total): return f'{n}' if n == total else f'{n:,} of {total:,}'


def directions(points) -> tuple:
    "`(middle, two directions (d, 2), the share of the spread along each)` of points (n, d)"
    points = points[points.isfinite().all(1)]
    if not len(points): return torch.zeros(1).double(), torch.zeros(points.shape[1], 2).double(), (0., 0.)
    middle = points.mean(0)
    centred = points - middle
    values, vectors = torch.linalg.eigh(centred.T @ centred)
    axes = vectors.flip(1)[:, :2]
    if axes.shape[1] < 2: axes = torch.cat([axes, torch.zeros_like(axes)], 1)
    # the same sign on all machines
    axes = axes * torch.where(axes.gather(0, axes.abs().argmax(0, keepdim=True)) < 0, -1, 1)
    spread = float(values.clamp(min=0).sum()) or 1.
    return middle, axes, tuple(max(float(v), 0.) / spread for v in (*values.flip(0)[:2], 0.)[:2])
