"""What real fastai learners pay for the picture: `python tests/benchmarks/applications.py [name ...]`.

For each: the fit with `AnimateFitCallback` beside the fit without, in turns, by the clock and in processor time, and
how often either touched a new page of memory, which varies more than the callback costs; memory of the record at its
peak; from the end of the fit to the player, by the clock and in processor time; bytes of its HTML. A process of its own
for each learner.
"""

import random
import re
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.collab import CollabDataLoaders, collab_learner
from fastai.tabular.all import Categorify, Normalize, TabularDataLoaders, tabular_learner
from fastai.text.all import AWD_LSTM, BaseTokenizer, ColReader, TextBlock, text_classifier_learner
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    ImageBlock,
    IndexSplitter,
    MaskBlock,
    PILImage,
    PILMask,
    RandomSplitter,
    accuracy,
    resnet18,
    rmse,
    unet_learner,
    vision_learner,
)

from fastsgd import AnimateFitCallback, RecordParamsCallback

PAIRS, LEAST, SECONDS = 5, 2, 40 # fits with and without, in turns: fewer where they take more seconds than this


def pictures(n=240, size=64):
    "Bright squares and discs on noise, with their masks"
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    images, masks, kinds = [], [], []
    for k in range(n):
        r, cx, cy = rng.integers(6, 16), *rng.integers(16, size - 16, 2)
        inside = (abs(x - cx) < r) & (abs(y - cy) < r) if k % 2 else (x - cx)**2 + (y - cy)**2 < r**2
        image = rng.integers(0, 120, (size, size, 3))
        image[inside] += rng.integers(60, 130, 3)
        images.append(image.astype(np.uint8))
        masks.append(inside.astype(np.uint8))
        kinds.append(['disc', 'square'][k % 2])
    return images, masks, kinds


def image_block(target, get_y, images):
    return DataBlock((ImageBlock, target), get_items=lambda _: range(len(images)), splitter=RandomSplitter(0.2, seed=1),
                     get_x=lambda i: PILImage.create(images[i]), get_y=get_y).dataloaders(None, bs=16, num_workers=0)


def resnet():
    images, _, kinds = pictures()
    dls = image_block(CategoryBlock, lambda i: kinds[i], images)
    learn = vision_learner(dls, resnet18, pretrained=False, metrics=accuracy)
    return learn, lambda: learn.fine_tune(1)


def unet():
    images, masks, _ = pictures(96)
    dls = image_block(MaskBlock(codes=['ground', 'shape']), lambda i: PILMask.create(masks[i]), images)
    learn = unet_learner(dls, resnet18, pretrained=False, n_out=2)
    return learn, lambda: learn.fine_tune(1)


def text():
    rng = np.random.default_rng(0)
    words = [['good', 'fine', 'warm', 'clever'], ['bad', 'dull', 'cold', 'silly'], [f'word{k}' for k in range(400)]]
    texts = [' '.join([*rng.choice(words[2], 30), *rng.choice(words[k % 2], 3)]) for k in range(240)]
    df = pd.DataFrame({'text': texts, 'label': [['yes', 'no'][k % 2] for k in range(240)]})
    block = DataBlock([TextBlock.from_df('text', tok=BaseTokenizer(), n_workers=0, min_freq=1), CategoryBlock],
                      get_x=ColReader('text'), get_y=ColReader('label'), splitter=IndexSplitter(range(48)))
    learn = text_classifier_learner(block.dataloaders(df, bs=16, num_workers=0), AWD_LSTM, pretrained=False,
                                    metrics=accuracy)
    return learn, lambda: learn.fine_tune(1)


def tabular():
    rng, n = np.random.default_rng(0), 4000
    df = pd.DataFrame({'a': rng.choice(list('pqrst'), n), 'b': rng.choice(list('uv'), n),
                       **{c: rng.normal(size=n) for c in 'cde'}})
    df['y'] = np.where(df.c + (df.a == 'q') + 0.3 * rng.normal(size=n) > 0.3, 'yes', 'no')
    dls = TabularDataLoaders.from_df(df, procs=[Categorify, Normalize], cat_names=['a', 'b'],
                                     cont_names=['c', 'd', 'e'],
                                     y_names='y', valid_idx=list(range(800)), bs=64)
    learn = tabular_learner(dls, metrics=accuracy)
    return learn, lambda: learn.fit_one_cycle(2)


def collab():
    rng, n = np.random.default_rng(0), 6000
    user, item = rng.integers(200, size=n), rng.integers(100, size=n)
    df = pd.DataFrame({'user': user, 'item': [f'film {k}' for k in item],
                       'rating': np.clip(3 + (user % 2 == item % 2) + rng.normal(0, 0.5, n), 0.5, 5)})
    learn = collab_learner(CollabDataLoaders.from_df(df, bs=64, seed=0), n_factors=20, y_range=(0, 5.5), metrics=rmse)
    return learn, lambda: learn.fit_one_cycle(3, 5e-3)


LEARNERS = {'resnet18, 64 px, fine_tune(1)': resnet, 'unet on resnet18, 64 px, fine_tune(1)': unet,
            'AWD_LSTM classifier, fine_tune(1)': text, 'tabular, fit_one_cycle(2)': tabular,
            'collab, fit_one_cycle(3)': collab}


def spent():
    "Seconds of the processor in the program itself, in the system, and new pages of memory"
    used = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([used.ru_utime, used.ru_stime, used.ru_minflt])


def run(make, *cbs):
    "`(learn, seconds, what was spent)` of a fit from the same start"
    for seed in (random.seed, np.random.seed, torch.manual_seed): seed(0)
    learn, fit = make()
    learn.add_cbs(cbs)
    with learn.no_bar(), learn.no_logging():
        before, start = spent(), time.perf_counter()
        fit()
        return learn, time.perf_counter() - start, spent() - before


def memory(field):
    "Bytes of this process, from the kernel: VmRSS now, VmHWM at the most"
    return int(re.search(field + r':\s+(\d+) kB', Path('/proc/self/status').read_text()).group(1)) * 1024


def measure(make):
    run(make, RecordParamsCallback()) # warms up
    rows, began = {True: [], False: []}, time.perf_counter()
    for k in range(PAIRS):
        if k >= LEAST and time.perf_counter() - began > SECONDS: break
        for ours in (True, False) if k % 2 else (False, True):
            done, seconds, used = run(make, *([AnimateFitCallback()] if ours else []))
            rows[ours].append([seconds, *used])
            if ours: learn = done
    (clock, own, system, pages), (other_clock, alone, system_alone, pages_alone) = (
        np.array(rows[ours]).T for ours in (True, False))
    whole, ratios = (own + system).min() / (alone + system_alone).min(), clock / other_clock
    told = lambda numbers, form=',.0f': ', '.join(format(n, form) for n in numbers)
    kept = learn.record_params.recording.stored_bytes
    start, before = time.perf_counter(), time.process_time()
    html = learn.animate_fit._repr_html_()
    took, spent_on_it = time.perf_counter() - start, time.process_time() - before
    traj = learn.record_params.trajectory
    print(f'  fit {other_clock.min():.1f} s, with / without {np.median(ratios):.3f} ({told(ratios, ".3f")})\n'
          f'  least processor time with / without {whole:.3f}, in the program itself {own.min() / alone.min():.3f}\n'
          f'  new pages with {told(pages)}, without {told(pages_alone)}\n'
          f'  record {kept / 2**20:.0f} MiB in {len(traj)} of {traj.n_steps + 1} points; process at its peak '
          f'{memory("VmHWM") / 2**20:.0f} MiB\n  end of fit to player {took:.2f} s, '
          f'{spent_on_it:.2f} s of the processor; {len(html) / 1e6:.2f} MB\n'
          f'  {learn.animate_fit!r}', flush=True)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    names = sys.argv[1:] or list(LEARNERS)
    if len(names) == 1 and names[0] in LEARNERS: measure(LEARNERS[names[0]])
    else:
        for name in names:
            print(name, flush=True)
            subprocess.run([sys.executable, __file__, name], check=True)
