"""Each public name has a docstring with an example, and the examples run. Parameters, results and errors are told."""

import ast
import builtins
import doctest
import inspect
import re
import textwrap
from types import FunctionType

import matplotlib.pyplot as plt
import pytest
from fastcore.docments import docments

import fastsgd
from fastsgd.callbacks.base import EVENTS


class OutputWhereShown(doctest.OutputChecker):
    "An example that shows no output may have some: a progress bar, say"
    def check_output(self, want, got, flags): return not want or super().check_output(want, got, flags)


@pytest.mark.parametrize('name', fastsgd.__all__)
def test_example_runs(name, tmp_path, monkeypatch):
    if name == 'explore': pytest.importorskip('ipywidgets')
    if name == 'Trajectory': pytest.importorskip('pandas')
    monkeypatch.chdir(tmp_path)
    space = {n: getattr(fastsgd, n) for n in fastsgd.__all__}
    examples = doctest.DocTestParser().get_doctest(getattr(fastsgd, name).__doc__, space, name, None, 0)
    assert examples.examples, f'{name} has no example in its docstring'
    report = []
    runner = doctest.DocTestRunner(OutputWhereShown(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(examples, out=report.append)
    plt.close('all')
    assert not runner.failures, ''.join(report)


@pytest.mark.parametrize('name', fastsgd.__all__)
def test_first_line_says_what_it_is(name):
    first = getattr(fastsgd, name).__doc__.strip().splitlines()[0]
    assert 20 < len(first) <= 125


# -- what can be called: the public names, and the methods and properties of the classes among them

def is_ours(o): return (getattr(o, '__module__', None) or '').startswith('fastsgd')


def function_of(member):
    "The function behind a method of any kind, or a property"
    return getattr(member, 'fget', None) or getattr(member, '__func__', member)


def has_own_words(cls, name):
    "A method that overrides another one, and has no docstring, is described there"
    return function_of(vars(cls)[name]).__doc__ or not any(hasattr(base, name) for base in cls.__mro__[1:])


def members(cls):
    return {name: function_of(o) for name, o in vars(cls).items() if not name.startswith('_') and name not in EVENTS
            and isinstance(function_of(o), FunctionType) and has_own_words(cls, name)}


NAMES = {name: getattr(fastsgd, name) for name in fastsgd.__all__}
BASES = sorted({k for o in NAMES.values() if isinstance(o, type) for k in o.__mro__ if is_ours(k)},
               key=lambda k: k.__name__)
METHODS = {f'{cls.__name__}.{name}': (f, cls) for cls in BASES for name, f in members(cls).items()}
CALLABLES = {**{name: (o, o if isinstance(o, type) else None) for name, o in NAMES.items()}, **METHODS}


def doc_of(o): return inspect.getdoc(o) or ''


def tree_of(f): return ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]


@pytest.mark.parametrize('name', METHODS)
def test_methods_say_what_they_do(name): assert doc_of(METHODS[name][0])


@pytest.mark.parametrize('name', [name for name in CALLABLES if name != 'View']) # which has no arguments of its own
def test_each_parameter_has_its_comment(name):
    told = docments(CALLABLES[name][0], full=True, args_kwargs=True)
    assert [p for p, about in told.items() if p not in ('self', 'cls', 'return') and not about.docment] == []


@pytest.mark.parametrize('name', [name for name, (o, _) in CALLABLES.items() if not isinstance(o, type)])
def test_result_is_told(name):
    f, _ = CALLABLES[name]
    results = [ast.unparse(node.value) for node in ast.walk(tree_of(f)) if isinstance(node, ast.Return) and node.value]
    told = 'return' in f.__annotations__ or 'return' in doc_of(f).lower()
    is_property = set(inspect.signature(f).parameters) == {'self'} # described as what it is
    assert told or is_property or all('.save' in o or 'save_' in o for o in results) # another save's result: None


def raised(f, cls, helper=False) -> set:
    """Names of the errors raised in `f`, and in the private functions that it calls itself.

    What stands in a `try` with an `except` is left out: it may come out as something else.
    """
    if isinstance(f, type): f = getattr(f, '__post_init__', f.__init__) # a dataclass's own __init__ has no source
    if not isinstance(f, FunctionType) or not is_ours(f) or f.__name__ in NAMES and helper: return set()
    f = inspect.unwrap(f)
    res = set()

    def visit(node):
        parts = ast.iter_child_nodes(node)
        if isinstance(node, ast.Try) and node.handlers: parts = [*node.handlers, *node.orelse, *node.finalbody]
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call): res.add(ast.unparse(node.exc.func))
        called = node.func if isinstance(node, ast.Call) and not helper else None
        if isinstance(called, ast.Name): res.update(raised(f.__globals__.get(called.id), None, True))
        if isinstance(called, ast.Attribute) and ast.unparse(called.value) in ('self', 'cls'):
            res.update(raised(function_of(inspect.getattr_static(cls, called.attr, None)), cls, True))
        for part in parts: visit(part)
    for node in tree_of(f).body: visit(node)
    return res - {'NotImplementedError'} # of a method to override


def is_one_of(error, names): return any(issubclass(getattr(builtins, error), getattr(builtins, o)) for o in names)


@pytest.mark.parametrize('name', CALLABLES)
def test_errors_are_named(name):
    o, cls = CALLABLES[name]
    named = set(re.findall(r'\b[A-Z]\w*(?:Error|Interrupt)\b', doc_of(o)))
    assert [e for e in raised(o, cls) if not is_one_of(e, named)] == []


def test_errors_are_found():
    "The search itself: in the body, in a helper, in a constructor, in a method's helper"
    find = lambda name: raised(*CALLABLES[name])
    assert find('Comparison') == {'TypeError', 'ValueError'} and find('animate') == {'TypeError', 'ValueError'}
    assert find('Plane') == {'TypeError', 'ValueError'}
    assert find('Plane.distance') == {'ValueError'} and find('Trajectory.point') == {'IndexError'}
