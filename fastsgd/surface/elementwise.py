"""Functions of single numbers, such as activations, in the place of their input where that saves time. Torch only."""

import time
from functools import cache

import torch
import torch.nn.functional as F

NAMES = ('relu tanh sigmoid gelu silu leaky_relu elu selu celu softplus mish hardtanh relu6 hardswish hardsigmoid '
         'softsign logsigmoid sin cos exp abs square').split()
# by what is called: the name of what it does
ELEMENTWISE = {getattr(o, n): n for n in NAMES for o in (F, torch, torch.Tensor) if hasattr(o, n)}


def in_place(x, func, args, kwargs) -> torch.Tensor:
    "What `func(x, *args, **kwargs)` answers, in the place of `x` if it can be there"
    name = ELEMENTWISE[func]
    if name == 'tanh' and x.device.type == 'cpu' and sigmoid_is_quicker(): return tanh_by_sigmoid_(x)
    if name in ('relu', 'tanh', 'sigmoid'): return getattr(torch, f'{name}_')(x)
    return func(x, *args, **kwargs)


def tanh_by_sigmoid_(x) -> torch.Tensor:
    "tanh, but for the last digits of a number around 1"
    return x.mul_(2).sigmoid_().mul_(2).sub_(1)


@cache
def sigmoid_is_quicker() -> bool:
    "Does this processor take less time for tanh by way of a sigmoid? One takes a quarter, another one twice as long."
    x, seconds = torch.empty(2**14), []
    for function in (torch.tanh_, tanh_by_sigmoid_):
        for _ in range(5):
            x.fill_(0.5)
            begin = time.perf_counter()
            function(x)
            seconds.append(time.perf_counter() - begin)
    return min(seconds[5:]) < min(seconds[:5])
