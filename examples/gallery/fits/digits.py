from fastsgd import *
import torch
from fastai.basics import *
from sklearn.datasets import load_digits

digits = load_digits() # 1,797 images of 8 × 8 pixels
x = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
dls = tensor_dls((x[:1400], y[:1400]), (x[1400:], y[1400:]), bs=128, seed=1)
set_seed(2)
model = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
                      nn.Flatten(), nn.Linear(256, 10))
