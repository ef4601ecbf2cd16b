"""From a figure and its update function to what plays: HTML with vector graphics, SVG, GIF, WebP, APNG, MP4."""
from .html import MODES, player_html, player_page
from .progress import Progress
from .raster import draw_pixels
from .save import SUFFIXES, VIDEOS, save_animation
from .svg import draw_svg

__all__ = ["MODES", "SUFFIXES", "VIDEOS", "Progress", "draw_pixels", "draw_svg", "player_html", "player_page",
           "save_animation"]
