"""The player in pages of sphinx-gallery and of myst-nb's `glue`: built by Sphinx, opened in Chromium."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastsgd

ROOT = Path(fastsgd.__file__).parents[1]
FIT = 'from fastsgd import *\ntraj = minimize(lambda p: ((p - 2)**2).sum(), (-1.,), lr=0.1, steps=8)\n'
SITE = {
    'conf.py': """project, extensions = 'test', ['sphinx_gallery.gen_gallery', 'myst_nb']
sphinx_gallery_conf = dict(examples_dirs='examples', gallery_dirs='gallery', matplotlib_animations=True,
                           show_memory=False, min_reported_time=1e9)
exclude_patterns, nb_execution_mode, nb_execution_raise_on_error = [
    'examples', 'build', 'gallery/*.ipynb'], 'force', True
""",
    'index.rst': 'Test\n====\n\n.. toctree::\n\n   gallery/index\n   glued\n',
    'examples/GALLERY_HEADER.rst': 'Gallery\n=======\n',
    'examples/plot_fit.py': f'''"""
A fit
=====
"""
import matplotlib.pyplot as plt
{FIT}
fig, ax = plt.subplots()
animation = animate(traj, CurveView(), axs=ax) # found as an animation of pyplot's figure

# %%
# Shown as the last expression:
animate(traj, LossView())
''',
    'glued.md': f"""---
file_format: mystnb
kernelspec:
  name: python3
---
# Glued

```{{code-cell}}
from myst_nb import glue
{FIT}
glue('player', animate(traj, LossView()), display=False)
```

Between the cell and what it made.

```{{glue}} player
```

And once more:

```{{glue}} player
```
"""}


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    for name in ('sphinx_gallery', 'myst_nb'): pytest.importorskip(name)
    folder = tmp_path_factory.mktemp('site')
    for name, text in SITE.items():
        (folder/name).parent.mkdir(exist_ok=True)
        (folder/name).write_text(text, encoding='utf-8')
    env = {**os.environ, 'MPLBACKEND': 'agg', 'PYTHONPATH': str(ROOT)}
    done = subprocess.run([sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-b', 'html', '.', 'build'],
                          cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder/'build'


@pytest.mark.parametrize('page, n', [('gallery/plot_fit', 2), ('glued', 2)])
def test_the_players_start(site, browser, page, n):
    context = browser.new_context()
    context.route('http**', lambda route: route.abort())
    tab, errors = context.new_page(), []
    tab.on('pageerror', lambda error: errors.append(str(error)))
    tab.goto((site/f'{page}.html').as_uri())
    tab.locator('.fastsgd-player[data-ready]').nth(n - 1).wait_for()
    players = tab.locator('.fastsgd-player[data-ready]').all()
    assert len(players) == n
    for player in players:
        assert player.locator('svg[role=img]').is_visible() and not player.locator('img').count()
        player.locator('[data-do=last]').click()
        player.locator('[data-do=back]').click()
        assert player.get_attribute('data-frame') == '7'
    context.close()
    assert not errors


def test_the_gallery_has_a_thumbnail_that_moves(site):
    from PIL import Image
    with Image.open(next((site/'_images').glob('*plot_fit_thumb*'))) as thumb: assert thumb.n_frames == 9
