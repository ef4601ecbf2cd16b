"""Import fastai quietly: without torch's warning about fastai's own code, and without a progress bar for everybody."""

import sys
import warnings
from types import ModuleType

import fastai.imports

MESSAGE = r'`torch\.jit\.script` is (deprecated|not supported)'
PROGRESS = 'fastai.callback.progress'


class _NotADefault(ModuleType):
    "`fastai.callback.progress` that makes its bar everybody's default once somebody else imports from it"
    def __getattribute__(self, name):
        if name in ('__all__', 'ProgressCallback'): # the first of these is what `import *` asks for
            self.__class__ = ModuleType
            defaults.callbacks.append(self.ProgressCallback)
        return ModuleType.__getattribute__(self, name)


known = PROGRESS in sys.modules
with warnings.catch_warnings():
    warnings.filterwarnings('ignore', MESSAGE, FutureWarning, r'torch\.jit\.')
    # gives Learner its schedules, `fit_one_cycle` and the like, and the bar along with them
    import fastai.callback.schedule  # noqa: F401
    from fastai.basics import defaults

ProgressCallback = vars(sys.modules[PROGRESS])['ProgressCallback']
if not known:
    defaults.callbacks.remove(ProgressCallback)
    sys.modules[PROGRESS].__class__ = _NotADefault
