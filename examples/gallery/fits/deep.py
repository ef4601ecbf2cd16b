from fastsgd import *
import torch
from fastai.basics import *

set_seed(1)
dls = moons_dls(n=400, bs=50, seed=1)
layers = [nn.Linear(2, 16), nn.Sigmoid()]
for _ in range(4): layers += [nn.Linear(16, 16), nn.Sigmoid()]
model = nn.Sequential(*layers, nn.Linear(16, 2))
