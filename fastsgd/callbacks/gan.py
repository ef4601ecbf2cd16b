"""A GAN's Learner: whose loss a step has, and which way round a batch is."""

from .base import types_of


def trainer_of(learn):
    "fastai's `GANTrainer`, which has generator and critic take turns; None for any other Learner"
    return next((cb for cb in learn.cbs if 'GANTrainer' in types_of(cb)), None)


def part_of(trainer) -> str:
    "Whose turn it is, '' where there are no turns"
    return '' if trainer is None else 'generator' if trainer.gen_mode else 'critic'


def batch_of(learn, trainer) -> tuple:
    "`(xs, ys)` as the data have them: a critic takes the images for its input, and the noise comes as target"
    return (learn.yb, learn.xb) if part_of(trainer) == 'critic' else (learn.xb, learn.yb)
