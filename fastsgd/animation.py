"""`animate`: views of a trajectory as one `FitAnimation`."""

import torch
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .views import choose_views
from .views.base import as_list

__all__ = ['FitAnimation', 'animate']


class FitAnimation(FuncAnimation):
    "A matplotlib `FuncAnimation` that shows itself in a notebook"
    def __init__(self,
        fig, # Figure to draw in
        func, # `func(frame) -> artists`
        frames=None, # Number of frames, as in `FuncAnimation`
        *,
        alt: str = '', # What the animation shows, for those who can't see it
        labels: list | None = None, # What to call each frame
        interval: float = 20, # Milliseconds from frame to frame
        **kwargs # Passed to `FuncAnimation`
    ):
        self.alt, self.labels = alt, labels
        super().__init__(fig, func, frames, interval=interval, cache_frame_data=False, **kwargs)
        self._draw_was_started = True # an animation that nobody looked at is no mistake here: no warning

    def _repr_html_(self): return self.to_jshtml()


def animate(
    traj, # A `Trajectory`, or several to compare
    *views, # Views to draw side by side; none: views that suit
    axs=None, # Axes to draw on, one for each view; None: a figure of its own
    max_frames: int = 200, # Frames at the most: more points are thinned evenly, first and last kept
    figsize: tuple | None = None, # Inches; None: what the views ask for
    **kwargs # Passed to `FitAnimation`
) -> FitAnimation:
    "One animation from one trajectory, or from several to compare. Raises ValueError for an argument that does not fit."
    trajs = as_list(traj)
    if not trajs: raise ValueError('traj is an empty list: expected at least one Trajectory')
    trajs = _in_step(trajs, max_frames)
    views = views or choose_views(trajs[0])[0]
    fig, axs = _axes(views, axs, figsize)
    label = (fig.suptitle('', x=0.01, ha='left', fontsize='medium') if fig._suptitle is None
             else fig.text(0.01, 0.99, '', va='top'))
    updates = [_draw(view, trajs, ax) for view, ax in zip(views, axs)]
    texts = _labels(trajs)
    label.set_text(max(texts, key=len)) # room for the longest
    if fig.get_layout_engine() is not None: # once: a layout that moves with the numbers would tremble
        for update in updates: update(len(trajs[0]) - 1)
        fig.get_layout_engine().execute(fig)
        fig.set_layout_engine('none')

    def func(i):
        label.set_text(texts[i])
        return [label, *(artist for update in updates for artist in update(i))]
    return FitAnimation(fig, func, len(trajs[0]), alt=_describe(trajs, views),
                        labels=[t.split('   ')[0] for t in texts], **kwargs)


def _in_step(trajs, max_frames):
    "The trajectories with the same steps at the same points, at most `max_frames` of them"
    if len(trajs) == 1: return [trajs[0].thin(max_frames)]
    longest = max(trajs, key=lambda t: int(t.steps[-1]))
    return [t.at(longest.thin(max_frames).steps) for t in trajs]


def _axes(views, axs, figsize):
    if axs is None:
        sizes = [getattr(v, 'figsize', (5., 4.)) for v in views]
        fig = Figure(figsize=figsize or (sum(w for w, _ in sizes), max(h for _, h in sizes)), layout='constrained')
        FigureCanvasAgg(fig)
        return fig, [fig.add_subplot(1, len(views), k + 1, projection=getattr(v, 'projection', None))
                     for k, v in enumerate(views)]
    axs = list(axs.flat) if hasattr(axs, 'flat') else list(axs) if isinstance(axs, (list, tuple)) else [axs]
    if len(axs) != len(views): raise ValueError(f'axs has {len(axs)} axes, expected {len(views)}: one for each view')
    return axs[0].figure, axs


def _draw(view, trajs, ax):
    "A view that takes one trajectory is drawn for each of them"
    if len(trajs) == 1: return view.draw(trajs[0], ax)
    if getattr(view, 'several', False): return view.draw(trajs, ax)
    updates = [view.draw(t, ax) for t in trajs]
    return lambda i: [artist for update in updates for artist in update(i)]


def _labels(trajs):
    n = max(t.n_steps for t in trajs)
    steps = torch.stack([t.steps for t in trajs]).max(0).values.tolist()
    res = [f'step {s} of {n}' for s in steps]
    if len(trajs) > 1: return res
    traj = trajs[0]
    where = traj.diverged
    return [f'{text}   loss {traj.loss(i):.4g}' + (f'   diverged at step {where}' if where is not None and s >= where else '')
            for i, (text, s) in enumerate(zip(res, steps))]


def _describe(trajs, views):
    "Alternative text: what the fit did"
    fits = []
    for k, t in enumerate(trajs):
        name = f'{t.label or f"fit {k + 1}"}: ' if len(trajs) > 1 else ''
        loss = f', loss from {float(t.losses[0]):.4g} to {float(t.losses[-1]):.4g}' if len(t.losses) else ''
        lrs = t.lrs.unique()
        lr = '' if not len(lrs) else f', learning rate {float(lrs[0]):.3g}' + (f' to {float(lrs[-1]):.3g}' if len(lrs) > 1 else '')
        bad = '' if t.diverged is None else f', diverged at step {t.diverged}'
        fits.append(f'{name}{t.n_steps} steps{loss}{lr}{bad}')
    return f'Animation of a fit, {"; ".join(fits)}. Shown: {", ".join(type(v).__name__ for v in views)}.'
