"""Where a fit is, as its recorder knows it."""

from enum import Enum

Phase = Enum('Phase', 'idle lazy recording failed') # lazy: parameters get their shapes in the first forward pass


class Now:
    "Where the fit is. Not on the callback: fastai looks up each assignment there in Learner and model."
    __slots__ = ('phase', 'losses', 'lr', 'hypers', 'asked', 'opt', 'watch', 'frozen', 'held', 'gan')
    def __init__(self):
        self.phase, self.opt = Phase.idle, None # the optimiser whose steps are counted
        self.watch = None # until the first batch of a fit has shown which part of the output the loss sees
        self.lr, self.hypers = 0., None # of the coming step
        self.held = True # does the optimiser hold the model's own parameters?
        self.gan = None # fastai's GANTrainer, where the Learner is a GAN
        self.frozen = 0 # parameter groups that the optimiser leaves alone
        self.losses = [] # (loss, targets) of each batch whose gradient goes into the coming step
        self.asked = -1 # the step that the optimiser was asked for, while it is under way


class Counted:
    "Stand for `opt.step` while a fit is recorded: whoever calls it, fastai or a callback, the step counts"
    def __init__(self, step, recorder): self.step, self.recorder = step, recorder

    def __call__(self, *args, **kwargs):
        self.recorder._try(self.recorder._ask)
        res = self.step(*args, **kwargs)
        self.recorder._try(self.recorder._count)
        return res
