"""Text put together letter by letter stands where matplotlib puts it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from fastsgd.player import draw_svg
from fastsgd.player.draw.letters import SAMPLE, LetterByLetter, Letters

ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
FAMILIES = ['DejaVu Sans', 'DejaVu Serif', 'DejaVu Sans Mono', 'STIXGeneral']
fonts = st.builds(FontProperties, family=st.sampled_from(FAMILIES),
                  style=st.sampled_from(['normal', 'italic']), weight=st.sampled_from(['normal', 'bold']),
                  size=st.sampled_from([6, 8.33, 10, 24]))


def plainly(s, prop):
    "The glyphs and their places as matplotlib has them"
    text = TextToPath()
    glyphs, paths, _ = text.get_glyphs_with_font(text._get_font(prop), s)
    return [g[:2] for g in glyphs], paths


@given(ascii_text, fonts)
@example('step 12 of 100   loss 0.03456', FontProperties(size=10))
@example("AVA To. 'fi' ffl -> != ===", FontProperties(size=10))
@settings(deadline=None, max_examples=300)
def test_as_matplotlib_places_it(s, prop):
    text = LetterByLetter()
    rounding = len(s) / 64 * prop.get_size() / TextToPath.FONT_SCALE # matplotlib 3.10 rounds each step in the width
    np.testing.assert_allclose(text.get_text_width_height_descent(s, prop, False),
                               TextToPath().get_text_width_height_descent(s, prop, False), rtol=1e-9, atol=rounding)
    line = text.line(s, prop, {})
    if line is None: return
    letters, new = line
    glyphs, paths = plainly(s, prop)
    assert letters == glyphs and new.keys() == paths.keys()
    for name, (vertices, codes) in new.items():
        np.testing.assert_array_equal(vertices, paths[name][0])
        np.testing.assert_array_equal(codes, paths[name][1])


def test_what_changes_with_each_frame_is_put_together():
    text, prop = LetterByLetter(), FontProperties(size=10)
    assert all(text.line(f'step {i} of 100   loss {1 / (i + 1):.4g}', prop, {}) for i in range(100))


def test_ligatures_are_left_to_matplotlib():
    prop, text = FontProperties(size=10), LetterByLetter()
    alone = len(plainly('fi', prop)[0]) == 2 # matplotlib makes one glyph of them from 3.11 on
    assert (text._letters(prop).places('fi') is not None) == alone
    assert text.line('fi', prop, {})[0] == plainly('fi', prop)[0]


@pytest.mark.parametrize('s', ['e\u0301', '\u0645\u0631'])
def test_what_takes_another_form_is_shaped_by_matplotlib_once(s, monkeypatch):
    monkeypatch.setattr(LetterByLetter, 'fonts', {})
    text, prop = LetterByLetter(), FontProperties(size=10)
    assert text._letters(prop).places(s) is None
    glyphs, paths = plainly(s, prop)
    for _ in range(2):
        letters, new = text.line(s, prop, {})
        assert letters == glyphs and new.keys() == paths.keys()
        assert not text.line(s, prop, paths)[1]
        monkeypatch.setattr(Letters, '_shape', None) # from here on it is known


def test_no_text_and_letters_off_the_line_are_left_to_matplotlib(monkeypatch):
    monkeypatch.setattr(LetterByLetter, 'fonts', {})
    text, prop = LetterByLetter(), FontProperties(size=10)
    assert text.line('', prop, {}) is None
    shape = Letters._shape
    raised = lambda self, s: ([(name, x, 1, 1) for name, x, *_ in shape(self, s)[0]], *shape(self, s)[1:])
    monkeypatch.setattr(Letters, '_shape', raised)
    assert text.line('\u0645\u0631', prop, {}) is None


def test_only_new_glyphs_are_given():
    text, prop = LetterByLetter(), FontProperties(size=10)
    known = text.line('abc', prop, {})[1]
    assert len(text.line('abcd', prop, known)[1]) == 1


def test_a_font_that_does_not_fit_is_left_to_matplotlib(monkeypatch):
    step = Letters._step
    monkeypatch.setattr(Letters, '_step', lambda self, a, b: step(self, a, b) + 1)
    monkeypatch.setattr(LetterByLetter, 'fonts', {})
    text, prop = LetterByLetter(), FontProperties(size=10)
    for s in (SAMPLE, 'step'):
        assert text._letters(prop).places(s) is None and text.line(s, prop, {})[0] == plainly(s, prop)[0]


def test_a_font_that_others_draw_with_at_another_size(monkeypatch):
    "The font is one object for all of matplotlib"
    monkeypatch.setattr(LetterByLetter, 'fonts', {})
    text, prop = LetterByLetter(), FontProperties(size=10)
    text.line('a', prop, {})
    fig = Figure(dpi=31)
    fig.text(0, 0, 'xyz', size=37)
    FigureCanvasAgg(fig).draw()
    assert text.line('xyz 123', prop, {})[0] == plainly('xyz 123', prop)[0]


def test_looks_of_a_text():
    fig = Figure()
    fig.text(0.5, 0.5, 'ab 12', rotation=30, color='#123456', alpha=0.5, size=20)
    shown = draw_svg(fig, lambda i: None, [0]).frame(0)
    for said in ('rotate(-30)', 'fill="#123456"', 'opacity="0.5"', 'scale(0.2 -0.2)'): assert said in shown
