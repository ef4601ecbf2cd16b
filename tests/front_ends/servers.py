"""Front-ends that are servers: each shows the notebook at an address of this machine."""

import json
import subprocess
import urllib.request
from contextlib import contextmanager

from looks import PATIENCE, until
from one_notebook import environ
from test_jupyterlab import SETTINGS, free_port

TOKEN = 'only-for-this-test'


class FrontEnd:
    "What the look needs to know of a front-end; the steps that most of them need none of"
    widgets = False # has a kernel, and ipywidgets
    ours = False # needs fastsgd in its own environment

    def ready(self, page): pass # wait for what the front-end itself does first
    def turn(self, page, k): pass # bring the place of player `k` into sight
    def darken(self, page): pass # choose the dark theme, where the reader's own preference is not enough
    def run_all(self, page): pass # run all cells


@contextmanager
def serving(folder, address, *command, **env):
    "Run a server until the end of the block; what it says goes to server.log"
    with (folder/'server.log').open('w') as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env={**environ(), **env})
        try:
            until(lambda: answers(address), f'{command[2]} at {address}')
            yield
        finally:
            server.terminate()
            try: server.wait(20)
            except subprocess.TimeoutExpired: server.kill()


def answers(address):
    try: return urllib.request.urlopen(address, timeout=5).close() is None
    except OSError: return False


class Jupyter(FrontEnd):
    "A front-end of Jupyter's, with settings and data of its own"
    widgets, options = True, ('--expose-app-in-browser', '--LabApp.extension_manager=readonly')

    def __init__(self, package, command, path):
        self.packages, self.command, self.path, self.requirements = (package, 'ipywidgets'), command, path, 'servers'

    @contextmanager
    def open(self, python, folder):
        "Yield the addresses of the notebook and of that with widgets"
        for name, values in SETTINGS.items():
            path = folder/'settings'/f'{name}.jupyterlab-settings'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        env = {f'JUPYTER_{k}_DIR': str(folder/k.lower()) for k in ('CONFIG', 'DATA', 'RUNTIME')}
        env.update(JUPYTERLAB_SETTINGS_DIR=str(folder/'settings'), JUPYTERLAB_WORKSPACES_DIR=str(folder/'workspaces'))
        for name in ('notebook.ipynb', 'widgets.ipynb'): # else no script of theirs runs
            subprocess.run([python, '-m', 'jupyter', 'trust', name], cwd=folder, env={**environ(), **env}, check=True,
                           stdout=subprocess.DEVNULL)
        port = free_port()
        address = f'http://127.0.0.1:{port}'
        with serving(folder, f'{address}/api?token={TOKEN}', python, '-m', self.command, '--no-browser', '--allow-root',
                     '--ip=127.0.0.1', f'--port={port}', f'--IdentityProvider.token={TOKEN}',
                     f'--ServerApp.root_dir={folder}', *self.options, **env):
            yield [f'{address}/{self.path}/{name}.ipynb?reset&token={TOKEN}' for name in ('notebook', 'widgets')]

    def ready(self, page):
        page.wait_for_selector('.jp-Notebook .jp-CodeCell', timeout=1000 * PATIENCE)

    def darken(self, page):
        page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")

    def run_all(self, page):
        self.ready(page)
        page.wait_for_function('() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status'
                               " === 'idle'", timeout=1000 * PATIENCE)
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")


class Classic(Jupyter):
    "The notebook as it was before JupyterLab"
    options = ()

    def __init__(self):
        super().__init__('nbclassic', 'nbclassic', 'notebooks')
        self.requirements = 'nbclassic' # beside Notebook 7 or Voila it looks for extensions that are not there

    def ready(self, page):
        page.wait_for_function('() => window.Jupyter?.notebook?.kernel?.is_connected()', timeout=1000 * PATIENCE)

    def darken(self, page): pass

    def run_all(self, page):
        self.ready(page)
        page.wait_for_function('() => Jupyter.notebook.kernel.widget_manager && !Jupyter.notebook.kernel_busy',
                               timeout=1000 * PATIENCE)
        page.wait_for_timeout(10_000) # it asks the kernel for older widgets, and then removes all
        page.evaluate('Jupyter.notebook.execute_all_cells()')


class Voila(FrontEnd):
    "Runs the notebook for each who looks, and shows its outputs only"
    packages, requirements, widgets = ('voila', 'ipywidgets'), 'servers', True

    @contextmanager
    def open(self, python, folder):
        port = free_port()
        with serving(folder, f'http://127.0.0.1:{port}', python, '-m', 'voila', '--no-browser', f'--port={port}',
                     '--theme=dark', '.'):
            yield [f'http://127.0.0.1:{port}/voila/render/{name}.ipynb' for name in ('notebook', 'widgets')]


class Marimo(FrontEnd):
    "Runs the notebook, converted to what marimo takes"
    packages, requirements, ours = ('marimo',), 'marimo', True

    @contextmanager
    def open(self, python, folder):
        subprocess.run([python, '-m', 'marimo', '-q', 'convert', 'notebook.ipynb', '-o', 'app.py'], cwd=folder,
                       env=environ(), check=True)
        (folder/'pyproject.toml').write_text('[tool.marimo.display]\ntheme = "system"\n')
        port = free_port()
        with serving(folder, f'http://127.0.0.1:{port}', python, '-m', 'marimo', '-q', 'run', 'app.py', '--headless',
                     '--no-token', f'--port={port}'):
            yield [f'http://127.0.0.1:{port}']


SERVERS = {'JupyterLab': Jupyter('jupyterlab', 'jupyterlab', 'lab/tree'),
           'Notebook 7': Jupyter('notebook', 'notebook', 'notebooks'),
           'nbclassic': Classic(),
           'Voila': Voila(), 'marimo': Marimo()}
