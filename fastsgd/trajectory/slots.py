"""`Slots`: where the tensors of a model are, and whether they are still there; `Flat` views on them. Torch only."""

from operator import is_

import torch

from .memory import total_bytes

LONG = 2**12 # numbers: from here on NumPy compares in half the time


class Scripted:
    "The tensors or modules of a scripted module, which has no dict for them"
    def __init__(self, given): self.given = given
    def __len__(self): return len(self.given)
    def __getitem__(self, key): return self.given[key]
    def get(self, key): return self.given[key] if key in self.given else None
    def items(self): return self.given.items()


def dict_of(module, kind):
    given = getattr(module, kind)
    return given if isinstance(given, dict) else Scripted(given)


class Slots:
    """Where the parameters and buffers of a model are: name, the dict of its module, and the key in it.

    `model.to(...)` and `module.p = nn.Parameter(...)` put others in their place.
    """
    def __init__(self, model):
        self._dicts = [dict_of(m, kind) for m in model.modules() for kind in ('_parameters', '_buffers', '_modules')]
        self._sizes = [*map(len, self._dicts)]
        self._children = [(children, key, child) for children in self._dicts[2::3] for key, child in children.items()]
        self.slots, self.params, self.buffers, self.aliases, seen, passing = [], [], [], {}, {}, set()
        for kind, names in (('_parameters', self.params), ('_buffers', self.buffers)):
            for prefix, module in model.named_modules(remove_duplicate=False):
                held = dict_of(module, kind)
                for key, t in held.items():
                    if t is None or t.layout is not torch.strided: continue
                    name = f'{prefix}.{key}' if prefix else key
                    if key in vars(module).get('_non_persistent_buffers_set', ()): passing.add(name)
                    if id(t) in seen: self.aliases[name] = seen[id(t)]
                    else:
                        seen[id(t)] = name
                        names.append(name)
                        self.slots.append((name, held, key))
        self.persistent = frozenset({*self.params, *self.buffers, *self.aliases} - passing)

    def same_modules(self) -> bool:
        "Are the modules still those, with as many tensors as before?"
        if [*map(len, self._dicts)] != self._sizes: return False
        for children, key, child in self._children:
            if children.get(key) is not child: return False
        return True

    def versions(self) -> list:
        "How often each parameter was written to"
        live = (slot[key] for _, slot, key in self.slots[:len(self.params)])
        return [0 if t.is_inference() else t._version for t in live]

    def as_many(self, first) -> bool:
        "Are the modules still those, with as many numbers of the same types as in `first`, maybe in other shapes?"
        live = [(slot.get(key), first[name]) for name, slot, key in self.slots]
        return self.same_modules() and all(t is not None and t.numel() == like.numel() and t.dtype == like.dtype
                                           for t, like in live)

    def match(self, first) -> bool:
        "Are there tensors of the shapes and types of `first`, and no others?"
        if len(self.slots) != len(first): return False
        for name, slot, key in self.slots:
            t, like = slot.get(key), first.get(name)
            if t is None or like is None or t.shape != like.shape or t.dtype != like.dtype: return False
        return True


def same(a, b) -> bool:
    "Are the numbers of two tensors of one shape and type on the CPU all equal?"
    # numpy compares several at a time, torch one by one
    if a.numel() < LONG or a.dtype not in (torch.float32, torch.float64): return torch.equal(a, b)
    return bool((a.numpy() == b.numpy()).all())


def same_values(a: dict, b: dict) -> bool:
    "Do two dicts hold the same things, also where these stand in tuples made anew?"
    flat = lambda d: [o for key in sorted(d) for o in (key, *(d[key] if isinstance(d[key], tuple) else (d[key],)))]
    return a.keys() == b.keys() and len(flat(a)) == len(flat(b)) and all(map(is_, flat(a), flat(b)))


class Flat:
    """Flat views on the tensors in `slots`: `layout`, name -> (key, start, stop), and `parts`, key -> tensors in a row.

    A key is a type and a device. On the CPU names not in `changed` are left out, as `still`. The views are made once,
    since making them takes longer than copying what they show.
    """
    def __init__(self, slots, changed):
        self._places, self._follow, self.still, self.layout, self.parts, starts = [], True, [], {}, {}, {}
        for name, slot, key in slots:
            t = slot[key]
            self._places.append((slot, key, t, t.data_ptr(), t.numel()))
            if name not in changed and t.is_cpu:
                self.still.append((name, t.detach()))
                continue
            group = t.dtype, t.device
            start = starts.get(group, 0)
            self.layout[name], starts[group] = (group, start, start + t.numel()), start + t.numel()
            self.parts.setdefault(group, []).append(t.detach().reshape(-1))
            self._follow &= t.is_contiguous() # else it is a copy
        self.n_bytes = total_bytes(t for ts in self.parts.values() for t in ts)

    def hold(self) -> bool:
        "Do they still show the tensors of the model?"
        if not self._follow: return False
        for slot, key, t, start, size in self._places:
            if slot.get(key) is not t or t.data_ptr() != start or t.numel() != size or not t.is_contiguous():
                return False
        return True

    def cloned(self):
        "`layout` and `parts` of tensors of their own"
        return self.layout, {key: [torch.cat(ts)] for key, ts in self.parts.items()}
