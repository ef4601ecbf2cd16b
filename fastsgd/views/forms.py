"""How the target of one item looks, true and predicted: one form for each kind. `draw(...)` returns `show(answer)`."""

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from torch.nn import functional as F

from .cells import DOTS, LINE, MOVING_DOTS, Bar, Frame, few_shades, layer, shorten, write
from .limits import padded
from .style import BLUE, GREY, ORANGE, VERMILION, class_style

GUIDES = { # target kind -> how to read it
    'category': 'true class above, predicted below',
    'categories': 'true labels above, probability of each label below',
    'mask': 'left true, right predicted:', 'points': 'ring: true, cross: predicted',
    'new image': 'made of the same noise', 'value': 'line: true, dot: predicted',
    'next word': 'the likeliest next words', 'none': 'what the model answers'}

ROUND = 7 # characters around the name of a class: whether it is right, and its probability


class Form:
    """What all kinds share. `draw(ax, k, x, y, width, box)` draws item `k` and returns `show(answer) -> artists`.

    `box` is where its picture is, or a list of such where there are several; they are in `drawn`.
    """
    lines = 2 # of text that belong to an item
    most, least = 12, 0.35 # items, and inches that a picture is high, unless the user says how many
    pictures = 1 # side by side in an item with a picture
    makes_pictures = False # at each point another one?
    dots = DOTS # pixels per inch of a picture at the most

    def __init__(self, samples, asked, items):
        self.samples, self.asked, self.items = samples, asked, items

    def longest(self) -> int: return 10 # characters of a line
    def title(self, k) -> str: return ''
    def guide(self): return GUIDES[self.samples.target_kind]
    def image(self, k): return self.samples.inputs[k] # its picture, (H, W) or (H, W, 3)
    def images(self, k): return [self.image(k)] * self.pictures
    def legend(self) -> list: return [] # (name, colour)


class Category(Form):
    def longest(self): return min(max(map(len, self.samples.classes), default=3) + ROUND, 18)
    def title(self, k): return self.samples.label(self.samples.targets[k])

    def draw(self, ax, k, x, y, width, box):
        bar, frame, true = Bar(ax, x, y, width), Frame(ax, box) if box else None, self.samples.targets[k]
        def show(p):
            best = int(p.argmax()) if p.isfinite().all() else None
            right, certain = best == true, best is not None and self.asked.tells_probabilities
            text = 'not finite' if best is None else self.samples.label(best)
            changed = bar.show(float(p[best]), text, right) if certain else bar.show(0, text, right, '')
            return [*changed, *(frame.show(right) if frame else ())]
        return show


class Categories(Form):
    lines, most = 4, 6
    def longest(self):
        classes = max(map(len, self.samples.classes), default=3) + ROUND
        return min(max(classes, *(len(self.title(k)) for k in self.items)), 22)
    def title(self, k): return ', '.join(map(self.samples.label, self.samples.targets[k])) or 'none of them'

    def draw(self, ax, k, x, y, width, box):
        true, ever = self.samples.targets[k], torch.stack([self.asked(i)[k] for i in (0, -1)]).amax(0)
        ever[true] += 2 # true ones first, then those that were likeliest at an end of the fit
        shown = ever.nan_to_num().argsort(descending=True, stable=True)[:self.lines - 1].tolist()
        bars = [Bar(ax, x, y + 1.12 * LINE * j, width) for j in range(len(shown))]
        def show(p):
            return [a for bar, c in zip(bars, shown)
                    for a in bar.show(float(p[c]), self.samples.label(c), bool(p[c] > 0.5) == (c in true))]
        return show


class Mask(Form):
    lines, pictures, most, least, makes_pictures = 1, 2, 6, 0.8, True
    def __init__(self, *args):
        super().__init__(*args)
        counts = torch.cat([m.flatten() for m in self.samples.targets]).clamp(min=0).bincount()
        # the most frequent class stays without colour; those that are nowhere in the data need none
        self.ground, *others = [c for c in counts.argsort(descending=True, stable=True).tolist() if counts[c]]
        self.colour = {c: class_style(n)['color'] for n, c in enumerate(others)}

    def legend(self):
        return [(self.samples.label(c), color) for c, color in ((self.ground, None), *self.colour.items())]

    def colours(self, mask) -> np.ndarray:
        "Classes as half-transparent colours, (H, W, 4)"
        full = np.zeros((max(int(mask.max()), max(self.colour, default=0), self.ground) + 1, 4))
        for c in range(len(full)):
            if c != self.ground: full[c] = *to_rgb(self.colour.get(c, GREY)), 0.6
        return full[mask.clamp(min=0).numpy()]

    def draw(self, ax, k, x, y, width, box):
        true, (left, right) = self.samples.targets[k], box
        bar = Bar(ax, x, y, width)
        small = true[::max(true.shape[0] // 96, 1), ::max(true.shape[1] // 96, 1)]
        layer(ax, self.colours(small), left, 1.5)
        image = layer(ax, self.colours(small), right, 1.5)
        def show(out):
            says = out.argmax(0) if len(out) > 1 else (out[0] > 0.5).long()
            same = F.interpolate(says[None, None].float(), true.shape, mode='nearest')[0, 0].long()
            known = (true >= 0) & (true < max(len(out), 2))
            share = float((same == true)[known].float().mean()) if known.any() else float('nan')
            says = F.interpolate(says[None, None].float(), small.shape, mode='nearest')[0, 0].long()
            image.set_data(self.colours(says))
            return [image, *bar.show(share, f'{share:.0%} of pixels right', number='')]
        return show


class Points(Form):
    lines, most = 1, 9
    def __init__(self, *args):
        super().__init__(*args)
        # from what the loss takes to pixels: a line for x and one for y, through all points that are known
        y = torch.cat([o.reshape(-1, 2) for o in self.samples.ys[0].double()])
        p = torch.cat(self.samples.targets).double()
        fits = lambda j: float(y[:, j].max() - y[:, j].min()) > 1e-6
        self.lines_to_pixels = [np.polyfit(y[:, j], p[:, j], 1) if fits(j) else (0., float(p[0, j])) for j in (0, 1)]

    def longest(self): return 17

    def draw(self, ax, k, x, y, width, box):
        left, top, w, h = box
        size, true = self.samples.inputs[k].shape, self.samples.targets[k].double()
        scale = np.array([w / size[1], h / size[0]])
        place = lambda p: np.array([left, top]) + np.asarray(p) * scale
        ring = dict(ls='none', marker='o', mfc='none', mec='white', ms=8, mew=3)
        for look in (ring, {**ring, 'mec': ORANGE, 'mew': 1.5}): ax.add_line(Line2D(*place(true).T, **look, zorder=3))
        under, cross = (ax.add_line(Line2D([], [], ls='none', marker='x', ms=7, mec=color, mew=mew, zorder=4))
                        for color, mew in (('white', 3), (BLUE, 1.7)))
        gaps = ax.add_line(Line2D([], [], color=BLUE, lw=1, zorder=3.5)) # which cross belongs to which ring
        text = write(ax, x, y, '')
        def show(out):
            out = out.reshape(-1, 2).double()
            says = np.stack([np.polyval(line, out[:, j]) for j, line in enumerate(self.lines_to_pixels)], 1)
            far = float(np.sqrt(((says - true.numpy())**2).sum(1)).mean())
            inside = np.clip(np.nan_to_num(says), 0, [size[1], size[0]]) # at the edge what is beyond it
            for mark in (under, cross): mark.set_data(*place(inside).T)
            ends = np.stack([place(true), place(inside), np.full_like(inside, np.nan)], 1)
            gaps.set_data(*ends.reshape(-1, 2).T)
            text.set_text(shorten(f'off by {far:.1f} pixels', width))
            return [gaps, under, cross, text]
        return show


class Picture(Form):
    pictures, lines, most, least, makes_pictures, dots = 2, 1, 6, 0.8, True, MOVING_DOTS
    def __init__(self, *args):
        super().__init__(*args)
        itself = all(map(torch.equal, self.samples.inputs, self.samples.targets)) # as an autoencoder has it
        self.before = [] if itself else ['input']
        self.pictures = 2 + len(self.before)

    def guide(self): return f'{", ".join([*self.before, "target"])} and what the model makes of it'
    def images(self, k): return [self.samples.inputs[k]][:len(self.before)] + [self.samples.targets[k]] * 2

    def draw(self, ax, k, x, y, width, box):
        true, image = self.samples.targets[k], self.drawn[-1]
        size = image.get_array().shape[:2]
        text = write(ax, x, y, '')
        def show(out):
            says = self.samples.pictures(out[None])[0]
            off = (says.float() - true.float()).abs().mean() / 255 if says.shape == true.shape else None
            image.set_data(few_shades(says, size))
            text.set_text('' if off is None else shorten(f'off by {float(off):.1%}', width))
            return [image, text]
        return show


class NewPicture(Form):
    "What a GAN makes of noise, for which there is no truth"
    lines, most, makes_pictures, dots = 0, 9, True, MOVING_DOTS
    def longest(self): return 4
    def image(self, k): return self.made(self.asked(-1)[k])
    def made(self, out): return self.samples.pictures(out[None])[0]

    def draw(self, ax, k, x, y, width, box):
        image = self.drawn[0]
        size = image.get_array().shape[:2]
        def show(out):
            image.set_data(few_shades(self.made(out), size))
            return [image]
        return show


class Value(Form):
    def __init__(self, *args):
        super().__init__(*args)
        true = torch.tensor([self.samples.targets[k] for k in self.items], dtype=torch.float64)
        self.true = true.reshape(len(true), -1)
        self.limits = padded(torch.cat([self.true.flatten(), self.asked(-1)[self.items].flatten().double()]), 0.08)

    def longest(self): return 14

    def draw(self, ax, k, x, y, width, box):
        true, (low, high), middle = self.true[self.items.index(k)], self.limits, y + LINE * 1.6
        write(ax, x, y, shorten('true ' + ', '.join(f'{v:.3g}' for v in true.tolist()), width / 2))
        place = lambda v: x + width * (np.clip(np.nan_to_num(np.asarray(v)), low, high) - low) / (high - low)
        ax.add_line(Line2D([x, x + width], [middle] * 2, color='0.8', lw=3, solid_capstyle='butt', zorder=1))
        for v in place(true): ax.add_line(Line2D([v, v], [middle - LINE / 2, middle + LINE / 2], color='black', lw=2))
        gap = ax.add_line(Line2D([], [], color=VERMILION, lw=3, solid_capstyle='butt', zorder=1.5))
        dots = ax.add_line(Line2D([], [], ls='none', marker='o', ms=6, color=BLUE, mec='white', mew=0.7, zorder=3))
        text = write(ax, x + width, y, '', ha='right', color=BLUE)
        def show(out):
            says = out.flatten().double().numpy()
            if len(says) == 1: gap.set_data([place(true[0]), place(says[0])], [middle] * 2)
            dots.set_data(place(says), [middle] * len(says))
            text.set_text(shorten(', '.join(f'{v:.3g}' for v in says), width / 2))
            return [gap, dots, text]
        return show


class NextWord(Form):
    lines = 4
    def title(self, k): return f'then: {self.samples.targets[k]}'

    def draw(self, ax, k, x, y, width, box):
        bars = [Bar(ax, x, y + 1.12 * LINE * j, width) for j in range(self.lines - 1)]
        true = self.samples.targets[k]
        def show(p):
            top = p.nan_to_num(-1).topk(min(len(bars), len(p)))
            words = [self.samples.label(int(c)) for c in top.indices]
            return [a for bar, v, word in zip(bars, top.values, words)
                    for a in bar.show(float(v), word, word == true or None)]
        return show


class Answer(Form):
    "For targets that have no form: the numbers themselves"
    lines = 1
    def draw(self, ax, k, x, y, width, box):
        text = write(ax, x, y, '', color=GREY)
        def show(out):
            numbers = ', '.join(f'{v:.3g}' for v in out.flatten()[:4].tolist())
            text.set_text(shorten(f'{numbers}{", …" if out.numel() > 4 else ""}', width))
            return [text]
        return show


FORMS = {'category': Category, 'categories': Categories, 'mask': Mask, 'points': Points, 'image': Picture,
         'new image': NewPicture, 'value': Value, 'next word': NextWord, 'none': Answer}
