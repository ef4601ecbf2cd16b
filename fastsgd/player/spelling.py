"""Lines of text in two characters a letter: each glyph, and how far the next one stands, is told once."""

import re
from itertools import accumulate, pairwise
from string import ascii_letters, digits

CODE = ascii_letters + digits + '-_' # player.js has it too
LINE = re.compile('<t>(.*?)</t>')
PRECISION = 2 # digits after the point of where a letter stands, of which 100 are as high as a letter


class Spelling:
    "Write lines of text in a code, and read it; `letters` are `(number of the glyph, from it to the next one)`"
    def __init__(self): self.letters, self._codes = [], {}

    def write(self,
        line, # `(number of the glyph, x)` of each letter, from x = 0 on
    ) -> str:
        "Write the letters of a line as `<t>code</t>`, or as SVG where there are more kinds of them than codes"
        glyphs, places = zip(*line)
        steps = [round(b - a, 6) for a, b in pairwise(places)] # sums, whose last digits differ
        letters = [*zip(glyphs, (*steps, 0))]
        codes = [self._codes.get(letter) or self._code(letter) for letter in letters]
        return f'<t>{"".join(codes)}</t>' if places[0] == 0 and None not in codes else uses(glyphs, places)

    def read(self, text) -> str:
        "Return `text` with lines of letters as SVG"
        return LINE.sub(self._read_line, text)

    def _code(self, letter):
        n = len(self.letters)
        if n == len(CODE)**2: return None
        self.letters.append(letter)
        self._codes[letter] = code = CODE[n // len(CODE)] + CODE[n % len(CODE)]
        return code

    def _read_line(self, found):
        numbers = [CODE.index(c) for c in found[1]]
        glyphs, steps = zip(*[self.letters[a * len(CODE) + b] for a, b in zip(numbers[::2], numbers[1::2])])
        return uses(glyphs, accumulate(steps[:-1], initial=0))


def uses(glyphs, places) -> str:
    "Letters as SVG"
    return ''.join([f'<use href="#@{glyph}" x="{round(x, PRECISION):g}"/>' for glyph, x in zip(glyphs, places)])
