"""The samples that a recorder draws: what a person reads is true, for each kind of fastai learner, and no fit notices
them.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from applications import (
    APPLICATIONS,
    SHAPES,
    fitted,
    image_dls,
    mask_of,
    people,
    ratings,
    reviews,
    shape_of,
    tiny_resnet,
)
from fastai.basics import CrossEntropyLossFlat, DataLoader, DataLoaders, Learner, MSELossFlat, TfmdDL, Transform
from fastai.callback.core import Callback
from learners import seed_all, silent
from torch import nn

from fastsgd import RecordParamsCallback, tensor_dls
from fastsgd.callbacks import samples as drawing
from fastsgd.callbacks.readable import class_names

KINDS = {
    'vision': ('image', 'category', 'softmax'), 'vision_normalized': ('image', 'category', 'softmax'),
    'vision_multi': ('image', 'categories', 'sigmoid'), 'vision_points': ('image', 'points', 'identity'),
    'vision_value': ('image', 'value', 'identity'), 'segmentation': ('image', 'mask', 'softmax'),
    'mixup': ('image', 'category', 'softmax'), 'cutmix': ('image', 'category', 'softmax'),
    'autoencoder': ('image', 'image', 'identity'), 'siamese': ('image', 'category', 'softmax'),
    'gan': ('values', 'new image', ''),
    'chapter4': ('image', 'category', ''), 'chapter4_deep': ('image', 'category', ''),
    'tensors': ('image', 'category', 'softmax'), 'tabular_classes': ('table', 'category', 'softmax'),
    'tabular_value': ('table', 'value', 'identity'), 'collab': ('pair', 'value', 'identity'),
    'collab_nn': ('pair', 'value', 'identity'), 'text_classes': ('text', 'category', 'softmax'),
    'language_model': ('text', 'next word', 'softmax'), 'transformer': ('text', 'category', 'softmax')}


def samples_of(name): return fitted(name).record_params.trajectory.samples


@pytest.mark.parametrize('name', APPLICATIONS)
def test_kinds(name):
    samples = samples_of(name)
    assert (samples.input_kind, samples.target_kind, samples.activation) == KINDS[name]
    assert samples.note == '' and 9 <= samples.n <= 36
    x, y = samples.xs, samples.ys
    model, was = fitted(name).model, fitted(name).model.training
    model.eval()
    with torch.no_grad(): out = model(*x)
    model.train(was)
    assert len(out[0] if isinstance(out, tuple) else out) == samples.n and len(y) == 1


def test_names_with_signs_that_no_character_stands_for():
    "Folders made elsewhere may have such names"
    learn = SimpleNamespace(dls=SimpleNamespace(vocab=['caf\udce9', 3, 'נכון']))
    assert class_names(learn, SimpleNamespace(dl=None, n_inp=1)) == ['caf?', '3', 'נכון']


# -- what a person sees is what there is

def valid_files(): return sorted(mask_of('x').parents[1].joinpath('images').iterdir())[::4]


def as_seen(path):
    "The picture of a file at half its size, as fastai's `Resize` makes it"
    from fastai.vision.all import PILImage, Resize
    return torch.tensor(np.array(Resize(32)(PILImage.create(path), split_idx=1)))


@pytest.mark.parametrize('name', ['vision', 'vision_normalized', 'autoencoder'])
def test_images_are_those_of_the_files(name):
    samples = samples_of(name)
    for image, path in zip(samples.inputs, valid_files()):
        assert int((image.int() - as_seen(path).int()).abs().max()) <= 1, 'normalisation is undone'


def test_classes_of_images():
    samples = samples_of('vision')
    assert samples.classes == sorted(SHAPES)
    assert [samples.classes[t] for t in samples.targets] == [shape_of(path) for path in valid_files()]
    several = samples_of('vision_multi')
    left = ['left' if int(path.stem.split('_')[2]) < 32 else 'right' for path in valid_files()]
    assert [{several.classes[k] for k in t} for t in several.targets] == [{shape_of(p), o} for p,
                                                                          o in zip(valid_files(), left)]


def test_points_are_pixels_of_the_image():
    for path, points in zip(valid_files(), samples_of('vision_points').targets):
        want = [float(v) / 2 for v in path.stem.split('_')[2:]]
        assert points.tolist() == [pytest.approx(want, abs=0.01)]


def test_masks_are_class_maps():
    samples = samples_of('segmentation')
    assert samples.classes == ['nothing', *SHAPES]
    for path, mask, image in zip(valid_files(), samples.targets, samples.inputs):
        shown = set(mask.unique().tolist())
        assert shown == {0, 1 + SHAPES.index(shape_of(path))} and mask.shape == image.shape[:2]


def test_images_that_are_targets():
    samples = samples_of('autoencoder')
    for a, b in zip(samples.targets, samples.inputs): assert torch.equal(a, b)
    # fastai cuts off what is behind the point
    for a, b in zip(samples.pictures(samples.ys[0]), samples.targets): assert int((a.int() - b.int()).abs().max()) <= 2


def test_two_images_side_by_side():
    image = samples_of('siamese').inputs[0]
    assert image.shape == (32, 66, 3) and bool((image[:, 32:34] == 255).all())


def test_pixels_in_a_row_are_a_picture():
    samples = samples_of('chapter4')
    for x, image in zip(samples.xs[0], samples.inputs):
        assert torch.equal(image, (x * 255).round().to(torch.uint8).reshape(8, 8))


def test_rows_of_a_table_have_names_and_values():
    samples, df = samples_of('tabular_classes'), people()
    for row, target in zip(samples.inputs, samples.targets):
        found = df[(df.job == row['job']) & (df.town == row['town']) & (df.hours.map('{:.4g}'.format) == row['hours'])]
        assert len(found) == 1
        age = float(found.age.iloc[0])
        assert row['age'] == f'{age:.4g}' or np.isnan(age) and row['age_na'] == 'True'
        assert samples.classes[target] == found.rich.iloc[0]
    assert samples.embeddings['embeds.0.weight'] == ('job', ['#na#', 'baker', 'clerk', 'nurse', 'pilot'])


@pytest.mark.parametrize('name', ['collab', 'collab_nn'])
def test_ratings_have_a_reader_and_a_film(name):
    samples, df = samples_of(name), ratings()
    for pair, stars in zip(samples.inputs, samples.targets):
        found = df[(df.reader == pair['reader']) & (df.film == pair['film'])]
        assert min(abs(found.stars - stars)) < 1e-6
    told = {name: (what, len(labels)) for name, (what, labels) in samples.embeddings.items()}
    names = ['u_weight.weight', 'i_weight.weight', 'u_bias.weight', 'i_bias.weight'] if name == 'collab' else [
        'embeds.0.weight', 'embeds.1.weight']
    assert told == {n: [('reader', 21), ('film', 13)][k % 2] for k, n in enumerate(names)}


@pytest.mark.parametrize('name', ['text_classes', 'transformer'])
def test_texts_are_words_again(name):
    samples, df = samples_of(name), reviews()
    labels = {' '.join(text.lower().split()): label for text, label in zip(df.text, df.label)}
    for text, target in zip(samples.inputs, samples.targets):
        assert labels[text] == samples.classes[target]
    (what, rows), = samples.embeddings.values()
    assert what == 'word' and 'xxpad' in rows and 'lovely' in rows


def test_the_next_word_of_a_prompt():
    samples = samples_of('language_model')
    for prompt, word, x, y in zip(samples.inputs, samples.targets, samples.xs[0], samples.ys[0]):
        assert prompt.split() == [w for k in x if (w := samples.classes[int(k)]) not in ('xxbos', 'xxmaj')]
        assert word == samples.classes[int(y[-1])] and torch.equal(x[1:], y[:-1])
    assert len(set(samples.inputs)) > 8


# -- where they come from

def net(dls, cbs=(), model=None, loss=None, **kwargs):
    seed_all()
    model = model or nn.Sequential(nn.Flatten(), nn.LazyLinear(2))
    learn = silent(Learner(dls, model, loss or CrossEntropyLossFlat(), cbs=[RecordParamsCallback(**kwargs), *cbs]))
    learn.fit(1, 0.01)
    return learn.record_params.trajectory.samples


def points(n, size=4): return torch.arange(n * size, dtype=torch.float32).reshape(n, size), torch.arange(n) % 2


def test_training_items_where_there_is_no_validation():
    samples = net(tensor_dls(points(50), bs=10))
    assert samples.n == 36 and set(samples.xs[0][:, 0].tolist()) <= set(points(50)[0][:, 0].tolist())
    assert samples.inputs[0] == ', '.join(f'{v:.4g}' for v in samples.xs[0][0].tolist())


def test_the_same_items_whatever_is_seeded():
    first = net(tensor_dls(points(50), points(60)))
    torch.manual_seed(7)
    second = net(tensor_dls(points(50), points(60), seed=3))
    assert torch.equal(first.xs[0], second.xs[0]) and first.xs[0][:, 0].max() > 200


def test_training_items_come_without_augmentation():
    dls = image_dls()
    dls = DataLoaders(dls.train, dls.valid.new(dls.valid.dataset.new_empty()))
    old = [dls.train.after_batch.split_idx, dls.train.dataset.split_idx]
    samples = net(dls, model=tiny_resnet())
    files = sorted(mask_of('x').parents[1].joinpath('images').iterdir())
    trained = [as_seen(path) for k, path in enumerate(files) if k % 4]
    for image in samples.inputs: assert min(int((image.int() - t.int()).abs().max()) for t in trained) <= 1
    assert samples.n == 27 and old[1] == dls.train.dataset.split_idx == 0


def test_how_many():
    assert net(tensor_dls(points(50)), samples=5).n == 5
    assert net(tensor_dls(points(50)), samples=np.int64(7)).n == 7
    assert net(tensor_dls(points(50)), samples=0) is None
    for wrong in (-1, 1.5, True, 'all', None):
        with pytest.raises(ValueError, match='samples=.*: expected a whole number of at least 0'):
            RecordParamsCallback(samples=wrong)


def test_lr_find_leaves_the_drawing_to_the_fit():
    seed_all()
    learn = silent(Learner(tensor_dls(points(50), points(20), bs=5), nn.Linear(4, 2), CrossEntropyLossFlat(),
                           cbs=RecordParamsCallback()))
    learn.lr_find(show_plot=False)
    assert learn.record_params.trajectory is None
    learn.fit(1)
    assert learn.record_params.trajectory.samples.n == 20


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self): return iter(zip(*points(20)))
    def __len__(self): return 20


class Fails(torch.utils.data.Dataset):
    def __init__(self): self.seen = 0
    def __len__(self): return 20
    def __getitem__(self, i):
        if i in (3, 7, 13, 17): raise OSError(f'no file {i}')
        return points(20)[0][i], points(20)[1][i]


def test_rows_of_the_batch_where_no_item_can_be_picked():
    train = DataLoader(list(zip(*points(8))), bs=8)
    for valid, why in ((None, 'the data cannot be read item by item'),
                       (DataLoader(Fails(), bs=5), 'OSError: no file 3')):
        dls = DataLoaders(DataLoader(Stream(), bs=8)) if valid is None else DataLoaders(train, valid)
        learn = silent(Learner(dls, nn.Linear(4, 2), CrossEntropyLossFlat(), cbs=RecordParamsCallback()))
        learn.create_opt()
        learn._do_epoch_validate = lambda *args: None
        learn.fit(1, 0.01)
        samples = learn.record_params.trajectory.samples
        assert samples.n == 8 and why in samples.note and samples.note.startswith('rows of the first batch')
        assert torch.equal(samples.xs[0], points(8)[0])


def test_torch_dataloaders():
    from torch.utils.data import DataLoader as TorchDL
    from torch.utils.data import TensorDataset
    dls = DataLoaders(TorchDL(TensorDataset(*points(20)), 5, shuffle=True), TorchDL(TensorDataset(*points(10)), 5))
    samples = net(dls)
    assert samples.n == 10 and samples.targets == [0, 1] * 5


def test_a_callback_that_changes_the_shape():
    class Rows(Callback):
        def before_batch(self): self.learn.xb = (self.x.flatten(1),)
    x = torch.rand(20, 1, 8, 8)
    samples = net(tensor_dls((x, torch.arange(20) % 2)), cbs=[Rows()], model=nn.Linear(64, 2))
    assert samples.xs[0].shape == (20, 64) and 'a callback changes the shape' in samples.note


def test_dicts_for_a_model_that_takes_one():
    class Model(nn.Linear):
        def forward(self, b): return super().forward(b['x'])
    class Rows(torch.utils.data.Dataset):
        def __len__(self): return 20
        def __getitem__(self, i): return {'x': points(20)[0][i], 'mask': torch.ones(2)}, points(20)[1][i]
    dls = DataLoaders(DataLoader(Rows(), bs=5), DataLoader(Rows(), bs=5))
    samples = net(dls, model=Model(4, 2))
    assert samples.n == 20 and samples.xs[0].keys() == {'x', 'mask'} and 'float32' not in samples.inputs[0]


def test_large_images_are_fewer_and_shown_smaller():
    dls = tensor_dls((torch.rand(30, 3, 400, 500), torch.arange(30) % 2))
    samples = net(dls)
    assert samples.n == drawing.MAX_BYTES // (3 * 400 * 500 * 4) == 6 and samples.nbytes < 1.2 * drawing.MAX_BYTES
    assert samples.inputs[0].shape == (205, 256, 3)
    assert samples.note == '6 of 30 items, since they are large or slow to read'


def test_slow_items_are_fewer(monkeypatch):
    monkeypatch.setattr(drawing, 'SECONDS', -1)
    samples = net(tensor_dls(points(50)))
    assert samples.n == 1 and samples.note == '1 of 36 items, since they are large or slow to read'


def test_what_cannot_be_decoded_is_shown_as_what_it_is():
    class Odd(Transform):
        def decodes(self, x): raise ArithmeticError('no way back')
    data = list(zip(torch.rand(20, 3, 5), torch.rand(20, 40)))
    dls = DataLoaders(*(TfmdDL(data, bs=5, after_batch=Odd()) for _ in range(2)))
    samples = net(dls, loss=MSELossFlat(), model=nn.Sequential(nn.Flatten(), nn.Linear(15, 40)))
    assert samples.inputs[0] == 'float32 (3, 5)' and samples.target_kind == 'none'
    assert 'the targets are float32 (40,)' in samples.note


def test_numbers_and_several_of_them():
    x = torch.rand(30, 3)
    loss = MSELossFlat()
    assert net(tensor_dls((x, x[:, 0])), model=nn.Linear(3, 1), loss=loss).targets[0] == pytest.approx(float(x[0, 0]))
    several = net(tensor_dls((x, x[:, :2])), model=nn.Linear(3, 2), loss=loss)
    assert several.target_kind == 'value' and several.targets[0] == pytest.approx(x[0, :2].tolist())
    labels = (x > 0.5).float()
    labelled = net(tensor_dls((x, labels)), model=nn.Linear(3, 3), loss=nn.BCEWithLogitsLoss())
    assert labelled.target_kind == 'categories' and labelled.targets[0] == labels[0].nonzero().flatten().tolist()


def test_noise_is_no_picture():
    assert drawing_of(torch.rand(36, 1, 8, 8))
    assert not drawing_of(torch.randn(36, 64)) and not drawing_of(torch.rand(36, 63))


def drawing_of(x):
    from fastsgd.callbacks.pictures import looks_like_pictures
    return looks_like_pictures(x)
