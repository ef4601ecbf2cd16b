"""`View`, and what all views share: colours that a colour-blind reader tells apart, markers, robust axis limits."""

from ..trajectory.several import as_list, in_step, label_of
from .style import legend, style


def as_views(views) -> tuple:
    "One view or several, as a tuple. Raises TypeError for what is no view."
    views = tuple(views) if isinstance(views, (list, tuple)) else (views,)
    check_views(views)
    return views


def check_views(views):
    "Raise TypeError unless each of `views` can draw: a class in the place of its instance, or a trajectory, is told apart"
    for view in views:
        if isinstance(view, type):
            raise TypeError(f'views has the class {view.__name__}, expected a view: {view.__name__}()')
        if not callable(getattr(view, 'draw', None)):
            raise TypeError(f'views has {view!r}, expected views with a method draw(traj, ax), as in FitView(), LossView(); '
                            'several trajectories to compare go into one list')


def draw_view(view, trajs: list, ax):
    "`view.draw` for trajectories in step; a view that takes one is drawn for each, in that fit's colour and marker"
    if len(trajs) == 1: return view.draw(trajs[0], ax)
    if getattr(view, 'several', False): return view.draw(trajs, ax)
    updates = []
    for k, t in enumerate(trajs):
        before = set(ax.lines)
        ax.set_prop_cycle(**{key: [value] for key, value in style(k).items()}, markevery=[max(len(t) // 8, 1)])
        updates.append(view.draw(t, ax))
        first = next((line for line in ax.lines if line not in before), None)
        if first is not None and first.get_label().startswith('_'): first.set_label(label_of(t, k))
    if ax.get_legend_handles_labels()[1]:
        for update in updates: update(len(trajs[0]) - 1)
        legend(ax, [line.get_xdata() for line in ax.lines], [line.get_ydata() for line in ax.lines])
    return lambda i: [artist for update in updates for artist in update(i)]


class View:
    """A way to look at a Trajectory. A view holds its settings only: one view may be drawn in many figures.

    A view of your own overrides `draw`; set `several = True` if it takes a list of trajectories too, `figsize` in inches.

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
    projection = None # of the axes, as in matplotlib
    live_points = 100 # points that a picture of a fit under way is drawn from; 0: too dear, left out of it

    def draw(self,
        traj, # A `Trajectory`
        ax, # Axes to draw on
    ): # `update(i) -> artists`: shows point `i` of `traj`, in any order, and returns the artists that it changed
        """Draw what stays the same and return the function that draws the rest.

        Views raise ValueError or TypeError for what they can't show.
        """
        raise NotImplementedError(f'{type(self).__name__} needs a method draw(traj, ax) that returns update(i)')

    def plot(self,
        traj, # A `Trajectory`, or several to compare
        ax=None, # Axes to draw on; None: pyplot's current ones, as in matplotlib
        i: int = -1, # The point to show
    ):
        """The still picture of point `i`; returns the axes.

        Raises IndexError for a point that does not exist, TypeError for what is no trajectory, ValueError for one that the
        view can't show.
        """
        trajs = in_step(as_list(traj))
        i = trajs[0].index(i)
        if ax is None:
            import matplotlib.pyplot as plt
            ax = plt.gca() if self.projection is None else plt.gcf().add_subplot(projection=self.projection)
        draw_view(self, trajs, ax)(i)
        return ax

    def __repr__(self):
        settings = dict(vars(self))
        settings.update(settings.pop('kwargs', {})) # what a view passes on
        settings = ', '.join(f'{k}={v!r}' for k, v in settings.items() if v is not None and not k.startswith('_'))
        return f'{type(self).__name__}({settings})'
