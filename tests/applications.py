"""Real fastai learners on drawn data, by fastai's own factories: `make(name)` is a new one, `fitted(name)` a fitted
one.
"""

import tempfile
import warnings
from functools import cache, partial
from hashlib import sha1
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.callback.mixup import CutMix, MixUp
from fastai.collab import CollabDataLoaders, collab_learner
from fastai.tabular.all import Categorify, FillMissing, Normalize, TabularDataLoaders, tabular_learner
from fastai.text.all import (
    AWD_LSTM,
    BaseTokenizer,
    ColReader,
    TextBlock,
    awd_lstm_clas_config,
    awd_lstm_lm_config,
    language_model_learner,
    text_classifier_learner,
)
from fastai.vision import learner as vision_models
from fastai.vision.all import (
    SGD,
    AdaptiveAvgPool,
    CategoryBlock,
    ConvLayer,
    CrossEntropyLossFlat,
    DataBlock,
    DataLoader,
    DataLoaders,
    Flatten,
    ImageBlock,
    IndexSplitter,
    Learner,
    MaskBlock,
    MSELossFlat,
    MultiCategoryBlock,
    PointBlock,
    RegressionBlock,
    ResBlock,
    Resize,
    TransformBlock,
    accuracy,
    accuracy_multi,
    aug_transforms,
    default_split,
    error_rate,
    imagenet_stats,
    mse,
    resnet18,
    rmse,
    unet_learner,
    vision_learner,
)
from fastai.vision.gan import GANLearner, basic_critic, basic_generator, generate_noise
from fastai.vision.models.xresnet import XResNet
from learners import random_state, seed_all, silent
from PIL import Image, ImageDraw
from torch import nn

from fastsgd import RecordParamsCallback, tensor_dls

SHAPES, N = ('circle', 'square', 'triangle'), 36 # pictures in all, a quarter of them for validation


def corners(shape, x, y, r):
    if shape == 'triangle': return [(x - r, y + r), (x + r, y + r), (x, y - r)]
    return [x - r, y - r, x + r, y + r]


def draw_shape(shape, rng, size=64):
    "A picture of one shape, its mask and its middle"
    image, mask = Image.new('RGB', (size, size), tuple(rng.integers(0, 100, 3).tolist())), Image.new('L', (size, size))
    r = int(rng.integers(size // 8, size // 4))
    x, y = rng.integers(r, size - r, 2).tolist()
    color = tuple(rng.integers(120, 256, 3).tolist())
    for picture, fill in ((image, color), (mask, 1 + SHAPES.index(shape))):
        draw = ImageDraw.Draw(picture)
        draw_it = {'circle': draw.ellipse, 'square': draw.rectangle, 'triangle': draw.polygon}[shape]
        draw_it(corners(shape, x, y, r), fill=fill)
    return image, mask, (x, y)


@cache
def pictures() -> Path:
    "A folder of drawn shapes, `circle_0.png`, with masks beside them in `masks`"
    folder, rng = Path(tempfile.mkdtemp(prefix='shapes')), np.random.default_rng(0)
    (folder/'images').mkdir()
    (folder/'masks').mkdir()
    for i in range(N):
        shape = SHAPES[i % 3]
        image, mask, middle = draw_shape(shape, rng)
        image.save(folder/'images'/f'{shape}_{i}_{middle[0]}_{middle[1]}.png')
        mask.save(folder/'masks'/f'{shape}_{i}_{middle[0]}_{middle[1]}.png')
    return folder


def names(): return sorted((pictures()/'images').iterdir())
def shape_of(path): return Path(path).name.split('_')[0]
def shape_and_side(path): return [shape_of(path), 'left' if int(Path(path).stem.split('_')[2]) < 32 else 'right']
def middle_of(path): return torch.tensor([[float(v) for v in Path(path).stem.split('_')[2:]]])
def mask_of(path): return pictures()/'masks'/Path(path).name
def quarter(items): return IndexSplitter(range(0, len(items), 4))(items)


def image_dls(target=None, get_y=shape_of, size=32, batch_tfms=None):
    block = DataBlock((ImageBlock, target or CategoryBlock), get_y=get_y, splitter=quarter, item_tfms=Resize(size),
                      batch_tfms=aug_transforms(size=size) if batch_tfms is None else batch_tfms)
    return block.dataloaders(names(), bs=12, num_workers=0)


def tiny_resnet(): return XResNet(ResBlock, 1, [1, 1, 1, 1], widen=0.125, stem_szs=(8, 8, 64), n_out=3)


def tiny_arch(pretrained=False):
    "A body for `vision_learner` and `unet_learner` with which seconds are enough"
    return nn.Sequential(ConvLayer(3, 8, stride=2), ConvLayer(8, 16, stride=2), ConvLayer(16, 32, stride=2),
                         AdaptiveAvgPool())


def tiny_vision(dls, learner=vision_learner, **kwargs):
    vision_models.model_meta.setdefault(tiny_arch, {'cut': -1, 'split': default_split})
    return learner(dls, tiny_arch, pretrained=False, **kwargs)


# -- one function for each application: callbacks in, Learner out

def vision(cbs): return vision_learner(image_dls(), resnet18, pretrained=False, metrics=accuracy, cbs=cbs)


def vision_normalized(cbs):
    tfms = [*aug_transforms(size=32), Normalize.from_stats(*imagenet_stats)]
    return tiny_vision(image_dls(batch_tfms=tfms), metrics=[accuracy, error_rate], cbs=cbs)


def vision_multi(cbs):
    dls = image_dls(MultiCategoryBlock, shape_and_side)
    return tiny_vision(dls, metrics=partial(accuracy_multi, thresh=0.5), cbs=cbs)


def vision_points(cbs):
    return tiny_vision(image_dls(PointBlock, middle_of, batch_tfms=[]), n_out=2, y_range=(-1, 1), cbs=cbs)


def vision_value(cbs):
    dls = image_dls(RegressionBlock, lambda path: float(Path(path).stem.split('_')[2]) / 64)
    return tiny_vision(dls, n_out=1, y_range=(0, 1), metrics=mse, cbs=cbs)


def segmentation(cbs):
    normalize = Normalize.from_stats(*imagenet_stats)
    dls = image_dls(MaskBlock(codes=['nothing', *SHAPES]), mask_of, batch_tfms=[normalize])
    return tiny_vision(dls, unet_learner, n_out=4, cbs=cbs)


def mixup(cbs, kind=MixUp):
    return Learner(image_dls(), tiny_resnet(), CrossEntropyLossFlat(), metrics=accuracy, cbs=[kind(), *cbs])


def cutmix(cbs): return mixup(cbs, CutMix)


def autoencoder(cbs):
    block = DataBlock((ImageBlock, ImageBlock), splitter=quarter, item_tfms=Resize(32),
                      batch_tfms=[Normalize.from_stats(*imagenet_stats)])
    model = nn.Sequential(ConvLayer(3, 8, stride=2), ConvLayer(8, 8, stride=2), nn.Upsample(scale_factor=2),
                          ConvLayer(8, 8), nn.Upsample(scale_factor=2), nn.Conv2d(8, 3, 3, padding=1))
    return Learner(block.dataloaders(names(), bs=12, num_workers=0), model, MSELossFlat(), cbs=cbs)


def gan_dls(size=10, valid=()):
    block = DataBlock((TransformBlock, ImageBlock), get_x=partial(generate_noise, size=size), item_tfms=Resize(32),
                      splitter=IndexSplitter(valid), batch_tfms=Normalize.from_stats([0.5] * 3, [0.5] * 3))
    return block.dataloaders(names(), bs=12, num_workers=0)


def gan_loss(fake, made, target): return nn.functional.softplus(-fake).mean()
def critic_loss(real, fake): return nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()


def gan(cbs, learner=None, **kwargs):
    dls, size = gan_dls(**kwargs), kwargs.get('size', 10)
    parts = basic_generator(32, 3, size, n_features=8), basic_critic(32, 3, n_features=8)
    if learner is not None: return learner(dls, *parts, cbs=cbs)
    return GANLearner(dls, *parts, gan_loss, critic_loss, cbs=cbs)


class Twins(nn.Module):
    "The same body for both pictures"
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(ConvLayer(3, 8, stride=2), ConvLayer(8, 16, stride=2), AdaptiveAvgPool(), Flatten())
        self.head = nn.Linear(32, 2)
    def forward(self, a, b): return self.head(torch.cat([self.body(a), self.body(b)], 1))


def siamese(cbs):
    files, second = names(), np.random.default_rng(1).integers(N, size=N)
    is_same = lambda i: 'same' if shape_of(files[i]) == shape_of(files[second[i]]) else 'different'
    block = DataBlock((ImageBlock, ImageBlock, CategoryBlock(vocab=['different', 'same'])), n_inp=2, splitter=quarter,
                      getters=[lambda i: files[i], lambda i: files[second[i]], is_same], item_tfms=Resize(32))
    dls = block.dataloaders(range(N), bs=12, num_workers=0)
    return Learner(dls, Twins(), CrossEntropyLossFlat(), metrics=accuracy, cbs=cbs)


@cache
def digits():
    from sklearn.datasets import load_digits
    data = load_digits()
    return torch.tensor(data.images / 16, dtype=torch.float32), torch.tensor(data.target)


def threes_and_sevens():
    "fastbook's chapter 4: rows of pixels, and 1 for a three"
    x, y = digits()
    keep = (y == 3) | (y == 7)
    return x[keep].flatten(1), (y[keep] == 3).long()[:, None]


def mnist_loss(predictions, targets):
    predictions = predictions.sigmoid()
    return torch.where(targets == 1, 1 - predictions, predictions).mean()


def batch_accuracy(xb, yb): return ((xb.sigmoid() > 0.5) == yb).float().mean()


def chapter4(cbs, model=None):
    x, y = threes_and_sevens()
    dls = DataLoaders(*(DataLoader(list(zip(x[part], y[part])), bs=64) for part in (slice(80, None), slice(80))))
    model = model or nn.Linear(64, 1)
    return Learner(dls, model, loss_func=mnist_loss, opt_func=SGD, lr=1., metrics=batch_accuracy, cbs=cbs)


def chapter4_deep(cbs): return chapter4(cbs, nn.Sequential(nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 1)))


def tensors(cbs):
    x, y = digits()
    dls = tensor_dls((x[200:400, None], y[200:400]), (x[:200, None], y[:200]), bs=50, seed=0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    return Learner(dls, model, CrossEntropyLossFlat(), metrics=accuracy, cbs=cbs)


def people(n=120):
    rng = np.random.default_rng(0)
    df = pd.DataFrame({'job': rng.choice(['baker', 'pilot', 'nurse', 'clerk'], n),
                       'town': rng.choice(['Rome', 'Oslo'], n),
                       'age': rng.normal(40, 10, n), 'hours': rng.normal(35, 5, n)})
    df['wage'] = (20 + 5 * (df.job == 'pilot') + 0.2 * df.age + rng.normal(0, 1, n)).astype(np.float32)
    df['rich'] = np.where(df.wage > df.wage.median(), 'yes', 'no')
    df.loc[30:60, 'age'] = np.nan
    return df


def tabular(cbs, y='rich', **kwargs):
    dls = TabularDataLoaders.from_df(people(), procs=[Categorify, FillMissing, Normalize], cat_names=['job', 'town'],
                                     cont_names=['age', 'hours'], y_names=y, valid_idx=list(range(40)), bs=16)
    return tabular_learner(dls, layers=[20, 10], cbs=cbs, **kwargs)


def tabular_classes(cbs): return tabular(cbs, metrics=accuracy)
def tabular_value(cbs): return tabular(cbs, 'wage', metrics=rmse, y_range=(0, 50))


def ratings(n=300):
    rng = np.random.default_rng(0)
    users, films = [f'user {k}' for k in range(20)], [f'film {k}' for k in range(12)]
    u, f = rng.integers(20, size=n), rng.integers(12, size=n)
    stars = np.clip(3 + rng.normal(0, 0.3, n) + ((u + f) % 3 - 1), 0.5, 5).astype(np.float32)
    return pd.DataFrame({'reader': [users[k] for k in u], 'film': [films[k] for k in f], 'stars': stars})


def collab(cbs, **kwargs):
    dls = CollabDataLoaders.from_df(ratings(), bs=32, seed=0)
    return collab_learner(dls, n_factors=5, y_range=(0, 5.5), cbs=cbs, **kwargs)


def collab_nn(cbs): return collab(cbs, use_nn=True, layers=[16])


def reviews(n=64):
    rng = np.random.default_rng(0)
    good, bad = ['great', 'fine', 'lovely', 'best'], ['poor', 'dull', 'awful', 'worst']
    def review(k):
        words = rng.choice(good if k % 2 else bad, int(rng.integers(2, 6)))
        return 'The film was ' + ' and '.join(words) + rng.choice([' .', ' , I think .', ' !'])
    labels = ['good' if k % 2 else 'bad' for k in range(n)]
    return pd.DataFrame({'text': [review(k) for k in range(n)], 'label': labels})


def text_dls(**kwargs):
    is_lm = kwargs.get('is_lm', False)
    text = TextBlock.from_df('text', tok=BaseTokenizer(), n_workers=0, min_freq=1, **kwargs)
    target = {} if is_lm else {'get_y': ColReader('label')}
    block = DataBlock([text, *([] if is_lm else [CategoryBlock])], get_x=ColReader('text'),
                      splitter=IndexSplitter(range(16)), **target)
    return block.dataloaders(reviews(), bs=8, num_workers=0, **({'seq_len': 12} if is_lm else {}))


SMALL = {'emb_sz': 12, 'n_hid': 16, 'n_layers': 2}


def text_classes(cbs):
    config = {**awd_lstm_clas_config, **SMALL}
    dls = text_dls()
    return text_classifier_learner(dls, AWD_LSTM, config=config, pretrained=False, metrics=accuracy, cbs=cbs)


def language_model(cbs):
    config = {**awd_lstm_lm_config, **SMALL}
    dls = text_dls(is_lm=True)
    return language_model_learner(dls, AWD_LSTM, config=config, pretrained=False, metrics=accuracy, cbs=cbs)


class Attention(nn.Module):
    "A small transformer that tells the class of a text"
    def __init__(self, n_words, n_classes=2, width=16):
        super().__init__()
        self.words = nn.Embedding(n_words, width)
        self.layer = nn.TransformerEncoderLayer(width, 2, 32, batch_first=True)
        self.head = nn.Linear(width, n_classes)
    def forward(self, x): return self.head(self.layer(self.words(x)).mean(1))


def transformer(cbs):
    dls = text_dls()
    return Learner(dls, Attention(len(dls.vocab[0])), CrossEntropyLossFlat(), metrics=accuracy, cbs=cbs)


APPLICATIONS = {f.__name__: f for f in (
    vision, vision_normalized, vision_multi, vision_points, vision_value, segmentation, mixup, cutmix, autoencoder,
    gan, siamese, chapter4, chapter4_deep, tensors, tabular_classes, tabular_value, collab, collab_nn, text_classes,
    language_model, transformer)}
SLOW = 'vision', 'segmentation' # more than a second


def make(name, cbs=()) -> Learner:
    "A new Learner, the same each time, that says nothing"
    seed_all()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return silent(APPLICATIONS[name](list(cbs)))


def digest(learn):
    "All that recording must not change, of a model of any size"
    state = {**learn.model.state_dict(), **{f'{i}.{k}': v for i, (p, *_) in enumerate(learn.opt.all_params())
                                            for k, v in learn.opt.state[p].items()}}
    hashed = {k: sha1(v.detach().cpu().numpy().tobytes()).hexdigest() if isinstance(v, torch.Tensor) else v
              for k, v in state.items()}
    rngs = [str(dl.rng.getstate()) for dl in learn.dls.loaders if hasattr(dl, 'rng')]
    return hashed, random_state(), rngs, [m.training for m in learn.model.modules()], learn.recorder.values


def fit(learn, name, epochs=2):
    "The fit that its users would choose"
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', '.*lr_scheduler.*')
        if name.startswith(('vision', 'text')): learn.fine_tune(epochs - 1, 1e-2)
        elif name.startswith('chapter4'): learn.fit(epochs)
        else: learn.fit_one_cycle(epochs, 1e-2)
    return learn


@cache
def fitted(name) -> Learner:
    "A Learner after its fit, which was recorded; the same one for all who ask"
    return fit(make(name, [RecordParamsCallback()]), name)
