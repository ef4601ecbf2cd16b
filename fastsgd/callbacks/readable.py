"""What a person sees of a batch, by fastai's types and transforms: images, masks, points, texts, tables, names."""

from types import SimpleNamespace

import torch
from fastai.data.core import TfmdDL
from fastai.torch_core import to_cpu
from torch import nn
from torch.nn import functional as F

from ..trajectory.samples import describe, leaves
from .base import types_of
from .pictures import line_between, looks_like_pictures, scaled, to_pictures

MARKS = {'xxbos', 'xxeos', 'xxpad', 'xxfld', 'xxmaj', 'xxup'}
FEW = 16 # numbers of a target at the most, to be shown one by one


def _decoded(drawn) -> list | None:
    "The items as fastai decodes them, up to the point where they can show themselves"
    if not isinstance(drawn.dl, TfmdDL): return None
    if not hasattr(drawn, 'items'):
        drawn.items = None
        # transforms are the user's: what they raise is told beside the picture
        try:
            batch = to_cpu(drawn.dl.after_batch.decode(drawn.batch))
            drawn.items = list(drawn.dl._decode_batch(batch, 10**6, full=False))
        except Exception as e: drawn.notes.append(f'fastai cannot decode these: {type(e).__name__}: {str(e)[:100]}')
    return drawn.items


def _part(drawn, k):
    "Element `k` of each decoded item"
    items = _decoded(drawn)
    return None if items is None else [item[k] if isinstance(item, (tuple, list)) else item for item in items]


# -- inputs

def read_inputs(drawn) -> tuple:
    "`(input_kind, inputs)`"
    first = (leaves(drawn.batch[:drawn.n_inp]) or [None])[0]
    kinds, dataset = types_of(first), getattr(drawn.dl, 'dataset', None)
    if drawn.is_noise: return 'values', None
    if 'Tabular' in types_of(dataset): return _rows_of_table(drawn, dataset)
    texts = _part(drawn, 0) if 'TensorText' in kinds else None
    if texts is not None: return 'text', [_without_marks(t) for t in texts]
    if 'TensorImageBase' in kinds: return 'image', _side_by_side(drawn)
    if looks_like_pictures(drawn.xs[0]): return 'image', to_pictures(drawn.xs[0], drawn.notes)[0]
    return 'values', None


def _without_marks(text) -> str:
    "A decoded text without fastai's marks of its beginning, of capitals and of padding"
    return ' '.join(w for w in as_text(text).split(' ') if w not in MARKS)


def _rows_of_table(drawn, dataset):
    rows = dataset.iloc[drawn.rows].decode().items
    pair = 'TabularCollab' in types_of(dataset)
    names = [*dataset.cat_names] if pair else [*dataset.cat_names, *dataset.cont_names]
    # that a value was missing is worth a line, that it was not is none
    missing = {n for n in names if n.endswith('_na') and n[:-3] in names}
    shown = lambda v: f'{v:.4g}' if isinstance(v, float) else as_text(v)
    shown_row = lambda row: {as_text(n): shown(row[n]) for n in names if n not in missing or str(row[n]) == 'True'}
    return 'pair' if pair else 'table', [shown_row(row) for row in rows.to_dict('records')]


def _side_by_side(drawn):
    "All images of an item in one picture"
    pictures, k = [], 0
    for side in drawn.batch[:drawn.n_inp]:
        parts = leaves(side)
        for j, t in enumerate(parts):
            if 'TensorImageBase' not in types_of(t): continue
            decoded = _part(drawn, k)
            if decoded is not None and len(parts) > 1: decoded = [leaves(o)[j] for o in decoded]
            pictures.append(to_pictures(t if decoded is None else decoded, drawn.notes)[0])
        k += 1
    if len(pictures) == 1: return pictures[0]
    gap = lambda p: torch.full((len(p), 2, *p.shape[2:]), 255, dtype=torch.uint8)
    joined = [[part for p in item for part in (gap(p), p)][1:] for item in zip(*pictures)]
    return [torch.cat(parts, 1) if len({p.shape[0] for p in parts}) == 1 else parts[0] for parts in joined]


# -- targets

def read_targets(learn, drawn, input_kind):
    "The targets as a person reads them, class names among them"
    res = SimpleNamespace(kind='none', items=None, classes=[], scale=(255., 0.))
    if not drawn.ys: return res
    if len(drawn.ys) > 1: drawn.notes.append(f'the first of {len(drawn.ys)} targets is shown')
    typed, y = drawn.batch[drawn.n_inp], leaves(drawn.ys[0])[0]
    kinds = types_of(typed) if isinstance(typed, torch.Tensor) else set()
    res.kind = _kind_of(kinds, y, drawn, input_kind)
    if res.kind in ('category', 'categories', 'mask', 'next word'): res.classes = class_names(learn, drawn)
    try: res.items = _READERS[res.kind](drawn, y, res)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError) as e:
        drawn.notes.append(f'the targets cannot be shown: {str(e)[:100]}')
        res.kind, res.items = 'none', None
    if res.kind == 'none' and not drawn.notes[-1].startswith('the targets'):
        drawn.notes.append(f'the targets are {describe((y,), 0)}')
    return res


def _kind_of(kinds, y, drawn, input_kind):
    for kind, name in (('categories', 'TensorMultiCategory'), ('category', 'TensorCategory'), ('mask', 'TensorMask'),
                       ('none', 'TensorBBox'), ('points', 'TensorPoint'), ('image', 'TensorImageBase'),
                       ('next word', 'TensorText')):
        if name in kinds: return 'new image' if kind == 'image' and drawn.is_noise else kind
    size, whole = y[0].numel(), not (y.is_floating_point() or y.is_complex())
    if 'LMDataLoader' in types_of(drawn.dl): return 'next word'
    zeros_and_ones = bool(((y == 0) | (y == 1)).all()) and drawn.activation == 'sigmoid'
    if size == 1: return 'category' if whole and drawn.activation != 'identity' or zeros_and_ones else 'value'
    if zeros_and_ones and y.ndim == 2: return 'categories'
    image = drawn.xs[0].shape[-2:] if input_kind == 'image' and isinstance(drawn.xs[0], torch.Tensor) else None
    if whole and y.shape[-2:] == image: return 'mask'
    if y.ndim == 4 and looks_like_pictures(y): return 'new image' if drawn.is_noise else 'image'
    numbers = size <= FEW and not (whole and drawn.activation in ('softmax', 'log')) # and no class for each word
    return 'value' if numbers else 'none'


def _masks(drawn, y, res):
    y = (y[:, 0] if y.ndim == 4 else y).float()[:, None]
    return [o[0].long() for o in F.interpolate(y, scaled(y.shape[2:]), mode='nearest')]


def _points(drawn, y, res):
    points = _part(drawn, drawn.n_inp)
    if points is None: raise ValueError('they are no pixels')
    size = leaves(drawn.xs)[0].shape[2:]
    factor = scaled(size)[1] / size[1]
    return [torch.as_tensor(p).as_subclass(torch.Tensor).reshape(-1, 2).float() * factor for p in points]


def _images(drawn, y, res):
    decoded = _part(drawn, drawn.n_inp)
    pictures, (a, b) = to_pictures(y if decoded is None else decoded, drawn.notes)
    res.scale = (a, b) if decoded is None else line_between(y, decoded, a, b)
    return pictures


def _new_images(drawn, y, res):
    "An image of the data is no truth for one that is made of noise: it tells the scale"
    _images(drawn, y, res)


def _values(drawn, y, res):
    return [float(v) if v.numel() == 1 else [float(o) for o in v.flatten()] for v in y]


def _words(drawn, y, res):
    return [res.classes[int(v)] if int(v) < len(res.classes) else str(int(v)) for v in y.reshape(len(y), -1)[:, -1]]


_READERS = {'none': lambda drawn, y, res: None, 'category': lambda drawn, y, res: [int(v) for v in y.flatten()],
            'categories': lambda drawn, y, res: [v.flatten().nonzero().flatten().tolist() for v in y],
            'mask': _masks, 'points': _points, 'image': _images, 'new image': _new_images,
            'value': _values, 'next word': _words}


# -- names

def as_text(o) -> str:
    "What no character stands for, as in the names of some folders, as '?'"
    return str(o).encode('utf-8', 'replace').decode()


def class_names(learn, drawn) -> list:
    "Names of the classes, or the vocabulary of a language model"
    dataset, found = getattr(drawn.dl, 'dataset', None), None
    lists = vars(dataset).get('tls') if hasattr(dataset, '__dict__') else None
    if lists is not None and len(lists) > drawn.n_inp: found = getattr(lists[drawn.n_inp], 'vocab', None)
    if found is None: found = getattr(learn.dls, 'vocab', None)
    if found is None: found = getattr(getattr(drawn.dl, 'after_item', None), 'vocab', None)
    found = [] if found is None else list(found)
    if found and all(isinstance(o, (list, tuple)) or 'L' in types_of(o) or 'CollBase' in types_of(o) for o in found):
        found = list(found[-1]) # several vocabularies: the target's is the last one
    return [as_text(o) for o in found]


def embeddings(learn, drawn) -> dict:
    "Parameter name -> (what its rows are, a label for each): categories of a table, words of a text"
    named = {n: [as_text(o) for o in labels] for n, labels in _vocabularies(learn, drawn).items()}
    if not named: return {}
    res, tables = {}, []
    for prefix, module in learn.model.named_modules():
        if isinstance(module, nn.Embedding): tables.append((f'{prefix}.weight'.lstrip('.'), module.weight))
        elif not type(module).__module__.startswith('torch.'): # factors that are parameters of their own
            own = module.named_parameters(recurse=False)
            tables += [(f'{prefix}.{n}'.lstrip('.'), p) for n, p in own if p.ndim == 2]
    known = {n for n, _ in learn.model.named_parameters()}
    for k, (name, p) in enumerate((n, p) for n, p in tables if n in known):
        fitting = [what for what in named if len(named[what]) == len(p)]
        told = [what for what in fitting if what.lower() in name.lower()]
        in_turn = list(named)[k % len(named)]
        what = told[0] if told else in_turn if in_turn in fitting else fitting[0] if len(fitting) == 1 else None
        if what is not None: res[name] = what, named[what]
    return res


def _vocabularies(learn, drawn):
    "What the rows of an embedding may be -> their labels"
    dataset = getattr(drawn.dl, 'dataset', None)
    if 'Tabular' in types_of(dataset):
        table = getattr(dataset, 'classes', {}) # of the transform that makes numbers of categories
        return {as_text(n): list(table[n]) for n in dataset.cat_names if n in table}
    if 'TensorText' not in types_of(drawn.batch[0]): return {}
    vocab = getattr(learn.dls, 'vocab', None)
    if vocab is None: return {}
    vocab = list(vocab)
    return {'word': [str(o) for o in (vocab if isinstance(vocab[0], str) else vocab[0])]}
