"""`Measures`: what was measured in a fit besides the loss of each step, and where its epochs end. Torch only."""

from collections.abc import Mapping

import torch

from ..checks import check_flag, check_number, check_type


class Measures:
    "Name -> values and the steps at which they were measured; the steps at which epochs ended"
    def __init__(self): self.by_name, self.epochs = {}, []

    def add(self,
        step: int, # Steps that were taken by now
        values: dict, # Name -> number
        epoch_ends: bool = False, # Was this the last step of an epoch?
    ):
        "Keep what was measured at `step`. Raises TypeError or ValueError for anything but numbers."
        given = check_type('values', values, Mapping, 'a dict, name -> number').items()
        numbers = {name: v if type(v) is float else
                   check_number(f'values[{name!r}]', v, finite=False, example=0.5) for name, v in given}
        epoch_ends = check_flag('epoch_ends', epoch_ends)
        for name, value in numbers.items(): self.by_name.setdefault(str(name), []).append((step, value))
        if epoch_ends and step > (self.epochs[-1] if self.epochs else 0): self.epochs.append(step)

    def series(self) -> dict: # Name -> (steps, values)
        "All that was measured, as tensors"
        columns = {name: list(zip(*pairs)) for name, pairs in self.by_name.items()}
        return {name: (torch.tensor(steps, dtype=torch.int64), torch.tensor(values, dtype=torch.float64))
                for name, (steps, values) in columns.items()}
