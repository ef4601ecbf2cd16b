"""`Activations`: what the modules of a model answer along a fit, asked afterwards of its points. Torch only."""

import difflib
import weakref
from dataclasses import dataclass

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from .models import _ANSWERING, Answering, unwrapped

VALUES = 8192 # of a module at a point that are kept for histograms, evenly picked: more change nothing that one sees
RELUS = F.relu, F.relu_, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_, F.relu6


@dataclass
class Activations:
    "What some modules answered at some points: each table has a row for each point and a column for each module"
    names: list # of the modules, in the order of the model
    kinds: list # what they are, 'Linear' for instance
    points: torch.Tensor # that were asked, shape (k,)
    mean: torch.Tensor # over all items and units, shape (k, modules)
    std: torch.Tensor # standard deviation, likewise
    dead: torch.Tensor # share of units that no item gets through the ReLU; NaN where none follows
    values: list # for each module a sample of its answers, shape (k, values)


class _Watch(TorchFunctionMode):
    "Sees which answers go into a ReLU just as they are"
    def __init__(self):
        super().__init__()
        self.answers, self.into_relu = {}, set() # id of a tensor -> (whose answer it is, the tensor, its version)

    def saw(self, name, out): self.answers[id(out)] = name, weakref.ref(out), out._version

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in RELUS and args:
            name, ref, version = self.answers.get(id(args[0]), (None, None, None))
            if name is not None and ref() is args[0] and args[0]._version == version: self.into_relu.add(name)
        return func(*args, **(kwargs or {}))


def modules_of(
    traj, # A `Trajectory` with a model
    names=None, # Of modules; None: those with parameters of their own
) -> list:
    "Names of the modules to ask. Raises ValueError for one that the model does not have."
    if traj.model is None:
        raise ValueError('this trajectory has no model: give one with Trajectory.load(path, model)')
    known = dict(unwrapped(traj.model).named_modules())
    if names is None: return [n for n, m in known.items() if any(p is not None for p in m._parameters.values())]
    for name in names:
        if name in known: continue
        near = difflib.get_close_matches(str(name), known, 8, 0) or list(known)[:8]
        raise ValueError(f'names has {name!r}: expected names of modules, such as {", ".join(map(repr, near))}')
    return [n for n in known if n in names]


def ask_modules(
    traj, # A `Trajectory` with a model
    xs: tuple, # Inputs of the model
    names: list, # Of modules; those that are never called are left out
    points, # Points to ask
) -> Activations:
    "Let the model answer at each of `points`, in evaluation mode, and look at its modules. Raises ValueError for none."
    if traj._answering is None: traj._answering = Answering(traj.model, traj.point(0))
    seen = [_answers(traj, int(i), xs, names) for i in points]
    called = [n for n in names if all(n in at for at in seen)]
    if not called: raise ValueError('none of these modules answers with numbers: expected modules that the model calls')
    table = lambda k: torch.tensor([[at[n][k] for n in called] for at in seen], dtype=torch.float64)
    modules = dict(traj._answering.model.named_modules())
    return Activations(called, [type(modules[n]).__name__ for n in called], torch.as_tensor(points),
                       *map(table, range(3)), [torch.stack([at[n][3] for at in seen]) for n in called])


def _answers(traj, i, xs, names):
    "Name -> `(mean, std, share of dead units, some values)` at point `i`"
    watch, res, units = _Watch(), {}, {}

    def hook(name):
        def look(module, args, out):
            found = [t for t in tree_leaves(out) if isinstance(t, torch.Tensor) and t.is_floating_point() and t.numel()]
            if not found: return
            out = found[0]
            watch.saw(name, out)
            std, mean = torch.std_mean(out.float(), correction=0)
            every = -(-out.numel() // VALUES)
            res[name] = [float(mean), float(std), float('nan'), out.reshape(-1)[::every].float().clone()]
            closed = out.reshape(-1, 1) <= 0 if out.ndim < 2 else out <= 0
            units[name] = float(closed.movedim(_units_axis(module, out), 0).flatten(1).all(1).double().mean())
            if isinstance(module, torch.nn.ReLU): watch.into_relu.add(name)
        return look

    with _ANSWERING:
        modules = dict(traj._answering.model.named_modules())
        handles = [modules[n].register_forward_hook(hook(n)) for n in names if n in modules]
        try:
            with watch: traj.predict(i, *xs)
        finally:
            for handle in handles: handle.remove()
    for name in watch.into_relu & res.keys(): res[name][2] = units[name]
    return res


def _units_axis(module, out):
    "Which dimension of `out` counts units: channels come second, features last"
    weight = getattr(module, 'weight', None)
    channels = isinstance(weight, torch.Tensor) and weight.ndim > 2 or hasattr(module, 'num_features')
    return 1 if out.ndim > 3 or channels else -1
