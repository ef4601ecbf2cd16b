"""Front-ends that make pages: each builds a site of the notebook, which a plain server then shows."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

from one_notebook import CELLS, environ
from servers import FrontEnd

MODULES = Path(__file__).parent/'node_modules'
REVEAL = 'Object.values(window.require?.s.contexts._.defined ?? {}).find((one) => one?.slide)' # it has no name there
SPHINX = "project, html_theme, extensions, exclude_patterns = 'test', 'pydata_sphinx_theme', [{!r}], ['build']\n"
INDEX = 'Test\n====\n\n.. toctree::\n\n   {}\n'
GALLERY = "sphinx_gallery_conf = dict(examples_dirs='examples', gallery_dirs='gallery', show_memory=False)\n"


@contextmanager
def shown(folder):
    "Serve `folder`, without a word"
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


class Site(FrontEnd):
    "Files to write, a command that builds the site, and where the notebook's page lies in it"
    def __init__(self, packages, requirements, files, command, page, **more):
        self.packages, self.requirements, self.files = packages, requirements, files
        self.command, self.page = command, page
        self.__dict__.update(more)

    @contextmanager
    def open(self, python, folder):
        for name, text in self.files.items():
            (folder/name).parent.mkdir(exist_ok=True, parents=True)
            (folder/name).write_text(text, encoding='utf-8')
        command = ['-m', *self.command] if self.command[0] != '-c' else self.command
        done = subprocess.run([python, *command], cwd=folder, env=environ(), capture_output=True, text=True)
        if done.returncode: raise RuntimeError(f'{(done.stdout + done.stderr)[-2000:]}')
        with shown(folder) as address: yield [f'{address}/{self.page}']

    def darken(self, page): # for those with a switch of their own
        page.evaluate("document.documentElement.dataset.theme = 'dark'")


def load_again(page):
    "For a theme that looks at the reader's preference once, and then remembers it"
    page.evaluate('localStorage.clear()')
    page.reload()
    page.wait_for_function("document.querySelectorAll('.fastsgd-player[data-ready]').length >= 2")


class Slides(Site):
    "Reveal's slides: one at a time is in sight"
    def __init__(self):
        command = ['nbconvert', '--to', 'slides', '--SlidesExporter.reveal_theme=black', '--SlidesExporter.theme=dark',
                   '--SlidesExporter.reveal_url_prefix=reveal.js',
                   '--SlidesExporter.require_js_url=requirejs/require.js', 'notebook.ipynb']
        super().__init__(('nbconvert',), 'servers', {}, command, 'notebook.slides.html')

    @contextmanager
    def open(self, python, folder):
        for name in ('reveal.js', 'requirejs'): # else they come from other hosts
            if not (MODULES/name).is_dir(): raise RuntimeError(f'no {name}: npm install --prefix tests/front_ends')
            shutil.copytree(MODULES/name, folder/name)
        with super().open(python, folder) as addresses: yield addresses

    def ready(self, page): page.wait_for_function(f'() => {REVEAL}?.isReady()')
    def turn(self, page, k): page.evaluate(f'(k) => {REVEAL}.slide(k)', k + 1)


def script(cells):
    "The notebook as sphinx-gallery takes it"
    return '"""\nA fit\n=====\n"""\n' + '\n# %%\n# Next:\n'.join(cells)


SITES = {
    'myst-nb': Site(('myst-nb', 'sphinx'), 'sphinx', {
        'conf.py': SPHINX.format('myst_nb') + "nb_execution_mode = 'off'\n", 'index.rst': INDEX.format('notebook')},
        ['sphinx', '-q', '-b', 'html', '.', 'build'], 'build/notebook.html'),
    'jupyter-book': Site(('jupyter-book', 'sphinx'), 'jupyter-book', {
        '_config.yml': 'title: Test\nexecute:\n  execute_notebooks: "off"\n',
        '_toc.yml': 'format: jb-book\nroot: notebook\n'},
        ['-c', 'from jupyter_book.cli.main import main; main()', 'build', '.'], '_build/html/notebook.html'),
    'mkdocs-jupyter': Site(('mkdocs-jupyter', 'mkdocs-material'), 'mkdocs', {'mkdocs.yml': json.dumps(dict(
        site_name='Test', docs_dir='docs', plugins=['mkdocs-jupyter'], theme=dict(name='material', font=False, palette=[
            dict(media='(prefers-color-scheme: light)', scheme='default'),
            dict(media='(prefers-color-scheme: dark)', scheme='slate')])))},
        ['mkdocs', 'build', '-q'], 'site/notebook/index.html', darken=load_again),
    'sphinx-gallery': Site(('sphinx-gallery', 'sphinx'), 'sphinx', {
        'conf.py': SPHINX.format('sphinx_gallery.gen_gallery') + GALLERY, 'index.rst': INDEX.format('gallery/index'),
        'examples/GALLERY_HEADER.rst': 'Gallery\n=======\n', 'examples/plot_fit.py': script(CELLS)},
        ['sphinx', '-q', '-b', 'html', '.', 'build'], 'build/gallery/plot_fit.html', ours=True),
    'slides (nbconvert, reveal.js)': Slides()}
