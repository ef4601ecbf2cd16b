"""What is installed, and that imports flow one way: by folder, so that a new file needs no edit here."""

import ast
import configparser
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

import fastsgd

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT/'fastsgd'
SETUP = configparser.ConfigParser()
SETUP.read(ROOT/'setup.cfg', encoding='utf-8')
# README's map from the top down: each may import only what stands below it
README = (ROOT/'README.md').read_text(encoding='utf-8')
ROOMS = re.findall(r'^  (\w+)(?:/|\.py)', re.search(r'^fastsgd/\n(.*?)^examples/', README, re.S | re.M)[1], re.M)
TOOLS = {'checks', 'files', 'progress', 'random_state'} # single files at the bottom
FILES = [p for p in sorted(PACKAGE.rglob('*.py')) if p.name != '__main__.py']


def room_of(path):
    "The folder of fastsgd that a file is in, or its own name"
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def imports(path, nested=True):
    "`(module, is_ours)` for all that a file imports, inside functions too; of fastsgd's own the room"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    inner = {child for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)
             for child in ast.walk(node)}
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree):
        if node in inner and not nested: continue
        if isinstance(node, ast.Import): yield from ((alias.name.split('.')[0], False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level: yield node.module.split('.')[0], False
        elif isinstance(node, ast.ImportFrom):
            base = [*package[:len(package) - node.level + 1], *(node.module.split('.') if node.module else [])]
            yield from (((base or [alias.name])[0], True) for alias in node.names)


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_down_the_list(path):
    here = room_of(path)
    if here == '__init__': return
    for room, ours in imports(path):
        if not ours or room == here: continue
        assert here not in TOOLS or room in TOOLS, f'{here} imports {room}'
        assert room in TOOLS or ROOMS.index(here) < ROOMS.index(room), f'{here} imports {room}, which stands above it'


def test_the_list_is_all_there_is():
    assert {room_of(p) for p in FILES} - {'__init__'} == {*ROOMS} - {'__init__'}


def test_no_circle_between_files():
    names = {p.relative_to(PACKAGE).with_suffix('').parts for p in FILES}
    def targets(path):
        package = path.relative_to(PACKAGE).parts[:-1]
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            if not isinstance(node, ast.ImportFrom) or not node.level: continue
            base = (*package[:len(package) - node.level + 1], *(node.module.split('.') if node.module else ()))
            for alias in node.names:
                for found in ((*base, alias.name), base, (*base, '__init__')):
                    if found in names:
                        yield found
                        break
    left = {p.relative_to(PACKAGE).with_suffix('').parts: set(targets(p)) for p in FILES}
    while left:
        done = [name for name, needs in left.items() if not needs - {name} & left.keys()]
        assert done, f'these import each other: {left}'
        for name in done: del left[name]


@pytest.mark.parametrize('library, rooms', [('fastai', {'cli', 'lesson', 'compare', 'callbacks', 'data'}),
                                            ('matplotlib', {'views', 'player'})])
def test_who_knows_fastai_and_who_knows_matplotlib(library, rooms):
    assert {room_of(p) for p in FILES for name, _ in imports(p) if name == library} <= rooms


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_file_fits_in_a_head_and_a_function_on_a_screen(path):
    source = path.read_text(encoding='utf-8')
    assert len(source.splitlines()) <= 250
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef): continue
        length = node.end_lineno - node.body[0].lineno + 1 # without the signature, which documents each argument
        assert length <= 40, f'{node.name} has {length} lines'


def test_every_data_file_is_in_the_wheel():
    patterns = SETUP['options.package_data']['fastsgd'].replace(',', ' ').split()
    for path in PACKAGE.rglob('*'):
        if path.is_dir() or path.suffix in ('.py', '.pyc'): continue
        name = path.relative_to(PACKAGE).as_posix()
        assert any(fnmatch(name, pattern) for pattern in patterns), name


def test_the_version_stands_in_one_place():
    assert SETUP['metadata']['version'] == 'attr: fastsgd.__version__'
    assert re.fullmatch(r'\d+\.\d+\.\d+', fastsgd.__version__)
    assert '## Unreleased' in (ROOT/'CHANGELOG.md').read_text(encoding='utf-8')


def test_public_names():
    assert sorted(fastsgd.__all__, key=str.lower) == sorted(set(fastsgd.__all__), key=str.lower)
    for name in fastsgd.__all__: assert getattr(fastsgd, name).__doc__, name


def declared(requirements):
    "The modules that come with a list of requirements"
    modules = {'pillow': 'PIL', 'scikit-learn': 'sklearn', 'imageio-ffmpeg': 'imageio_ffmpeg'}
    names = re.findall(r'^([a-z][a-z-]*)', requirements, re.M)
    assert len(names) == len(re.findall('>=', requirements)), 'each with the lowest version that was tried'
    return {modules.get(name, name) for name in names}


def test_what_the_package_imports_is_declared():
    found = lambda nested: ({name for p in FILES for name, ours in imports(p, nested) if not ours}
                            - {*sys.stdlib_module_names})
    always, extras = declared(SETUP['options']['install_requires']), SETUP['options.extras_require']
    optional = set().union(*(declared(extras[name]) for name in ('video', 'explore', 'data')))
    assert found(nested=False) <= always
    assert found(nested=True) - {'IPython'} == always | optional # IPython only where a notebook runs already


def test_private_names_of_matplotlib_are_listed():
    told = (PACKAGE/'player/README.md').read_text(encoding='utf-8').partition('## Private names')[2]
    code = [p.read_text(encoding='utf-8') for p in (PACKAGE/'player').rglob('*.py')]
    nodes = [node for text in code for node in ast.walk(ast.parse(text))]
    attributes = [node for node in nodes if isinstance(node, ast.Attribute) and re.match('_[a-zA-Z]', node.attr)]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    stored = [node for node in attributes if isinstance(node.ctx, ast.Store)]
    own |= {node.attr for node in stored if getattr(node.value, 'id', '') == 'self'}
    listed = {*re.findall(r'\b(_[a-zA-Z]\w*)', told)}
    assert {node.attr for node in attributes} - own <= listed <= {*re.findall(r'\w+', ' '.join(code))}


def test_the_tests_have_all_that_users_can_have():
    extras = SETUP['options.extras_require']
    assert declared(extras['video']) | declared(extras['explore']) | declared(extras['data']) <= declared(extras['dev'])


def test_types_are_shipped():
    assert (PACKAGE/'py.typed').exists() and 'Typing :: Typed' in SETUP['metadata']['classifiers']

def test_the_import_says_nothing_and_leaves_the_filters_of_warnings_alone():
    code = ('import warnings, fastsgd\nfrom fastsgd.callbacks.import_fastai import MESSAGE\n'
            'told = [f[1].pattern for f in warnings.filters if f[1] is not None]\n'
            "assert MESSAGE not in told and any('nonzero' in message for message in told), told # fastai's own stay")
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])}
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


TESTS = sorted((ROOT/'tests').rglob('*.py'))


@pytest.mark.parametrize('path', TESTS, ids=lambda p: p.relative_to(ROOT/'tests').as_posix())
def test_each_test_file_says_what_it_tests(path):
    told = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))
    assert told and len(told.splitlines()[0]) > 20


def test_tests_mirror_the_package():
    folders = {p.name for p in (ROOT/'tests').iterdir() if any(p.glob('test_*.py'))}
    assert folders == {p.name for p in PACKAGE.iterdir() if (p/'__init__.py').exists()}


def test_the_import_brings_little_beside_fastai():
    code = ('import sys\nfrom fastai.callback.all import *\nbefore = set(sys.modules)\nimport fastsgd\n'
            'print(*{m.split(".")[0] for m in set(sys.modules) - before})')
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=True,
                          cwd=ROOT)
    few = {'fastsgd', 'PIL', 'contourpy', 'matplotlib', 'safetensors', 'webbrowser', 'mmap'}
    assert set(done.stdout.split()) <= few # fontTools alone takes half a second
