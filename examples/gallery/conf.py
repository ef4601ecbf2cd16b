"""The gallery: `python -m sphinx -E -W --keep-going -b html examples/gallery build/gallery` from the top folder."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])] # pages.py, and the fastsgd that stands here

import api  # noqa: E402
import pages  # noqa: E402

pages.check_views(HERE/'views')
pages.copy_notebooks(HERE.parent, HERE/'notebooks')
api.write_api(HERE/'api')
pages.STILLS.mkdir(parents=True, exist_ok=True)

project, author = 'fastsgd', 'fastsgd maintainers'
extensions = ['myst_nb']
exclude_patterns = ['built']

# Code cells of .md pages are run by `pages.run_page`, all in this process; those of notebooks come with their outputs.
nb_execution_mode = 'off'
nb_code_prompt_show = 'The data and the model'
nb_custom_formats = {'.md': 'pages.run_page'}
myst_heading_anchors = 3
myst_enable_extensions = ['dollarmath']

# Pages are opened from a folder or a memory stick: nothing comes from elsewhere
html_theme = 'basic'
html_title = 'fastsgd gallery'
html_static_path, html_css_files, templates_path = ['gallery.css'], ['gallery.css'], ['templates']
html_sidebars = {'**': []}
html_theme_options = {'body_min_width': 0, 'body_max_width': 'none'}
html_copy_source = html_show_sphinx = html_show_copyright = html_use_index = False
html_math_renderer = 'mathml'
pygments_style = 'default'
html_extra_path = ['built']


def setup(app):
    app.add_html_math_renderer('mathml', pages.math(False), pages.math(True))
    app.connect('html-page-context', pages.add_stills)
