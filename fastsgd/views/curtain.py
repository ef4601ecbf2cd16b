"""`curtain`: covers what is still to come in a picture that stands as a whole."""

from matplotlib.patches import Rectangle

from ..player.draw.artists import CURTAIN
from .style import GREY


def curtain(ax):
    "Hide what lies right of a place, within the present limits; returns `draw_to(at) -> artists`, which moves it"
    right, (low, high) = ax.get_xlim()[1], sorted(ax.get_ylim())
    cover = ax.add_patch(Rectangle((0, low), 1, high - low, color=ax.get_facecolor(), zorder=3, label=CURTAIN))
    now = ax.axvline(0, color=GREY, lw=1, zorder=4)

    def draw_to(at):
        cover.set_bounds(at, low, max(right - at, 0), high - low)
        now.set_xdata([at, at])
        return [cover, now]
    return draw_to
