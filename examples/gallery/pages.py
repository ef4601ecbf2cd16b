"""What makes the pages of the gallery: views with their code run, notebooks as they are, the API from docstrings."""

import ast
import contextlib
import io
import re
import time
import warnings
from pathlib import Path

import nbformat
import torch
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from myst_nb.core.read import read_myst_markdown_notebook

import fastsgd
from fastsgd import View

torch.set_num_threads(1) # models as small as these gain nothing by more, and lose much on a busy machine
HERE = Path(__file__).parent
STILLS = HERE/'built/stills' # the last frame of each view, for the index
FOREIGN = ('.*torch.jit.script', 'The given NumPy array is not writable', # warnings of torch, on fastai
           'Your generator is empty', # fastprogress's, without validation data
           'You are shadowing an attribute .(generator|critic|gen_mode)') # fastai's, on its own GANTrainer
VIEWS = {name for name, o in vars(fastsgd).items() if isinstance(o, type) and issubclass(o, View) and o is not View}


def check_views(folder, views=VIEWS):
    "Raise LookupError unless each public view has a page, and each page a view"
    found = {path.stem for path in Path(folder).glob('*.md')}
    if views - found: raise LookupError(f'without a page: {", ".join(sorted(views - found))}; write {folder}/NAME.md')
    if found - views: raise LookupError(f'pages without a view: {", ".join(sorted(found - views))} in {folder}')


def copy_notebooks(source, target):
    "Put the notebooks where Sphinx finds them, with the outputs that they have; of a player not its still picture"
    target.mkdir(exist_ok=True)
    for path in target.glob('*.ipynb'): path.unlink()
    for path in source.glob('*.ipynb'):
        notebook = nbformat.read(path, 4)
        for output in (o for cell in notebook.cells for o in cell.get('outputs', ())):
            if 'text/html' in output.get('data', {}): output.data.pop('image/png', None)
        nbformat.write(notebook, target/path.name)


def run_page(text: str) -> nbformat.NotebookNode: # With outputs
    """Read a page of MyST Markdown and run its code cells, one after the other, in a namespace of their own.

    A kernel for each page would import torch and fastai each time, which takes longer than the fits.
    """
    notebook, names, still = read_myst_markdown_notebook(text, path=HERE/'index.md'), {}, False
    for k, cell in enumerate(c for c in notebook.cells if c.cell_type == 'code'):
        began = time.perf_counter()
        shown = run_cell(cell.source, names)
        html = shown._repr_html_() if hasattr(shown, '_repr_html_') else ''
        cell.execution_count = k + 1
        if not html: continue
        cell.outputs = [as_output(html), as_output(told(shown, html, time.perf_counter() - began))]
        view = re.search(r'^# .*`(\w+)`', text, re.M)[1]
        if not still: shown.save_strip(STILLS/f'{view}.png', n=1, dpi=60)
        still = True
    notebook.metadata.language_info = {'name': 'python', 'pygments_lexer': 'python'}
    return notebook


def run_cell(source, names):
    "Run the source, silently, and return the value of its last expression; a warning is an error"
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('error')
        for text in FOREIGN: warnings.filterwarnings('ignore', text)
        exec(compile(tree, 'page', 'exec'), names)
        return None if last is None else eval(compile(ast.Expression(last.value), 'page', 'eval'), names)


def told(animation, html, seconds):
    size = len(html.encode()) / 1000
    return f'<p class="cost">{animation!r}, {size:.0f} kB. Fit and animation took {seconds:.1f} s here.</p>'


def as_output(html): return nbformat.v4.new_output('display_data', {'text/html': html})


def math(block):
    "A renderer of formulas that needs no script: browsers know MathML"
    def visit(self, node):
        self.body.append(tex2mathml(node.astext(), as_block=block))
        raise nodes.SkipNode
    return visit, None


def add_stills(app, page, template, context, doctree):
    "Put the last frame of a view into each link of the index that leads to it"
    link = r'(<a class="reference internal" href="views/(\w+)\.html">)'
    if page == 'index': context['body'] = re.sub(link, r'\1<img src="stills/\2.png" alt="">', context['body'])
