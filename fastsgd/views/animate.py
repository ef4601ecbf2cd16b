"""`animate`: views of a trajectory as one `FitAnimation`."""

import torch
from fastcore.meta import delegates
from matplotlib.animation import FuncAnimation

from ..checks import check_flag, check_keywords, check_max_frames, check_number, check_numbers, check_string, optional
from ..player import FitAnimation, check_interval, check_labels, check_mode
from ..trajectory.several import as_list, in_step, name_of
from ..trajectory.tables import losses_of, several, step_line
from .choose import choose
from .given import as_views, kind_of
from .layout import axes_for, freeze_layout
from .legends import figure_legend
from .style import literal, shortened, without_tex
from .view import draw_view

# What matplotlib's classes take beside what `FitAnimation` names, and `animate` may pass on
PASSED_ON = sorted({name for cls in FuncAnimation.__mro__[:-1] for name in optional(cls)} - {'frames', 'fargs'})


def check_animate_arguments(settings: dict):
    "Raise TypeError or ValueError for arguments of `animate` that are wrong whatever the trajectory"
    check_keywords(animate, settings, PASSED_ON)
    for name, value in settings.items():
        if name == 'max_frames': check_max_frames(value)
        elif name == 'interval': check_interval(value)
        elif name == 'default_mode': check_mode(value)
        elif name == 'figsize': check_figsize(value)
        elif name == 'alt': check_string(name, value)
        elif name == 'labels' and not hasattr(value, '__next__'): check_labels(value) # which can be gone over once
        elif name == 'repeat_delay': check_number(name, value, 0, cap=1e9, example=1000)
        elif name in ('repeat', 'autoplay'): check_flag(name, value)


def check_figsize(figsize) -> tuple | None:
    "`figsize` as two floats, or None. Raises ValueError unless it is width and height in inches."
    if figsize is None: return None
    try: width, height = check_numbers('figsize', figsize, 2)
    except ValueError: width = height = 0
    if not (0 < width < 1000 and 0 < height < 1000):
        raise ValueError(f'figsize={figsize!r:.100}: expected width and height in inches, for instance figsize=(10, 4)')
    return width, height


@delegates(FitAnimation.__init__, but=['frames'])
def animate(
    traj, # A `Trajectory`, or several to compare
    *views, # Views to draw side by side; none: views that suit
    axs=None, # Axes to draw on, one for each view; None: a figure of its own
    max_frames: int = 200, # Frames at the most: more points are thinned evenly, first and last kept
    figsize: tuple | None = None, # Inches; None: what the views ask for
    alt: str = '', # What the animation shows, for those who can't see it; '': what the fits did
    labels: list | None = None, # What to call each frame; None: the step
    **kwargs
) -> FitAnimation: # Of several fits, synchronised by optimiser step
    """One animation from one trajectory, or from several to compare.

    Further arguments of `FuncAnimation` are passed on to it. Raises TypeError for non-trajectories, non-views and
    unknown arguments, ValueError for invalid values, before anything is drawn.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> traj = learn.record_params.trajectory
    >>> animate(traj, FitView(), LossView(), max_frames=10, interval=100).save('fit.html')
    """
    views = as_views(views)
    max_frames, figsize, labels = check_max_frames(max_frames), check_figsize(figsize), check_labels(labels)
    check_animate_arguments({'alt': alt, **kwargs})
    trajs = as_list(traj)
    if not views:
        views, _, first = choose(trajs)
        trajs = [first] if len(trajs) == 1 else trajs
    trajs = in_step(trajs, max_frames)
    labels = check_labels(labels, len(trajs[0]))
    texts = _labels(trajs)
    with without_tex(): fig, func = _drawn(trajs, views, texts, axs, figsize)
    return FitAnimation(fig, func, len(trajs[0]), alt=alt or _describe(trajs, views),
                        labels=[t.split('   ')[0] for t in texts] if labels is None else labels, **kwargs)


def _drawn(trajs, views, texts, axs, figsize):
    "The figure of an animation, and the function that shows a frame"
    own_figure = axs is None
    fig, axs = axes_for(views, axs, figsize, len(trajs))
    label = (fig.suptitle('', x=0.01, ha='left', fontsize='medium') if fig.get_suptitle() == ''
             else fig.text(0.01, 0.99, '', va='top'))
    literal(label)
    pages = [k for k, view in enumerate(views) if view.page]
    for k in pages: axs[k].set_axis_off()
    updates = {k: draw_view(view, trajs, axs[k]) for k, view in enumerate(views) if k not in pages}
    panels = [o.get_legend() for ax in axs for o in (ax, *ax.child_axes) if hasattr(o.get_legend(), 'entries')]
    if own_figure and panels and (len(trajs) > 1 or any(panel.corner is None for panel in panels)):
        figure_legend(fig, panels, grow=figsize is None)
    label.set_text(max(texts, key=len)) # room for the longest
    if fig.get_layout_engine() is not None:
        for update in updates.values(): update(len(trajs[0]) - 1)
        freeze_layout(fig)
    updates.update({k: draw_view(views[k], trajs, axs[k]) for k in pages})

    def func(i):
        label.set_text(texts[i])
        return [label, *(artist for update in updates.values() for artist in update(i))]
    return fig, func


def _labels(trajs):
    "What to write above each frame: the step, the loss of a single fit, and which fit of several has come to its end"
    n = max(t.n_steps for t in trajs)
    steps = torch.stack([t.shown for t in trajs]).max(0).values.tolist()
    if len(trajs) == 1:
        return [step_line(trajs[0], i, s, n) for i, s in enumerate(steps)]
    diverged = [(t.diverged, name_of(t, k)) for k, t in enumerate(trajs) if t.diverged is not None]
    ended = [(t.n_steps, name_of(t, k)) for k, t in enumerate(trajs) if t.n_steps < n and t.diverged is None]
    return [f'step {s} of {n}' + _notes('diverged', diverged, s) + _notes('ended', ended, s) for s in steps]


def _notes(what, fits, step):
    "Which fits, as `(step, name)`, have come to this by now; only how many, if there are several"
    past = [fit for fit in fits if fit[0] <= step]
    if not past: return ''
    who = shortened(past[0][1], 20) if len(past) == 1 else f'{len(past)} fits'
    return f'   {who} {what} at step {", ".join(map(str, sorted({s for s, _ in past})))}'


def _describe(trajs, views):
    "Alternative text: what the fit did"
    fits = []
    for k, t in enumerate(trajs):
        name = f'{name_of(t, k)}: ' if len(trajs) > 1 else ''
        loss = ''.join(f', {name} from {float(of[0]):.4g} to {float(of[-1]):.4g}' for name, of in losses_of(t))
        lrs = t.lrs.unique()
        to = f' to {float(lrs[-1]):.3g}' if len(lrs) > 1 else ''
        lr = f', learning rate {float(lrs[0]):.3g}{to}' if len(lrs) else ''
        seen = [f'diverged at step {t.diverged}'] if t.diverged is not None else map(str, t.findings)
        fits.append(', '.join([f'{name}{several(t.n_steps, "step")}{loss}{lr}', *seen]))
    return f'Animation of a fit, {"; ".join(fits)}. Shown: {", ".join(kind_of(v) for v in views)}.'
