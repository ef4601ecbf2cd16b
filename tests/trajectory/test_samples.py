"""`Samples`: what fits together is taken, what does not is refused with the name of the part; items can be picked."""

import pytest
import torch

from fastsgd import Samples, Trajectory

GEN = torch.Generator().manual_seed(0)


def image_samples(n=6, n_classes=3, size=8, classes=True):
    "Grey images of `n_classes`, each a bright stripe in the row of its class"
    y = torch.arange(n) % n_classes
    x = torch.zeros(n, 1, size, size)
    x[torch.arange(n), 0, y] = 1.
    return Samples((x,), (y,), 'image', 'category', [(255 * t[0]).to(torch.uint8) for t in x], y.tolist(),
                   [f'class {k}' for k in range(n_classes)] if classes else [], 'softmax')


def mixed_samples():
    "One `Samples` for each pair of kinds that belong together"
    x, picture = torch.rand(3, 4, generator=GEN), torch.zeros(5, 6, 3, dtype=torch.uint8)
    ids = torch.randint(9, (3, 7), generator=GEN)
    return [
        image_samples(), image_samples(classes=False), Samples((x,)),
        Samples((x, x), (x,), 'values', 'value', targets=[1.5, [1., 2.], 2]),
        Samples((x,), (x > 0.5,), 'image', 'categories', [picture] * 3, [[0, 2], [], [1]], list('abcd'), 'sigmoid'),
        Samples((x,), (ids,), 'image', 'mask', [picture] * 3, [torch.zeros(5, 6, dtype=torch.int64)] * 3, ['sky']),
        Samples((x,), (torch.rand(3, 1, 2),), 'image', 'points', [picture] * 3, [torch.rand(1, 2)] * 3),
        Samples((x,), (x,), 'image', 'image', [picture] * 3, [picture] * 3),
        Samples((ids,), (ids,), 'text', 'next word', ['a', 'b', ''], ['c', 'd', 'e'], list('abcdefghi'), 'softmax'),
        Samples((ids, x), (torch.tensor([0, 1, 0]),), 'table', 'category', [{'age': '3', 'sex': 'f'}] * 3, [0, 1, 0]),
        Samples((ids[:, :2],), (x[:, :1],), 'pair', 'value', [{'user': 'Ann', 'film': 'M'}] * 3, [1., 2., 3.],
                embeddings={'i_weight.weight': ('film', ['#na#', 'M'])}, note='a note'),
        Samples(((x, x), {'ids': ids})),
    ]


@pytest.mark.parametrize('samples', mixed_samples(), ids=lambda s: f'{s.input_kind}-{s.target_kind}')
def test_some_of_the_items(samples):
    some = samples.take([2, 0])
    assert (some.n, len(some), samples.take(2).n, samples.take(100).n) == (2, 2, 2, samples.n)
    assert some.inputs == [samples.inputs[2], samples.inputs[0]] or samples.input_kind == 'image'
    assert some.input_kind == samples.input_kind and some.classes == samples.classes and some.note == samples.note
    assert some.nbytes < samples.nbytes
    assert repr(some).startswith('Samples: 2 items') and repr(some)[11:] in some._repr_html_().replace('-&gt;', '->')
    for k in (0, 1.5, 'x', [0, 1.5], True):
        with pytest.raises(ValueError, match='expected a whole number'): samples.take(k)
    with pytest.raises(IndexError, match='item 99 does not exist'): samples.take([99])


X = torch.rand(3, 4)


@pytest.mark.parametrize('error, message, arguments', [
    (TypeError, 'xs is of type Tensor: expected a tuple', dict(xs=X)),
    (TypeError, 'xs is .*: expected tensors', dict(xs=('x',))),
    (ValueError, 'the same number of rows in each', dict(ys=(X[:2],))),
    (TypeError, "embeddings has 'w': 'rows', expected name", dict(embeddings={'w': 'rows'})),
    (ValueError, 'at least one item', dict(xs=())),
    (ValueError, 'at least one item', dict(xs=(X[:0],))),
    (ValueError, "input_kind='sound': expected one of", dict(input_kind='sound')),
    (ValueError, "target_kind='text': expected one of", dict(target_kind='text')),
    (ValueError, "activation='tanh': expected one of", dict(activation='tanh')),
    (ValueError, 'inputs has 2 items, expected 3', dict(inputs=['a', 'b'])),
    (TypeError, 'targets is of type str', dict(target_kind='value', targets='abc')),
    (ValueError, r'targets\[0\] is None: expected ints', dict(target_kind='category')),
    (ValueError, r'targets\[2\] is 0.5: expected ints', dict(target_kind='category', targets=[0, 1, 0.5])),
    (ValueError, r'inputs\[0\] is .*: expected uint8', dict(input_kind='image', inputs=[X] * 3)),
    (ValueError, r'inputs\[0\] is .*: expected uint8', dict(input_kind='image', inputs=[X.byte().expand(3, 3, 4)] * 3)),
    (ValueError, r'targets\[0\] is .*: expected float tensors', dict(target_kind='points', targets=[X] * 3)),
    (TypeError, 'classes is of type int: expected strings', dict(classes=[1, 2])),
    (ValueError, 'classes=.*: expected a string that UTF-8 can hold', dict(classes=['caf\udce9'])),
    (TypeError, r"embeddings\['e'\] is of type int", dict(embeddings={'e': ('user', [1, 2])})),
    (TypeError, 'note is of type NoneType', dict(note=None)),
])
def test_what_does_not_fit_is_refused(error, message, arguments):
    with pytest.raises(error, match=message): Samples(**{'xs': (X,), **arguments})


def test_values_say_what_they_are():
    samples = Samples((torch.tensor([[1., 2.], [0.123456, 4.]]), torch.zeros(2, 28, 28, dtype=torch.float16)))
    assert samples.inputs == ['1, 2; float16 (28, 28)', '0.1235, 4; float16 (28, 28)']
    assert samples.targets == [None, None] and samples.target_kind == 'none'


def test_pictures_of_what_the_model_made():
    samples = Samples((torch.rand(2, 3, 4, 4),), scale=([100., 200., 300.], [10., 20., 30.]))
    out = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])
    first, last = samples.pictures(out)
    assert first.shape == (4, 4, 3) and first.dtype == torch.uint8
    assert first[0, 0].tolist() == [10, 20, 30] and last[0, 0].tolist() == [110, 220, 255]


def test_names_of_classes():
    assert [image_samples().label(k) for k in (0, 2, 7)] == ['class 0', 'class 2', '7']
    assert image_samples(classes=False).label(1) == '1'


def test_a_trajectory_carries_them():
    samples, losses = image_samples(), torch.tensor([1., 2.])
    traj = Trajectory({'a': torch.rand(3, 2)}, losses=losses, lrs=[0.1, 0.1], samples=samples, epochs=[2],
                      metrics={'accuracy': (torch.tensor([2]), torch.tensor([0.5]))})
    assert traj.take([0, 2]).samples is samples and traj.thin(2).metrics['accuracy'][1].tolist() == [0.5]
    assert traj.epochs.tolist() == [2] and traj.epochs.dtype == torch.int64
    bare = Trajectory({'a': torch.rand(3, 2)})
    assert bare.samples is None and bare.metrics == {} and bare.epochs.tolist() == []
