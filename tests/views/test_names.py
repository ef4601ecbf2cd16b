"""Names from outside are data in each view: drawn letter by letter, shortened, and inside of the figure."""

import warnings

import looked_at
import pytest
import torch
from fits import classes, line, mlp, train
from matplotlib.text import Text
from torch import nn

from fastsgd import (
    ActivationsView,
    BoundaryView,
    ConfusionView,
    CurveView,
    EmbeddingView,
    FitView,
    HistogramView,
    LayersView,
    LossView,
    LRView,
    MetricsView,
    ParamsView,
    ParityView,
    PathView,
    SamplesView,
    SharpnessView,
    Trajectory,
    WeightsView,
    animate,
)

HOSTILE = '$x^$ 5% _a^b \\frac{ 😀 שלום\n' # of which each part has crashed or lost letters somewhere
NAMES = {'signs': HOSTILE, 'long': HOSTILE + 'w' * 500 + ' end', 'dollars': '$5 and $6'}


def named(t, name):
    t.label = name
    return t


def several(make): return lambda name: [named(make(), name), named(make(), f'{name} b')]
def bare(**named): return Trajectory(named, losses=[3., 2., 1.], lrs=[0.1] * 3)


def measured(name):
    at = torch.tensor([1, 3])
    t = bare(a=torch.rand(4, 3))
    t.metrics = {name: (at, torch.tensor([5., 7.])), f'{name} b': (at, torch.tensor([0.5, 0.7]))}
    return t


class Named(nn.Module):
    def __init__(self, name, size):
        super().__init__()
        self.name = name
        self.register_parameter(name, nn.Parameter(torch.full((size,), 0.5)))

    def forward(self, x): return x * getattr(self, self.name)


def parameter(size):
    def make(name):
        x = torch.rand(20, size)
        return train(Named(name, size), x, 2 * x, nn.functional.mse_loss, n=4, valid=False)
    return make


def with_samples(make, **parts):
    def maker(name):
        t = make()
        for key, part in parts.items(): setattr(t.samples, key, part(name))
        return t
    return maker


def groups(name):
    t = line(n=3)
    t.hypers, t.groups = {'lr': torch.tensor([[0.1, 0.2]] * 3)}, (name, 'b')
    return t


FITS = { # what each view shows of several fits
    FitView(): line, LossView(): line, LRView(): line, ParamsView(): line, PathView(n=6): line, HistogramView(): line,
    PathView(n=6, kind='3d'): line, MetricsView(): line, CurveView(n=9): line, SharpnessView(n=2): line,
    ParityView(): line, BoundaryView(n=8): classes, LayersView(): mlp, ActivationsView(): mlp,
    SamplesView(n=4): looked_at.pictures, ConfusionView(): looked_at.pictures, EmbeddingView(): looked_at.texts,
    WeightsView(): looked_at.pictures}
two = lambda name: [name, 'b']
CASES = [ # what has a name, a view, what it shows
    *(('fit', view, several(make)) for view, make in FITS.items()),
    ('class', SamplesView(), with_samples(looked_at.pictures, classes=two)),
    ('class', ConfusionView(), with_samples(looked_at.pictures, classes=two)),
    ('class', EmbeddingView('samples'), with_samples(looked_at.pictures, classes=two)),
    ('class', SamplesView(), with_samples(looked_at.labels, classes=lambda name: [name, 'b', 'c'])),
    ('text', SamplesView(), with_samples(looked_at.texts, inputs=lambda name: [name] * 10)),
    ('column', SamplesView(), with_samples(looked_at.rows, inputs=lambda name: [{name: '1', 'b': name}] * 12)),
    ('word', EmbeddingView(), with_samples(looked_at.texts, embeddings=lambda n: {'0.weight': (n, [n] * 8)})),
    ('parameter', ParamsView(), parameter(3)), ('parameter', HistogramView(), parameter(3)),
    ('parameter', PathView(n=6), parameter(2)), ('parameter', CurveView(n=9), parameter(1)),
    ('parameter', LayersView(), parameter(3)),
    ('parameter', None, lambda name: bare(**{name: torch.rand(4, 3, 3)})),
    ('metric', MetricsView(), measured), ('metric', MetricsView(), lambda name: [measured(name), measured(name)]),
    ('group', LRView(), groups)]


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('what, view, make', CASES, ids=lambda o: o if isinstance(o, str) else repr(o)[:30])
def test_a_name_is_data(what, view, make, name):
    name = NAMES[name]
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Glyph .* missing from') # of the font: boxes are drawn
        anim = animate(make(name), view or EmbeddingView(name))
        for i in (anim._save_count - 1, 0):
            anim._func(i)
            anim._fig.canvas.draw()
        texts = [t for t in anim._fig.findobj(Text) if t.get_visible()]
        ours = [t for t in texts if any(part in t.get_text() for part in ('$x^', '$5 ', '5% _a', 'wwww'))]
        assert ours, 'the name is seen'
        assert not [t for t in ours if t.get_parse_math() or t.get_usetex()]
        assert max(len(row) for t in texts for row in t.get_text().split('\n')) < 110
        width = anim._fig.bbox.width
        boxes = [t.get_window_extent() for t in ours]
    assert all(-2 < box.x0 and box.x1 < width + 2 for box in boxes)
