"Trajectories with samples of each kind, made by hand: views need no Learner"

import torch
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.samples import Samples
from fastsgd.trajectory.trajectory import Trajectory


def points_of(model, loss_func, xs, y, n=8, lr=0.1):
    "`(params, buffers, losses)` of `n` steps of SGD with momentum"
    opt, losses = torch.optim.SGD(model.parameters(), lr, momentum=0.9), []
    kept = {name: [] for name, _ in (*model.named_parameters(), *model.named_buffers())}
    for step in range(n + 1):
        for name, t in (*model.named_parameters(), *model.named_buffers()): kept[name].append(t.detach().clone())
        if step == n: break
        out = model(*xs)
        loss = loss_func(out[0] if isinstance(out, tuple) else out, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    stack = lambda named: {name: torch.stack(kept[name]) for name, _ in named}
    return stack(model.named_parameters()), stack(model.named_buffers()), losses


def fit(model, loss_func, samples, n=8, lr=0.1, **kwargs):
    "A Trajectory of a fit to the samples themselves"
    params, buffers, losses = points_of(model, loss_func, samples.xs, samples.ys[0], n, lr)
    return Trajectory(params, losses=losses, lrs=[lr] * n, buffers=buffers, model=model, loss_func=loss_func,
                      samples=samples, **kwargs)


def seeded(make):
    def maker(*args, **kwargs):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return make(*args, **kwargs)
    return maker


def shapes(n, size=16, channels=1):
    "Pictures of bright squares (0) and crosses (1), their masks and their middles"
    x, y, masks, middles = torch.rand(n, channels, size, size) * 0.2, torch.arange(n) % 2, [], []
    for k in range(n):
        a, b = torch.randint(1, size - 7, (2,)).tolist()
        mask = torch.zeros(size, size, dtype=torch.int64)
        if y[k]: mask[a:a + 6, b + 2:b + 4] = mask[a + 2:a + 4, b:b + 6] = 2
        else: mask[a:a + 6, b:b + 6] = 1
        x[k][:, mask > 0] = 0.9
        masks.append(mask)
        middles.append(torch.tensor([[b + 3., a + 3.]]))
    return x, y, masks, middles


def as_seen(x): return [(o * 255).to(torch.uint8).permute(1, 2, 0).squeeze(-1) for o in x]


@seeded
def pictures(n_items=12, outputs=2, size=16, channels=1, classes=('square', 'cross'), loss_func=F.cross_entropy, end=(),
             **kwargs):
    x, y, *_ = shapes(n_items, size, channels)
    model = nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveMaxPool2d(4),
                          nn.Flatten(), nn.Linear(96, outputs), *end)
    ys = y if outputs > 1 else y[:, None].float()
    samples = Samples((x,), (ys,), 'image', 'category', as_seen(x), y.tolist(), list(classes))
    return fit(model, loss_func, samples, **kwargs)


@seeded
def labels(n_items=12):
    x, y, masks, middles = shapes(n_items)
    truth = torch.stack([y, 1 - y, torch.tensor([m[0, 0] < 8 for m in middles])], 1).float()
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(4), nn.Flatten(), nn.Linear(96, 3))
    targets = [row.nonzero().flatten().tolist() for row in truth]
    samples = Samples((x,), (truth,), 'image', 'categories', as_seen(x), targets, ['cross', 'square', 'left'])
    return fit(model, F.binary_cross_entropy_with_logits, samples, n=20)


@seeded
def masks(n_items=6):
    x, _, masks, _ = shapes(n_items)
    model = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 3, 5, padding=2))
    samples = Samples((x,), (torch.stack(masks),), 'image', 'mask', as_seen(x), masks, ['ground', 'square', 'cross'])
    return fit(model, F.cross_entropy, samples, n=30)


@seeded
def points(n_items=6):
    x, _, _, middles = shapes(n_items)
    ys = torch.stack([m / 8 - 1 for m in middles])
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 16), nn.ReLU(), nn.Linear(16, 2), nn.Tanh(),
                          nn.Unflatten(1, (1, 2)))
    return fit(model, F.mse_loss, Samples((x,), (ys,), 'image', 'points', as_seen(x), middles), n=20)


@seeded
def autoencoder(n_items=6):
    x, *_ = shapes(n_items)
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 16), nn.ReLU(), nn.Linear(16, 256), nn.Sigmoid(),
                          nn.Unflatten(1, (1, 16, 16)))
    return fit(model, F.mse_loss, Samples((x,), (x,), 'image', 'image', as_seen(x), as_seen(x)), n=30, lr=0.5)


@seeded
def texts(n_items=10):
    words = ['a', 'fine', 'film', 'dull', 'and', 'long', 'lovely', 'play']
    x, y = torch.randint(0, 8, (n_items, 6)), torch.arange(n_items) % 2
    x[:, 2] = torch.where(y == 1, 6, 3)
    model = nn.Sequential(nn.Embedding(8, 4), nn.Flatten(), nn.Linear(24, 2))
    said = [' '.join(words[w] for w in row) for row in x.tolist()]
    samples = Samples((x,), (y,), 'text', 'category', said, y.tolist(), ['bad', 'good'])
    samples.embeddings = {'0.weight': ('word', words)}
    return fit(model, F.cross_entropy, samples, n=20)


class Speaker(nn.Module):
    "A language model that returns more than its prediction"
    def __init__(self, words):
        super().__init__()
        self.words, self.head = nn.Embedding(words, 6), nn.Linear(6, words)
    def forward(self, x):
        hidden = self.words(x)
        return self.head(hidden), hidden


@seeded
def next_words(n_items=4):
    words = ['the', 'cat', 'sat', 'on', 'a', 'mat', 'dog', 'ran']
    x = (torch.arange(n_items)[:, None] + torch.arange(5)) % 8
    y = (x + 1) % 8
    samples = Samples((x,), (y,), 'text', 'next word', [' '.join(words[w] for w in row) for row in x.tolist()],
                      [words[w] for w in y[:, -1].tolist()], words)
    return fit(Speaker(8), lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten()), samples, n=20, lr=1.)


@seeded
def rows(n_items=12, outputs=1, lr=0.02, **kwargs):
    "Rows of a table with one number or several as target"
    x = torch.randn(n_items, 3)
    y = (x @ torch.tensor([[3., 1.], [-2., 0.5], [0., 2.]]))[:, :outputs] + 10
    table = [{'age': f'{a:.2f}', 'hours': f'{b:.2f}', 'height': f'{c:.2f}'} for a, b, c in x.tolist()]
    targets = y[:, 0].tolist() if outputs == 1 else y.tolist()
    samples = Samples((x,), (y,), 'table', 'value', table, targets)
    return fit(nn.Linear(3, outputs), F.mse_loss, samples, lr=lr, **kwargs)


@seeded
def nothing_known(n_items=4):
    x = torch.randn(n_items, 3)
    return fit(nn.Linear(3, 40), F.mse_loss, Samples((x,), (torch.randn(n_items, 40),)))


KINDS = {'pictures': pictures, 'one output': lambda: pictures(outputs=1, loss_func=F.binary_cross_entropy_with_logits),
         'labels': labels, 'masks': masks, 'points': points, 'autoencoder': autoencoder, 'texts': texts,
         'next words': next_words, 'rows': rows, 'several numbers': lambda: rows(outputs=2),
         'nothing known': nothing_known}
