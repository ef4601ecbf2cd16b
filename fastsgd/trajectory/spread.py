"""`evenly`: fewer of many, evenly spread. Torch only."""

import torch


def evenly(low: int, high: int, most: int) -> torch.Tensor: # int64, in order
    "At most `most` of the whole numbers from `low` to `high`, evenly spread, both ends among them if `most` is above 1"
    return torch.linspace(low, high, min(int(most), high - low + 1), dtype=torch.float64).round().long()
