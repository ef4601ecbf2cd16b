"""`SamplesView`: the same items from frame to frame, and what the model says to them."""

from collections import Counter

from ..checks import check_flag, check_type, check_whole
from ..trajectory.samples import Samples
from .asked import Asked, given_samples, unfit
from .beside import one_for_each
from .cells import CHAR, LINE, columns_for, heading, page, picture, shorten, wrapped, write
from .forms import FORMS, GUIDES
from .view import View

ROOM = 0.92 # of a cell that an item fills
LEFT = 0.55 # of a list, for texts and rows
MOST_LINES, SOME = 5, 5 # of one of them, and items that are worth more than its further lines


class SamplesView(View):
    """The same items from frame to frame, with the truth and what the model says of them, most changed first.

    Items are images, texts, rows of a table or pairs; the truth is a class, several labels, a mask, points, an image, a
    number or the next word. The model is asked in evaluation mode, with the weights and buffers of each point. Raises
    ValueError for a setting that does not fit, and when drawn for a trajectory without samples, data or model;
    TypeError for anything but `Samples`.

    >>> from fastai.basics import CrossEntropyLossFlat, Learner
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> learn = Learner(moons_dls(seed=0), model, CrossEntropyLossFlat(), cbs=RecordParamsCallback())
    >>> learn.fit(5, 0.1)
    >>> ax = SamplesView(n=6).plot(learn.record_params.trajectory)
    """
    several = page = True
    live_points = 2
    def __init__(self,
        n: int | None = None, # Items at the most; None: as many as can be read, up to 12
        samples: Samples | None = None, # What to show; None: what the trajectory carries
        sort: bool = True, # Put those first whose prediction changes most?
    ):
        self.n = None if n is None else check_whole('n', n, 1, example=12)
        wanted = 'Samples, or None for those that were recorded'
        self.samples = None if samples is None else check_type('samples', samples, Samples, wanted)
        self.sort = check_flag('sort', sort)

    @property
    def figsize(self): return (6.2, 4.8) if (self.n or 0) <= 16 else (8., 6.5)

    @one_for_each
    def draw(self, traj, ax):
        samples = given_samples(traj, self.samples)
        kind = samples.target_kind
        width, height = page(ax)
        as_pictures = samples.input_kind == 'image' or kind == 'new image'
        odd = unfit(Asked(traj, samples)) # then as the numbers that they are
        formless = odd or not as_pictures and kind in ('mask', 'points', 'image')
        cls = FORMS['none' if formless else kind]
        n = min(self.n or cls.most, samples.n)
        room = height - LINE * 1.4
        if not as_pictures and self.n is None: n = min(n, self._fitting(samples, cls.lines, width, room))
        if kind == 'new image': samples = samples.take(n) # one noise is like another: no more of it is asked about
        asked = Asked(traj, samples)
        by_change = self.sort and kind not in ('next word', 'new image')
        items = asked.by_change() if by_change else list(range(samples.n))
        items = of_each_class(items, samples, n) if by_change and kind == 'category' else items[:n]
        form = cls(samples, asked, items)
        has_form = kind != 'none' and cls is FORMS[kind]
        guide = form.guide() if has_form else odd or samples.note or GUIDES['none']
        top = LINE * (heading(ax, width, guide, form.legend()) + 0.4)
        layout = self._grid if as_pictures else self._list
        shows = layout(ax, form, items, width, height, top)

        shown = [None, []] # the step of a point, and what changed with it
        def update(i):
            if (step := int(traj.steps[i])) != shown[0]: # several frames may show one point
                out = (asked.raw if odd else asked)(i)
                shown[:] = step, [artist for k, show in zip(items, shows) for artist in show(out[k])]
            return shown[1]
        return update

    def _grid(self, ax, form, items, width, height, top):
        "Pictures side by side, their answers below"
        first, extra = form.image(items[0]).shape, form.lines * LINE * 1.12 + 0.12
        shape = form.pictures * first[1] / first[0]
        least = min(max(form.longest(), 10) * CHAR / ROOM, width)
        fitting = lambda n: columns_for(n, width, height - top, shape, extra, least)
        high = lambda n: min((height - top) / -(-n // fitting(n)) - extra, width / fitting(n) * ROOM / shape)
        if self.n is None: items = items[:next((n for n in range(len(items), 1, -1) if high(n) >= form.least), 1)]
        columns = fitting(len(items))
        w, h = width / columns, (height - top) / -(-len(items) // columns)
        shows, room = [], w * ROOM
        for j, k in enumerate(items):
            x, y, title = (j % columns) * w + w * 0.04, top + (j // columns) * h, form.title(k)
            if title: write(ax, x, y, shorten(title, room))
            titled, wide = LINE * 1.1 if title else 0, room / form.pictures
            image, high = form.image(k), h - extra
            if form.pictures > 1: # they stand together
                wide = min(wide, high * image.shape[1] / image.shape[0] + 0.04)
                x += (room - wide * form.pictures) / 2
            drawn = [picture(ax, image, x + wide * m, y + titled, wide * 0.98, high, form.dots)
                     for m, image in enumerate(form.images(k))]
            form.drawn, boxes = [layer for layer, _ in drawn], [box for _, box in drawn]
            drawn[0][0].set_label(f'sample {k}: {title}' if title else f'sample {k}')
            below = boxes[0][1] + boxes[0][3] + 0.03
            whole = (wide * len(boxes), boxes) if form.pictures > 1 else (room, boxes[0])
            shows.append(form.draw(ax, k, x, below, *whole))
        return shows

    def _fitting(self, samples, lines, width, room):
        "How many texts or rows fit below each other: fewer where they are long, as long as there are some"
        fitting = lambda lines: max(int(room / (LINE * (lines + 0.7))), 1)
        wanted = sorted(1 + wrapped(readable(o), width * LEFT - 0.1, MOST_LINES).count('\n') for o in samples.inputs)
        while lines < wanted[len(wanted) // 2] and fitting(lines + 1) >= SOME: lines += 1
        return fitting(lines)

    def _list(self, ax, form, items, width, height, top):
        "Texts and rows below each other, their answers on the right"
        h, left = (height - top) / len(items), width * LEFT
        shows, lines = [], max(int((h - 0.06) / (LINE * 0.93)), 1)
        for j, k in enumerate(items):
            y = top + j * h
            write(ax, 0, y, wrapped(readable(form.samples.inputs[k]), left - 0.1, lines))
            title = form.title(k)
            if title: write(ax, left, y, shorten(title, width - left))
            shows.append(form.draw(ax, k, left, y + (LINE * 1.1 if title else 0), width - left, None))
        return shows


def of_each_class(items, samples, n) -> list:
    "`n` of the `items`, in their order: the first one of each class, then the second ones, and so on"
    seen, rank = Counter(), {}
    for k in items:
        rank[k] = seen[samples.targets[k]]
        seen[samples.targets[k]] += 1
    chosen = sorted(items, key=rank.get)[:n]
    return [k for k in items if k in chosen]


def readable(item) -> str:
    "An input that is no picture, as text"
    return ', '.join(f'{name}\u00a0{value}' for name, value in item.items()) if isinstance(item, dict) else str(item)
