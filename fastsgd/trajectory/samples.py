"""`Samples`: a few items of the data, as the model takes them and as a person reads them. Torch only."""

import html
from dataclasses import dataclass, field

import torch

from ..checks import check_in_list, check_string, check_type, check_whole, refuse_kind

INPUT_KINDS = 'image', 'text', 'table', 'pair', 'values'
TARGET_KINDS = 'category', 'categories', 'mask', 'points', 'image', 'new image', 'value', 'next word', 'none'
ACTIVATIONS = 'softmax', 'sigmoid', 'identity', 'log', ''


def leaves(nest) -> list:
    "The tensors in tuples, lists and dicts of tensors"
    if isinstance(nest, torch.Tensor): return [nest]
    return [t for part in (nest.values() if isinstance(nest, dict) else nest) for t in leaves(part)]


def map_leaves(func, nest):
    "The same tuples, lists and dicts with `func(tensor)` in place of each tensor"
    if isinstance(nest, torch.Tensor): return func(nest)
    if isinstance(nest, dict): return {k: map_leaves(func, v) for k, v in nest.items()}
    return tuple(map_leaves(func, v) for v in nest)


def is_nest(nest) -> bool:
    if isinstance(nest, dict): return all(isinstance(k, str) and is_nest(v) for k, v in nest.items())
    return isinstance(nest, torch.Tensor) or isinstance(nest, (tuple, list)) and all(map(is_nest, nest))


def _tensor_of(*ndims, dtype=None, last=None):
    "A test for tensors of so many dimensions"
    return lambda v: (isinstance(v, torch.Tensor) and v.ndim in ndims and dtype in (None, v.dtype)
                      and (last is None or v.ndim < max(ndims) or v.shape[-1] == last))


def is_number(v): return isinstance(v, (int, float)) and not isinstance(v, bool)
def _is_table(v): return isinstance(v, dict) and all(isinstance(s, str) for item in v.items() for s in item)
def _are_whole(v): return isinstance(v, list) and all(type(k) is int for k in v)


_is_image = _tensor_of(2, 3, dtype=torch.uint8, last=3)
_FORMS = { # kind -> (test, what it tests)
    'image': (_is_image, 'uint8 tensors (H, W) or (H, W, 3)'), 'text': (lambda v: isinstance(v, str), 'strings'),
    'table': (_is_table, 'dicts of strings'), 'pair': (_is_table, 'dicts of strings'),
    'values': (lambda v: isinstance(v, str), 'strings'), 'category': (lambda v: type(v) is int, 'ints'),
    'categories': (_are_whole, 'lists of ints'), 'mask': (_tensor_of(2, dtype=torch.int64), 'int64 tensors (H, W)'),
    'points': (lambda v: _tensor_of(2)(v) and v.shape[1] == 2 and v.is_floating_point(), 'float tensors (k, 2)'),
    'value': (lambda v: is_number(v) or isinstance(v, list) and all(map(is_number, v)), 'floats or lists of floats'),
    'next word': (lambda v: isinstance(v, str), 'strings'),
    **dict.fromkeys(('new image', 'none'), (lambda v: v is None, 'None')),
}


@dataclass(eq=False)
class Samples:
    """A few items of the data, which views show from point to point: for the model as tensors, for a person readable.

    A `target_kind` is 'category', 'categories', 'mask', 'points', 'image', 'value', 'next word', 'none', or 'new image'
    for what a GAN makes of noise. Raises TypeError or ValueError for parts that do not fit together.

    >>> import torch
    >>> x, y = torch.rand(2, 4), torch.tensor([0, 1])
    >>> Samples((x,), (y,), target_kind='category', targets=[0, 1], classes=['cat', 'dog'])
    Samples: 2 items, values -> category of 2 classes
    """
    xs: tuple # What the model takes: tensors (n, ...), or tuples and dicts of them
    ys: tuple = () # What the loss takes beside the model's output: tensors (n, ...)
    input_kind: str = 'values' # 'image', 'text', 'table', 'pair' or 'values'
    target_kind: str = 'none' # What the targets are, named as above
    inputs: list | None = None # n images (uint8), strings or dicts; None: the shapes and types of `xs`
    targets: list | None = None # n class numbers, lists of them, class maps, points, images, floats or strings
    classes: list = field(default_factory=list) # Class names; the vocabulary for 'next word'
    activation: str = '' # What makes predictions of the model's output: 'softmax', 'sigmoid', 'identity' or 'log'
    embeddings: dict = field(default_factory=dict) # Parameter name -> (what its rows are, a label for each row)
    note: str = '' # Why something could not be shown
    scale: tuple = (255., 0.) # An image among the targets is `scale[0] * y + scale[1]`: numbers, or lists by channel

    def __post_init__(self):
        self.xs, self.ys = (tuple(check_type(name, side, (tuple, list), 'a tuple of tensors'))
                            for name, side in (('xs', self.xs), ('ys', self.ys)))
        check_in_list('input_kind', self.input_kind, INPUT_KINDS)
        check_in_list('target_kind', self.target_kind, TARGET_KINDS)
        check_in_list('activation', self.activation, ACTIVATIONS)
        self._check_rows()
        if self.inputs is None: self.inputs = [describe(self.xs, i) for i in range(self.n)]
        if self.targets is None: self.targets = [None] * self.n
        for name, kind in (('inputs', self.input_kind), ('targets', self.target_kind)): self._check_items(name, kind)
        check_type('note', self.note, str, 'a string')
        self._check_embeddings()
        labels = {'classes': self.classes, **{f'embeddings[{k!r}]': e[1] for k, e in self.embeddings.items()}}
        for name, given in labels.items():
            for label in check_type(name, given, list, 'a list of strings'):
                check_string(name, check_type(name, label, str, 'strings'))

    def _check_embeddings(self):
        for name, told in check_type('embeddings', self.embeddings, dict, 'a dict, name -> (what, labels)').items():
            if not isinstance(name, str) or not isinstance(told, tuple) or len(told) != 2:
                raise TypeError(f'embeddings has {name!r:.100}: {told!r:.100}, expected name -> (what, labels)')
        number = lambda v: is_number(v) or isinstance(v, list) and all(map(is_number, v))
        if not isinstance(self.scale, (tuple, list)) or len(self.scale) != 2 or not all(map(number, self.scale)):
            raise ValueError(f'scale={self.scale!r:.100}: expected two numbers, or two lists by channel, such as '
                             '(255., 0.)')

    def _check_rows(self):
        for name, side in (('xs', self.xs), ('ys', self.ys)):
            if not is_nest(side):
                raise TypeError(f'{name} is {side!r:.100}: expected tensors, or tuples and dicts of them')
        shapes = [tuple(t.shape) for t in leaves((self.xs, self.ys))]
        if len({s[:1] for s in shapes}) != 1 or not leaves(self.xs) or not any(shapes[0][:1]):
            raise ValueError(f'xs and ys have shapes {shapes!r:.200}: expected the same number of rows in each, '
                             'at least one item')

    def _check_items(self, name, kind):
        items, (fits, form) = getattr(self, name), _FORMS[kind]
        check_type(name, items, list, f'a list with {form} for the {self.n} items')
        if len(items) != self.n: raise ValueError(f'{name} has {len(items)} items, expected {self.n} as in xs')
        for i, item in enumerate(items):
            if not fits(item):
                shape = f'{item.dtype} of shape {tuple(item.shape)}' if isinstance(item, torch.Tensor) else ''
                raise ValueError(f'{name}[{i}] is {shape or repr(item)[:100]}: expected {form} for the kind {kind!r}')

    @property
    def n(self) -> int:
        "How many items there are"
        return len(leaves(self.xs)[0])

    def __len__(self): return self.n

    def take(self,
        k, # So many of the first items, or a list of item numbers
    ) -> 'Samples':
        """The same with some of the items.

        Raises ValueError for anything but whole numbers, IndexError for an item that does not exist.
        """
        several = isinstance(k, (list, tuple, range))
        rows = [check_whole('k', i) for i in k] if several else range(min(check_whole('k', k, 1), self.n))
        for i in rows:
            if not 0 <= i < self.n:
                raise IndexError(f'item {i} does not exist: there are {self.n} items, 0 to {self.n - 1}')
        if not len(rows): raise ValueError('k is empty: expected at least one item')
        idxs = torch.tensor(list(rows), dtype=torch.int64)
        xs, ys = (map_leaves(lambda t: t[idxs], side) for side in (self.xs, self.ys))
        more = {f: getattr(self, f) for f in ('classes', 'activation', 'embeddings', 'note', 'scale')}
        shown = ([items[i] for i in rows] for items in (self.inputs, self.targets))
        return Samples(xs, ys, self.input_kind, self.target_kind, *shown, **more)

    @property
    def nbytes(self) -> int:
        "Bytes of all tensors"
        shown = [t for t in (*self.inputs, *self.targets) if isinstance(t, torch.Tensor)]
        return sum(t.numel() * t.element_size() for t in (*leaves((self.xs, self.ys)), *shown))

    def label(self,
        k: int, # Number of a class
    ) -> str:
        "The name of class `k`, or its number where there are no names"
        k = check_whole('k', k)
        return self.classes[k] if 0 <= k < len(self.classes) else str(k)

    def pictures(self,
        out, # What the model answers, (n, channels, H, W)
    ) -> list: # n uint8 tensors (H, W, 3) or (H, W)
        "Images that the model made, in the colours of the targets. Raises TypeError for anything but images."
        if not isinstance(out, torch.Tensor) or out.ndim != 4 or out.is_complex():
            refuse_kind('out', out, 'what the model answers, a tensor of shape (n, channels, H, W)')
        a, b = (torch.as_tensor(s, dtype=torch.float32).reshape(-1, 1, 1) for s in self.scale)
        return [as_image(a * o + b) for o in out.detach().float().cpu()]

    def __repr__(self):
        classes = f' of {len(self.classes)} classes' if self.classes and self.target_kind != 'next word' else ''
        note = f' ({self.note})' if self.note else ''
        return f'Samples: {self.n} item{"s" * (self.n > 1)}, {self.input_kind} -> {self.target_kind}{classes}{note}'

    def _repr_html_(self): return f'<p>{html.escape(repr(self))}</p>'


def as_image(t) -> torch.Tensor: # (H, W, 3) or (H, W), uint8
    "Pixels from 0 to 255 of shape (channels, H, W), with the channels last; of two, or more than three, the first one"
    t = t.nan_to_num().round() if t.is_floating_point() else t
    t = t.clamp(0, 255).to(torch.uint8)
    return t.permute(1, 2, 0).contiguous() if len(t) == 3 else t[0]


def describe(xs, i) -> str:
    "Item `i` as numbers if they are few, else its shape and type"
    def one(t):
        if t[i].numel() <= 8:
            return ', '.join(f'{v:.4g}' if isinstance(v, float) else str(v) for v in t[i].flatten().tolist())
        return f'{str(t.dtype).removeprefix("torch.")} {tuple(t.shape[1:])}'
    return '; '.join(map(one, leaves(xs)))
