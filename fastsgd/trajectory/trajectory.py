"""`Trajectory`: what happened in a fit. Knows torch, and neither fastai nor matplotlib."""

import copy
from collections.abc import Mapping
from pathlib import Path

import torch

from ..checks import as_whole, check_flag, check_max_frames, check_string, check_type, check_whole
from . import arguments as a
from .columns import as_columns
from .health import HowItWent
from .models import Answering, stacked
from .norms import HowFast, Updates
from .samples import Samples
from .spread import evenly
from .tables import html_table, one_line, trajectory_df, trajectory_rows

SELDOM_ASKED = {'aliases', 'as_recorded', 'denser', 'drawn_from', 'index', 'persistent', 'shown'}


class Trajectory(HowItWent, HowFast):
    """The parameters of a model along a fit: n optimiser steps give n + 1 points and n losses.

    Point 0 is the initial state and the last point is the model as it stood; `losses[i]` is the raw loss of batch i at
    the parameters of step i. When points were left out (`steps` tells which are there), losses are still complete.
    Raises ValueError for arguments that do not fit together, TypeError for those of another kind.

    >>> import torch
    >>> traj = Trajectory({'a': torch.rand(3, 2)}, losses=[2., 1.], lrs=[0.1, 0.1])
    >>> traj
    Trajectory: 2 steps, 2 parameters, loss 2 to 1
    >>> traj.flat.shape, traj.to_df().shape
    (torch.Size([3, 2]), (3, 5))
    """
    def __init__(self,
        params: Mapping, # Name -> tensor of shape (points, *shape)
        steps=None, # Optimiser step of each point, shape (points,); None: one point per step
        losses=(), # Raw loss of each step, shape (n,)
        lrs=(), # Learning rate of each step, that of the last parameter group, shape (n,)
        buffers: Mapping | None = None, # Name -> tensor of shape (points, *shape)
        *,
        model: torch.nn.Module | None = None, # The architecture, for `predict`; its own weights don't matter
        loss_func=None, # The loss of predictions and targets
        data: tuple | None = None, # `(xs, ys)`: a sample of the training data, tensors or tuples of them
        batches: dict | None = None, # Step -> `(xs, ys)`, the batch of that step
        valid: tuple | None = None, # `(steps, losses)` of the validations, both of shape (validations,)
        aliases: dict | None = None, # Other name -> name, for shared parameters
        persistent: frozenset | None = None, # Names of `model.state_dict()`; None: all
        label: str = '', # What to call this fit beside others
        samples: Samples | None = None, # A few items to look at
        metrics: dict | None = None, # Name -> `(steps, values)`, two 1-D tensors: what was measured, and when
        epochs=None, # Steps that were taken when each epoch ended, shape (epochs,)
        breaks=None, # Steps at which other weights were loaded: no step leads to these points
        hypers: dict | None = None, # Name, such as 'lr' or 'mom' -> tensor (steps, parameter groups)
        groups=(), # Names of the parameter groups
        marks=(), # `(step, kind)`: 'fit' where a further one begins, 'freeze' and 'unfreeze' where it trains others
        parts: Mapping | None = None, # Name -> the steps whose loss is that of this part: a GAN's generator and critic
        ragged=(), # Further data: `(xs, ys)` in a list, samples of other shapes than those in `data`, such as texts
        grad_norms: Mapping | None = None, # Name -> norm of its gradient at each step, NaN for none, shape (n,)
        update_norms: Mapping | None = None, # Name -> how far each step moved it, (n,); None: as points tell
        drawn_from=None, # `(samples, at_random)`: what `data` is a part of, 0 where unknown; None: it is all
    ):
        self.params = as_columns('params', params)
        self.buffers = as_columns('buffers', {} if buffers is None else buffers)
        if not self.params: raise ValueError('params is empty: expected at least one name -> tensor (points, *shape)')
        self.steps = torch.arange(self.params.n_points) if steps is None else a.steps_of('steps', steps)
        self.losses, self.lrs = a.series('losses', losses), a.series('lrs', lrs)
        a.check_model(model, loss_func)
        self.model, self.loss_func, self.label = model, loss_func, check_string('label', label)
        self.data, self.ragged, self.drawn_from = *a.check_data(data, ragged), a.check_drawn_from(drawn_from)
        self.batches, self.valid = a.check_batches(batches), a.measured('valid', ([], []) if valid is None else valid)
        self.aliases, self.persistent, self.groups = a.check_names_of(aliases, persistent, groups)
        self.samples = None if samples is None else check_type('samples', samples, Samples, 'Samples, or None')
        metrics = a.named('metrics', metrics, 'a dict, name -> (steps, values)')
        self.metrics = {n: a.measured(f'metrics[{n!r}]', pair) for n, pair in metrics.items()}
        self.hypers, self.marks, self._answering = a.check_hypers(hypers), a.check_marks(marks), None
        self.parts = a.check_parts(parts, len(self.losses))
        self.epochs, self.breaks = (a.whole_series(name, [] if given is None else given)
                                    for name, given in (('epochs', epochs), ('breaks', breaks)))
        self.denser = None # the fit with all its points, where this one was thinned for display: for lines
        self.shown = self.steps # that each point stands for: later than its own where the next one was not kept
        self.as_recorded = True # all points that were kept are here
        a.check_counts(self)
        self.grad_norms, moved = (a.check_norms(name, given, self.params, self.n_steps) for name, given
                                  in (('grad_norms', grad_norms), ('update_norms', update_norms)))
        self._updates = Updates(self.params, self.steps, self.breaks, moved)

    def __len__(self): return len(self.steps)

    def __dir__(self):
        "List what a person may ask for, without the rest that files, models and films need"
        return [name for name in object.__dir__(self) if name not in SELDOM_ASKED]

    @property
    def n_steps(self) -> int:
        "Optimiser steps that were taken, kept as a point or not"
        return max(len(self.losses), int(self.steps[-1]) if len(self) else 0)

    @property
    def flat(self) -> torch.Tensor:
        "All parameters in a row, shape (points, P), in the order of `params`"
        return self.params.flat()

    @property
    def sizes(self) -> dict:
        "Shape of each parameter by name"
        return {n: t.shape for n, t in self.params.first.items()}

    @property
    def n_params(self) -> int:
        "How many numbers the parameters have in all"
        return sum(t.numel() for t in self.params.first.values())

    def index(self,
        i: int, # A point; negative ones count from the end
    ) -> int:
        "Point `i` counted from the start. Raises IndexError for a point that is not there, ValueError for no integer."
        i = check_whole('i', i)
        if not -len(self) <= i < len(self):
            raise IndexError(f'point {i} does not exist: this trajectory has {len(self)} points, 0 to {len(self) - 1}')
        return i % len(self)

    def point(self,
        i: int = -1, # A point
    ) -> dict: # Name -> tensor, views of the record: clone what is to be written to
        "Parameters and buffers at point `i`, without a copy. Raises IndexError for a point that does not exist."
        i = self.index(i)
        return {**self.params.point(i), **self.buffers.point(i)}

    def state(self,
        i: int = -1, # A point
    ) -> dict: # Name -> tensor, copies
        "The model's `state_dict` at point `i`. Raises IndexError for a point that does not exist."
        res = {n: t.clone() for n, t in self.point(i).items()}
        res.update({other: res[n] for other, n in self.aliases.items()})
        return res if self.persistent is None else {n: t for n, t in res.items() if n in self.persistent}

    def predict(self,
        i, # A point, or several as a slice or a sequence
        *x: torch.Tensor, # Inputs of the model; tuples, lists and dicts of tensors too
    ) -> torch.Tensor: # What the model answers; of several points stacked, (k, ...); of tuples and dicts each part
        """Let the model answer as it stood at point `i`, in evaluation mode, on the CPU.

        A copy of the model answers: neither your model nor the record nor `x` is written to. A model with a `reset`
        method is reset first. Raises ValueError without a model or for one of another shape, and for no point;
        IndexError for a point that does not exist, TypeError for outputs that can't be stacked.
        """
        if self.model is None:
            raise ValueError('this trajectory has no model: give one with Trajectory.load(path, model)')
        one = as_whole(i) is not None
        points = [i] if one else range(len(self))[i] if isinstance(i, slice) else a.points_of(i)
        points = [self.index(k) for k in points]
        if not points: raise ValueError(f'i={i!r} holds no point: expected at least one of 0 to {len(self) - 1}')
        if self._answering is None: self._answering = Answering(self.model, self.point(0))
        outs = [self._answering.answer(self.point(k), x) for k in points]
        return outs[0] if one else stacked(outs)

    def take(self,
        idxs, # Points to keep, in this order; negative ones count from the end
    ) -> 'Trajectory':
        """The same fit with only these points; losses and learning rates stay complete.

        Raises IndexError for a point that does not exist, ValueError for anything but whole numbers in a row.
        """
        idxs = a.whole_series('idxs', idxs, (0, 2))
        for i in idxs[(idxs < -len(self)) | (idxs >= len(self))].tolist(): self.index(i)
        idxs = idxs.to(torch.int64) % max(len(self), 1)
        res = copy.copy(self)
        res.params, res.buffers, res.steps = self.params.take(idxs), self.buffers.take(idxs), self.steps[idxs]
        res.denser, res.shown, res.as_recorded = None, self.shown[idxs], False
        return res

    def thin(self,
        max_frames: int, # Points at the most
    ) -> 'Trajectory':
        "The same fit with points evenly spread, first and last kept. Raises ValueError below 2."
        check_max_frames(max_frames)
        if len(self) <= max_frames: return self
        return self.take(evenly(0, len(self) - 1, max_frames))

    def at(self,
        steps, # Optimiser steps
    ) -> 'Trajectory':
        """The same fit with one point for each of `steps`, as `shown` says: the last one recorded by then.

        Raises ValueError for a single step.
        """
        steps = a.whole_series('steps', steps, (0, 10))
        res = self.take((torch.searchsorted(self.steps, steps, right=True) - 1).clamp(min=0))
        res.shown = steps.clamp(max=self.n_steps).maximum(res.steps)
        return res

    def loss(self,
        i: int, # A point
    ) -> float:
        """The raw loss at point `i`; at the last point, whose batch never came, that of the step before; else NaN.

        Raises IndexError for a point that does not exist.
        """
        step = int(self.shown[self.index(i)])
        return float(self.losses[min(step, len(self.losses) - 1)]) if len(self.losses) else float('nan')

    def save(self,
        path, # File to write; what was there is replaced whole or not at all
        data: bool = True, # Include what was recorded of the data? Not if others, who get the file, must not see it
    ) -> Path:
        """Write everything but `model` and `loss_func` to a safetensors file; no pickle. Returns the path.

        Raises ValueError for what the format can't hold and for anything but a plain file, OSError as the system does.
        """
        from .storage import save
        return save(self, path, check_flag('data', data))

    @classmethod
    def from_states(cls,
        states: list, # State dicts, one for each point
        model: torch.nn.Module | None = None, # Says what is a buffer; None: what is not fractional
        **context, # Further arguments of `Trajectory`: `losses`, `lrs`, `steps`, `loss_func`, `data`, ...
    ) -> 'Trajectory':
        "A fit from checkpoints. Raises ValueError or TypeError unless they are state dicts of one model."
        from .states import from_states
        return from_states(cls, states, model, **context)

    @classmethod
    def load(cls,
        path, # File that `save` wrote
        model: torch.nn.Module | None = None, # The architecture, for `predict`; its own weights don't matter
        loss_func=None, # The loss of predictions and targets
    ) -> 'Trajectory':
        """Read what `save` wrote; nothing in the file is executed.

        Raises ValueError with the reason for anything else, FileNotFoundError or IsADirectoryError without a file.
        """
        from .storage import load
        return load(cls, path, model=model, loss_func=loss_func)

    def __repr__(self): return one_line(self)
    def _repr_html_(self): return html_table('Trajectory', trajectory_rows(self))

    def to_df(self,
        max_params: int = 20, # Single parameters at the most, the first ones
    ):
        """Return a pandas `DataFrame`, a row for each point: step, loss, lr, valid_loss if there was one, parameters.

        `loss` and `lr` are those of the step that began at this point: NaN at the last one; a parameter of such a name
        becomes `param.loss`. Raises ImportError without pandas, ValueError below 0.
        """
        return trajectory_df(self, check_whole('max_params', max_params, 0, example=20))
