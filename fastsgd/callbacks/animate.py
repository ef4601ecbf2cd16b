"""`AnimateFitCallback`: shows what a fit did."""

import html
import inspect
from pathlib import Path

from fastai.learner import Learner
from fastai.torch_core import rank_distrib
from fastcore.meta import delegates

from ..checks import check_flag
from ..player import FitAnimation
from ..trajectory import Trajectory
from ..views import animate
from ..views.animate import check_animate_arguments
from ..views.choose import choose, without_asking
from ..views.given import as_views
from ..views.live import LiveView
from .base import ByName, OwnCallback
from .log import SkipEmptyValidCallback
from .record import RecordParamsCallback

MAX_FRAMES = inspect.signature(animate).parameters['max_frames'].default


class AnimateFitCallback(OwnCallback):
    """Animate what the fit did: the last expression of a cell shows it. Brings a recorder along if there is none.

    Further arguments are those of `animate`. Raises TypeError for non-views and unknown arguments, ValueError for
    invalid values.

    >>> from fastai.basics import Learner, MSELossFlat
    >>> learn = Learner(linear_dls(), LinearModel(), MSELossFlat(), cbs=AnimateFitCallback(LossView(), ParamsView()))
    >>> learn.fit(20, lr=0.1)
    >>> learn.animate_fit.save('fit.html')
    """
    order, run_valid = RecordParamsCallback.order + 1, False
    _not_copied = '_animation', '_trajectory', '_live_view', '_chosen'
    _stateattrs = ('_recorder', '_animation', '_trajectory', '_live_view', '_chosen')
    @delegates(animate)
    def __init__(self, *views, # Views to draw side by side; none: views that suit the data and the model
        live: bool = False, # Show the fit in a notebook while it runs, and the animation at its end?
        **kwargs
    ):
        "What follows `live` is passed to `animate`"
        check_animate_arguments(kwargs)
        self.views, self.live, self.kwargs = as_views(views), check_flag('live', live), kwargs
        self._init_state()

    def _init_state(self):
        super()._init_state()
        self._recorder = self._animation = self._trajectory = self._live_view = self._chosen = None
        self._new_fit = True

    def _bring_recorder(self):
        if not self.learn._grab_cbs(RecordParamsCallback): self.learn.add_cb(RecordParamsCallback())
        valid = getattr(self.learn.dls, 'loaders', ())[1:2]
        if valid and not len(valid[0]) and not self.learn._grab_cbs(SkipEmptyValidCallback):
            self.learn.add_cb(SkipEmptyValidCallback(any_way=False))
        self._recorder = self.learn.record_params # kept: a callback given to `fit` loses its Learner afterwards

    def after_create(self): self._bring_recorder()

    def before_fit(self):
        self._bring_recorder()
        self._new_fit = True

    def before_train(self):
        if not self._new_fit or not self.live or hasattr(self.learn, 'lr_finder') or rank_distrib(): return
        self._new_fit = False
        if self._live_view is None: self._live_view = LiveView(self.views)
        to_come = (self.learn.n_epoch - self.learn.epoch) * len(self.learn.dl)
        done = 0 if self.trajectory is None else self.trajectory.n_steps
        self._live_view.start(lambda: self.trajectory, done + to_come)

    def after_batch(self):
        if self._live_view is not None: self._live_view.step()

    def after_fit(self):
        if self._live_view is not None: self._live_view.finish(lambda: self.animation)

    @property
    def trajectory(self) -> Trajectory | None:
        "What there is to draw; None before the first training step"
        recorder = self._recorder or getattr(self.learn, 'record_params', None)
        return None if recorder is None else recorder.trajectory

    @property
    def animation(self) -> FitAnimation:
        """The animation of the record up to now, made when it is asked for and kept until there is more.

        Raises RuntimeError before the first training step, and what `animate` does: ValueError or TypeError.
        """
        traj = self.trajectory
        if traj is None: raise RuntimeError(self._nothing)
        if traj is not self._trajectory:
            views, _, shown = self._choice(traj)
            try: self._animation = animate(shown, *views, **self.kwargs)
            except Exception as e: # of views that were not asked for: a fit that is over must not go without a picture
                if self.views: raise
                self._chosen = traj, without_asking(traj, e)
                self._animation = animate(traj, *self._chosen[1][0], **self.kwargs)
            self._trajectory = traj
        return self._animation

    def _choice(self, traj):
        "The views to draw, a sentence that says which they are and why, and the part of the record that they show"
        if self.views: return self.views, ', '.join(type(v).__name__ for v in self.views), traj
        if self._chosen is None or self._chosen[0] is not traj: self._chosen = traj, choose(traj)
        return self._chosen[1]

    _nothing = 'nothing to animate yet: call learn.fit(...) first'

    def save(self,
        path, # File to write; its suffix chooses the format
        **kwargs # Passed to `FitAnimation.save`
    ) -> None:
        "Save the animation. Raises RuntimeError before the first training step, and what `FitAnimation.save` does."
        return self.animation.save(path, **kwargs)

    @delegates(FitAnimation.save_strip)
    def save_strip(self,
        path, # File to write: .svg, .png or .pdf
        **kwargs
    ) -> Path:
        "Save some frames as a still picture, for print. Raises what `save` raises."
        return self.animation.save_strip(path, **kwargs)

    def show(self) -> Path: # The file, which stays until it is deleted
        "Open the player in a browser, from a temporary file. Raises RuntimeError before the first training step."
        return self.animation.show()

    def _sentence(self):
        "What is shown and why, and what was left out"
        traj = self.trajectory
        frames = min(traj.n_steps + 1, self.kwargs.get('max_frames', MAX_FRAMES))
        thinned = '' if frames == traj.n_steps + 1 else f', {frames:,} of {traj.n_steps + 1:,} points shown'
        seen = ''.join(f'. Seen: {found}' for found in traj.findings)
        return f'{self._choice(traj)[1]} ({traj}{thinned}){seen}'

    def __repr__(self):
        return f'{type(self).__name__}: {self._nothing if self.trajectory is None else self._sentence()}'

    def _repr_html_(self):
        if self.trajectory is None: return super()._repr_html_()
        if self._live_view is not None: self._live_view.give_way()
        return f'{self.animation._repr_html_()}<p><small>{html.escape(self._sentence())}</small></p>'


Learner.animate_fit = ByName('animate_fit')
