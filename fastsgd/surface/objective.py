"""`Objective`: the loss of one model over fixed data, at many points. No fastai, no matplotlib."""

import math
import random
import warnings
import weakref
from contextlib import nullcontext

import torch
from torch import nn

from ..progress import Progress
from ..random_state import random_state_kept, seed_all
from ..trajectory.answers import adds_up, layers_of
from ..trajectory.batches import Source
from ..trajectory.models import copy_model, unwrapped
from .fastest import SEVERAL, Race, Runner, checked_loop, fastest
from .pieces import Pieces, concatenated, cut, rows_of
from .points import PlanePoints
from .work import TooMuch, Work, counted

MAX_BYTES = 2**28


def check_loss(loss_func, model):
    "Raise ValueError where the loss itself calls the model, as a GAN's does: it would not see the weights of a point"
    own = {id(p): n for n, p in unwrapped(model).named_parameters()}
    for part in layers_of(loss_func):
        names = [own[id(p)] for p in part.parameters() if id(p) in own] if isinstance(part, nn.Module) else []
        if names: raise ValueError(f"the loss holds {names[0]!r} of the model itself, as a GAN's does: there is no "
                                   'loss of other points')


class Objective:
    """The mean loss over `batches` as a function of flat parameters, evaluated in evaluation mode without gradients.

    Works on copies of the model. Where all samples at once would exceed `max_bytes`, the model takes them in pieces;
    the loss always gets all outputs, since it alone knows how to weigh them. `method` is the way it goes, 'vmap' or
    'loop'.
    """
    def __init__(self,
        model: nn.Module, # Its parameters' values don't matter
        loss_func, # Of predictions and targets; batches of different shapes are averaged over samples, or summed
        batches: list, # `(xs, ys)`, tuples of tensors
        buffers: dict | None = None, # Name -> tensor; None: the model's own
        max_bytes: int = MAX_BYTES, # Budget for parameters and activations in flight
        seed: int = 0, # For a model that is random also in evaluation mode: each point sees the same noise
        source: Source | None = None, # What these are samples of; None: they are all
    ):
        check_loss(loss_func, model)
        self.loss_func, self.max_bytes, self.seed = loss_func, max_bytes, seed
        self.source = source or Source(sum(map(rows_of, batches)))
        self.original, self.template = weakref.ref(unwrapped(model)), copy_model(model, None)
        for n, b in self.template.named_buffers():
            if n in (buffers or {}): b.copy_(buffers[n])
        params = list(self.template.parameters())
        self.size, self.device = sum(p.numel() for p in params), params[0].device
        self.dtype = torch.cat([p.reshape(-1)[:1] for p in params]).dtype
        self.data = [tuple(tuple(t.detach().as_subclass(torch.Tensor).to(self.device) for t in side) for side in b)
                     for b in batches]
        self.pieces, self.loop, self.races, self.method = None, None, {}, 'loop'
        # a module may work in place on its input, or draw from Python's random numbers: known after a call
        self.copies_inputs, self.inputs_written, self.seeds_python = True, False, True

    def fresh_model(self) -> nn.Module:
        "A copy of the model, to be changed at will"
        return copy_model(self.template, None)

    @property
    def has_buffers(self) -> bool:
        "Does the model have buffers of fractional numbers, such as BatchNorm's statistics?"
        return any(b.is_floating_point() for b in self.template.buffers())

    @property
    def n_samples(self) -> int:
        "How many samples the loss is taken over"
        return sum(map(rows_of, self.data)) if self.pieces is None else self.pieces.n_samples

    @property
    def told(self) -> str:
        "What the loss is taken over, in words"
        return f'{"sum" if self.summed else "mean"} over {self.source.told(self.n_samples)}'

    @property
    def summed(self) -> bool:
        "Does the loss add samples up, so that batches of different shapes are added too?"
        return adds_up(self.loss_func)

    # -- at one point

    def call(self, model, xs):
        "What the model says to `xs`"
        self.begin(model)
        return model(*(x.clone() for x in xs))

    def begin(self, model):
        "The same noise and no hidden state for each call"
        seed_all(self.seed, self.seeds_python)
        if callable(getattr(model, 'reset', None)): model.reset() # fastai's convention

    def loss(self, model, forward, during_loss=nullcontext) -> torch.Tensor:
        "The loss with the outputs of `forward(xs, piece)`, `piece` being a number"
        total = None
        for out, batch in self.outputs(model, forward):
            with during_loss():
                loss = self.loss_of(out, batch.ys).double()
                if batch.share != 1: loss = loss * batch.share
                total = loss if total is None else total + loss
        return total

    def outputs(self, model, forward):
        "For each batch, what the model says to all of it, and the batch"
        piece = 0
        for batch in self.pieces.batches:
            outputs = []
            for xs in batch.pieces:
                self.begin(model)
                own = tuple(x.clone() for x in xs) if self.copies_inputs else xs
                outputs.append(forward(own, piece))
                if self.copies_inputs: self.inputs_written |= any(x._version for x in own)
                piece += 1
            yield concatenated(outputs), batch

    def loss_of(self, output, ys):
        loss = self.loss_func(output, *ys).as_subclass(torch.Tensor)
        return loss.mean() if loss.dim() else loss

    def work(self, samples: int, most=math.inf) -> Work:
        """Count the work for some samples of the first batch: on a device without numbers, else where the data is.

        Raises TooMuch for more than `most` operators.
        """
        xs, ys = cut(self.data[0], 0, samples)
        with random_state_kept(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            for device in ('meta', self.device):
                model = self.fresh_model().to(device)
                x, y = ([t.to(device) for t in side] for side in (xs, ys))
                try: return counted(lambda m=model, x=x, y=y: self.loss_of(self.call(m, x), y), most=most).work
                except TooMuch: raise
                except Exception: # a model that looks at numbers
                    if device != 'meta': raise

    # -- at many

    @torch.no_grad()
    def __call__(self,
        points, # `PlanePoints`, `VectorPoints` or `TrajectoryPoints`
        make_way=None, # Of this objective: the way to go; None: the fastest
        keep=None, # Called with each part of the losses; returns what to write beside the bar
    ) -> torch.Tensor: # Shape (points,), or what the way makes, float64, on the CPU
        "The loss at each point. Shows a progress bar when it takes long; the random state is kept."
        n, res = len(points), []
        if not n: return torch.empty(0, dtype=torch.float64)
        with random_state_kept(), warnings.catch_warnings(), Progress(n) as bar:
            # a slow stand-in for an operation without a rule of its own is still right; weights of a GPU's RNN may lie
            # apart
            warnings.filterwarnings('ignore', message='There is a performance drop|RNN module weights are not part')
            self._prepare(points)
            race = self._race(points) if make_way is None else Race([Runner(make_way(self), 1)], self.device)
            done = 0
            while done < n:
                res.append(race.run(points, done))
                done += len(res[-1])
                if keep is not None: bar.comment = keep(res[-1])
                bar.update(done)
                if make_way is None: self.method = race.best.way.method
        return torch.cat(res)

    def _prepare(self, points):
        if self.loop is not None: return
        model = self.fresh_model()
        self.pieces = Pieces(lambda xs: self.call(model, xs), self.data, self.max_bytes, self.summed,
                             self.seed)
        random.seed(self.seed)
        state = random.getstate()
        self.loop, self.cost = checked_loop(self, points)
        self.copies_inputs, self.seeds_python = self.inputs_written, random.getstate() != state

    def _race(self, points) -> Race:
        "The ways to go on: those that are known for a plane, or the loop"
        plane = points.plane if isinstance(points, PlanePoints) else None
        if points.buffers_at(0) or plane not in self.races and len(points) < SEVERAL:
            return Race([Runner(self.loop, 1)], self.device)
        if plane not in self.races: self.races[plane] = fastest(self, points)
        return self.races[plane]
