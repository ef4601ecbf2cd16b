"""Mutate saved trajectories, load them, and use what loads: `python tests/fuzz_load.py [mutations] [seed]`.

A mutated file is refused with a ValueError that names it, or it is a trajectory like any other: all that is done with
one afterwards works, or raises an error of ours. Prints how many were refused, and each error that is not clear.
"""

import json
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import torch
from matplotlib.figure import Figure
from safetensors import safe_open
from safetensors.torch import save_file

import fastsgd
from fastsgd import HistogramView, LossView, LRView, MetricsView, ParamsView, Samples, SamplesView, Trajectory

KEY = 'fastsgd.trajectory'
ODD = (0, -1, 1, 2**31, 2**40, -2**62, 1e300, float('nan'), float('inf'), None, True, '', 'x' * 200, [], [[]], {},
       [1, 2], {'tensor': 'steps'}, {'dict': {}}, 'constant', 'varying', '../x', '\x00')


def made(path, rng):
    "A saved trajectory of some kind"
    torch.manual_seed(rng.randrange(2**31))
    n, points = rng.randint(1, 6), rng.randint(1, 4)
    steps = sorted(rng.sample(range(n + 1), min(points, n + 1)))
    k = len(steps)
    xs, kind = torch.rand(3, 2), rng.choice(['values', 'text', 'image', 'table'])
    inputs = {'values': ['1', '2', '3'], 'text': ['a', 'b', 'c'], 'table': [{'a': '1'}] * 3,
              'image': [torch.zeros(4, 4, 3, dtype=torch.uint8)] * 3}[kind]
    samples = Samples((xs,), (torch.arange(3) % 2,), kind, 'category', inputs, [0, 1, 0], ['cat', 'dog'])
    traj = Trajectory({'w': torch.randn(k, 2, 2), 'b': torch.randn(k, 2)}, steps, torch.rand(n), torch.rand(n),
                      {'mean': torch.rand(k, 2)}, data=((xs,), (torch.rand(3, 1),)), label='fit', samples=samples,
                      batches={0: ((xs,), (torch.rand(3, 1),))}, valid=(torch.tensor([n]), torch.rand(1)),
                      parts={'a': [0]} if rng.randrange(2) else None,
                      ragged=[((torch.rand(k, 3),), (torch.rand(k, 1),)) for k in range(rng.randrange(3))],
                      metrics={'accuracy': (torch.tensor([n]), torch.rand(1))}, epochs=[n],
                      grad_norms={'w': torch.rand(n), 'b': torch.full((n,), torch.nan)} if n % 2 else None,
                      drawn_from=rng.choice([None, (99, True), (0, False)]))
    return traj.save(path)


def mutate(path, rng):
    "Change one thing, or a few"
    how = rng.randrange(5)
    if how < 2:
        content = bytearray(path.read_bytes())
        numbers = 8 + int.from_bytes(content[:8], 'little')
        places = range(numbers) if how else range(numbers, len(content))
        for _ in range(rng.choice([1, 1, 2, 8])): content[rng.choice(places)] = rng.randrange(256)
        if not rng.randrange(8): del content[rng.randrange(len(content)):]
        path.write_bytes(content)
        return
    with safe_open(path, 'pt') as f: head, tensors = f.metadata(), {n: f.get_tensor(n).clone() for n in f.keys()}
    meta = json.loads(head[KEY])
    if how == 2: change_json(meta, rng)
    else: change_tensor(tensors, rng)
    if how == 4: change_json(meta, rng)
    save_file(tensors, path, {KEY: json.dumps(meta)})


def change_json(node, rng):
    "Replace, drop or add a part, somewhere"
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys: return
    key = rng.choice(keys)
    if isinstance(node[key], (dict, list)) and node[key] and rng.randrange(3): return change_json(node[key], rng)
    if isinstance(node, dict) and not rng.randrange(5): node.pop(key)
    elif isinstance(node, dict) and not rng.randrange(5): node[str(rng.choice(ODD))[:50]] = rng.choice(ODD)
    else: node[key] = rng.choice(ODD)


def change_tensor(tensors, rng):
    "Another value, shape or type, or none at all"
    name = rng.choice(list(tensors))
    t, how = tensors[name], rng.randrange(5)
    if how == 0 and t.numel():
        value = rng.choice([0, -1, 1, 2, 7, 255, 2**31, 2**62] if not t.is_floating_point() else [0., -1., 1e38, 1e-40,
                                                                                                 float('nan'),
                                                                                                 float('inf')])
        if t.dtype == torch.uint8: value %= 256
        t.view(-1)[rng.randrange(t.numel())] = value
    elif how == 1: tensors[name] = t[:rng.randrange(len(t) + 1)].clone() if t.ndim else t
    elif how == 2: tensors[name] = t.reshape(-1).clone()
    elif how == 3: tensors[name] = t.to(rng.choice([torch.float16, torch.float64, torch.int64, torch.bool, torch.uint8,
                                                    torch.complex64, torch.float8_e4m3fn]))
    else: tensors.pop(name)


def drawn(view): return lambda t: view.plot(t, Figure().subplots(), i=0).figure.canvas.draw()


USES = {'repr': repr, 'html': lambda t: t._repr_html_(), 'to_df': lambda t: t.to_df(), 'flat': lambda t: t.flat,
        'state': lambda t: t.state(0), 'thin': lambda t: t.thin(2), 'at': lambda t: t.at([0, 1]),
        'grad_norm': lambda t: t.grad_norm, 'update_norms': lambda t: dict(t.update_norms),
        'take': lambda t: t.take([0]), 'diverged': lambda t: t.diverged, 'loss': lambda t: t.loss(-1),
        'LossView': drawn(LossView()), 'LRView': drawn(LRView()), 'ParamsView': drawn(ParamsView()),
        'MetricsView': drawn(MetricsView()), 'HistogramView': drawn(HistogramView()),
        'updates': drawn(HistogramView('updates')), 'SamplesView': drawn(SamplesView()),
        'animate': lambda t: fastsgd.animate(t, LossView(), ParamsView(), max_frames=3).to_jshtml()}
OURS = str(Path(fastsgd.__file__).parent)


def clear(error) -> bool:
    "Is it one of our own errors, raised by us and in words?"
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = last.filename.startswith(OURS) and ' ' in str(error)
    return ours and isinstance(error, (ValueError, TypeError, IndexError))


def fuzz(mutations, seed=0):
    "`(how many of which outcome, unclear errors)`"
    rng, outcomes, unclear = random.Random(seed), Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        path = Path(folder)/'fit'
        for _ in range(mutations):
            mutate(made(path, rng), rng)
            try: t = Trajectory.load(path)
            except Exception as e:
                if isinstance(e, ValueError) and str(path) in str(e): outcomes['refused'] += 1
                else: unclear[f'load: {type(e).__name__}: {str(e)[:200]}'] += 1
                continue
            outcomes['loaded'] += 1
            for name, use in USES.items() if outcomes['loaded'] % 3 == 0 else list(USES.items())[:12]:
                began = time.process_time() # whatever else the machine does
                try: use(t)
                except Exception as e:
                    if not clear(e): unclear[f'{name}: {type(e).__name__}: {str(e)[:200]}'] += 1
                if time.process_time() - began > 20: unclear[f'{name} takes more than 20 s'] += 1
                outcomes['uses'] += 1
    return outcomes, unclear


if __name__ == '__main__':
    outcomes, unclear = fuzz(*map(int, [*sys.argv[1:], *['20000', '0'][len(sys.argv) - 1:]]))
    print(dict(outcomes))
    for what, n in unclear.most_common(): print(f'{n:6} {what}')
    sys.exit(bool(unclear))
