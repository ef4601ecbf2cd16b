"""What all views share: colours and markers that are told apart, names from outside, colour bars."""

import re
import shutil
from contextlib import nullcontext

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgb

# Okabe and Ito, "Color Universal Design", 2008: black is left to text and axes
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = '#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9'
GREY = '#767676'
# the others are at least 22 apart from these and from one another, in CIELAB. In this order colour-blind readers tell
# the first twelve by colour, and all of one marker; these differ in grey too
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, '#8FD694', '#5C1A1A', '#00274D', '#F7A8B8', '#D7263D', '#3A2F9C',
          '#1B4D2E', '#6B6B6B', '#00B8B8', '#B39DDB', '#7B2D8E', '#B5BD00', '#8C564B', '#A67C1A')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X') # as many as share no factor with the colours
LINESTYLES = ('-', '--', '-.', ':')


def class_style(k: int) -> dict:
    "Colour and marker of the k-th of several things: the first 20 have a colour each, later ones are shades of these"
    color, rank = COLORS[k % len(COLORS)], k // len(COLORS)
    if rank:
        towards, share = rank % 2, 1 - 0.75**((rank + 1) // 2) # lighter, darker, lighter still, ...
        color = to_hex((1 - share) * np.array(to_rgb(color)) + share * towards)
    return {'color': color, 'marker': MARKERS[k % len(MARKERS)]}


def style(k: int) -> dict:
    "Colour, marker and line style of the k-th of several lines"
    return {**class_style(k), 'linestyle': LINESTYLES[k // len(COLORS) % len(LINESTYLES)]}


def shortened(name, most: int = 40) -> str:
    "`name` in one line of at most `most` characters, with '…' in the middle of a longer one"
    name = re.sub(r'\s', ' ', str(name))
    if len(name) <= most: return name
    return f'{name[:most // 2].rstrip()}…{name[len(name) - (most - 1) // 2 + 1:].lstrip()}'


def ink() -> str:
    "The colour of text, which can be seen on the ground of any style"
    return mpl.rcParams['text.color']


def letters() -> float:
    "How large letters are, as a multiple of matplotlib's own"
    return max(mpl.rcParams['font.size'] / 10, 1)


def without_tex():
    "A `with` block whose text is drawn by matplotlib itself, where `text.usetex` is set and there is no TeX"
    missing = mpl.rcParams['text.usetex'] and shutil.which('latex') is None
    return mpl.rc_context({'text.usetex': False}) if missing else nullcontext()


def literal(*texts):
    "Have names from outside drawn letter by letter: a dollar sign begins no formula"
    for text in texts:
        text.set_parse_math(False)
        text.set_usetex(False)


def tidy(ax, **settings):
    "Set labels and limits of `ax`, with a light grid and without the frame's upper and right side"
    ax.set(**settings)
    if ax.name != 'rectilinear': return
    ax.spines[['top', 'right']].set_visible(False)
    ax.grid(True, color='0.5', alpha=0.2, lw=0.6) # seen on a dark ground too
    ax.set_axisbelow(True)


def meaning(traj, label: str) -> str:
    "`label` of a parameter, and what it stands for if the model says so in `param_meanings`"
    told = getattr(traj.model, 'param_meanings', {}).get(label)
    return shortened(f'{label}, {told}' if told else label)


MOST_POINTS = 5000 # drawn one by one: more become an image
MOST_MOVING = 500 # likewise, of points that move from frame to frame


def as_one_image(ax, n: int) -> bool:
    "Are `n` points so many that they are drawn as one image? Then say so above `ax`"
    if n > MOST_POINTS: ax.set_title(f'{n:,} points, drawn as one image', loc='left', fontsize='small')
    return n > MOST_POINTS


def color_bar(ax, image, label: str):
    "A colour bar beside `ax` that belongs to it: it goes when `ax` is cleared"
    bar = ax.figure.colorbar(image, cax=ax.inset_axes([1.03, 0, 0.035, 1]))
    bar.set_label(label)
    literal(bar.ax.yaxis.label)
    bar.outline.set_visible(False)
    return bar
