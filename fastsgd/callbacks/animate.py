"""`AnimateFitCallback`: shows what a fit did."""

import copy
import html

from fastai.callback.core import Callback

from ..animation import FitAnimation, animate
from ..trajectory import Trajectory
from ..views import choose_views
from .record import RecordParamsCallback


class AnimateFitCallback(Callback):
    "Animate what the fit did: the last expression of a cell shows it. Brings a recorder along if there is none."
    order = RecordParamsCallback.order + 1
    _stateattrs = ('_recorder', '_animation', '_trajectory')
    def __init__(self, *views, # Views to draw side by side; none: views that suit the data and the model
        **kwargs # Passed to `animate`
    ):
        self.views, self.kwargs = views, kwargs
        self._init_state()

    def _init_state(self):
        super()._init_state()
        self._recorder = self._animation = self._trajectory = None

    def _bring_recorder(self):
        if not hasattr(self.learn, 'record_params'): self.learn.add_cb(RecordParamsCallback())
        self._recorder = self.learn.record_params # kept: a callback given to `fit` loses its Learner afterwards

    def after_create(self): self._bring_recorder()
    def before_fit(self): self._bring_recorder()

    @property
    def trajectory(self) -> Trajectory | None:
        "What there is to draw; None before the first training step"
        recorder = self._recorder or getattr(self.learn, 'record_params', None)
        return None if recorder is None else recorder.trajectory

    @property
    def animation(self) -> FitAnimation:
        "The animation of what was recorded up to now. Raises RuntimeError before the first training step."
        traj = self.trajectory
        if traj is None: raise RuntimeError(self._nothing)
        if traj is not self._trajectory:
            views = self.views or choose_views(traj)[0]
            self._animation, self._trajectory = animate(traj, *views, **self.kwargs), traj
        return self._animation

    _nothing = 'nothing to animate yet: call learn.fit(...) first'

    def save(self, path, **kwargs):
        "Save the animation; the suffix of `path` chooses the format, `kwargs` go to `FitAnimation.save`"
        return self.animation.save(path, **kwargs)

    def __deepcopy__(self, memo):
        memo[id(self)] = res = type(self).__new__(type(self))
        keep = {k: v for k, v in self.__dict__.items() if k not in ('_state', '_animation', '_trajectory')}
        res.__dict__.update(copy.deepcopy(keep, memo), _state={}, _animation=None, _trajectory=None)
        return res

    def __repr__(self):
        traj = self.trajectory
        if traj is None: return f'{type(self).__name__}: {self._nothing}'
        views = ', '.join(type(v).__name__ for v in self.views) if self.views else choose_views(traj)[1]
        return f'{type(self).__name__}: {views} ({traj})'

    def _repr_html_(self):
        if self.trajectory is None: return f'<p>{html.escape(repr(self))}</p>'
        return self.animation._repr_html_()
