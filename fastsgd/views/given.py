"""Views as users give them: one or several, `View`s or any object that can draw."""

from .view import View


class GivenView(View):
    "A user's object with a method `draw` as a View; what it does not say is as in `View`"
    def __init__(self, given):
        self.given = given
        for name in ('several', 'page', 'figsize', 'projection', 'live_points'):
            setattr(self, name, getattr(given, name, getattr(View, name)))

    def draw(self, traj, ax): return self.given.draw(traj, ax)
    def __repr__(self): return repr(self.given)


def as_views(views) -> tuple:
    "Return one view or several as a tuple of `View`s. Raises TypeError for anything that can't draw."
    return tuple(map(_as_view, views if isinstance(views, (list, tuple)) else [views]))


def _as_view(view):
    if isinstance(view, View): return view
    if isinstance(view, type):
        raise TypeError(f'views has the class {view.__name__}, expected a view: {view.__name__}()')
    if not callable(getattr(view, 'draw', None)):
        raise TypeError(f'views has {view!r}, expected views with a method draw(traj, ax), such as LossView(); several '
                        'trajectories to compare go into one list')
    return GivenView(view)


def kind_of(view: View) -> str:
    "Name the class of a view, as its user knows it"
    return type(getattr(view, 'given', view)).__name__
