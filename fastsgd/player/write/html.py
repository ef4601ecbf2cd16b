"""A drawing -> one piece of HTML that plays it: no network, no outside script or font."""

import json
import re
import uuid
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path

from ..images import uri
from .shorten import INDENT, shorten_script

MODES = ('loop', 'once', 'reflect')
HERE = Path(__file__).parent
UNHEARD_OF = re.compile('[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]') # in XML
ICONS = dict(first='M3 3h2v10H3zM14 3v10L6 8z', back='M11 3v10L3 8zM12 3h2v10h-2z',
             next='M5 3v10l8-5zM2 3h2v10H2z', last='M11 3h2v10h-2zM2 3v10l8-5z',
            values='M7 1h2v4H7zM7 11h2v4H7zM1 7h4v2H1zM11 7h4v2h-4z', copy='M2 2h9v2H4v7H2zM6 6h8v8H6z')
PLAY = '<path class="fastsgd-go" d="M4 2v12l10-6z"/><path class="fastsgd-pause" d="M3 2h4v12H3zM9 2h4v12H9z"/>'
TITLES = dict(first='First frame (home)', back='Step back (left arrow)',
              next='Step forward (right arrow)', last='Last frame (end)',
              values='Values of the next panel (v; then up, down, escape)', copy='Copy data (CSV)')
NOTE = ('<div class="fastsgd-note" data-do="note" aria-hidden="true" hidden></div>'
        '<div class="fastsgd-ring" data-do="ring" hidden></div>'
        '<div class="fastsgd-live" data-do="live" aria-live="polite"></div>')
CSS_COMMENT = re.compile(r'/\*.*?\*/')
LEGIBLE = 1.3 # pixels a point: the smallest letters, of 6.94 points, are 9 pixels high
MOST_LAYERS = 12 # of which each takes memory
SPEEDS = ('0.25', '0.5', '1', '2', '4')
# What a sanitiser may leave is a picture that no script or style is needed for. All else comes in scripts: where these
# don't run, there are no dead controls, and where they do, the player takes the picture's place.
PLAYER = """<div class="fastsgd-player" data-fastsgd="{id}">{still}
<script type="application/json">{data}</script>
<script type="text/html"><style>{style}</style>
<div class="fastsgd-picture" data-do="picture">\
<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{alt}" viewBox="0 0 {width:g} {height:g}" \
stroke-linejoin="round" stroke-linecap="butt"><defs>{defs}</defs>{picture}</svg></div>
<div class="fastsgd-controls" data-do="controls">
<span class="fastsgd-buttons">{buttons}</span>
<input type="range" min="0" max="{last}" value="{last}" step="1" data-do="seek" aria-label="Frame">
<output data-do="label" aria-live="off"></output>
<span class="fastsgd-pick"><select data-do="speed" aria-label="Speed" title="Speed">{speeds}</select></span>
<span class="fastsgd-pick"><select data-do="mode" aria-label="At the end" title="At the end">{modes}</select></span>
{note}</div></script>
<script>{script}("{id}", {sheets}, {read_out});</script>
</div>"""
STILL = '<img alt="{alt}" width="{css_width}" src="{src}" style="max-width:100%;height:auto">'
# The policy forbids what the page does not do: load anything.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>:root {{ color-scheme: light dark }} body {{ margin: 1rem }}
h1 {{ position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%) }}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{player}
</main>
</body>
</html>
"""


def player_html(
    drawing, # A `Drawing`
    interval: float = 20, # Milliseconds from frame to frame
    labels: list | None = None, # What to call each frame; None: its number
    alt: str = '', # What the animation shows, for those who can't see it
    mode: str = 'loop', # At the end: 'loop', 'once' or 'reflect'
    autoplay: bool = False, # Play at once? Not where the reader asked for reduced motion
    pause: float = 0 # Milliseconds that the last frame is held before the next round
) -> str:
    "Write HTML that plays `drawing`; where scripts don't run it shows the drawing's still picture"
    name = 'f' + uuid.uuid4().hex[:10] # ids are shared by all of a page; a uuid leaves random state alone
    moving = [part for part in drawing.parts if len(part) > 1]
    css_width, alt = round(drawing.width / 72 * drawing.dpi), as_markup(alt or 'Animation')
    still = STILL.format(alt=alt, css_width=css_width, src=uri(drawing.still)) if drawing.still else ''
    legible = round(min(css_width, LEGIBLE * drawing.width))
    data = dict(frames=drawing.n_frames, width=css_width, legible=legible, interval=interval, pause=pause, mode=mode,
                autoplay=autoplay, labels=None if labels is None else [str(label) for label in labels],
                parts=[(part.frames, part.entries) for part in moving], letters=drawing.spelling.letters,
                images=drawing.images.written(), values=drawing.values)
    html = PLAYER.format(
        id=name, alt=alt, width=drawing.width, height=drawing.height, style=asset('player.css'),
        still=still, script=asset('player.js'),
        defs=drawing.defs.replace('id="@', f'id="{name}-').replace('#@', f'#{name}-'),
        picture=in_layers(drawing.parts).replace('#@', f'#{name}-'), last=drawing.n_frames - 1,
        sheets=asset('sheets.js') if drawing.images.sheets else 'null',
        read_out=asset('values.js') if drawing.values else '', buttons=buttons('first', 'back', 'play', 'next', 'last'),
        note=f'<span class="fastsgd-buttons">{buttons("values", "copy")}</span>{NOTE}' if drawing.values else '',
        speeds=options([(s, f'{s}×') for s in SPEEDS]), modes=options([(m, m) for m in MODES]), data=script_json(data))
    return html.replace('\n', ' ') # one line: JupyterLite joins several by commas


def in_layers(parts):
    "Join the parts as they are at the end; those in a row that move are a layer: what stands still is not drawn again"
    shown = [part for part in parts if len(part) > 1 or part.last]
    runs = [(moves, [part.last for part in run]) for moves, run in groupby(shown, lambda part: len(part) > 1)]
    layer = '<g data-layer>' if sum(moves for moves, _ in runs) <= MOST_LAYERS else '<g>'
    return ''.join(layer + ''.join(f'<g data-part>{text}</g>' for text in texts) + '</g>' if moves else ''.join(texts)
                   for moves, texts in runs)


def as_markup(text) -> str:
    "`text` for an element or an attribute, without signs that no document may hold"
    return escape(UNHEARD_OF.sub('', text))


def write_page(path, drawing, interval, loop, *, title='', **settings):
    "Write `drawing` as a page that plays it, with the further `settings` of `player_html`"
    path.write_text(player_page(player_html(drawing, interval, **settings), title), encoding='utf-8')


def player_page(player, title):
    "Put a whole page around what `player_html` returned"
    return PAGE.format(title=as_markup(title), player=player)


@cache
def asset(name):
    text = (HERE / name).read_text(encoding='utf-8')
    return shorten_script(text) if name.endswith('.js') else INDENT.sub(' ', CSS_COMMENT.sub('', text)).strip()


def script_json(data):
    "Write JSON that can stand in a script element: nothing in it ends that element or opens a comment"
    text = json.dumps(data, ensure_ascii=False, separators=(',', ':'))
    return text.replace('</', '<\\/').replace('<!--', '\\u003c!--').replace('<script', '\\u003cscript')


def buttons(*names):
    def button(name, icon, title):
        return (f'<button type="button" data-do="{name}" title="{title}" aria-label="{title.split(" (")[0]}">'
                f'<svg viewBox="0 0 16 16" aria-hidden="true">{icon}</svg></button>')
    made = {name: button(name, f'<path d="{path}"/>', TITLES[name]) for name, path in ICONS.items()}
    made['play'] = button('play', PLAY, 'Play (space)')
    return ''.join(made[name] for name in names)


def options(choices):
    return ''.join(f'<option value="{value}">{text}</option>' for value, text in choices)
