from fastsgd import *
import torch
from fastai.basics import *

dls = linear_dls(bs=20, seed=1)
