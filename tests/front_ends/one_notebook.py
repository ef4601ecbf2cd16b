"""The notebook that each front-end shows: the lesson's player, a view of one's own, and `explore`'s page."""

import json
import os
import sys
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parents[2]
KERNEL = {'name': 'fastsgd', 'display_name': 'fastsgd', 'language': 'python'}
CELLS = """from fastsgd import View, animate, explore, linear_learner
learn = linear_learner(seed=0, log_every=None)
with learn.no_bar(), learn.no_logging(): learn.fit(30, lr=0.1)
learn.animate_fit
---
class DistanceView(View):
    "How far the parameters are from where they began"
    def draw(self, traj, ax):
        way = (traj.flat - traj.flat[0]).norm(dim=1)
        ax.plot(traj.steps, way, color='lightgrey')
        dot, = ax.plot([], [], 'o')
        ax.set(xlabel='step', ylabel='distance from the start')

        def update(i): dot.set_data([traj.steps[i]], [way[i]])
        return update

animate(learn.record_params.trajectory, DistanceView())
---
explore(steps=20)._page() # what it shows where there are no widgets
""".split('---\n')
WIDGETS = 'from fastsgd import explore\nexplore(steps=20)',


def environ(): return {**os.environ, 'PYTHONPATH': str(ROOT), 'MPLBACKEND': 'agg', 'OMP_NUM_THREADS': '1'}


def blank(cells):
    "A notebook with a title and `cells`; each begins a slide"
    slide = dict(metadata={'slideshow': {'slide_type': 'slide'}})
    cells = [nbformat.v4.new_code_cell(cell.strip(), **slide) for cell in cells]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell('# A fit', **slide), *cells],
                                    metadata={'kernelspec': KERNEL, 'language_info': {'name': 'python'}})


def write(folder):
    "Write notebook.ipynb with its outputs, widgets.ipynb without, and a kernel with this Python for both"
    kernel = folder/'jupyter'/'kernels'/KERNEL['name']/'kernel.json'
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps(dict(KERNEL, env={'PYTHONPATH': str(ROOT)}, argv=[
        sys.executable, '-m', 'ipykernel_launcher', '-f', '{connection_file}'])))
    os.environ['JUPYTER_PATH'] = str(folder/'jupyter')
    client = nbclient.NotebookClient(blank(CELLS), timeout=120, resources={'metadata': {'path': str(folder)}})
    nbformat.write(client.execute(env=environ()), folder/'notebook.ipynb')
    nbformat.write(blank(WIDGETS), folder/'widgets.ipynb')
