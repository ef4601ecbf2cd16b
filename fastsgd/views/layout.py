"""The figure of an animation: where the axes of its views stand, decided once."""

import warnings
from contextlib import ExitStack, contextmanager

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from ..checks import check_type
from .beside import is_apart, size_of
from .style import letters

WIDTH = 10 # inches at the most: a notebook's page is no wider, and text that shrinks with a picture can't be read
BESIDE = 2.9 # inches of each of two panels that stand beside a page, which is as high as both


def axes_for(views, axs=None, figsize: tuple | None = None, n_fits: int = 1):
    "`(figure, axes)`, one for each view: `axs`, or those of a figure of its own"
    if axs is None:
        columns = len(views) if len(views) <= 3 else 2 if len(views) == 4 else 3
        if n_fits > 2 and any(map(is_apart, views)): columns = 1
        scale = letters()
        if scale > 1.3: columns = max(int(columns / scale / 1.3), 1) # large letters need large panels
        widths, heights = zip(*((w * scale, h * scale) for w, h in (size_of(v, n_fits) for v in views)))
        beside = columns == len(views) == 3 and views[0].page
        if beside: ratios, heights = [widths[0], max(widths[1:])], [BESIDE * scale] * 2
        else:
            ratios = [max(widths[k::columns]) for k in range(min(columns, len(views)))]
            heights = [max(heights[k:k + columns]) for k in range(0, len(views), columns)]
        shrink = min(WIDTH / sum(ratios), 1)
        fig = Figure(figsize=figsize or (sum(ratios) * shrink, sum(heights) * shrink**0.5), layout='constrained')
        fig.get_layout_engine().set(w_pad=0.06) # inches
        FigureCanvasAgg(fig)
        # at first as large as can be, and thus with as many ticks and as long labels: there is room for those that stay
        grid = fig.add_gridspec(len(heights), len(ratios), width_ratios=ratios, height_ratios=heights, left=0, right=1,
                                bottom=0, top=1, wspace=0, hspace=0)
        places = (grid[:, 0], grid[0, 1], grid[1, 1]) if beside else grid
        return fig, [fig.add_subplot(place, projection=v.projection) for v, place in zip(views, places)]
    axs = list(axs.flat) if isinstance(axs, np.ndarray) else list(axs) if isinstance(axs, (list, tuple)) else [axs]
    for ax in axs: check_type('axs', ax, Axes, "axes of matplotlib's, one for each view")
    if len(axs) != len(views): raise ValueError(f'axs has {len(axs)} axes, expected {len(views)}: one for each view')
    return axs[0].figure, axs


def freeze_layout(fig):
    "Run the layout engine of `fig`, then switch it off: axes that refit changing labels would jitter"
    before = _letters_of_ticks(fig)
    _lay_out(fig)
    # smaller axes may have other ticks, with longer labels: 0.75 in place of 0.8
    if any(n > m for m, n in zip(before, _letters_of_ticks(fig))): _lay_out(fig)
    fig.set_layout_engine('none')
    _fix_legends(fig)
    for ax in fig.axes: ax._autotitlepos = False # titles stay too


def _letters_of_ticks(fig):
    "How long the longest label at the ticks of each y axis is"
    return [max((len(text.get_text()) for text in ax.get_yticklabels()), default=0) for ax in fig.axes if ax.axison]


def _lay_out(fig):
    with ExitStack() as stack:
        for ax in fig.axes: stack.enter_context(_measured_once(ax))
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings('error', 'constrained_layout not applied')
        try: fig.get_layout_engine().execute(fig)
        except UserWarning:
            told = ' × '.join(f'{v:g}' for v in fig.get_size_inches())
            raise ValueError(f'figsize: {told} inches are too small for what is shown, expected more') from None


@contextmanager
def _measured_once(ax):
    "The constrained layout measures axes twice, which is slow; what stands around them hardly changes with their size"
    margins, measure = None, ax.get_tightbbox

    def get_tightbbox(*args, **kwargs):
        nonlocal margins
        if margins is None:
            box = measure(*args, **kwargs)
            if box is None: return None
            margins = box.extents - ax.bbox.extents
        return Bbox.from_extents(*(ax.bbox.extents + margins))
    if ax.name == '3d' or ax.get_aspect() != 'auto':
        yield
        return
    ax.get_tightbbox = get_tightbbox
    try: yield
    finally: del ax.get_tightbbox


def _fix_legends(fig):
    "Keep legends where they are now: the place that is 'best' would hop, and be searched anew for each frame"
    for legend in filter(None, (ax.get_legend() for ax in fig.axes)):
        box, anchor = legend.get_window_extent(), legend.get_bbox_to_anchor()
        if not anchor.width or not anchor.height: continue # tied to a point: it stays
        legend.set_loc(((box.x0 - anchor.x0) / anchor.width, (box.y0 - anchor.y0) / anchor.height))
