"""Run notebooks from top to bottom, each in its own kernel: `python tests/run_notebooks.py [--write] [notebook ...]`.

Without names: all of `examples/`. `--write` keeps the outputs in the files, without what changes from run to run.
"""

import asyncio
import hashlib
import os
import re
import sys
import time
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT/'examples').glob('*.ipynb'))


def run(path, timeout=600):
    "The notebook at `path`, run from the top down. Raises nbclient's CellExecutionError for the first cell that fails."
    notebook = nbformat.read(path, as_version=4)
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))}
    client = nbclient.NotebookClient(notebook, timeout=timeout, resources={'metadata': {'path': str(path.parent)}})
    asyncio.run(client.async_execute(env=env))
    return notebook


def tidy(notebook, title):
    "Keep what a reader sees, drop what differs from run to run"
    notebook.metadata = {'kernelspec': {'display_name': 'Python 3', 'language': 'python', 'name': 'python3'},
                         'language_info': {'name': 'python'}}
    ids = {}
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type != 'code': continue
        cell.outputs = [o for o in cell.outputs if shows(o.get('data', {}))]
        for output in cell.outputs:
            if 'data' not in output: continue
            output.data.pop('text/markdown', None)
            if output.data['text/plain'].startswith('<div>'): output.data['text/plain'] = '<table>'
            html = output.data.get('text/html', '')
            for name in re.findall(r'data-fastsgd="(\w+)"', html): # one page may hold several notebooks
                ids.setdefault(name, 'f' + hashlib.blake2b(f'{title} {len(ids)}'.encode(), digest_size=5).hexdigest())
                html = html.replace(name, ids[name])
            if html: output.data['text/html'] = html
            output.metadata = {}
    return notebook


def shows(data):
    "Is there something to see? fastprogress also sends style sheets, and an empty output where a bar was"
    html = data.get('text/html', 'none')
    return bool(html) and not html.lstrip().startswith('<style>')


if __name__ == '__main__':
    write = '--write' in sys.argv
    for path in [Path(arg) for arg in sys.argv[1:] if arg != '--write'] or NOTEBOOKS:
        start = time.perf_counter()
        notebook = run(path)
        if write: nbformat.write(tidy(notebook, path.stem), path)
        print(f'{path.name}: {time.perf_counter() - start:.0f} s, {path.stat().st_size // 1024} kB')
