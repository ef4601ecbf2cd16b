"""What all views share: colours that a colour-blind reader tells apart, markers, legends, notes."""

import numpy as np

from ..trajectory.several import name_of

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
        for t, step, text, note in notes: note.set_text(text if int(t.shown[i]) >= step else '')
        return [note for *_, note in notes]
    return show


def meaning(traj, label: str) -> str:
    "`label` of a parameter, and what it stands for if the model says so in `param_meanings`"
    told = getattr(traj.model, 'param_meanings', {}).get(label)
    return f'{label}, {told}' if told else label


def color_bar(ax, image, label: str):
    "A colour bar beside `ax` that belongs to it: it goes when `ax` is cleared"
    bar = ax.figure.colorbar(image, cax=ax.inset_axes([1.03, 0, 0.035, 1]))
    bar.set_label(label)
    bar.outline.set_visible(False)
    return bar
