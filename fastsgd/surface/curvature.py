"""`sharpness`: how curved the loss is along a fit, by products with its Hessian. Torch only."""

from typing import NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..checks import check_type, check_whole
from ..progress import Progress
from ..random_state import random_state_kept, within_64_bits
from ..trajectory import Trajectory
from ..trajectory.models import unwrapped
from ..trajectory.spread import evenly
from .objective import MAX_BYTES, Objective
from .paths import check_parameters, model_and_loss_of
from .pieces import shares_of
from .sampling import sample_batches

ITERATIONS = 100 # of Lanczos at the most: some 20 do, where one direction is much sharper than all others
VECTOR_BYTES = 2**28 # that its vectors may take
FEW = 12 # before which a vector that hides from the first one may be missed
CLOSE = 1e-3 # of the eigenvalue: how large its remainder may be


class Sharpness(NamedTuple):
    """The largest eigenvalue of the loss's Hessian at some points of a fit.

    Full-batch gradient descent is stable where it is below 2 / learning rate.
    """
    steps: torch.Tensor # Optimiser steps, shape (k,)
    values: torch.Tensor # Largest eigenvalues at these steps, shape (k,), float64; NaN where the loss is not finite
    note: str # What the loss was taken over


def sharpness(
    learn, # A learner with a recorded fit, or a Trajectory
    n: int = 20, # Points of the fit at the most, evenly spread, first and last among them
    data=None, # `(xs, ys)`, or a DataLoader; None: the training data
    max_samples: int = 1000, # Of the data, a random sample where there are more
    seed: int = 0, # Of that sample, of the first vector, and of a model that is random also in evaluation mode
) -> Sharpness:
    """The sharpness along a fit: the largest eigenvalue of the Hessian of the mean loss, in evaluation mode.

    By the Lanczos method with products of Hessian and vector; frozen parameters stay out. Cohen et al. 2021 (arXiv
    2103.00065) show why it rises to 2 / learning rate. Shows a progress bar when it takes long; model and random state
    stay as they are. Raises ValueError without a recorded fit, model, loss function, data or second derivative,
    TypeError for another `learn`.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> sharp = sharpness(learn, n=5)
    >>> sharp.steps, sharp.values.shape
    (tensor([ 0,  5, 10, 15, 20]), torch.Size([5]))
    """
    n = check_whole('n', n, 1, cap=10**6, example=20)
    check_whole('seed', seed)
    curved, traj = _curvature(learn, data, check_whole('max_samples', max_samples, 1, cap=2**62, example=1000), seed)
    at = evenly(0, len(traj) - 1, n).tolist()
    values = []
    with Progress(len(at)) as bar:
        for i in at:
            values.append(curved.largest(traj.point(i), 1)[0][0])
            bar.step()
    return Sharpness(traj.steps[at], torch.tensor(values, dtype=torch.float64), curved.note)


def sharpest_directions(learn, i, data, max_samples, seed) -> tuple:
    "`(state, two eigenvalues, two directions, flat)` at point `i`"
    curved, traj = _curvature(learn, data, max_samples, seed)
    values, vectors = curved.largest(traj.point(i), 2)
    if len(values) < 2: raise ValueError('the loss is curved along one direction only: there is no plane of two')
    full = torch.zeros(2, traj.n_params)
    full[:, curved.moving] = vectors.float()
    return {n: t for n, t in traj.point(i).items() if n in traj.params}, values, full


def _curvature(learn, data, max_samples, seed):
    traj = learn
    if not isinstance(learn, Trajectory): traj = getattr(getattr(learn, 'record_params', None), 'trajectory', None)
    if traj is None and not hasattr(learn, 'loss_func'):
        check_type('learn', learn, Trajectory, 'a learner with a recorded fit, or a Trajectory')
    if traj is None or not len(traj): raise ValueError('there is no recorded fit: fit with RecordParamsCallback first')
    check_parameters(traj, unwrapped(model_and_loss_of(traj)[0]))
    return Curvature(traj, *sample_batches(learn, [traj], data, max_samples, MAX_BYTES, seed), seed), traj


class Curvature:
    "The curvature of the mean loss of a trajectory's model over some data"
    def __init__(self, traj, batches, source, seed):
        learned = {n for n, p in unwrapped(traj.model).named_parameters() if p.requires_grad} or set(traj.params)
        self.objective, self.seed = Objective(traj.model, traj.loss_func, batches, seed=seed, source=source), seed
        self.model = self.objective.fresh_model()
        self.params = [p.requires_grad_() for n, p in self.model.named_parameters() if n in learned]
        self.moving = torch.cat([torch.full((shape.numel(),), n in learned) for n, shape in traj.sizes.items()])
        self.note, self.size = self.objective.source.told(self.objective.n_samples), int(self.moving.sum())

    def largest(self, point, k) -> tuple: # `(values, vectors)`: largest first, k of them or fewer
        "The largest eigenvalues of the Hessian at `point`, and their vectors (k, P); NaN where the loss is not finite"
        with torch.no_grad():
            for name, t in (*self.model.named_parameters(), *self.model.named_buffers()):
                if name in point: t.copy_(point[name])
        with random_state_kept(), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH): # others have no second derivative
            loss = self._loss()
            if not loss.isfinite(): return [float('nan')] * k, torch.zeros(k, self.size)
            try: return self._eigenvalues(loss, k)
            except torch.OutOfMemoryError: raise
            except (NotImplementedError, RuntimeError) as e:
                raise ValueError(f'the loss has no second derivative: expected a model that PyTorch can differentiate '
                                 f'twice ({str(e)[:150]})') from e

    def _eigenvalues(self, loss, k):
        grads = torch.autograd.grad(loss, self.params, create_graph=True, allow_unused=True)
        if not any(g is not None and g.requires_grad for g in grads): # of a loss without any curvature
            return [0.] * k, torch.eye(k, self.size)
        return lanczos(lambda v: self._product(grads, v), self.size, k, self.seed)

    def _loss(self):
        o = self.objective
        return sum(o.loss_of(o.call(self.model, xs), ys) * share
                   for (xs, ys), share in zip(o.data, shares_of(o.data, o.summed)))

    def _product(self, grads, v):
        "The Hessian times `v`, both flat"
        parts = [part.view_as(p).to(p) for part, p in zip(v.split([p.numel() for p in self.params]), self.params)]
        known = [(g, part) for g, part in zip(grads, parts) if g is not None and g.requires_grad]
        rows = torch.autograd.grad([g for g, _ in known], self.params, [part for _, part in known], retain_graph=True,
                                   allow_unused=True)
        return torch.cat([(torch.zeros_like(p) if r is None else r.detach()).reshape(-1)
                          for r, p in zip(rows, self.params)]).cpu().double()


def lanczos(product, size: int, k: int, seed: int) -> tuple:
    """The `k` largest eigenvalues of a symmetric matrix, given by its products with vectors, and their vectors.

    Each new vector is made orthogonal to all before it (Paige 1972), so that none comes back.
    """
    start = torch.randn(size, generator=torch.Generator().manual_seed(within_64_bits(seed)), dtype=torch.float64)
    most = min(size, max(FEW, min(ITERATIONS, VECTOR_BYTES // (8 * size))))
    basis, alphas, betas = torch.empty(most, size, dtype=torch.float64), [], [] # memory that is not written to is free
    basis[0] = start / start.norm()
    for n in range(1, most + 1):
        rows = basis[:n]
        w = product(rows[-1])
        alphas.append(float(w @ rows[-1]))
        for _ in range(2): w = w - rows.T @ (rows @ w)
        beta = float(w.norm())
        matrix = torch.diag(torch.tensor(alphas, dtype=torch.float64))
        if betas: matrix += torch.diag(t := torch.tensor(betas, dtype=torch.float64), 1) + torch.diag(t, -1)
        values, vectors = torch.linalg.eigh(matrix)
        left = beta * vectors[-1, -k:].abs()
        scale = values.abs().max().clamp(min=1e-30)
        if n == most or beta <= 1e-7 * scale or n >= FEW and (left <= CLOSE * values[-k:].abs()).all(): break
        betas.append(beta)
        basis[n] = w / beta
    return values[-k:].flip(0).tolist(), (vectors[:, -k:].T @ rows).flip(0)
