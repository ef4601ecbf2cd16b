"""Text placed letter by letter, by what is known of each pair: a changing number is not shaped anew for each frame."""

from itertools import accumulate, pairwise
from math import nan

from matplotlib.textpath import TextToPath

SAMPLE = 'step 10 of 100   loss 0.5678, AV To'
MOST_LINES = 1000 # that were shaped as a whole, remembered for a font


class LetterByLetter(TextToPath):
    """Matplotlib's `TextToPath`, which remembers the glyph of each letter, and how far from it the next one stands

    A text of printable ASCII is put together from that, unless two of its letters side by side take another form
    (ligatures), or a sample in the same font comes out otherwise than matplotlib shapes it. All else matplotlib shapes,
    once for each text.
    """
    fonts = {} # id -> Letters, which keep the font: no other one gets this id

    def __init__(self):
        super().__init__()
        self.chosen = {} # for the time of one drawing, during which rcParams stay

    def line(self, s, prop, known):
        """Return `(letters, new)` of a line of text, or None if matplotlib must shape it

        `letters` are `(name of the glyph, x)`, `new` is `name -> path` of the glyphs that are not in `known`.
        """
        letters = self._letters(prop)
        places = letters.places(s)
        if places is None:
            placed, glyphs = letters.shaped(s) if s else (None, ())
            return placed and (placed, {n: path for n, path in glyphs if n not in known})
        glyphs = [letters.glyphs[c] for c in s]
        return [(name, x) for (name, _), x in zip(glyphs, places)], {n: path for n, path in glyphs if n not in known}

    def get_text_width_height_descent(self, s, prop, ismath):
        measure = super().get_text_width_height_descent
        letters = None if ismath else self._letters(prop)
        places = letters and letters.places(s)
        if not places: return measure(s, prop, ismath)
        scale, used = prop.get_size_in_points() / self.FONT_SCALE, set(s)
        for c in used - letters.sizes.keys():
            width, height, descent = (v / scale for v in measure(c, prop, False))
            letters.sizes[c] = width, height - descent, descent
        heights, descents = zip(*[letters.sizes[c][1:] for c in used])
        return ((places[-1] + letters.sizes[s[-1]][0]) * scale, (max(heights) + max(descents)) * scale,
                max(descents) * scale)

    def _letters(self, prop):
        key = hash(prop) # of what it says, as matplotlib itself compares them
        if key not in self.chosen:
            font = self._get_font(prop)
            if id(font) not in self.fonts: self.fonts[id(font)] = Letters(font)
            self.chosen[key] = self.fonts[id(font)]
        return self.chosen[key]


class Letters:
    "What is known of the letters of one font, at the size at which `TextToPath` shapes text"
    def __init__(self, font):
        self.font, self.text_to_path = font, TextToPath()
        self.glyphs, self.steps, self.sizes, self.lines = {}, {}, {}, {}
        self.last = None, None # text and places: first it is measured, then it is drawn
        self.fit = True # to be put together at all?
        places, glyphs = self._places(SAMPLE), self._shape(SAMPLE)[0]
        self.fit = bool(places) and [(self.glyphs[c][0], x) for c, x in zip(SAMPLE, places)] == [g[:2] for g in glyphs]

    def places(self, s):
        "Where each letter of `s` begins, or None if they can't be placed one by one"
        if s != self.last[0]: self.last = s, self._places(s)
        return self.last[1]

    def _places(self, s):
        if not (self.fit and s and s.isascii() and s.isprintable()): return None
        for pair in set(pairwise(s)) - self.steps.keys(): self.steps[pair] = self._step(*pair)
        res = [*accumulate(map(self.steps.__getitem__, pairwise(s)), initial=0.)]
        return res if self._glyph(s[0]) and res[-1] == res[-1] else None

    def shaped(self, s):
        "`(letters, [(name, path)])` of a line that matplotlib shapes as a whole; no letters if one is off the line"
        if s not in self.lines:
            if len(self.lines) >= MOST_LINES: self.lines.clear()
            glyphs, paths, _ = self._shape(s)
            level = all(g[2:] == (0, 1) for g in glyphs)
            self.lines[s] = ([(name, x) for name, x, *_ in glyphs] if level else None), list(paths.items())
        return self.lines[s]

    def _step(self, a, b):
        "From the beginning of `a` to that of `b` behind it; NaN if one of them looks otherwise there"
        one, two = self._glyph(a), self._glyph(b)
        glyphs = self._shape(a + b)[0]
        if not (one and two and [g[0] for g in glyphs] == [one[0], two[0]]): return nan
        return glyphs[1][1] if glyphs[0][1:] == (0, 0, 1) and glyphs[1][2:] == (0, 1) else nan

    def _glyph(self, c):
        "`(name, path)`; None if it is not one glyph"
        if c not in self.glyphs:
            glyphs, paths, _ = self._shape(c)
            plain = len(glyphs) == 1 and glyphs[0][1:] == (0, 0, 1)
            self.glyphs[c] = (glyphs[0][0], paths[glyphs[0][0]]) if plain else None
        return self.glyphs[c]

    def _shape(self, s):
        self.font.set_size(TextToPath.FONT_SCALE, TextToPath.DPI) # who drew with it last left another one
        return self.text_to_path.get_glyphs_with_font(self.font, s)
