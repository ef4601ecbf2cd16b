"""From a figure and its update function to what plays: HTML with vector graphics, SVG, GIF, WebP, APNG, MP4."""

from .animation import FitAnimation
from .draw.raster import draw_pixels
from .draw.svg import draw_svg
from .write.html import MODES, player_html, player_page
from .write.save import SUFFIXES, VIDEOS, save_animation

__all__ = ['FitAnimation', 'MODES', 'SUFFIXES', 'VIDEOS', 'draw_pixels', 'draw_svg', 'player_html', 'player_page',
           'save_animation']
