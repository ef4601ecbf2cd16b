"""What our callbacks share: how they are copied, shown in a notebook, and listed by the tab key."""

import copy
import html

from fastai.callback.core import Callback, event

EVENTS = {name for name in vars(event) if name.startswith(('after_', 'before_'))}
# fastai's ProgressCallback, which comes with a module that makes it everybody's default: not imported here
PROGRESS_ORDER = 60


class OwnCallback(Callback):
    "Base of our callbacks"
    _not_copied = () # attributes that are None in a copy

    def __deepcopy__(self, memo):
        memo[id(self)] = res = type(self).__new__(type(self))
        kept = {k: v for k, v in self.__dict__.items() if k not in ('_state', *self._not_copied)}
        res.__dict__.update(copy.deepcopy(kept, memo), _state={}, **dict.fromkeys(self._not_copied))
        return res

    def _repr_html_(self): return f'<p>{html.escape(repr(self))}</p>'

    def __dir__(self):
        "List the callback's own attributes, not those of Learner and model that fastai looks up through it"
        return [name for name in object.__dir__(self) if name not in EVENTS]
