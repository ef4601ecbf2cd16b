"""From a figure and its update function to what plays: HTML with vector graphics, GIF, WebP, APNG, MP4, SVG."""
from .files import save_animation
from .html import player_html, player_page
from .svg import draw_svg

__all__ = ["draw_svg", "player_html", "player_page", "save_animation"]
