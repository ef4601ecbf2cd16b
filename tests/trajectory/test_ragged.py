"""Items of different lengths: their batches can't be joined, so each is kept, and what is drawn later rests on them
all.
"""

import pytest
import torch
import torch.nn.functional as F
from applications import fitted
from fastai.basics import DataLoaders, Learner, nn
from fastai.data.load import DataLoader
from learners import silent

from fastsgd import AnimateFitCallback, RecordParamsCallback, Trajectory, loss_surface, sharpness
from fastsgd.surface.budget import affordable_surface
from fastsgd.surface.line import Line
from fastsgd.surface.pieces import some_of
from fastsgd.trajectory.batches import SAMPLE_BYTES, rows_of
from fastsgd.views.choose import SECONDS, SIZES

LENGTHS = (6, 6, 6, 5, 5, 5, 5, 4, 3, 6) # of items, three in a batch, padded to the longest of these


class Words(nn.Module):
    "The mean over the words that are there"
    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(9, 4, padding_idx=0), nn.Linear(4, 3)
    def forward(self, x): return self.head(self.words(x).sum(1) / (x > 0).sum(1, keepdim=True))


def items():
    torch.manual_seed(3)
    return [(torch.randint(1, 9, (n,)), torch.tensor(k % 3)) for k, n in enumerate(LENGTHS)]


def padded(rows):
    xs, ys = zip(*rows)
    return nn.utils.rnn.pad_sequence(xs, batch_first=True), torch.stack(ys)


def learner(loss_func=F.cross_entropy, cbs=(), **kwargs):
    torch.manual_seed(0)
    dls = DataLoaders(*(DataLoader(items(), bs=3, create_batch=padded) for _ in range(2)))
    return silent(Learner(dls, Words(), loss_func, lr=0.1, cbs=[*cbs] or RecordParamsCallback(**kwargs)))


def fitted_traj(*args, **kwargs):
    learn = learner(*args, **kwargs)
    learn.fit(3)
    return learn.record_params.trajectory


def loss_at(traj, batches, i, summed=False):
    "By hand: what each item loses, all items added or averaged"
    losses = [F.cross_entropy(traj.predict(i, *xs), *ys, reduction='none') for xs, ys in batches]
    return float(torch.cat(losses).double().sum() if summed else torch.cat(losses).double().mean())


def everything(traj): return [traj.data, *traj.ragged]


def words_of(batches): return sorted(tuple(row[row > 0].tolist()) for (x, *_), _ in batches for row in x)


def test_all_items_are_kept_those_of_one_shape_together():
    traj = fitted_traj()
    assert [tuple(xs[0].shape) for xs, _ in everything(traj)] == [(4, 6), (6, 5)]
    assert words_of(everything(traj)) == sorted(tuple(x.tolist()) for x, _ in items())
    for (x,), (y,) in everything(traj):
        for row, wanted in zip(x, y):
            assert [int(c) for o, c in items() if o.tolist() == row[row > 0].tolist()] == [int(wanted)]
    assert [len(t.ragged) for t in (traj.thin(3), traj.at([0, 2]))] == [1, 1]


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_surface_line_and_sharpness_are_taken_over_all_of_them(reduction):
    traj = fitted_traj(nn.CrossEntropyLoss(reduction=reduction))
    wanted = torch.tensor([loss_at(traj, everything(traj), i, reduction == 'sum') for i in range(len(traj))])
    first = torch.tensor([loss_at(traj, [traj.data], i, reduction == 'sum') for i in range(len(traj))])
    assert not torch.allclose(wanted, first, rtol=1e-3)
    surface = loss_surface(traj, n=3)
    assert torch.allclose(surface.loss_at(traj).float(), wanted, rtol=1e-4)
    assert surface.note == f'{reduction} over 10 samples'
    losses, errors = Line(traj).losses()
    assert torch.allclose(losses.float(), wanted, rtol=1e-4) and not errors.any()
    joined = padded([(row[row > 0], c) for (x,), (y,) in everything(traj) for row, c in zip(x, y)])
    assert torch.allclose(sharpness(traj, n=2).values, sharpness(traj, n=2, data=joined).values, rtol=1e-3)


def test_the_error_of_a_sample_is_that_of_all_of_them():
    traj = fitted_traj()
    line = Line(traj, max_samples=6, seed=1)
    some = some_of(everything(traj), 6, 1)
    assert sum(map(rows_of, some)) == 6 and set(words_of(some)) <= set(words_of(everything(traj)))
    alone = torch.cat([F.cross_entropy(traj.predict(0, *xs), *ys, reduction='none') for xs, ys in some]).double()
    losses, errors = line.losses()
    assert float(losses[0]) == pytest.approx(float(alone.mean()), rel=1e-4)
    assert float(errors[0]) == pytest.approx(float(alone.std()) * ((1 - 6 / 10) / 6)**0.5, rel=1e-4)


def test_each_sample_is_as_likely_and_stays_with_its_target():
    data = [((torch.arange(n) + 100 * n,), (torch.arange(n) + 100 * n,)) for n in (2, 5, 13)]
    counts = torch.zeros(1500)
    for seed in range(400):
        for (x,), (y,) in some_of(data, 5, seed):
            assert torch.equal(x, y) and len(x)
            counts[x] += 1
    drawn = counts[torch.cat([x for (x,), _ in data])]
    assert drawn.sum() == 2000 and drawn.min() > 60 and drawn.max() < 140 # 100 on average


def test_the_sentence_says_what_the_surface_rests_on():
    learn = learner(cbs=[AnimateFitCallback()])
    learn.fit(2)
    assert 'loss surface over 10 samples of different lengths' in repr(learn.animate_fit)
    assert '10 samples in 2 batches of different shapes' in learn.record_params.trajectory._repr_html_()


def test_no_more_than_the_budget_is_kept():
    rows = SAMPLE_BYTES // 4 // 1000
    batches = [(torch.rand(rows // 3, k), torch.zeros(rows // 3, 1)) for k in (1000, 999, 998, 997)]
    model = nn.Sequential(nn.AdaptiveAvgPool1d(3), nn.Linear(3, 1))
    learn = silent(Learner(DataLoaders(batches, batches), model, nn.MSELoss(), cbs=RecordParamsCallback()))
    learn.fit(1)
    kept = everything(learn.record_params.trajectory)
    assert [xs[0].shape[1] for xs, _ in kept] == [1000, 999, 998][:len(kept)] and len(kept) in (2, 3)
    assert sum(t.nbytes for xs, ys in kept for t in (*xs, *ys)) <= SAMPLE_BYTES


def test_a_file_holds_them_all(tmp_path):
    traj = fitted_traj()
    back = Trajectory.load(traj.save(tmp_path/'fit'), traj.model, traj.loss_func)
    same = lambda a, b: all(torch.equal(s, t) for x, y in zip(a, b, strict=True) for s, t in zip(x, y, strict=True))
    assert all(same(a, b) for a, b in zip(everything(traj), everything(back), strict=True))
    assert torch.equal(loss_surface(back, n=3).loss, loss_surface(traj, n=3).loss)
    assert Trajectory.load(traj.save(tmp_path/'fit', data=False)).ragged == []


def test_each_batch_costs_its_calls():
    "Counted by the widest samples, and calls for each batch"
    def traj(batches):
        params = {n: torch.stack([p.detach()] * 2) for n, p in model.named_parameters()}
        return Trajectory(params, model=model, loss_func=F.cross_entropy, data=batches[0], ragged=batches[1:])
    model = Words()
    batch = lambda n, width: ((torch.ones(n, width, dtype=torch.int64),), (torch.zeros(n, dtype=torch.int64),))
    one, many = traj([batch(1000, 20)]), traj([batch(1, k) for k in range(1, 1001)])
    sizes = [affordable_surface(t, SIZES, SECONDS) for t in (one, many)]
    assert sizes[0] == SIZES[-1] and sizes[1] < sizes[0]
    wide = [batch(2, 100_000), *(batch(400, k) for k in (3, 4))]
    assert affordable_surface(traj(wide), SIZES, SECONDS) == affordable_surface(traj(wide[::-1]), SIZES, SECONDS)


def test_what_is_no_ragged_data_is_refused():
    params, batch = {'a': torch.zeros(2)}, ((torch.zeros(2, 3),), (torch.zeros(2),))
    with pytest.raises(ValueError, match='ragged has 1 batches, and data none'): Trajectory(params, ragged=[batch])
    with pytest.raises(TypeError, match=r'ragged\[0\]'): Trajectory(params, data=batch, ragged=[3])
    with pytest.raises(TypeError, match='ragged'): Trajectory(params, data=batch, ragged=batch[0][0])


def test_the_texts_of_a_real_classifier():
    "Of which the longest batch alone was kept"
    traj = fitted('text_classes').record_params.trajectory
    data, total = everything(traj), sum(map(rows_of, everything(traj)))
    assert total == 48 and len({xs[0].shape[1] for xs, _ in data}) == len(data) > 2
    i = len(traj) - 1
    losses = torch.cat([F.cross_entropy(traj.predict(i, *xs)[0], *ys, reduction='none') for xs, ys in data])
    surface = loss_surface(traj, n=2)
    assert surface.note.startswith('mean over 48 samples')
    assert float(surface.loss_at(traj.take([i]))) == pytest.approx(float(losses.mean()), rel=1e-3)
