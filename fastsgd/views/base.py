"""`View`, and what all views share: colours that a colour-blind reader tells apart, markers, robust axis limits."""

import inspect
import re

import numpy as np
import torch

# Okabe and Ito, "Color Universal Design", 2008: black is left to text and axes
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    '#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#F0E442')
GREY = '#767676'
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ('o', 's', '^', 'D', 'v', 'P')
LINESTYLES = ('-', '--', '-.', ':')


def style(k: int) -> dict:
    "Colour, marker and line style of the k-th of several things, so that no two of the first 24 look alike"
    return {'color': COLORS[k % len(COLORS)], 'marker': MARKERS[k % len(MARKERS)],
            'linestyle': LINESTYLES[k // len(COLORS) % len(LINESTYLES)]}


def as_list(traj) -> list:
    "One trajectory or several, as a list"
    trajs = list(traj) if isinstance(traj, (list, tuple)) else [traj]
    if not trajs: raise ValueError('traj is an empty list: expected at least one Trajectory')
    for t in trajs:
        if not hasattr(t, 'params') or not hasattr(t, 'steps'):
            raise TypeError(f'traj is of type {type(t).__name__}, expected a Trajectory or a list of them: a Learner keeps '
                            'its own in learn.record_params.trajectory, which is None before the first training step')
        if not len(t): raise ValueError('traj has no points: expected at least one')
    return trajs


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


def optional(function) -> list:
    "Names of the arguments that have a default"
    return [p.name for p in inspect.signature(function).parameters.values() if p.default is not p.empty]


def check_keywords(function, given: dict, more=()):
    "Raise TypeError unless each name in `given` is an optional argument of `function`, or one of `more`"
    known = [*optional(function), *more]
    for name, value in given.items():
        if name not in known:
            raise TypeError(f'{name}={value!r:.100}: {function.__name__} has no such argument, expected one of '
                            f'{", ".join(dict.fromkeys(known))}')


def name_of(traj, k: int) -> str:
    "What to call the k-th of several trajectories"
    return traj.label or f'fit {k + 1}'


def label_of(traj, k: int) -> str:
    "The k-th of several trajectories in a legend: its name, and its learning rate unless the name tells it"
    label = name_of(traj, k)
    lrs = traj.lrs[traj.lrs.isfinite()] if len(traj.lrs) else traj.lrs
    if not len(lrs) or re.search(r'\blr', label): return label
    low, high = f'{float(lrs.min()):.3g}', f'{float(lrs.max()):.3g}'
    return f'{label}, lr={high}' if low == high else f'{label}, lr up to {high}'


def plain(t) -> torch.Tensor:
    "A tensor of any subclass, dtype and device as one that matplotlib draws: on the CPU, float64 where it is fractional"
    t = torch.as_tensor(t).detach().cpu().as_subclass(torch.Tensor)
    return t.double() if t.is_floating_point() else t


def finite(values) -> torch.Tensor:
    "Those of `values` that can be drawn, as a flat float64 tensor"
    values = torch.as_tensor(values, dtype=torch.float64).flatten()
    return values[values.isfinite() & (values.abs() < 1e100)]


def in_step(trajs: list, max_frames: int | None = None) -> list:
    """The trajectories with the same steps at the same points, at most `max_frames` of them; a shorter one waits at its end.

    Fits of different length share the points out, so that a short one is not over at once: time runs faster after it.
    """
    if max_frames is None: max_frames = max(sum(len(t) for t in trajs), 2)
    if len(trajs) == 1: return [_thinned_from(trajs[0], trajs[0].thin(max_frames))]
    lengths = {int(t.steps[-1]): t for t in sorted(trajs, key=len)}
    steps = lengths[max(lengths)].thin(max_frames).steps
    if len(lengths) > 1:
        parts, left = [], max_frames
        for k, length in enumerate(sorted(lengths)): # what a short one leaves goes to the longer ones
            parts.append(lengths[length].thin(max(left // (len(lengths) - k), 2)).steps)
            left -= len(parts[-1])
        steps = torch.cat(parts).unique()
        if len(steps) > max_frames: steps = steps[torch.linspace(0, len(steps) - 1, max_frames).round().long()]
    return [_thinned_from(t, t.at(steps)) for t in trajs]


def _thinned_from(traj, res):
    if res is not traj: res.whole = whole(traj)
    return res


def whole(traj):
    "All points of the fit that `traj` was thinned from, for a line that cuts no corners"
    return getattr(traj, 'whole', traj)


def padded(values, pad=0.05) -> tuple | None:
    "Axis limits around the finite `values`, with a margin and never empty; None if there is nothing finite"
    values = finite(values)
    if not len(values): return None
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * pad
    if margin < 1e-9 * max(abs(low), abs(high)): margin = 0 # rounding errors of a constant are no picture
    margin = margin or abs(low) * pad or pad
    return low - margin, high + margin


def within(values, limits: tuple | None) -> np.ndarray:
    "`values` as an array that can be drawn on an axis with `limits`: cut off far outside, with a hole where not finite"
    values = plain(values).double().numpy()
    values = np.where(np.isfinite(values), values, np.nan)
    if limits is None: return np.full_like(values, np.nan)
    far = 100 * (limits[1] - limits[0])
    return np.clip(values, limits[0] - far, limits[1] + far)


def calm(traj) -> int:
    "Number of points before the fit diverged, at least one: what axis limits are made from"
    if traj.diverged is None: return len(traj)
    return max(int((traj.steps < traj.diverged).sum()), 1)


def step_limits(trajs: list) -> tuple:
    "Limits of an axis of steps, with room for a marker at both ends"
    n = max(max(t.n_steps for t in trajs), 1)
    return -0.025 * n, 1.025 * n


def tidy(ax, **settings):
    "Set labels and limits of `ax`, with a light grid and without the frame's upper and right side"
    ax.set(**settings)
    if ax.name != 'rectilinear': return
    ax.spines[['top', 'right']].set_visible(False)
    ax.grid(True, color='0.9', lw=0.6)
    ax.set_axisbelow(True)


def legend(ax, x: list, y: list, handles: list | None = None, grow: bool = True):
    """A legend in the corner of `ax` where the fewest of the points `x`, `y` lie; where there is none that is empty, room
    is made for it if the axes may `grow`. Unlike with 'best' it then stays where it is."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    size = ax.get_window_extent().size / ax.figure.dpi # inches
    width = (0.6 + 0.068 * max(len(h.get_label()) for h in handles)) / size[0]
    height = min((0.2 + 0.2 * len(handles)) / size[1], 0.6) # a layout may make the axes smaller yet
    x, y = (np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in parts]) for parts in (x, y))
    keep = np.isfinite(x) & np.isfinite(y)
    with np.errstate(all='ignore'): # a logarithm of what is not positive
        px, py = (ax.transData + ax.transAxes.inverted()).transform(np.column_stack([x[keep], y[keep]])).T
    inside = (py >= 0) & (py <= 1)
    near = {'left': px < width, 'right': px > 1 - width}
    taken = {f'{v} {h}': (near[h] & inside & (py > 1 - height if v == 'upper' else py < height)).sum()
             for v in ('upper', 'lower') for h in ('right', 'left')}
    loc = min(taken, key=taken.get)
    if taken[loc] and grow: loc = min([o for o in taken if o.startswith('upper')], key=taken.get) # zero stays below
    if taken[loc] and grow:
        v, h = loc.split()
        low, high = ax.transScale.transform([(1, v) for v in ax.get_ylim()])[:, 1]
        reach = py[near[h] & inside]
        if v == 'upper': high = low + (high - low) * reach.max() / (1 - height)
        else: low = high - (high - low) * (1 - reach.min()) / (1 - height)
        ax.set_ylim(ax.transScale.inverted().transform([(0, low), (0, high)])[:, 1])
    res = ax.legend(handles=handles, loc=loc, fontsize='small', framealpha=0.85, edgecolor='none', borderpad=0.3)
    res.set_zorder(6)
    return res


def departure_note(ax, trajs: list, departures: list | None = None):
    """`show(i) -> artists`: says in `ax` at which step a fit left the picture, once it did.

    `departures` are these steps, None for a fit that stays; by default a fit leaves when it diverges.
    """
    departures = [t.diverged for t in trajs] if departures is None else departures
    notes = []
    for k, (t, step) in enumerate(zip(trajs, departures)):
        if step is None: continue
        name = f'{name_of(t, k)} ' if len(trajs) > 1 else ''
        note = ax.annotate('', (0.97, 0.04 + 0.08 * len(notes)), xycoords='axes fraction', ha='right', color=VERMILION,
                           fontsize='small', zorder=7, bbox={'fc': 'white', 'ec': 'none', 'alpha': 0.85, 'pad': 1.5})
        notes.append((t, step, f'{name}left the picture at step {step}', note))

    def show(i):
        for t, step, text, note in notes: note.set_text(text if int(t.steps[i]) >= step else '')
        return [note for *_, note in notes]
    return show


def meaning(traj, label: str) -> str:
    "`label` of a parameter, and what it stands for if the model says so in `param_meanings`"
    told = getattr(traj.model, 'param_meanings', {}).get(label)
    return f'{label}, {told}' if told else label


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


def color_bar(ax, image, label: str):
    "A colour bar beside `ax` that belongs to it: it goes when `ax` is cleared"
    bar = ax.figure.colorbar(image, cax=ax.inset_axes([1.03, 0, 0.035, 1]))
    bar.set_label(label)
    bar.outline.set_visible(False)
    return bar


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
        i = trajs[0]._index(i)
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
