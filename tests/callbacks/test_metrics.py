"`traj.metrics` holds what fastai's tables say, by name, at the step where each epoch ended"

import pytest
from fastai.basics import Callback, mae, mse
from fastai.callback.schedule import lr_find  # noqa: F401  gives Learner the method
from learners import net_learner


class Interrupted(Callback):
    "By hand, in the second epoch"
    def after_batch(self):
        if self.training and (self.epoch, self.iter) == (1, 1): raise KeyboardInterrupt


def twice(learn):
    learn.fit(2)
    learn.fit(1)


def with_lr_find(learn):
    learn.fit(1)
    with learn.no_bar(), learn.no_logging(): learn.lr_find(num_it=5, show_plot=False)
    learn.fit(2)


def interrupted(learn):
    with pytest.raises(KeyboardInterrupt): learn.fit(3, cbs=Interrupted())
    learn.fit(2)


@pytest.mark.parametrize('settings', [{}, {'train_metrics': True}, {'train_metrics': True, 'valid_metrics': False}])
@pytest.mark.parametrize('run, ends', [(twice, [5, 10, 15]), (with_lr_find, [5, 10, 15]),
                                       (interrupted, [5, 12, 17])]) # two steps of an epoch that has no end
def test_metrics_are_those_of_fastais_table(run, ends, settings):
    learn, rows, table = net_learner(metrics=[mae, mse]), [], {}
    for name, value in settings.items(): setattr(learn.recorder, name, value)
    learn.logger = lambda row: rows.append(zip(learn.recorder.metric_names[1:-1], row[1:-1], strict=True))
    run(learn)
    for name, value in (told for row in rows for told in row): table.setdefault(name, []).append(value)
    traj = learn.record_params.trajectory
    assert traj.epochs.tolist() == ends and len(table) == {0: 4, 1: 6, 2: 3}[len(settings)]
    assert list(traj.metrics) == list(table)
    for name, (steps, values) in traj.metrics.items():
        assert steps.tolist() == ends and values.tolist() == pytest.approx(table[name])
