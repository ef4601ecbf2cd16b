"""`PathView`: the path of the parameters over the loss surface."""

import matplotlib as mpl
import numpy as np
from fastcore.meta import delegates
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.ticker import MaxNLocator

from ..checks import check_in_list, check_keywords, check_log
from ..surface import Surface, loss_surface
from ..surface.arguments import check_surface_arguments
from ..trajectory.several import as_list, label_of
from .early import early_pictures
from .legends import departure_note, legend
from .limits import calm, finite, padded
from .steps import spans_decades
from .style import VERMILION, color_bar, literal, meaning, shortened, style, tidy
from .trail import PathOnSurface, loss_over, trail_of
from .view import View

N_LEVELS = 24
MOST_ROWS = 4 # above the picture, one for each of several paths: more are named in the legend alone


def pale_viridis() -> ListedColormap:
    "Viridis mixed with white, on which lines of any colour can be seen; its lightness still rises evenly"
    colors = mpl.colormaps['viridis'](np.linspace(0, 1, 256))
    colors[:, :3] += 0.4 * (1 - colors[:, :3])
    return ListedColormap(colors)


class PathView(View):
    """The path over the loss surface, flat or in 3-D, and at each step how far it is off the plane of the surface.

    Above it stand the loss at the path's point, over the data of the surface, and the surface's at the point below it.
    Raises ValueError or TypeError for a setting that does not fit.

    >>> learn = linear_learner(seed=0)
    >>> learn.fit(20, lr=0.1)
    >>> traj = learn.record_params.trajectory
    >>> animation = animate(traj, PathView(), PathView(kind='3d'))
    >>> ax = PathView(loss_surface(traj, n=40)).plot(traj)
    """
    several = True
    figsize = (5.5, 4.)
    live_points = 0
    @delegates(loss_surface)
    def __init__(self,
        surface: Surface | None = None, # A `Surface`; None: made from the trajectory by `loss_surface`
        kind: str = 'flat', # 'flat', as filled contours, or '3d'
        log: bool | None = None, # Colours on a log scale? None: when the surface spans a decade, in 3-D two
        n: int | tuple = 50, # Points along each axis of the surface, or `(nu, nv)`
        **kwargs
    ):
        "`n` and what follows it are passed to `loss_surface`"
        check_in_list('kind', kind, ('flat', '3d'))
        check_log(log)
        check_keywords(PathView, kwargs)
        check_surface_arguments({'n': n, **kwargs})
        if surface is not None and not all(hasattr(surface, o) for o in ('u', 'v', 'loss', 'plane')):
            raise TypeError(f'surface is of type {type(surface).__name__}: expected a Surface, as loss_surface makes')
        if surface is not None and kwargs:
            raise ValueError(f'surface cannot be combined with {", ".join(kwargs)}: pass these to loss_surface')
        self.surface, self.kind, self.log, self.n, self.kwargs = surface, kind, log, n, kwargs

    @property
    def projection(self) -> str | None:
        "What axes it wants, as matplotlib calls it: '3d', or None for flat ones"
        return '3d' if self.kind == '3d' else None

    def draw(self, traj, ax):
        trajs = as_list(traj)
        if (ax.name == '3d') != (self.kind == '3d'):
            raise ValueError(f'ax has the projection {ax.name!r}: PathView(kind={self.kind!r}) wants axes made with '
                             f'projection={self.projection!r}')
        trails = [trail_of(t) for t in trajs]
        surface = self._surface(trails)
        log = spans_decades(surface.loss, 2 if self.kind == '3d' else 1) if self.log is None else self.log
        paths = [PathOnSurface(t, surface, trail) for t, trail in zip(trajs, trails)]
        picture = (Solid if self.kind == '3d' else Flat)(ax, surface, paths, log)
        labels = [meaning(trajs[0], label) for label in surface.plane.labels]
        # axes are short
        if self.kind == '3d': labels = [label.replace(" of the path's variance", '') for label in labels]
        tidy(ax, xlim=picture.ulim, ylim=picture.vlim)
        ax.set_xlabel(labels[0], fontsize='small')
        ax.set_ylabel(labels[1], fontsize='small')
        literal(ax.xaxis.label, ax.yaxis.label)
        ax.grid(False)
        for path in paths: path.place(picture.ulim, picture.vlim)
        lines = [picture.lines(path, k, len(paths)) for k, path in enumerate(paths)]
        drawn = ([], []) if self.kind == '3d' else ([p.trail.x for p in paths], [p.trail.y for p in paths])
        gone = departure_note(ax, trajs, [path.departure for path in paths], drawn)
        told = headline(ax, paths, [line for *_, line, _ in lines])

        def update(i):
            for (*grow, head), path in zip(lines, paths):
                k = range(len(path))[i]
                stop = path.trail.upto(int(path.traj.steps[k]))
                for line in grow: picture.show(line, path.trail, slice(stop))
                picture.show(head, path, slice(k, k + 1))
            return [*(a for artists in lines for a in artists), *told(i), *gone(i)]
        return update

    def _surface(self, trajs):
        if self.surface is not None: return self.surface
        with early_pictures(self, trajs): return loss_surface(trajs, n=self.n, **self.kwargs)


def headline(ax, paths, lines):
    "`told(i) -> artists`: what stands above the picture at point `i`; of several paths it is the legend"
    if len(paths) == 1:
        title = ax.set_title('\n' if paths[0].leaves_plane else '', loc='left', fontsize='small')

        def told(i):
            title.set_text('\n'.join(standing(paths[0], i, '.4g')))
            return [title]
        return told
    if len(paths) > MOST_ROWS:
        legend(ax, [p.x for p in paths], [p.y for p in paths], lines, grow=False)
        return lambda i: []
    rows = ax.legend(handles=lines, labels=['x'] * len(lines), loc='lower left', bbox_to_anchor=(-0.02, 1.01),
                     fontsize='x-small', frameon=False, borderaxespad=0, borderpad=0.2, labelspacing=0.3)
    literal(*rows.get_texts())

    def told(i):
        for text, line, p in zip(rows.get_texts(), lines, paths):
            text.set_text(f'{shortened(line.get_label(), 30)}: {", ".join(standing(p, i, ".3g"))}')
        return [rows]
    return told


def standing(path, i, form) -> list:
    "The loss at point `i`, ± its standard error; the surface's where that is another; how far off the plane, if ever"
    error = f' ± {path.error[i]:.2g}' if path.error is not None and path.error[i] > 0 else ''
    loss = f'loss {path.true[i]:{form}}{error}' + (f', on the surface {path.below[i]:{form}}' if path.differs else '')
    if not path.leaves_plane: return [loss]
    far = f', {path.far[i]:.2g} from the start' if form == '.4g' else ''
    off = f'{path.off[i] if path.off[i] > path.rounding else 0:.2g} off the plane'
    return [loss, off + far]


class Flat:
    "Filled contours and lines in the plane"
    def __init__(self, ax, surface, paths, log):
        self.ax = ax
        self.ulim, self.vlim = span(surface.u), span(surface.v)
        loss, norm, levels = colors_of(surface.loss, log)
        if levels is None:
            ax.text(0.5, 0.5, 'no finite loss on this surface', transform=ax.transAxes, ha='center', color=VERMILION)
            return
        u, v = surface.u.numpy(), surface.v.numpy()
        filled = ax.contourf(u, v, loss, levels, cmap=pale_viridis(), norm=norm, zorder=0)
        ax.contour(u, v, loss, levels[::2], colors='white', linewidths=0.5, alpha=0.6, zorder=0.5)
        ax.set_facecolor('0.85') # where there is no number
        bar = color_bar(ax, filled, loss_label(surface, paths))
        ticks = decade_ticks(levels) if log else MaxNLocator(6).tick_values(*span(levels))
        bar.set_ticks([t for t in ticks if levels[0] <= t <= levels[-1]])
        bar.ax.minorticks_off()
        bar.ax.yaxis.set_major_formatter('{x:.3g}')

    def lines(self, path, k, total):
        "A white casing, the line and its end; the start is marked for good"
        look = {**style(k), 'ms': 5, 'markevery': max(len(path.trail) // 8, 1)} if total > 1 else {
            'color': VERMILION, 'marker': '.' if len(path.trail) <= 60 else None, 'ms': 5}
        casing, = self.ax.plot([], [], lw=3.4, color='white', alpha=0.8, zorder=2)
        line, = self.ax.plot([], [], lw=1.7, zorder=3, label=label_of(path.traj, k), **look)
        head, = self.ax.plot([], [], ls='none', marker=look['marker'] if total > 1 else 'o', ms=8, color=look['color'],
                             mec='white', mew=1.2, zorder=4)
        start, = self.ax.plot([], [], ls='none', marker='x', ms=6, mew=1.5, color='black', zorder=3.5)
        self.show(start, path, slice(1))
        return casing, line, head

    def show(self, line, path, points): line.set_data(path.x[points], path.y[points])


class Solid(Flat):
    "A surface in space, and lines above it at the height of their loss"
    def __init__(self, ax, surface, paths, log):
        self.ax, self.surface, self.log = ax, surface, log
        self.ulim, self.vlim = span(surface.u), span(surface.v)
        ax.computed_zorder = False # the path is seen from above, also where the surface's centre is nearer
        loss, norm, levels = colors_of(surface.loss, log)
        self.height = np.log10 if log else lambda z: z
        self.zlim = (0., 1.) if levels is None else span(self.height(self._heights(levels, paths)))
        if levels is None:
            ax.text2D(0.5, 0.5, 'no finite loss on this surface', transform=ax.transAxes, ha='center', color=VERMILION)
        else:
            u, v = np.meshgrid(surface.u.numpy(), surface.v.numpy())
            z = self.height(np.clip(loss.filled(np.nan), levels[0], levels[-1]))
            shade = pale_viridis()(norm(np.ma.masked_invalid(loss).filled(levels[0])))
            ax.plot_surface(u, v, z, facecolors=shade, rcount=len(surface.v), ccount=len(surface.u), linewidth=0,
                            antialiased=False, shade=False, zorder=0)
        ax.set_zlim(self.zlim)
        ax.set_zlabel(loss_label(surface), fontsize='small', labelpad=2) # one line: beside it stands the next panel
        if log and levels is not None:
            ticks = [t for t in decade_ticks(levels) if levels[0] <= t <= levels[-1]]
            ax.set_zticks(np.log10(ticks), [f'{t:.3g}' for t in ticks])
        ax.view_init(elev=42, azim=-60)
        ax.tick_params(labelsize='small')
        ax.set_box_aspect(None, zoom=0.88 if ax.bbox.width > 4 * ax.figure.dpi else 0.76) # room for the labels

    def _heights(self, levels, paths):
        "The lowest and the highest loss to show: of the surface, and of the paths until they diverge"
        true = finite(np.concatenate([p.true[:calm(p.traj)] for p in paths])).numpy()
        true = np.concatenate([levels, true[true > 0] if self.log else true])
        return np.array([true.min(), true.max()])

    def lines(self, path, k, total):
        self._lift(path, path.true)
        if path.trail is not path: self._lift(path.trail, path.trail.true_losses(self.surface))
        return super().lines(path, k, total)

    def _lift(self, path, losses):
        "Places in space: nothing cuts lines off at the walls"
        with np.errstate(all='ignore'): z = self.height(losses)
        inside = ((path.u >= self.ulim[0]) & (path.u <= self.ulim[1])
                  & (path.v >= self.vlim[0]) & (path.v <= self.vlim[1]))
        z = np.where(inside & np.isfinite(z), np.clip(np.nan_to_num(z), *self.zlim), np.nan)
        path.x, path.y, path.z = np.where(inside, path.u, np.nan), np.where(inside, path.v, np.nan), z

    def show(self, line, path, points): line.set_data_3d(path.x[points], path.y[points], path.z[points])


def span(values) -> tuple: return float(values[0]), float(values[-1])


def colors_of(loss, log):
    "`(loss, norm, levels)`: with a hole where `loss` is not finite; levels are None where nothing is"
    loss = np.ma.masked_invalid(loss.numpy())
    known = loss.compressed()
    if log: known = known[known > 0]
    if not len(known): return loss, None, None
    low, high = known.min(), known.max()
    if high <= low: low, high = padded([low])
    # zeros have no place on a log scale: they take the colour of the lowest loss above
    if log and low > 0: return loss.clip(low, high), LogNorm(low, high), np.geomspace(low, high, N_LEVELS)
    return loss, Normalize(low, high), np.linspace(low, high, N_LEVELS)


def decade_ticks(levels) -> list:
    "1, 2 and 5 times the powers of ten around `levels`; 1 alone where these would be many"
    low, high = levels[0], levels[-1]
    powers = 10. ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    return [m * p for p in powers for m in ((1, 2, 5) if len(powers) <= 4 else (1,))]


def loss_label(surface, paths=()) -> str:
    if surface.objective is None: return 'loss'
    known = any((p.error > 0).any() for p in paths)
    return loss_over(surface.objective, '± its standard error' if known else '')
