"""Linear layers in a row are evaluated at many points at once, and what they say is what the model says."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastsgd import Plane, loss_surface
from fastsgd.surface import elementwise
from fastsgd.surface.chain import Chain
from fastsgd.surface.elementwise import in_place, sigmoid_is_quicker
from fastsgd.surface.fastest import fastest, first_layers
from fastsgd.surface.objective import Objective
from fastsgd.surface.points import PlanePoints, VectorPoints
from fastsgd.surface.ways import AtOnce, Loop

rand = lambda *shape, seed=0: torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Body(nn.Module):
    "Two linear layers and a normalised one, called in a way of one's own"
    def __init__(self, call):
        super().__init__()
        self.a, self.b, self.norm, self.call = nn.Linear(3, 6), nn.Linear(6, 3), nn.BatchNorm1d(6), call
        self.b.weight.requires_grad_(False)
    def forward(self, x): return self.call(self, x)


def with_statistics(model):
    "After some batches in training mode, so that its buffers say something"
    for k in range(3): model(5 * rand(30, 3, seed=k) + 2)
    return model.eval()


normed = lambda *layers: with_statistics(nn.Sequential(*layers))
stack = lambda *layers: nn.Sequential(nn.Linear(3, 6), *layers, nn.Linear(6, 3))
CHAINS = {
    'relu': lambda: stack(nn.ReLU(inplace=True)), 'tanh': lambda: stack(nn.Tanh()),
    'sigmoid': lambda: stack(nn.Sigmoid()), 'gelu': lambda: stack(nn.GELU('tanh')),
    'leaky': lambda: stack(nn.LeakyReLU(0.3)), 'soft': lambda: stack(nn.Softplus(2)),
    'deep': lambda: nn.Sequential(stack(nn.ReLU()), nn.ELU(0.5), stack(nn.Dropout(), nn.Flatten(), nn.SiLU())),
    'linear': lambda: nn.Linear(3, 3),
    'no bias': lambda: nn.Sequential(nn.Linear(3, 6, bias=False), nn.ReLU(), nn.Linear(6, 3, bias=False)),
    'BatchNorm': lambda: normed(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6), nn.Tanh(),
                                nn.BatchNorm1d(6), nn.Linear(6, 3)),
    'softmax at the end': lambda: nn.Sequential(stack(nn.ReLU()), nn.Softmax(1)),
    'own': lambda: Body(lambda m, x: with_own(m, x)),
}


def with_own(m, x):
    "Works on its data first, and on what came out at last"
    x = (x - 0.5).mul_(2)
    h = F.relu(m.a(x).tanh())
    out = m.b(m.norm(h) if len(h) else h)
    return out.sigmoid() * out + x


def points_of(model, n=40):
    "Points of a plane, and the same as vectors"
    at = torch.linspace(-1, 1, n, dtype=torch.float64)
    plane = Plane.random(model, seed=2)
    points = PlanePoints(plane, at, at**2)
    return points, VectorPoints(points.vectors(0, n))


def asked(model, x, y, loss_func, max_bytes=2**28):
    objective = Objective(model.eval(), loss_func, [((x,), (y,))], max_bytes=max_bytes)
    points = points_of(objective.template)
    return objective, points, objective(points[0], Loop)


def own_losses(model, points, x, y, loss_func):
    "What the model itself loses, with the weights of each point"
    res = []
    for vector in points.vectors(0, len(points)):
        nn.utils.vector_to_parameters(vector.float(), model.parameters())
        with torch.no_grad(): res.append(loss_func(model(x.clone()), y))
    return torch.stack(res).double()


@pytest.mark.parametrize('quicker', [True, False])
@pytest.mark.parametrize('kind', CHAINS)
def test_a_chain_loses_what_the_model_loses(kind, quicker, monkeypatch):
    monkeypatch.setattr(elementwise, 'sigmoid_is_quicker', lambda: quicker)
    torch.manual_seed(0)
    model, x, y = CHAINS[kind]().eval(), rand(50, 3), torch.arange(50) % 3
    objective, (plane, vectors), _ = asked(model, x, y, F.cross_entropy)
    want = own_losses(model, vectors, x, y, F.cross_entropy)
    first = first_layers(objective, plane)
    for points, known in ((plane, first), (plane, None), (vectors, None)):
        way = Chain(objective, known)
        for block in (way.block, 3):
            way.block = block
            torch.testing.assert_close(way(points, 0, 40), want, rtol=2e-6, atol=1e-6)
            torch.testing.assert_close(way(points, 7, 18), want[7:18], rtol=2e-6, atol=1e-6)


LOSSES = {
    'mse': (F.mse_loss, rand(50, 3)), 'bce': (nn.BCEWithLogitsLoss(), (rand(50, 3) > 0).float()),
    'weights': (nn.CrossEntropyLoss(weight=torch.tensor([1., 10., 100.])), torch.arange(50) % 3),
    'ignored': (nn.CrossEntropyLoss(ignore_index=1), torch.arange(50) % 3),
    'sum': (nn.L1Loss(reduction='sum'), rand(50, 3)),
    'own labels': (lambda p, y: F.cross_entropy(p, p.argmax(1)), torch.arange(50) % 3),
    'own': (lambda p, y: ((p - y)**2).mean(0).sqrt().max(), rand(50, 3)),
}


@pytest.mark.parametrize('max_bytes', [2**28, 2**12])
@pytest.mark.parametrize('name', LOSSES)
def test_any_loss_and_any_memory(name, max_bytes):
    torch.manual_seed(0)
    (loss_func, y), model, x = LOSSES[name], stack(nn.Tanh()), rand(50, 3)
    objective, (plane, vectors), _ = asked(model, x, y, loss_func, max_bytes)
    want = own_losses(model, vectors, x, y, loss_func)
    torch.testing.assert_close(Chain(objective)(vectors, 0, 40), want, rtol=2e-6, atol=1e-6)
    torch.testing.assert_close(objective(plane), want, rtol=2e-6, atol=1e-6)
    assert (len(objective.pieces.batches[0].pieces) > 1) == (max_bytes < 2**28)


def hooked(m, x):
    m.seen = m.a(x)
    return m.b(m.seen.relu()) + 0 * m.seen.sum()


NO_CHAINS = {
    'residual': lambda m, x: m.b(m.a(x) + m.a(x).relu()), 'later': hooked,
    'again': lambda m, x: (lambda h: m.b(h) + h[:, :3])(m.a(x)),
    'view': lambda m, x: (lambda h: m.b(h.relu()) * h[0, 0])(m.a(x)),
    'other': lambda m, x: (lambda h: (h.relu(), m.b(h))[1])(m.a(x)), 'twice': lambda m, x: m.b(m.a(m.b(m.a(x)))),
    'weights': lambda m, x: m.b(m.a(x)) * m.a.weight.norm(), 'sorted': lambda m, x: m.b(m.a(x).sort(1)[0]),
    'in place': lambda m, x: m.b(m.a(x).mul_(2)), 'numbers': lambda m, x: m.b(m.a(x)) * len(m.a(x).nonzero()),
    'norm last': lambda m, x: m.norm(F.pad(m.b(m.a(x)), (0, 3)))[:, :3], 'softmax': lambda m, x: m.b(m.a(x).softmax(1)),
    'input': lambda m, x: m.b(m.a(x + m.b.bias)), 'transposed': lambda m, x: F.linear(m.a(x), m.a.weight.t(), m.b.bias),
    'data': lambda m, x: m.b(m.a(x).detach() + 1), 'one only': lambda m, x: m.a(x)[:, :3],
}


@pytest.mark.parametrize('name', NO_CHAINS)
def test_what_is_no_chain_goes_another_way(name):
    torch.manual_seed(0)
    model, x, y = Body(NO_CHAINS[name]), rand(50, 3), rand(50, 3)
    if not name.startswith('norm'): model.norm = nn.Identity()
    objective, (plane, vectors), want = asked(model, x, y, F.mse_loss)
    with pytest.raises(ValueError, match='no chain'): Chain(objective)
    torch.testing.assert_close(objective(plane), want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(want, own_losses(model, vectors, x, y, F.mse_loss), rtol=1e-5, atol=1e-6)


def test_hidden_numbers_that_the_loss_sees_are_noticed():
    class Both(nn.Module):
        "Says what its hidden layer said, too"
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 6), nn.Linear(6, 3)
        def forward(self, x):
            h = self.a(x).tanh()
            return self.b(h), h
    torch.manual_seed(0)
    loss_func = lambda out, y: F.mse_loss(out[0], y) + 1e-6 * out[1].square().mean()
    objective, (plane, _), want = asked(Both(), rand(50, 3), rand(50, 3), loss_func)
    assert Chain(objective)(plane, 0, 9).isnan().all()
    torch.testing.assert_close(objective(plane), want, rtol=1e-6, atol=1e-6)


def test_a_surface_of_a_chain_is_the_models():
    torch.manual_seed(0)
    model, x, y = stack(nn.Tanh()), rand(40, 3), rand(40, 3)
    surface = loss_surface(SimpleNamespace(model=model, loss_func=nn.MSELoss()), 'random', n=12, data=(x, y))
    assert surface.method == 'vmap' and isinstance(surface.objective.races[surface.plane].best.way, Chain)
    vv, uu = torch.meshgrid(surface.v, surface.u, indexing='ij')
    vectors = VectorPoints(surface.plane.at(uu.flatten(), vv.flatten()))
    for want in (own_losses(model, vectors, x, y, nn.MSELoss()), surface.loss_at(vectors.flat)):
        torch.testing.assert_close(surface.loss.flatten(), want, rtol=1e-6, atol=1e-7)


def test_tanh_is_tanh_whichever_way_is_quicker(monkeypatch):
    x = torch.cat([torch.linspace(-20, 20, 4001), torch.tensor([0., torch.inf, -torch.inf, torch.nan])])
    assert sigmoid_is_quicker() in (True, False)
    for quicker in (True, False):
        monkeypatch.setattr(elementwise, 'sigmoid_is_quicker', lambda quicker=quicker: quicker)
        for dtype, apart in ((torch.float32, 3e-7), (torch.float64, 1e-15)):
            got, wanted = in_place(x.to(dtype, copy=True), torch.tanh, (), {}), x.double().tanh()
            torch.testing.assert_close(got.double(), wanted, rtol=0, atol=apart, equal_nan=True)


# -- embeddings, and normalised layers that are no chain

class Table(nn.Module):
    "Words or categories, normalised numbers, and layers over all of these"
    def __init__(self, embed):
        super().__init__()
        self.embed, self.norm, self.last = embed, nn.BatchNorm1d(2), nn.Sequential(nn.Linear(6, 8), nn.ReLU(),
                                                                                  nn.BatchNorm1d(8), nn.Linear(8, 1))
    def forward(self, x):
        words = self.embed(x[:, :3].abs().long() % 9)
        return self.last(torch.cat([words if words.dim() == 2 else words.sum(1), self.norm(x[:, :2])], 1))


@pytest.mark.parametrize('embed, known', [
    (nn.EmbeddingBag(9, 4), True), (nn.Embedding(9, 4, padding_idx=0), True), (nn.EmbeddingBag(9, 4, mode='sum'), True),
    (nn.EmbeddingBag(9, 4, mode='max'), False), (nn.EmbeddingBag(9, 4, max_norm=1.), False),
    (nn.Embedding(9, 4, max_norm=1.), False)])
def test_embeddings_are_known_beforehand_where_they_are_linear(embed, known):
    torch.manual_seed(0)
    model, x, y = with_statistics(Table(embed)), 9 * rand(50, 3), rand(50, 1)
    objective, (plane, _), want = asked(model, x, y, F.mse_loss)
    first = first_layers(objective, plane)
    assert (first is not None and first.names == {'embed.weight'}) == known
    if known: torch.testing.assert_close(AtOnce(objective, first)(plane, 0, 40), want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(objective(plane), want, rtol=1e-5, atol=1e-6)


def test_an_embedding_bag_can_begin_a_chain():
    torch.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    x, y = torch.arange(150).reshape(50, 3) % 9, torch.arange(50) % 3
    objective, (plane, _), want = asked(model, x, y, F.cross_entropy)
    way = Chain(objective, first_layers(objective, plane))
    torch.testing.assert_close(way(plane, 0, 40), want, rtol=2e-6, atol=1e-6)
    with pytest.raises(ValueError, match='no chain'): Chain(objective)


def test_points_at_a_time_take_half_of_the_memory_at_most():
    torch.manual_seed(0)
    model, x, y = stack(nn.Tanh()), rand(500, 3), torch.arange(500) % 3
    objective = Objective(model, F.cross_entropy, [((x,), (y,))], max_bytes=2**22)
    points = points_of(model, 2000)[0]
    objective(points_of(model, 2)[0])
    chain, = [o for o in fastest(objective, points).runners if isinstance(o.way, Chain)]
    assert 10 < chain.size * chain.way.nbytes / 2**10 <= 2**11


@pytest.mark.parametrize('max_bytes', [2**28, 2**12])
def test_what_one_call_answers_another_one_leaves_alone(max_bytes):
    torch.manual_seed(0)
    model, x, y, loss_func = stack(nn.Tanh()).double(), rand(50, 3).double(), rand(50, 3).double(), lambda p, y: p[0, 0]
    objective, (_, vectors), want = asked(model, x, y, loss_func, max_bytes)
    way = Chain(objective)
    parts = [way(vectors, i, i + 10) for i in range(0, 40, 10)]
    torch.testing.assert_close(torch.cat(parts), want, rtol=2e-6, atol=1e-6)
