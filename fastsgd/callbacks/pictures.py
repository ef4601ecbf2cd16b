"""Tensors as pictures that a person sees. Knows torch only."""

import torch
from torch.nn import functional as F

from ..trajectory.samples import as_image

SIDE = 256 # pixels of an image at the most, as it is shown


def _as_planes(x):
    "Rows of pixels as the pictures that they are"
    if x.ndim == 2: return x.reshape(len(x), 1, *[round(x.shape[1]**0.5)] * 2)
    return x[:, None] if x.ndim == 3 else x


def looks_like_pictures(x) -> bool:
    "Are these numbers of 8 × 8 pixels or more, in one or three channels or in a row, each much like its neighbour?"
    if not isinstance(x, torch.Tensor) or x.ndim not in (2, 3, 4): return False
    if not (x.is_floating_point() or x.dtype == torch.uint8): return False
    if x.ndim == 2 and (x.shape[1] < 64 or round(x.shape[1]**0.5)**2 != x.shape[1]): return False
    if x.ndim == 4 and x.shape[1] not in (1, 3): return False
    p = _as_planes(x).float()
    if min(p.shape[2:]) < 8 or not p.isfinite().all(): return False
    if x.ndim == 4: return True
    p = p - p.mean(0) # what all items have in common tells nothing
    return float((p[:, :, 1:] - p[:, :, :-1]).abs().mean()) < 0.8 * float((p - p.roll(p.shape[2] // 2, 2)).abs().mean())


def to_pictures(images, notes) -> tuple:
    "`(uint8 images, (a, b))`: pixels are `a * value + b`; `images` is a tensor (n, channels, H, W) or a list of n"
    p = _as_planes(torch.stack([torch.as_tensor(o).as_subclass(torch.Tensor) for o in images]).detach().cpu())
    a, b = 1., 0.
    if p.is_floating_point():
        p = p.float()
        low, high = (float(v) for v in p.nan_to_num().aminmax())
        if low >= -0.01 and high <= 1.01: a = 255.
        elif low < 0 or high > 255 or high <= 16: # neither shares nor bytes
            a, b = 255 / max(high - low, 1e-12), -255 * low / max(high - low, 1e-12)
            notes.append('images are shown from their smallest to their largest value')
    p = p.float() * a + b
    if p.shape[1] not in (1, 3): notes.append(f'of {p.shape[1]} channels the first one is shown')
    return [as_image(o) for o in F.interpolate(p, scaled(p.shape[2:]), mode='area')], (a, b)


def scaled(size) -> tuple:
    "Height and width as shown"
    factor = min(1., SIDE / max(size))
    return tuple(max(1, round(s * factor)) for s in size)


def line_between(y, decoded, a, b) -> tuple:
    "What turns the model's values `y` into pixels, channel by channel: the inverse of a normalisation, for instance"
    decoded = torch.stack([torch.as_tensor(o).as_subclass(torch.Tensor) for o in decoded])
    y, p = (t.float().transpose(0, 1).flatten(1) for t in (y, decoded))
    centred = y - y.mean(1, True)
    slope = (centred * (p - p.mean(1, True))).sum(1) / centred.square().sum(1).clamp(min=1e-12)
    return (slope * a).tolist(), ((p.mean(1) - slope * y.mean(1)) * a + b).tolist()
