"""`View`, the contract of all views, and `draw_view`, which holds them to it."""

from collections.abc import Callable

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from ..checks import check_type
from ..trajectory.several import as_list, in_step
from .together import draw_each


class View:
    """Look at a Trajectory. A view holds its settings only: one view may be drawn in many figures.

    A view of your own overrides `draw`. Set `several = True` if it takes a list of trajectories too; `figsize` is in
    inches.

    >>> class SlopeView(View):
    ...     def draw(self, traj, ax):
    ...         ax.set(xlabel='slope', xlim=(0, 4))
    ...         dot, = ax.plot([], [], 'o')
    ...         def update(i):
    ...             dot.set_data([traj.params['a'][i, 0]], [0])
    ...             return [dot]
    ...         return update
    ...
    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> traj = learn.record_params.trajectory
    >>> animation = animate(traj, SlopeView())
    """
    several = False # does `draw` take a list of trajectories?
    figsize = (5., 4.) # inches that suit this view
    page = False # does `draw` lay things out by the size of `ax`? Then it comes last, when that stands
    projection = None # of the axes, as in matplotlib
    live_points = 100 # points that a picture of a running fit is drawn from; 0: too expensive, left out

    def draw(self,
        traj, # A `Trajectory`
        ax: Axes, # Axes to draw on
    ) -> Callable: # `update(i)` shows point `i`, in any order, and returns the artists that it changed, or None
        "Draw what stays the same, return the function that draws the rest. Raises ValueError for unsuitable data."
        raise NotImplementedError(f'{type(self).__name__} needs a method draw(traj, ax) that returns update(i)')

    def plot(self,
        traj, # A `Trajectory`, or several to compare
        ax: Axes | None = None, # Axes to draw on; None: pyplot's current ones, as in matplotlib
        i: int = -1, # The point to show
    ) -> Axes:
        """Draw the still picture of point `i` and return the axes.

        Raises IndexError for a point that does not exist, TypeError for anything but trajectories, ValueError for data
        that the view can't show.
        """
        trajs = in_step(as_list(traj))
        i = trajs[0].index(i)
        if ax is not None: check_type('ax', ax, Axes, "axes of matplotlib's, or None for pyplot's current ones")
        else:
            import matplotlib.pyplot as plt
            ax = plt.gca() if self.projection is None else plt.gcf().add_subplot(projection=self.projection)
        draw_view(self, trajs, ax)(i)
        return ax

    def __repr__(self):
        settings = dict(vars(self))
        settings.update(settings.pop('kwargs', {})) # what a view passes on
        settings = ', '.join(f'{k}={v!r}' for k, v in settings.items() if v is not None and not k.startswith('_'))
        return f'{type(self).__name__}({settings})'


def draw_view(view, trajs: list, ax):
    """Draw `view` for trajectories in step; returns `update(i) -> list` of the artists that changed.

    A view that takes one trajectory is drawn once for each. Raises TypeError for a view that breaks the contract.
    """
    if len(trajs) == 1: return _checked(view, view.draw(trajs[0], ax))
    if view.several: return _checked(view, view.draw(trajs, ax))
    return draw_each(lambda t: _checked(view, view.draw(t, ax)), trajs, ax)


def _checked(view, update):
    if not callable(update):
        raise TypeError(f'{view!r}.draw returned {update!r:.60}: expected a function update(i) that shows point i')
    return lambda i: list(_artists(view, update(i)))


def _artists(view, changed):
    "`changed` artist by artist: None, one, or many, also in containers such as those of `ax.bar`"
    if isinstance(changed, Artist): yield changed
    elif isinstance(changed, (list, tuple, set)) or hasattr(changed, '__next__'):
        for part in changed: yield from _artists(view, part)
    elif changed is not None:
        raise TypeError(f'update(i) of {view!r} returned {changed!r:.60}: expected the artists that it changed, '
                        'as in return [line], or None')
