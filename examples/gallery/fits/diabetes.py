from fastsgd import *
import torch
from fastai.basics import *
from sklearn.datasets import load_diabetes

x, y = load_diabetes(return_X_y=True) # ten measures of 442 people, and how far their illness went in a year
x = torch.tensor(x / x.std(0), dtype=torch.float32)
y = torch.tensor(y[:, None], dtype=torch.float32)
dls = tensor_dls((x[:342], y[:342]), (x[342:], y[342:]), bs=64, seed=1)
set_seed(1)
model = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 1), SigmoidRange(0, 360))
