"""What our callbacks share: how they are copied, shown in a notebook, and listed by the tab key."""

import copy
import html

from fastai.callback.core import Callback, event

EVENTS = {name for name in vars(event) if name.startswith(('after_', 'before_'))}
# fastai's ProgressCallback, which comes with a module that makes it everybody's default: not imported here
PROGRESS_ORDER = 60


class ByName:
    "Let a Learner find a callback by its name also after fastai took it off, at the end of `learn.fit(..., cbs=...)`"
    def __init__(self, name): self.name, self.taken_off = name, f'_last_{name}'

    def __get__(self, learn, owner=None):
        if learn is None: return self
        for name in (self.name, self.taken_off):
            if name in vars(learn): return vars(learn)[name]
        raise AttributeError(self.name)

    def __set__(self, learn, cb): vars(learn)[self.name] = cb

    def __delete__(self, learn):
        cb = vars(learn).pop(self.name, None)
        # fastai has taken off the other, and may keep a None among its callbacks
        stays = [o for o in learn.cbs if o is not None and o.name == self.name and o.learn is not None]
        if stays: vars(learn)[self.name] = stays[-1]
        elif getattr(cb, 'trajectory', None) is None: vars(learn).pop(self.taken_off, None)
        else: vars(learn)[self.taken_off] = cb


class OwnCallback(Callback):
    "Base of our callbacks"
    _not_copied = () # attributes that are None in a copy
    _learn = None

    @property
    def learn(self):
        "The Learner that it follows, or None"
        return self._learn

    @learn.setter
    def learn(self, learn):
        if learn is not None and self._learn is not None and learn is not self._learn:
            name = type(self).__name__
            raise ValueError(f'this {name} follows another Learner already: give each Learner its own, {name}(), or '
                             'take it off that one with remove_cb')
        self._learn = learn

    # fastai looks up in Learner and model what a callback lacks: that costs more than the whole recording

    @property
    def training(self):
        "Does the learner train, or validate?"
        return getattr(self._learn, 'training', True)

    def __call__(self, event_name):
        if hasattr(type(self), event_name): self._call(event_name)
        elif event_name == 'after_fit': self.run = True # as fastai has it

    def _call(self, event_name): return super().__call__(event_name)

    def __deepcopy__(self, memo):
        memo[id(self)] = res = type(self).__new__(type(self))
        kept = {k: v for k, v in self.__dict__.items() if k not in ('_state', *self._not_copied)}
        res.__dict__.update(copy.deepcopy(kept, memo), _state={}, **dict.fromkeys(self._not_copied))
        return res

    def _repr_html_(self): return f'<p>{html.escape(repr(self))}</p>'

    def __dir__(self):
        "List the callback's own attributes, not those of Learner and model that fastai looks up through it"
        return [name for name in object.__dir__(self) if name not in EVENTS]


def types_of(o) -> set:
    "Names of its classes: fastai's types for vision, text and tables are known by name, so that none must be imported"
    return {k.__name__ for k in type(o).__mro__}
