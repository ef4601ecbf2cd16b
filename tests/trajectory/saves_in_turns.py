"""Save fits at one path, one after another, until stdin is closed: `saves_in_turns.py PATH NUMBER`."""

import select
import sys

import torch

from fastsgd.trajectory import Trajectory

path, number = sys.argv[1], int(sys.argv[2])
k = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    value, k = 100. * number + k % 50, k + 1
    n = 3 + k % 7
    Trajectory({'a': torch.full((n + 1, 50), value)}, losses=torch.full((n,), value), lrs=torch.ones(n),
               label=f'{value:g}').save(path)
