"""What all tests share: counts and tables for the report, a browser, notebook cells that run in a kernel."""

import os
import shutil
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile('fastsgd', deadline=None) # a busy machine is no failure
settings.load_profile('fastsgd')


@pytest.fixture
def count(record_property):
    "`count('faults survived', 3)`: adds to the counts at the end of the report, if the test passes"
    return lambda what, n=1: record_property(f'count {what}', n)


@pytest.fixture
def tell(record_property):
    "`tell('agreement', 'lr=0.1  1e-12')`: a line of a table at the end of the report, if the test passes"
    return lambda table, line: record_property(f'table {table}', line)


@pytest.fixture(scope='module')
def browser():
    "Chromium without a window; without one such tests are skipped, with FASTSGD_REQUIRE_BROWSER=1 they fail"
    path = shutil.which('chromium') or shutil.which('google-chrome')
    try:
        from playwright.sync_api import sync_playwright
    except ImportError: path = None
    if path is None:
        if os.environ.get('FASTSGD_REQUIRE_BROWSER') == '1': pytest.fail('no Chromium and Playwright to test with')
        pytest.skip('needs Chromium and Playwright')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path,
                                             args=['--no-sandbox', '--disable-background-networking'])
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def run_cells(tmp_path_factory):
    "`run_cells(source, ...) -> outputs of each cell`, run by a kernel of its own, as in a notebook"
    import nbclient
    import nbformat

    def run(*sources):
        cells = [nbformat.v4.new_code_cell(textwrap.dedent(source)) for source in sources]
        folder = str(tmp_path_factory.mktemp('notebook'))
        root = str(Path(__file__).parents[1])
        env = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, [root, os.environ.get('PYTHONPATH')]))}
        client = nbclient.NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120,
                                         resources={'metadata': {'path': folder}})
        return [cell.outputs for cell in client.execute(env=env).cells]
    return run


def pytest_terminal_summary(terminalreporter):
    totals, tables = Counter(), {}
    for report in terminalreporter.getreports('passed'):
        for key, n in report.user_properties:
            if key.startswith('count '): totals[key.removeprefix('count ')] += n
            if key.startswith('table '): tables.setdefault(key.removeprefix('table '), []).append(n)
    for table, lines in tables.items():
        terminalreporter.section(table)
        for line in lines: terminalreporter.write_line(line)
    if totals: terminalreporter.section('counts')
    for what, n in sorted(totals.items()): terminalreporter.write_line(f'{n:6} {what}')
