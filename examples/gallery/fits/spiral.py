from fastsgd import *
import torch
from fastai.basics import *

set_seed(1)
dls = spiral_dls(n=300, arms=3, bs=50, seed=1)
model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
halves = lambda model: [params(model[:2]), params(model[2:])] # two groups of parameters, each with a learning rate
