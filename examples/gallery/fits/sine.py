from fastsgd import *
import torch
from fastai.basics import *

set_seed(1)
dls = sine_dls(n=100, noise=0.2, bs=20, seed=1)
model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
