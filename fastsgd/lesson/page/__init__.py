"""The lesson as a page: its own script does the SGD, without a kernel or a network."""

import base64
from html import escape
from pathlib import Path

import torch

from ...checks import check_string
from ...data.noise import seeded_generator
from ...files import atomic_path
from ...player.write.html import script_json
from ...trajectory.tables import several

HERE = Path(__file__).parent
MOST_BYTES = 2**21 # of the points and their orders: a page that a class opens on its phones
HEIGHT = 700 # pixels in a notebook
# Tells the page in a frame whether the page around it is dark, by the letters there, also when that changes. A frame
# whose colour scheme is that of its page is transparent.
FOLLOW = ("const tell = () => {const rgb = getComputedStyle(this.parentElement).color.match(/[.0-9]+/g) || [], "
          "dark = Number(rgb[0]) + Number(rgb[1]) + Number(rgb[2]) > 382; "
          "this.style.colorScheme = dark ? 'dark' : 'light'; this.contentWindow.postMessage({dark}, '*')}; "
          'for (const node of [document.documentElement, document.body]) '
          'new MutationObserver(tell).observe(node, {attributes: true}); tell()')
LABELS = {'lr': 'learning rate', 'momentum': 'momentum', 'bs': 'batch size', 'slope': 'first slope',
          'intercept': 'first intercept', 'steps': 'steps'}
PANELS = {'fit': 'The points, and the line that was fitted to them',
          'plane': 'The way over the loss surface: on each curve the loss is the same, and the cross is the best line',
          'loss': 'The loss of each batch'}
HEADS = 'fit', 'learning rate', 'momentum', 'batch size', 'first guess', 'steps', 'slope', 'intercept', 'last loss'
# The policy forbids what the page does not do: load anything
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{text}<div class="sliders">{sliders}</div>
<div class="buttons"><button type="button" id="play">Play</button>\
<button type="button" id="keep">Keep this fit</button>\
<button type="button" id="forget">Forget kept fits</button><button type="button" id="copy">Copy link</button></div>
<div class="panels">{panels}</div>
<div class="scroll" tabindex="0" role="region" aria-label="Fits"><table><thead><tr>{heads}</tr></thead>\
<tbody id="fits"></tbody></table></div>
<p id="told" class="unseen" role="status"></p>
<noscript><p>This page computes the fits itself, and needs JavaScript for that.</p></noscript>
</main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


class ExplorePage:
    """Sliders for the lesson in a page of their own, which needs neither Python nor a network.

    `save` writes it to a file; as the last expression of a cell it shows itself. `explore` makes one where there is no
    ipywidgets, and checks the arguments. Raises ValueError for data without a column of ones, and for so many points
    and steps that the page would exceed 2 MiB.
    """
    def __init__(self, data, steps, sizes, ranges, start, seed):
        self.data, self.steps, self.sizes, self.ranges, self.start, self.seed = data, steps, sizes, ranges, start, seed
        x, n = data[0], len(data[1])
        if not bool((x[:, 1] == 1).all()):
            raise ValueError('data[0] has a second column that is not 1 everywhere: the page draws a line, slope * x + '
                             'intercept')
        # an epoch of two batches is the shortest that is shuffled
        self.epochs = max((-(-steps // -(-n // bs)) for bs in sizes if bs < n), default=0)
        if n > 2**16 or 2 * n * (self.epochs + 8) > MOST_BYTES:
            raise ValueError(f'{n} points and {steps} steps need {self.epochs} orders of the points: expected fewer, '
                             'for a page of 2 MiB at the most')

    def save(self,
        path, # File to write, such as 'explore.html'
        title: str = 'Explore gradient descent', # What stands above the sliders
        text: str = '', # What stands below the title, an exercise for instance
    ):
        "Write the page, whole or not at all. Returns the path. Raises OSError where the file can't be written."
        page = self.html(check_string('title', title), check_string('text', text))
        with atomic_path(path) as temp: temp.write_text(page, encoding='utf-8')
        return path

    def html(self, title: str = 'Explore gradient descent', text: str = '') -> str:
        "The whole page"
        x, y = self.data
        orders = [torch.randperm(len(y), generator=seeded_generator(self.seed * 1_000_003 + k))
                  for k in range(self.epochs)]
        exact = all(torch.equal(t.float().double(), t.double()) for t in (x, y))
        numbers = lambda t: encoded(t.float() if exact else t.double())
        data = {'x': numbers(x[:, 0]), 'y': numbers(y), 'double': not exact, 'steps': self.steps, 'sizes': self.sizes,
                'orders': encoded(torch.stack(orders).to(torch.uint16)) if orders else '',
                'start': {**self.start, 'steps': self.steps}}
        read = lambda name: (HERE/name).read_text(encoding='utf-8').strip()
        return PAGE.format(
            title=escape(title), text=f'<p>{escape(text)}</p>\n' if text else '', style=read('explore.css'),
            sliders=''.join(self._slider(name) for name in LABELS), script=read('explore.js'), data=script_json(data),
            heads=''.join(f'<th scope="col">{head}</th>' for head in HEADS),
            panels=''.join(f'<figure><svg id="{name}" role="img" aria-label="{told}"></svg><figcaption>{told}'
                           '</figcaption></figure>' for name, told in PANELS.items()))

    def _slider(self, name):
        low, high, step = {**self.ranges, 'bs': (0, len(self.sizes) - 1, 1), 'steps': (0, self.steps, 1)}[name]
        return (f'<label for="{name}"><span>{LABELS[name]}</span><input type="range" id="{name}" min="{low}" '
                f'max="{high}" step="{step}"><output id="{name}-out" for="{name}" aria-live="off"></output></label>')

    def __repr__(self):
        start = ', '.join(f'{k}={v:g}' for k, v in self.start.items())
        return f'ExplorePage: {several(len(self.data[1]), "point")}, {several(self.steps, "step")}, {start}'

    def _repr_html_(self):
        page = escape(self.html()).replace('\n', '&#10;') # one line: JupyterLite joins several by commas
        return (f'<iframe title="Explore gradient descent" sandbox="allow-scripts" onload="{FOLLOW}" srcdoc="{page}" '
                f'style="width:100%;height:{HEIGHT}px;border:0"></iframe>')


def encoded(t) -> str:
    "The numbers of `t` in base 64"
    return base64.b64encode(t.contiguous().numpy().tobytes()).decode()
