"""A drawing -> one SVG file that moves by itself, also inside an <img>: style sheets only, no script."""

from html import escape

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" \
width="{css_width}" height="{css_height}" role="img" stroke-linejoin="round" \
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
    """Write each state of a part that changes, seen during its frames only

    Who asked for reduced motion sees the last frame.
    """
    n = drawing.n_frames
    spans, picture = set(), []
    for part in drawing.parts:
        if len(part) == 1: picture.append(part.last)
        else: picture.extend(states(part, n, interval, spans))
    css_width, css_height = (round(side / 72 * drawing.dpi) for side in (drawing.width, drawing.height))
    text = ''.join(ch for ch in alt or 'Animation' if ch.isprintable() or ch in '\n\t')
    return SVG.format(width=drawing.width, height=drawing.height, css_width=css_width, css_height=css_height,
                      alt=escape(text), style=style(spans, n, interval, loop, pause),
                      defs=drawing.defs.replace('id="@', 'id="i').replace('#@', '#i'),
                      picture=''.join(picture).replace('#@', '#i'))


def states(part, n, interval, spans):
    "Yield a group for each state of `part`; note in `spans` for how many frames states last"
    texts = list(part.texts())
    ends = [frame for frame, _ in texts[1:]] + [n]
    for (begin, text), end in zip(texts, ends):
        name, last = (f'{end - begin}e', ' z') if end == n else (f'{end - begin}', '')
        spans.add(name)
        if text: yield f'<g class="f s{name}{last}" style="animation-delay:{begin * interval:g}ms">{text}</g>'


def style(spans, n, interval, loop, pause=0):
    "Show a state for its number of frames, then hide it until the next round"
    rules = [f".f{{visibility:hidden;animation:{n * interval + pause:g}ms step-end {'infinite' if loop else '1'}}}"]
    for span in sorted(spans):
        lasts = int(span.rstrip('e')) * interval + (pause if span.endswith('e') else 0)
        share = lasts / (n * interval + pause)
        end = '' if share >= 1 else f'{100 * share:.6g}%{{visibility:hidden}}'
        rules.append(f'.s{span}{{animation-name:k{span}}}@keyframes k{span}{{0%{{visibility:visible}}{end}}}')
    still = 'animation:none;' if loop else ''
    rules.append(f'@media (prefers-reduced-motion:reduce){{.f{{animation:none}}.z{{{still}visibility:visible}}}}')
    return ''.join(rules)
