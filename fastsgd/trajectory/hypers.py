"""`Hypers`: what the optimiser was told for each parameter group, step by step. Torch only."""

import math
from array import array

import torch


class Hypers:
    "Learning rate, momentum and the like of each parameter group; NaN for steps at which there was no such group"
    def __init__(self): self.columns, self.groups = {}, [] # (name, group) -> numbers; names of the groups

    def add(self, n: int, values: dict):
        "Record name -> one number for each group, for the step that follows `n` others. Raises TypeError for others."
        good = isinstance(values, dict) and all(isinstance(groups, (list, tuple)) for groups in values.values())
        if not good or not all(isinstance(v, (int, float)) for groups in values.values() for v in groups):
            raise TypeError(f'hypers={values!r:.100}: expected a dict, name -> a number for each parameter group')
        for name, groups in values.items():
            for k, value in enumerate(groups):
                column = self.columns.setdefault((name, k), array('d'))
                if len(column) != n: # an interrupt left one more, or the optimiser had fewer groups
                    del column[n:]
                    column.extend([math.nan] * (n - len(column)))
                column.append(value)

    def series(self, n: int) -> dict:
        "Name -> tensor (steps, groups)"
        res = {}
        for name in dict.fromkeys(name for name, _ in self.columns):
            columns = [c[:n] for (of, _), c in self.columns.items() if of == name]
            res[name] = torch.tensor([[*c, *[math.nan] * (n - len(c))] for c in columns], dtype=torch.float64).T
        return res
