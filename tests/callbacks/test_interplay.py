"""Together with each callback that ships with fastai and needs no outside service: the same results, bit for bit."""

import random

import pytest
import torch
from fastai.callback.all import (
    ActivationStats,
    BnFreeze,
    ChannelsLast,
    CollectDataCallback,
    CSVLogger,
    CutMix,
    EarlyStoppingCallback,
    FetchPredsCallback,
    GradientAccumulation,
    GradientClip,
    MCDropoutCallback,
    MixedPrecision,
    MixUp,
    ModelResetter,
    ParamScheduler,
    ReduceLROnPlateau,
    RNNCallback,
    RNNRegularizer,
    SaveModelCallback,
    SchedCos,
    ShortEpochCallback,
    ShowGraphCallback,
    TerminateOnNaNCallback,
)
from fastai.learner import SkipToEpoch
from learners import check, net_learner, outcome, seed_all
from torch import nn

from fastsgd import AnimateFitCallback, LogLossCallback, RecordParamsCallback, tensor_dls

pytestmark = [pytest.mark.filterwarnings('ignore:.*CUDA is not available:UserWarning'), # torch, on fp16 without a GPU
              # fastai, on its own ActivationStats
              pytest.mark.filterwarnings('ignore:You are shadowing an attribute .modules.:UserWarning'),
              pytest.mark.filterwarnings('ignore:.*GradScaler is enabled:UserWarning')]


class Sequence(nn.Module):
    "What fastai's callbacks for recurrent networks expect: outputs, and hidden states with and without dropout"
    def __init__(self):
        super().__init__()
        self.hidden, self.head, self.n_resets = nn.Linear(3, 4), nn.Linear(4, 1), 0
    def reset(self): self.n_resets += 1
    def forward(self, x):
        h = self.hidden(x)[:, None].repeat(1, 3, 1).cumsum(1)
        return self.head(h[:, -1]), [h], [h * 0.9]


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                                    nn.Flatten(),
                                    nn.Linear(4, 1))
    def forward(self, x): return self.layers(x)


def images():
    gen = torch.Generator().manual_seed(0)
    x = torch.randn(24, 1, 6, 6, generator=gen)
    y = x.mean((1, 2, 3))[:, None]
    return tensor_dls((x[:16], y[:16]), (x[16:], y[16:]), bs=8, seed=0)


def rnn(): return {'model': Sequence()}
def with_bar(): return {'progress': True}
def image(): return {'model': Image(), 'dls': images()}


CALLBACKS = {
    'ActivationStats': (lambda: ActivationStats(with_hist=True), dict), 'BnFreeze': (BnFreeze, dict),
    'ChannelsLast': (ChannelsLast, image), 'CollectDataCallback': (CollectDataCallback, dict),
    'CSVLogger': (CSVLogger, dict),
    'CutMix': (lambda: CutMix(1.), image), 'EarlyStoppingCallback': (lambda: EarlyStoppingCallback(patience=1), dict),
    'FetchPredsCallback': (FetchPredsCallback, dict), 'GradientAccumulation': (lambda: GradientAccumulation(16), dict),
    'GradientClip': (lambda: GradientClip(0.1), dict), 'MCDropoutCallback': (MCDropoutCallback, dict),
    'MixedPrecision fp16': (MixedPrecision, dict), 'MixedPrecision bf16': (lambda: MixedPrecision('bf16'), dict),
    'MixUp': (lambda: MixUp(0.4), dict), 'ModelResetter': (lambda: [ModelResetter(), RNNCallback()], rnn),
    'RNNCallback': (RNNCallback, rnn), 'RNNRegularizer': (lambda: [RNNCallback(), RNNRegularizer(2., 1.)], rnn),
    'ParamScheduler': (lambda: ParamScheduler({'lr': SchedCos(0.1, 0.01)}), dict), 'ProgressCallback': (list, with_bar),
    'ReduceLROnPlateau': (lambda: ReduceLROnPlateau(patience=1), dict), 'SaveModelCallback': (SaveModelCallback, dict),
    'ShortEpochCallback': (lambda: ShortEpochCallback(0.5), dict), 'SkipToEpoch': (lambda: SkipToEpoch(1), dict),
    'ShowGraphCallback': (ShowGraphCallback, with_bar),
    'TerminateOnNaNCallback': (TerminateOnNaNCallback, dict)}
OURS = {'record': lambda: [RecordParamsCallback()], 'animate': lambda: [AnimateFitCallback()],
        'all': lambda: [LogLossCallback(), RecordParamsCallback(), AnimateFitCallback()]}


def listed(x): return x if isinstance(x, list) else [x]


def run(make, model, path, ours=None, first=False):
    seed_all()
    others, mine = listed(make()), OURS[ours]() if ours else []
    learn = net_learner(record=False, cbs=mine + others if first else others + mine, path=path, **model())
    learn.fit(3, lr=0.05)
    return learn


@pytest.mark.parametrize('name', CALLBACKS)
def test_with_and_without_us_is_the_same_bit_for_bit(name, tmp_path, count, capsys):
    make, model = CALLBACKS[name]
    alone = run(make, model, tmp_path)
    expected, values = outcome(alone), [row[:2] for row in alone.recorder.values]
    for ours in OURS:
        for first in (False, True):
            learn = run(make, model, tmp_path, ours, first)
            assert outcome(learn) == expected, (ours, first)
            assert str([row[:2] for row in learn.recorder.values]) == str(values), 'NaN is like NaN'
            check(learn.record_params.trajectory, learn)
            count('callback pairs tried')


@pytest.mark.parametrize('seed', range(20))
def test_several_at_once(seed, tmp_path, count, capsys):
    rng = random.Random(seed)
    alone = ('SkipToEpoch', 'ShortEpochCallback', 'MixedPrecision bf16') # fastai's trackers stumble over skipped epochs
    names = rng.sample([n for n, (_, model) in CALLBACKS.items() if model is dict and n not in alone], 6)
    make = lambda: [cb for n in names for cb in listed(CALLBACKS[n][0]())]
    expected = outcome(run(make, dict, tmp_path))
    learn = run(make, dict, tmp_path, 'all', first=seed % 2)
    assert outcome(learn) == expected, names
    check(learn.record_params.trajectory, learn)
    count('sets of six callbacks tried')
