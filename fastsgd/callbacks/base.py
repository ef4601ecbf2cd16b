"""What the tab key offers for a callback."""

from fastai.callback.core import event

EVENTS = {name for name in vars(event) if name.startswith(('after_', 'before_'))}


def own_names(cb) -> list:
    "The callback's own attributes, not those of Learner and model that fastai looks up through it, nor the events"
    return [name for name in object.__dir__(cb) if name not in EVENTS]
