"""Draw `Samples` from a Learner's data: which items, without augmentation, and without a trace in the fit."""

import random
import time
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from fastai.basics import Pipeline, to_device
from fastai.data.load import DataLoader
from torch.utils._pytree import tree_leaves

from ..random_state import random_state_kept, seed_all
from ..trajectory import Samples
from ..trajectory.answers import activation_of
from ..trajectory.samples import leaves, map_leaves
from .base import types_of
from .gan import batch_of
from .readable import embeddings, read_inputs, read_targets

SEED = 42 # of the choice of items: the same ones in each run, whatever the user seeds
SECONDS = 0.7 # after which no further item is read
MAX_BYTES = 2**24 # of what the model takes; of large images there are fewer
PROMPT = 32 # tokens of a text of which the next word is predicted


def draw_samples(learn, n, loss_func, gan=None) -> Samples | None:
    """Return `n` validation items, or training items where there are none; of a stream, rows of the present batch.

    None for data that are not tensors. Random state, DataLoaders and transforms are left as they were.
    """
    if n < 1: return None
    drawn, why_not = None, ''
    with random_state_kept():
        seed_all(SEED) # for data that are drawn, such as noise
        dl = next((dl for dl in _loaders(learn) if _is_indexed(dl)), None)
        if dl is not None:
            # whatever a Dataset of the user's raises, there is still the batch
            try: drawn = _draw(learn, dl, n)
            except Exception as e: why_not = f'the data cannot be read item by item: {_short(e)}'
        else: why_not = 'the data cannot be read item by item'
        xs, ys = batch_of(learn, gan)
        if drawn is not None and not _suit(drawn, xs):
            drawn, why_not = None, 'a callback changes the shape of what the model takes'
        if drawn is None: drawn = _rows_of_batch(xs, ys, n, f'rows of the first batch, since {why_not}')
        return None if drawn is None else _read(learn, drawn, loss_func, gan is not None)


def _short(e): return f'{type(e).__name__}: {str(e).strip()}'.split('\n')[0][:150]


def _loaders(learn):
    "The DataLoaders in the order in which they are asked, those without items left out"
    for name in ('valid', 'train'):
        try: dl = getattr(learn.dls, name)
        except (AttributeError, IndexError): continue
        while 'DistributedDL' in types_of(dl): dl = dl.dl
        try: empty = len(dl) == 0 and name == 'valid' # a last incomplete batch may be dropped in training
        except TypeError: empty = False
        if not empty: yield dl


def _is_indexed(dl):
    "Can items be picked by number?"
    if isinstance(dl, DataLoader): return bool(getattr(dl, 'indexed', False) and dl.n and not dl.prebatched)
    if not isinstance(dl, torch.utils.data.DataLoader): return False
    return hasattr(dl.dataset, '__getitem__') and dl.batch_size is not None


@contextmanager
def _without_augmentation(dl):
    "Inside, transforms treat items as those of a validation"
    dataset = getattr(dl, 'dataset', None)
    pipelines = [getattr(dl, name, None) for name in ('after_item', 'before_batch', 'after_batch')]
    lists = vars(dataset).get('tls', [dataset]) if hasattr(dataset, '__dict__') else []
    pipelines += [vars(o).get('tfms') for o in lists if hasattr(o, '__dict__')]
    old = [(p, p.split_idx) for p in pipelines if isinstance(p, Pipeline)]
    try:
        for p, _ in old: p.split_idx = 1
        yield
    finally:
        for p, split_idx in old: p.split_idx = split_idx


def _choose(dl, n):
    "Numbers of `n` items, in order"
    total = dl.n if isinstance(dl, DataLoader) else len(dl.dataset)
    if predicts_words(dl) and dl.n_batches > 1: total -= dl.bs # the last texts are shorter
    return sorted(random.Random(SEED).sample(range(total), min(n, total)))


def predicts_words(dl): return 'LMDataLoader' in types_of(dl)


def _draw(learn, dl, n):
    "The items as one batch"
    fastai, items, rows, start, chosen = isinstance(dl, DataLoader), [], [], time.monotonic(), _choose(dl, n)
    with _without_augmentation(dl):
        for i in chosen:
            item = dl.do_item(i) if fastai else dl.dataset[i]
            if item is None: continue # the user's Dataset skips it
            items.append(item)
            rows.append(i)
            size = 4 * sum(t.numel() for t in tree_leaves(item) if isinstance(t, torch.Tensor)) # as floats
            if time.monotonic() - start > SECONDS or (len(items) + 1) * size > MAX_BYTES: break
        if not items: raise ValueError('no items')
        b = dl.do_batch(items) if fastai else dl.collate_fn(items)
        if fastai:
            if dl.device is not None: b = to_device(b, dl.device)
            b = dl.after_batch(b)
    b = tuple(b) if isinstance(b, (tuple, list)) else (b,)
    if predicts_words(dl): b = tuple(t[:, -PROMPT:] for t in b)
    n_inp = getattr(learn.dls, 'n_inp', 1 if len(b) == 1 else len(b) - 1) # as Learner has it
    note = f'{len(rows)} of {len(chosen)} items, since they are large or slow to read' if rows[-1] != chosen[-1] else ''
    xs, ys = _plain(b[:n_inp]), _plain(b[n_inp:])
    return SimpleNamespace(dl=dl, batch=b, n_inp=n_inp, xs=xs, ys=ys, rows=rows, notes=[note])


def _plain(side):
    "Copies on the CPU, without fastai's types"
    return map_leaves(lambda t: t.detach().as_subclass(torch.Tensor).to('cpu', copy=True), side)


def _suit(drawn, xs):
    "Are the inputs of the kind that the model gets? Callbacks may change a batch."
    ours, theirs = leaves(drawn.xs), leaves(xs)
    if [t.ndim for t in ours] != [t.ndim for t in theirs]: return False
    return all(a.shape[1] == b.shape[1] and a.is_floating_point() == b.is_floating_point()
               for a, b in zip(ours, theirs) if a.ndim == 4)


def _rows_of_batch(xb, yb, n, note):
    "The first rows of the present batch; None if it is not made of tensors"
    try: xs, ys = _plain(tuple(xb)), _plain(tuple(yb))
    except TypeError: return None
    sizes = {len(t) if t.ndim else 0 for t in leaves((xs, ys))}
    if len(sizes) != 1 or 0 in sizes or not leaves(xs): return None
    size = sum(t.numel() * t.element_size() for t in leaves(xs)) // max(sizes)
    first = slice(max(1, min(n, MAX_BYTES // max(size, 1))))
    xs, ys = (map_leaves(lambda t: t[first].clone(), side) for side in (xs, ys))
    batch = tuple(map_leaves(lambda t: t[first], side) for side in (*xb, *yb))
    return SimpleNamespace(dl=None, batch=batch, n_inp=len(xb), xs=xs, ys=ys, rows=[], notes=[note])


def _read(learn, drawn, loss_func, is_gan):
    "What a person sees of them; the bare tensors if that fails"
    drawn.activation = activation_of(loss_func)
    drawn.is_noise = is_gan and 'TensorImageBase' not in types_of((leaves(drawn.batch[:drawn.n_inp]) or [None])[0])
    # whatever the transforms and types of others raise, the tensors are there
    try:
        (kind, inputs), labels = read_inputs(drawn), embeddings(learn, drawn)
        targets = read_targets(learn, drawn, kind)
        note = '; '.join(filter(None, dict.fromkeys(drawn.notes)))
        return Samples(drawn.xs, drawn.ys, kind, targets.kind, inputs, targets.items, targets.classes, drawn.activation,
                       labels, note, targets.scale)
    except Exception as e: return Samples(drawn.xs, drawn.ys, activation=drawn.activation, note=_short(e))


def own_loss(learn):
    "The Learner's loss function, also while fastai's MixUp or CutMix have put theirs in its place"
    return getattr(getattr(learn.loss_func, '__self__', None), 'old_lf', learn.loss_func)
