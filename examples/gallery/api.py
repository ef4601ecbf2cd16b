"""The API as pages of Markdown, one for each folder of fastsgd: signatures, docstrings, comments of parameters."""

import inspect
import re
from pathlib import Path

from fastcore.docments import docments

import fastsgd
from fastsgd.callbacks.base import EVENTS

ROOMS = {'views': 'Views', 'callbacks': 'Callbacks', 'compare': 'Comparing fits', 'lesson': 'The lesson',
         'data': 'Data', 'player': 'The player', 'surface': 'Loss surfaces', 'trajectory': 'Trajectories'}
NAMES = {name: getattr(fastsgd, name) for name in fastsgd.__all__}
VIEWS = Path(__file__).parent/'views'
EMPTY = inspect.Parameter.empty


def write_api(folder):
    "Write a page for each folder of fastsgd that public names come from"
    folder.mkdir(exist_ok=True)
    pages = {room: [f'# {title}'] for room, title in ROOMS.items()}
    for name, o in NAMES.items():
        parts = pages[o.__module__.split('.')[1]]
        parts += entry(name, o, '##')
        if isinstance(o, type):
            for member, f in members(o).items():
                is_property = isinstance(vars(o)[member], property)
                parts += entry(f'{name}.{member}', f, '###', is_property)
    for room, parts in pages.items(): (folder/f'{room}.md').write_text('\n\n'.join(parts) + '\n', encoding='utf-8')


def members(cls):
    "Public methods and properties with a docstring of their own, but the events of a callback"
    function_of = lambda o: getattr(o, 'fget', None) or getattr(o, '__func__', o)
    found = {name: function_of(o) for name, o in vars(cls).items() if not name.startswith('_') and name not in EVENTS}
    return {name: f for name, f in found.items() if inspect.isfunction(f) and f.__doc__}


def entry(name, o, heading, is_property=False):
    "The parts of one name: heading, signature, text, examples, parameters, result"
    told = {k: v for k, v in docments(o, full=True, args_kwargs=True).items() if k not in ('self', 'cls')}
    result = told.pop('return', None)
    yield f'{heading} {name}'
    if (VIEWS/f'{name}.md').exists(): yield f'[See it move](../views/{name}.md)'
    if not is_property: yield f'```python\n{signature(name, told)}\n```'
    yield from text(inspect.getdoc(o) or '')
    if told: yield '\n'.join(['| | default | |', '|---|---|---|', *(row(k, v) for k, v in told.items())])
    if result is not None and result.docment: yield f'Returns: {result.docment}'


def signature(name, told):
    stars = {inspect.Parameter.VAR_POSITIONAL: '*', inspect.Parameter.VAR_KEYWORD: '**'}
    parts = [f'{stars.get(v.kind, "")}{k}' + ('' if v.default is EMPTY else f'={v.default!r}') for k, v in told.items()]
    whole = f'{name}({", ".join(parts)})'
    return whole if len(whole) < 100 else '{}(\n    {}\n)'.format(name, ',\n    '.join(parts))


def text(doc):
    "Paragraphs as they are, which is Markdown, and examples as code"
    for part in re.split(r'\n\s*\n', doc):
        if part.startswith('>>>'): yield f'```pycon\n{part}\n```'
        elif part: yield part


def row(name, about):
    default = '' if about.default is EMPTY else f'`{about.default!r}`'
    return '| {} | {} | {} |'.format(*(o.replace('|', '\\|') for o in (f'`{name}`', default, about.docment or '')))
