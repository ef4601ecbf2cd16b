"""`WeightsView`: weights as pictures."""

import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from ..checks import check_in_list, check_string, check_whole
from ..trajectory.samples import leaves
from .beside import one_for_each
from .cells import CHAR, LINE, SIZE, columns_for, layer, page, shorten, write
from .limits import calm, finite
from .style import BLUE, GREY, VERMILION
from .view import View

SIGNED = LinearSegmentedColormap.from_list('blue-white-vermilion', [BLUE, 'white', VERMILION])
BAR = 0.62 # inches for the colour bar and its numbers
SIDE = 64 # pixels of a weight's picture at the most


class WeightsView(View):
    """The weights of one layer as pictures: filters of the first convolution, or what each output sees in the pixels.

    Filters of three channels are shown in their colours, grey is zero; all others from blue, below zero, over white to
    red. The scale is the same for all frames. Raises ValueError for a setting that does not fit, and when drawn for a
    model without such a layer.

    >>> import torch
    >>> from fastai.basics import CrossEntropyLossFlat, Learner
    >>> x, y = torch.rand(40, 1, 8, 8), torch.arange(40) % 2
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.Flatten(), torch.nn.Linear(64, 2))
    >>> learn = Learner(tensor_dls((x, y), (x, y), seed=0), model, CrossEntropyLossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(1, 0.1)
    >>> ax = WeightsView().plot(learn.record_params.trajectory)
    """
    several = page = True
    def __init__(self,
        name: str | None = None, # Of a parameter; None: the first convolution, or the first layer that sees the pixels
        of: str = 'values', # 'values', or 'changes' since the start, which shows what fine-tuning did
        most: int = 64, # Pictures at the most
    ):
        if name is not None: check_string('name', name)
        self.name, self.of = name, check_in_list('of', of, ('values', 'changes'))
        self.most = check_whole('most', most, 1, example=64)

    @one_for_each
    def draw(self, traj, ax):
        name = self._choose(traj)
        tiles = lambda i: self._tiles(traj, name, i)
        start = tiles(0)
        color = start.shape[-1] == 3
        known = [finite(tiles(i)).abs().max() for i in {0, calm(traj) // 2, calm(traj) - 1} if len(finite(tiles(i)))]
        limit = float(max(known, default=0.)) or 1.
        width, height = page(ax)
        told = write(ax, 0, 0, '', color=GREY)
        named = self._labels(traj, len(start))
        images = self._pictures(ax, name, start, named, width - (0 if color else BAR), height, limit)
        frozen = traj.params.constant(name) or not any((traj.params.row(name, i) != traj.params.row(name, 0)).any()
                                                       for i in {len(traj) // 3, len(traj) // 2, len(traj) - 1})
        what = f'{name}, changes' if self.of == 'changes' else name
        total = len(self._every(traj, name, 0))
        count = f', {len(start)} of {total}' if len(start) < total else ''

        def update(i):
            for image, tile in zip(images, tiles(i)):
                if color: image.set_data(np.clip(0.5 + tile / (2 * limit), 0, 1))
                else: image.set_data(tile[..., 0])
            far = self._moved(traj, name, i)
            state = 'frozen, never changes' if frozen else 'unchanged' if far == 0 else _how_far(far)
            told.set_text(f'{shorten(what, width - CHAR * len(count + state))}{count}: {state}')
            return [*images, told]
        return update

    def _choose(self, traj):
        if self.name is not None:
            if self.name not in traj.sizes:
                raise ValueError(f'name={self.name!r}: expected one of {list(traj.sizes)!r:.500}')
            if _pictures_of(traj.sizes[self.name], _pixels(traj)) is None:
                raise ValueError(f'name={self.name!r} has shape {tuple(traj.sizes[self.name])}: expected a '
                                 'convolution or a layer on pixels')
            return self.name
        for name, shape in traj.sizes.items():
            filters = len(shape) == 4 and shape[2] * shape[3] > 4
            if filters or len(shape) == 2 and _pictures_of(shape, _pixels(traj)) is not None: return name
        raise ValueError('the model has neither a convolution nor a layer that sees pixels: choose another view, such '
                         'as HistogramView()')

    def _every(self, traj, name, i):
        "All weights as pictures (n, channels, H, W)"
        weight = traj.params.row(name, traj.index(i)).double()
        if self.of == 'changes': weight = weight - traj.params.row(name, 0).double()
        kind, shape = _pictures_of(weight.shape, _pixels(traj))
        if kind == 'columns': weight = weight.T
        tiles = weight.reshape(-1, *shape)
        return tiles if tiles.shape[1] in (1, 3) else tiles.flatten(0, 1)[:, None] # a picture for each channel

    def _tiles(self, traj, name, i):
        "Those that are shown (n, H, W, channels)"
        tiles = torch.nan_to_num(self._every(traj, name, i)[:self.most], 0, 0, 0).movedim(1, -1)
        return tiles[:, ::-(-tiles.shape[1] // SIDE), ::-(-tiles.shape[2] // SIDE)].numpy()

    def _pictures(self, ax, name, tiles, named, width, height, limit):
        n, line = len(tiles), LINE * 1.1 if named else 0
        top, shape = LINE * 1.5, tiles.shape[2] / tiles.shape[1]
        least = min(max(map(len, named), default=0), 10) * CHAR
        columns = columns_for(n, width, height - top, shape, line, least)
        w, h = width / columns, (height - top) / -(-n // columns)
        side, images = min(w * 0.92 / shape, (h - line) * 0.94), []
        for k in range(n):
            x, y = (k % columns) * w, top + (k // columns) * h
            if named: write(ax, x, y, shorten(named[k], w))
            image = layer(ax, np.zeros(tiles.shape[1:3]), (x, y + line, side * shape, side))
            image.set(cmap=SIGNED, clim=(-limit, limit))
            ax.add_patch(Rectangle((x, y + line), side * shape, side, fill=False, ec='0.8', lw=0.6, zorder=2))
            image.set_label(f'{name} of {named[k]}' if named else f'{name}[{k}]')
            images.append(image)
        if tiles.shape[-1] == 1:
            place = 1 - (BAR - 0.08) / (width + BAR), 0.08, 0.025, 0.75
            bar = ax.figure.colorbar(images[0], cax=ax.inset_axes(place))
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=SIZE)
        return images

    def _labels(self, traj, n):
        "Names of the classes, where there is a picture for each"
        classes = [] if traj.samples is None else traj.samples.classes
        return list(classes) if len(classes) == n > 1 else []

    def _moved(self, traj, name, i):
        first, now = (traj.params.row(name, traj.index(k)).double() for k in (0, i))
        return float((now - first).norm() / first.norm().clamp(min=1e-12))


def _how_far(share): return f'moved by {share:.1%}' if share < 1 else f'moved by {share:.1f} times its size'


def _pixels(traj):
    "Channels, height and width of the pictures that the model takes; None if it takes others"
    xs = traj.samples.xs if traj.samples is not None else traj.data[0] if traj.data is not None else ()
    x = (leaves(xs) or [torch.empty(0)])[0]
    if x.ndim == 4: return tuple(x.shape[1:])
    if x.ndim == 3: return 1, *x.shape[1:]
    side = round(x.shape[1]**0.5) if x.ndim == 2 else 0
    return (1, side, side) if side >= 8 and side * side == x.shape[1] else None


def _pictures_of(shape, pixels):
    "How a weight is pictures: `(kind, shape of one)`, or None"
    if len(shape) == 4: return 'filters', tuple(shape[1:])
    if len(shape) != 2 or pixels is None: return None
    for picture in (pixels, (1, *pixels[1:])): # all channels, or one of them
        size = picture[0] * picture[1] * picture[2]
        if shape[1] == size: return 'rows', picture
        if shape[0] == size: return 'columns', picture
    return None


def shows_pictures(traj) -> bool:
    "Has the model a layer whose weights are pictures that one can make out: of 5 × 5 numbers or more?"
    pixels = _pixels(traj)
    found = [_pictures_of(shape, pixels) for name, shape in traj.sizes.items() if not traj.params.constant(name)]
    first = next((f for f in found if f is not None), None)
    return first is not None and min(first[1][-2:]) >= 5
