"""Marks on an axis of steps: where epochs end, further fits begin, and parameters are frozen or trained again."""

from itertools import groupby

from matplotlib.collections import LineCollection

from .legends import LETTER
from .limits import count_in_whole_steps
from .style import GREY, ink, letters

MOST, FEW = 60, 16 # lines of a kind at the most; epochs that have a line each
SIZE, ROW = 8, 10.5 # of the letters, and of a row of them, in points
SHRINK = 0.75 # of a panel's width is left once a layout has made room for its labels
DASHES = {'fit': (0, (6, 3)), 'freeze': (0, (1, 2)), 'unfreeze': (0, (1, 2))}
NAMES = {'freeze': 'frozen', 'unfreeze': 'unfrozen'}


def mark_steps(axs: list, trajs: list, along=list, steps: bool = True) -> float:
    """Mark in all of `axs` where epochs of the longest of `trajs` end and what they all have at the same step.

    Numbers and names stand above the first one, those that have room; returns how high they reach there, in points.
    `along` says where steps are on the axis. One that counts `steps` does so in whole numbers.
    """
    if steps:
        for ax in axs: count_in_whole_steps(ax)
    ends = max((t.epochs.tolist() for t in trajs), key=len)
    marks = [mark for mark in trajs[0].marks if all(mark in t.marks for t in trajs)]
    at_marks = {step for step, _ in marks}
    # where each step is an epoch, that says nothing
    shown = steps and 1 < len(ends) <= MOST and max(t.n_steps for t in trajs) >= 2 * len(ends)
    if shown:
        each = max(-(-len(ends) // 8), 1) # of many epochs those that have a number
        lines = ends if len(ends) <= FEW else ends[each - 1::each]
        _lines(axs, along([step for step in lines if step not in at_marks]), color='0.75', lw=0.8)
        _number(axs[0], along(ends), each)
    rows = int(shown)
    if not 0 < len(at_marks) <= MOST: return rows * ROW
    for kind, dashes in DASHES.items():
        at = sorted({step for step, k in marks if k == kind and step})
        if at: _lines(axs, along(at), color=GREY, lw=1.2, ls=[dashes])
    _name(axs[0], _texts(marks, trajs[0]), along, rows * ROW)
    return (rows + 1) * ROW


def _lines(axs, x, **look):
    for ax in axs:
        ax.add_collection(LineCollection([[(v, 0), (v, 1)] for v in x], zorder=1, transform=ax.get_xaxis_transform(),
                                         **look), autolim=False)


def _number(ax, x, each):
    for n in range(each - 1, len(x), each):
        ax.text(x[n], 1.01, f'epoch {n + 1}' if n == each - 1 else f'{n + 1}', ha='right', va='bottom', color=GREY,
                fontsize=SIZE, transform=ax.get_xaxis_transform())


def _texts(marks, traj) -> list:
    "`(step, texts)`: what to say about each step, the whole first and then the more important half"
    res, fits = [], 1
    for step, group in groupby(marks, key=lambda mark: mark[0]):
        kinds = [kind for _, kind in group]
        fits += 'fit' in kinds
        words = [NAMES[kind] for kind in kinds if kind in NAMES][-1:]
        rates = traj.hypers.get('lr')
        if words == ['unfrozen'] and rates is not None and step < len(rates) and rates[step].isnan().any():
            words = ['partly unfrozen']
        if 'fit' in kinds: words = [f'{fits}{_ending(fits)} fit', *words]
        res.append((step, [', '.join(words), *words[::-1]]))
    return res


def _ending(n): return 'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')


def _name(ax, texts, along, up):
    "Write what has room beside what stands to the left; at the right end of the axis a text ends at its line"
    low, high = ax.get_xlim()
    width = SHRINK * ax.get_window_extent().width / ax.figure.dpi / (high - low) # inches
    end = low
    for step, candidates in texts:
        x, = along([step])
        for text in candidates:
            size = (LETTER * len(text) + 0.08) * letters() / width
            left = x if x + size <= high else x - size
            if left < end: continue
            ax.annotate(text, (x, 1.01), (0, up), xycoords=ax.get_xaxis_transform(), fontsize=SIZE,
                        textcoords='offset points', color=ink(), ha='left' if left == x else 'right', va='bottom')
            end = left + size
            break
