"""SVG text as matplotlib writes it -> the same picture in fewer bytes, with ids that can be made unique on a page."""

import re
from functools import lru_cache

DEFS = re.compile(r'<defs>(.*?)</defs>|(<filter\b.*?</filter>)', re.S)
DEFINITION = re.compile(r"""<(\w+)\b[^>]*?\bid="([^"]+)"[^>]*?(?:/>|>.*?</\1>)""", re.S)
BETWEEN_TAGS = re.compile(r'>\s+<')
REFERENCE = re.compile(r"""xlink:href="#([^"]*)"|url\(#([^)]*)\)""")
IMAGE_ID = re.compile(r"""(<image [^>]*?) id=("[^"]*"|'[^']*')""")
LINK = re.compile(r"""<a xlink:href=(?!["'](?:https?:|mailto:|#|/|\.))("[^"]*"|'[^']*')""")
PLACE = re.compile(r"""( [xy]="-?\d+\.\d\d)\d+(?=")""")
TRANSLATION = re.compile(r'translate\((-?\d+(?:\.\d{1,2})?)\d* (-?\d+(?:\.\d{1,2})?)\d*\)')
GLYPH = re.compile(r'<use( href="[^"]*") transform="translate\((-?\d+(?:\.\d{1,2})?)\d* 0\)"/>')
STYLE = re.compile(r' style="([^"]*)"')
ATTRIBUTES = {'fill', 'opacity', 'stroke', *(f'fill-{name}' for name in ('opacity', 'rule')), *(
    f'stroke-{name}' for name in ('dasharray', 'dashoffset', 'linecap', 'linejoin', 'miterlimit', 'opacity', 'width'))}
SAME_STYLE = re.compile(r"""<use [^>]*? style="([^"]*)"/>(?:<use [^>]*? style="\1"/>)+""")


class Tidy:
    """Shorten what matplotlib wrote, and gather the definitions (glyphs, markers, clips) that parts share

    Ids become `@0`, `@1`, ...: whoever writes the page replaces `@` by a prefix of its own.
    """
    def __init__(self):
        self.defs, self._ids = {}, {}

    def __call__(self, text):
        "Return `text` without its definitions (these are kept in `defs`, by id), and for a page without styles"
        return STYLE.sub(lambda found: attributes(found[1]), self._shortened(text))

    def _shortened(self, text):
        text = BETWEEN_TAGS.sub('><', text.strip())
        if '<defs>' in text or '<filter' in text: text = DEFS.sub(self._keep, text)
        text, links = text.replace('; ', ';').replace(': ', ':'), 'xlink:href' in text
        if links or 'url(#' in text: text = REFERENCE.sub(self._refer, text)
        if not links: return text # lines, and text that is tidy already: a frame has many
        if '<image' in text: text = IMAGE_ID.sub(r'\1', text).replace('base64,\n', 'base64,')
        if '<a ' in text: text = LINK.sub('<a', text).replace('<a xlink:href', '<a href')
        text = text.replace('xlink:href', 'href')
        if 'translate' in text:
            text = TRANSLATION.sub(r'translate(\1 \2)', GLYPH.sub(r'<use\1 x="\2"/>', text))
        if '<use' in text: text = SAME_STYLE.sub(share_style, PLACE.sub(r'\1', text))
        return text

    def _keep(self, found):
        for definition in DEFINITION.finditer(found[1] or found[2]):
            name = definition[2]
            if name in self.defs: continue
            text = definition[0].replace(f'id="{name}"', f'id="{self.id(name)}"', 1)
            self.defs[name] = '' # known from here on: what it refers to may come before it
            self.defs[name] = self(text) if '<defs' not in text else text
        return ''

    def _refer(self, found):
        if found[1] is not None: return f'href="#{self.id(found[1])}"'
        return f'url(#{self.id(found[2])})'

    def id(self, name):
        "Return the short id of what matplotlib calls `name`"
        return self._ids.setdefault(name, f'@{len(self._ids)}')


@lru_cache(1000)
def attributes(style):
    "Write a `style` as attributes, which sanitisers and policies let pass, if it consists of what can be one"
    pairs = [pair.split(':', 1) for pair in style.split(';') if pair]
    names = [name for name, *_ in pairs]
    if len(set(names)) < len(names) or not ATTRIBUTES.issuperset(names): return f' style="{style}"'
    return ''.join(f' {name}="{value}"' for name, value in pairs)


def share_style(found):
    "Say the look of markers in a row once, by a group around them"
    style = found[1]
    return f'<g style="{style}">' + found[0].replace(f' style="{style}"', '') + '</g>'
