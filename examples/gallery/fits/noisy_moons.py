from fastsgd import *
import torch
from fastai.basics import *

set_seed(1)
dls = moons_dls(n=60, noise=0.4, n_valid=300, seed=1) # few points, and two classes that overlap
model = nn.Sequential(nn.Linear(2, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 2))
