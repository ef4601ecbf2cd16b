"""A drawing -> one SVG file that moves by itself, also inside an <img>: style sheets only, no script."""

from bisect import bisect_right

from .html import as_markup

MOST_FRAMES = 50 # evenly spread, first and last among them
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" \
width="{css_width}" height="{css_height}" role="img" overflow="hidden" stroke-linejoin="round" \
stroke-linecap="butt"><title>{alt}</title><style>{style}</style>\
<defs>{defs}</defs>{picture}</svg>
"""


def write_svg(path, drawing, interval, loop=True, *, pause=0, alt='', **_): # what only a page shows is left out
    "Write `drawing` as an SVG file"
    path.write_text(animated_svg(drawing, interval, alt, loop, pause), encoding='utf-8')


def animated_svg(
    drawing, # A `Drawing`
    interval: float = 20, # Milliseconds from frame to frame
    alt: str = '', # What the animation shows, for those who can't see it
    loop: bool = True, # Begin again at the end?
    pause: float = 0 # Milliseconds that the last frame is held before that
) -> str:
    """Write the states of each part that changes side by side, as on a strip of film that moves behind the picture

    One animation a part: browsers look at each 60 times a second. A picture that moves all the time is to cost little,
    thus it has `MOST_FRAMES` frames at the most. Who asked for reduced motion sees the last one.
    """
    n, rules, picture = drawing.n_frames, {}, []
    shown = [round(k * (n - 1) / (MOST_FRAMES - 1)) for k in range(MOST_FRAMES)] if n > MOST_FRAMES else range(n)
    for part in drawing.parts:
        if len(part) == 1: picture.append(part.last)
        else: picture.append(strip(part, shown, interval / (n * interval + pause), 2 * drawing.width, rules))
    css_width, css_height = (round(side / 72 * drawing.dpi) for side in (drawing.width, drawing.height))
    return SVG.format(width=drawing.width, height=drawing.height, css_width=css_width, css_height=css_height,
                      alt=as_markup(alt or 'Animation'), style=style_sheet(rules, n * interval + pause, loop),
                      defs=drawing.defs.replace('id="@', 'id="i').replace('#@', '#i'),
                      picture=drawing.images.read(drawing.spelling.read(''.join(picture))).replace('#@', '#i'))


def strip(part, shown, share, step, rules):
    "Write the states of `part` in the `shown` frames, `step` apart; note in `rules` when which of them is seen"
    texts, places, moves, frames = list(part.texts()), {}, [], [frame for frame, _ in part.texts()]
    for i in shown:
        place = places.setdefault(texts[bisect_right(frames, i) - 1][1], len(places))
        if not moves or place != moves[-1][1]: moves.append((i, place))
    move = ''.join(f'{100 * i * share:.6g}%{{transform:translateX({-place * step:g}px)}}' for i, place in moves)
    states = ''.join(f'<g transform="translate({k * step:g})">{text}</g>' for k, text in enumerate(places) if text)
    name = rules.setdefault(move, f'k{len(rules)}')
    return f'<g class="f {name}" transform="translate({-moves[-1][1] * step:g})">{states}</g>'


def style_sheet(rules, lasts, loop):
    "Move the strips by the `rules`, round by round of so many milliseconds"
    moves = [f'.{name}{{animation-name:{name}}}@keyframes {name}{{{move}}}' for move, name in rules.items()]
    return ''.join([f".f{{animation:{lasts:g}ms step-end {'infinite' if loop else '1'}}}", *moves,
                    '@media (prefers-reduced-motion:reduce){.f{animation:none}}'])
