"""What is installed, and that imports flow one way."""

import ast
import configparser
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import fastsgd

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT/'fastsgd'
SETUP = configparser.ConfigParser()
SETUP.read(ROOT/'setup.cfg', encoding='utf-8')


def rooms():
    "Top-level module or package -> its source files"
    for path in PACKAGE.iterdir():
        if path.suffix == '.py' and not path.name.startswith('_'): yield path.stem, [path]
        elif (path/'__init__.py').exists(): yield path.name, sorted(path.rglob('*.py'))


def imports(path):
    "Names that a file imports while it is loaded; modules of fastsgd as `.name`"
    depth = len(path.relative_to(PACKAGE).parts)
    tree = ast.parse(path.read_text(encoding='utf-8'))
    inner = {child for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda) for child in ast.walk(node)}
    for node in ast.walk(tree):
        if node in inner: continue
        if isinstance(node, ast.Import): yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0: yield node.module.split('.')[0]
            elif node.level == depth: # from the package itself
                if node.module: yield '.' + node.module.split('.')[0]
                else: yield from ('.' + alias.name for alias in node.names)


GRAPH = {name: {found for path in paths for found in imports(path)} for name, paths in rooms()}


def test_imports_flow_one_way():
    left = {name: {o[1:] for o in found if o.startswith('.')} - {name} for name, found in GRAPH.items()}
    while left:
        done = [name for name, needs in left.items() if not needs & left.keys()]
        assert done, f'these import each other: {left}'
        for name in done: del left[name]


def test_who_knows_fastai_and_who_knows_matplotlib():
    knows = lambda module: {name for name, found in GRAPH.items() if module in found}
    assert knows('fastai') <= {'data', 'curves', 'classes', 'callbacks', 'compare', 'explore', 'learner', 'cli'}
    assert knows('matplotlib') <= {'views', 'animation', 'player', 'live'}
    for name in ('trajectory', 'recording', 'plane', 'many_models', 'evaluation', 'surface'):
        assert not any('.' + upper in GRAPH[name] for upper in ('views', 'animation', 'callbacks', 'learner', 'data'))


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


def test_what_the_package_imports_is_declared():
    declared = set(re.findall(r'^([a-z-]+)', SETUP['options']['install_requires'], re.M))
    brought_along = {'numpy', 'PIL', 'pandas', 'fastprogress', 'IPython'} # by torch, matplotlib and fastai
    third_party = {o for found in GRAPH.values() for o in found if not o.startswith('.')} - set(sys.stdlib_module_names)
    assert third_party <= declared | brought_along
