"""Lines of text in two characters a letter are read as they were written, in Python and by the page's script."""

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastsgd import linear_learner
from fastsgd.player import draw_svg
from fastsgd.player.spelling import CODE, Spelling
from fastsgd.player.write.html import HERE

steps = st.integers(0, 5000).map(lambda k: k / 64) # as fonts have them
lines = st.lists(st.tuples(st.integers(0, 200), steps), min_size=1, max_size=40)


def placed(line):
    "`(glyph, x)` of letters that are so far from the next one"
    x, res = 0, []
    for glyph, step in line:
        res.append((glyph, x))
        x += step
    return res


def found(svg): return [(int(glyph), float(x)) for glyph, x in re.findall(r'<use href="#@(\d+)" x="([^"]*)"/>', svg)]


@given(st.lists(lines, min_size=1, max_size=5))
@settings(deadline=None, max_examples=100)
def test_lines_are_read_as_they_were_written(lines):
    spelling, lines = Spelling(), [placed(line) for line in lines]
    written = [spelling.write(line) for line in lines]
    for line, text in zip(lines, written):
        assert len(text) == 2 * len(line) + len('<t></t>')
        read = found(spelling.read(f'<g>{text}</g>'))
        assert [glyph for glyph, _ in read] == [glyph for glyph, _ in line]
        assert max(abs(x - y) for (_, x), (_, y) in zip(read, line)) < 0.0051


@pytest.mark.parametrize('line', [[(1, 0.5), (2, 30)], [(k, 10 * k) for k in range(len(CODE)**2 + 2)]],
                         ids=['begins elsewhere', 'more letters than codes'])
def test_what_the_code_can_not_say_is_svg_at_once(line):
    spelling = Spelling()
    text = spelling.write(line)
    assert found(text) == line and spelling.read(text) == text


@pytest.mark.skipif(not shutil.which('node'), reason='needs Node.js')
def test_the_script_reads_them_too(tmp_path):
    learn = linear_learner(seed=0)
    learn.fit(5, lr=0.1)
    anim = learn.animate_fit.animation
    drawing = draw_svg(anim._fig, anim._update, range(6))
    texts = [text for part in drawing.parts for _, text in part.texts() if '<t>' in text]
    reader = re.search(r'function reader\(letters\).*?\n  }\n', (HERE/'player.js').read_text('utf-8'), re.DOTALL)[0]
    (tmp_path/'read.js').write_text(f'const id="x";{reader}\nconst read=reader({json.dumps(drawing.spelling.letters)});'
                                    f'console.log(JSON.stringify({json.dumps(texts)}.map(read)))', encoding='utf-8')
    out = json.loads(subprocess.run(['node', tmp_path/'read.js'], capture_output=True, check=True, text=True).stdout)
    assert len(out) > 20
    for text, read in zip(texts, out):
        here, there = found(drawing.spelling.read(text)), found(read.replace("'", '"').replace('#x-', '#@'))
        assert len(here) and [glyph for glyph, _ in here] == [glyph for glyph, _ in there]
        assert max(abs(x - y) for (_, x), (_, y) in zip(here, there)) < 0.011


def test_moving_text_takes_less_than_half_of_the_bytes_that_it_took():
    learn = linear_learner(seed=0)
    learn.fit(100, lr=0.1)
    anim = learn.animate_fit.animation
    drawing = draw_svg(anim._fig, anim._update, range(101))
    moving = [part for part in drawing.parts if len(part) > 1]
    letter_by_letter = [type(part)() for part in moving]
    for part, long in zip(moving, letter_by_letter):
        for frame, text in part.texts(): long.append(frame, drawing.spelling.read(text))
    assert sum(part.size() for part in moving) < 0.5 * sum(part.size() for part in letter_by_letter)
