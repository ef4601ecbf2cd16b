"""Each notebook in `examples/` runs from the top down, and is committed as a reader should find it."""

import base64
import re

import nbformat
import pytest
from run_notebooks import NOTEBOOKS, run

each = pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)


@pytest.mark.filterwarnings('ignore:Kernel is running over TCP without encryption') # ipykernel's, on a loopback
@each
def test_it_runs_from_the_top_down(path):
    notebook = run(path)
    for cell in notebook.cells:
        for output in cell.get('outputs', ()): # a cell that fails on purpose catches its error
            assert output.output_type != 'error'
            assert output.get('name') != 'stderr', f'a warning for the reader: {output.text}'


@each
def test_it_is_committed_with_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 1_200_000
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)) # run once, in order
    assert all(cell.source.strip() for cell in notebook.cells) and not any(cell.metadata for cell in notebook.cells)
    outputs = [output.get('data', {}) for cell in code for output in cell.outputs]
    assert any(base64.b64decode(data['image/png'])[:4] == b'\x89PNG' for data in outputs if 'image/png' in data)
    assert any('fastsgd-player' in data.get('text/html', '') for data in outputs)


@each
def test_it_asks_one_question_and_ends_with_something_to_try(path):
    cells = nbformat.read(path, as_version=4).cells
    assert re.match(r'# [^\n]+\?\n', cells[0].source)
    assert cells[-1].cell_type == 'markdown' and cells[-1].source.startswith('## Try it')


def test_the_lesson_states_its_numbers_as_they_are():
    path = next(path for path in NOTEBOOKS if path.stem == '01_the_lesson')
    cells = nbformat.read(path, as_version=4).cells
    text = ''.join(output.get('text', '') for cell in cells for output in cell.get('outputs', ()))
    assert 'mat1 and mat2 shapes cannot be multiplied' in text and 'x has shape (2, 100), expected (n, 2)' in text
    by_hand = [float(loss) for loss in re.findall(r'^ *\d+ (\d\.\d{4})$', text, re.M)]
    table = next(o['data']['text/html'] for cell in cells if cell.source.startswith('learn.fit') for o in cell.outputs)
    assert by_hand == [float(loss) for loss in re.findall(r'<td>(\d\.\d{4})</td>', table)] and len(by_hand) == 10
    assert 3.5 < by_hand[0] < 7.5 and by_hand[1] < 0.85 and by_hand[2] < 0.3
    lines = {name: [float(n) for n in row] for name, *row in re.findall(
        r'^(true|least squares|fitted) +slope (\S+)  intercept (\S+)  loss (\S+)$', text, re.M)}
    assert lines['fitted'] == pytest.approx(lines['least squares'], abs=0.01) and lines['true'][:2] == [3, 2]
