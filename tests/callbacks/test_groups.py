"""What the optimiser was told for each parameter group is recorded, saved, and drawn by `LRView`."""

import matplotlib.pyplot as plt
import pytest
import torch
from fastai.basics import SGD, Callback, CrossEntropyLossFlat, Learner, params
from learners import silent

from fastsgd import LRView, RecordParamsCallback, Trajectory, linear_learner, tensor_dls
from fastsgd.trajectory.hypers import Hypers


class Told(Callback):
    "Note the rate and the momentum of each group at each step, and which groups are frozen"
    order = 80
    def before_fit(self): self.seen = getattr(self, 'seen', [])
    def before_step(self):
        self.seen.append([(float('nan') if k < self.opt.frozen_idx else h['lr'], h['mom'])
                          for k, h in enumerate(self.opt.hypers)])


class TwoParts(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU()), torch.nn.Linear(8, 2)
    def forward(self, x): return self.head(self.body(x))


def learner():
    torch.manual_seed(0)
    data = torch.rand(40, 4), torch.arange(40) % 2
    return silent(Learner(tensor_dls(data, data, bs=10, seed=0), TwoParts(), CrossEntropyLossFlat(), cbs=[
        Told(), RecordParamsCallback()], splitter=lambda m: [params(m.body), params(m.head)]))


@pytest.fixture(scope='module')
def tuned():
    learn = learner()
    learn.fine_tune(2, 1e-2)
    return learn


def test_rate_and_momentum_of_each_group_at_each_step(tuned, tmp_path):
    t = tuned.record_params.trajectory
    told = torch.tensor(tuned.told.seen, dtype=torch.float64)
    t.save(tmp_path/'fit.safetensors')
    for o in (t, Trajectory.load(tmp_path/'fit.safetensors')):
        assert torch.equal(o.hypers['lr'].nan_to_num(-1), told[..., 0].nan_to_num(-1))
        assert torch.equal(o.hypers['mom'], told[..., 1])
        assert o.groups == ['group 1: body.0', 'group 2: head']
    assert t.hypers['lr'].isnan().sum(0).tolist() == [4, 0], 'the body is frozen for one epoch'
    assert torch.equal(t.lrs, t.hypers['lr'][:, -1])


def test_each_group_is_a_line_with_a_name_and_a_gap_while_frozen(tuned):
    t, (_, ax) = tuned.record_params.trajectory, plt.subplots()
    update = LRView().draw(t, ax)
    lines = {a.get_label(): a for a in ax.lines if a.get_label().startswith('group')}
    assert [x.get_text() for x in ax.get_legend().get_texts()] == list(lines) == t.groups
    assert len({(a.get_marker(), a.get_color()) for a in lines.values()}) == len({a.get_marker() for a in
                                                                                 lines.values()}) == 2
    for i in (5, 2, 12, 5):
        update(i)
        for k, a in enumerate(lines.values()):
            assert torch.equal(torch.tensor(a.get_ydata()).nan_to_num(-1), t.hypers['lr'][:i + 1, k].nan_to_num(-1))
    plt.close()


def test_momentum_where_asked(tuned):
    t = tuned.record_params.trajectory
    ax = LRView(momentum=True).plot(t, plt.subplots()[1])
    assert ax.get_ylabel() == 'momentum'
    assert torch.equal(torch.tensor(ax.lines[0].get_ydata()), t.hypers['mom'][:, -1]), 'one line: all groups agree'
    plt.close()
    plain = linear_learner(seed=0)
    with plain.no_bar(), plain.no_logging(): plain.fit(2, 0.1)
    assert not plain.record_params.trajectory.hypers, 'one rate tells all'
    with pytest.raises(ValueError, match='momentum=True: this fit had no momentum'):
        LRView(momentum=True).plot(plain.record_params.trajectory, plt.subplots()[1])
    plt.close()
    with pytest.raises(ValueError, match='momentum=1: expected True or False'): LRView(momentum=1)


def test_several_fits_have_a_line_each(tuned):
    t = tuned.record_params.trajectory
    ax = LRView().plot([t, t], plt.subplots()[1])
    assert len({a.get_label() for a in ax.lines if not a.get_label().startswith('_')}) == 2
    plt.close()


def test_groups_of_torchs_optimisers_and_of_one_group_with_momentum():
    from fastai.basics import OptimWrapper
    for opt_func, names in ((lambda p, lr: OptimWrapper(p, torch.optim.Adam, lr=lr), {'lr', 'mom', 'sqr_mom'}),
                            (lambda p, lr: SGD(p, lr, mom=0.9), {'lr', 'mom'})):
        learn = learner()
        learn.opt_func = opt_func
        learn.fit(1, 1e-2)
        t = learn.record_params.trajectory
        assert {*t.hypers} == names and t.hypers['mom'].eq(0.9).all() and t.hypers['lr'].shape == (4, 2)


def test_an_interrupt_or_another_optimiser_leaves_steps_in_their_place():
    h = Hypers()
    h.add(0, {'lr': [1., 2.]})
    h.add(1, {'lr': [3., 4.]})
    h.add(1, {'lr': [5., 6.]}) # the step before was cut off
    h.add(2, {'lr': [7.]})
    h.add(3, {'lr': [8., 9.]})
    assert h.series(5)['lr'].nan_to_num(-1).tolist() == [[1, 2], [5, 6], [7, -1], [8, 9], [-1, -1]]
