"""From a figure and its update function to what plays: HTML with vector graphics, GIF, WebP, APNG, MP4, SVG."""
from .files import save_animation
from .html import Clip, player_html
from .svg import draw_svg

__all__ = ["Clip", "draw_svg", "player_html", "save_animation"]
