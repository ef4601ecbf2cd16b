"""What a call costs, counted and not timed: the same on every machine, before anything is begun. Torch only."""

import math
import weakref
from collections import Counter
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# What two ordinary cores do in a second, rather too little than too much: from counts to seconds that are the same
# anywhere
FLOPS, BYTES, OPERATIONS = 4e10, 1e10, 2e5
# Operators that do a whole layer at once, for which torch has no rule: each number of a weight is used for each token
WHOLE_LAYERS = ('mkldnn_rnn_layer', '_transformer_encoder_layer_fwd', '_native_multi_head_attention', '_cudnn_rnn',
                '_thnn_fused')


class Work(NamedTuple):
    "What something costs: floating-point operations of matrix products, bytes read and written, calls of operators"
    flops: float = 0.
    moved: float = 0.
    operations: float = 0.
    convolved: float = 0. # those of `flops` that convolutions need

    @property
    def seconds(self) -> float:
        "What it takes two ordinary cores, nominally: a count in disguise, which no clock has seen"
        return self.flops / FLOPS + self.moved / BYTES + self.operations / OPERATIONS


class TooMuch(Exception):
    "Counting alone would take long: without numbers too, each operator takes its time"


class Counted(TorchDispatchMode):
    """Counts the work of all that runs inside, in `work`, and in `most` the bytes that new tensors hold at a time.

    `touched` has the addresses of all tensors that were read.
    """
    # spares the first surface a second of imports for torch.compile, which is not used here
    @classmethod
    def _should_skip_dynamo(cls): return False

    def __init__(self, most=math.inf): # Raises TooMuch after so many operators
        super().__init__()
        from torch.utils.flop_counter import flop_registry  # imports much
        self.most_operations = most
        self.rules, self.work, self.touched = flop_registry, Work(), set()
        self.holders, self.users, self.live, self.most = {}, Counter(), 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if self.work.operations >= self.most_operations: raise TooMuch
        res = func(*args, **kwargs)
        rule = self.rules.get(func._overloadpacket)
        made, read = tensors_in((res,)), tensors_in((*args, *kwargs.values()))
        flops = rule(*args, **kwargs, out_val=res) if rule is not None else 0
        name = func._overloadpacket.__name__
        if name.startswith(WHOLE_LAYERS):
            flops = 2 * sum(t.numel() for t in read[1:] if t.dim() == 2) * read[0].shape[:-1].numel()
        seen = {t.untyped_storage()._cdata for t in read}
        views = made and all(t.untyped_storage()._cdata in seen for t in made) and not func._schema.is_mutable
        moved = 0 if views else sum(t.numel() * t.element_size() for t in (*made, *read))
        self.work = Work(self.work.flops + flops, self.work.moved + moved, self.work.operations + 1,
                         self.work.convolved + flops * ('convolution' in name))
        if not made or made[0].device.type != 'meta':
            self.touched.update(t.untyped_storage().data_ptr() for t in read)
        for t in made: self._hold(t, seen)
        self.most = max(self.most, self.live)
        return res

    def _hold(self, t, seen):
        storage, holder = t.untyped_storage(), id(t)
        key, size = storage._cdata, storage.nbytes()
        if holder in self.holders or key in seen and not self.users[key]: return # a view of what was there before
        if not self.users[key]: self.live += size
        self.users[key] += 1
        self.holders[holder] = weakref.ref(t, lambda _: self._drop(holder, key, size))

    def _drop(self, holder, key, size):
        del self.holders[holder]
        self.users[key] -= 1
        if not self.users[key]: self.live -= size


def tensors_in(values) -> list:
    "The tensors among `values`, also in lists and tuples; sparse ones have no memory that could be told apart"
    res = []
    for v in values:
        if isinstance(v, torch.Tensor): res += [v] if v.layout is torch.strided else []
        elif isinstance(v, list | tuple): res += tensors_in(v)
    return res


def counted(function, *args, most=math.inf) -> Counted:
    "Call `function` and count. Raises TooMuch after `most` operators."
    with torch.no_grad(), Counted(most) as count: function(*args)
    return count


def work_of(objective, samples: int | None = None, most=math.inf) -> Work:
    """What the loss at one point costs, over `samples` samples or all; from two runs with one and two of them, without
    numbers. Raises TooMuch for more than `most` operators.
    """
    one, two = (objective.work(k, most) for k in (1, 2))
    rows = (samples or objective.n_samples) - 1
    grown = Work(*(a + max(b - a, 0) * rows for a, b in zip(one, two)))
    # origin and two directions are read for each parameter, and their sum is written
    return grown._replace(moved=grown.moved + 16 * objective.size, operations=one.operations)


def affordable(work: Work, seconds: float) -> int:
    "How many times something of this work fits into nominal `seconds`"
    return int(min(seconds / work.seconds, 10**9)) if work.seconds and math.isfinite(work.seconds) else 0
