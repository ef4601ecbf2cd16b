"""From a figure and its update function to what plays: HTML with vector graphics, SVG, GIF, WebP, APNG, MP4."""

from .animation import FitAnimation
from .arguments import check_interval, check_labels, check_mode, check_player
from .draw.raster import draw_pixels
from .draw.svg import draw_svg
from .drawing import Drawing
from .formats import SUFFIXES, VIDEOS, save_animation
from .write.html import MODES, player_html, player_page
from .write.video import find_ffmpeg

__all__ = ['Drawing', 'FitAnimation', 'MODES', 'SUFFIXES', 'VIDEOS', 'check_interval', 'check_labels', 'check_mode',
           'check_player', 'draw_pixels', 'draw_svg', 'find_ffmpeg', 'player_html', 'player_page', 'save_animation']
