"""Odd arguments of all public functions: what does not work is refused in words, before any work is done."""

import inspect

import odd_arguments
from fastai.callback.core import Callback

import fastsgd

SHARE = 1 / 7 # of all calls, which `python tests/odd_arguments.py` makes in some minutes


def test_each_odd_argument_works_or_is_refused_by_name(count):
    with odd_arguments.in_a_folder() as f: outcomes, unclear = odd_arguments.odd_calls(f, share=SHARE)
    assert not unclear, '\n'.join(unclear)
    assert sum(outcomes.values()) >= 3000
    for what, n in outcomes.items(): count(f'odd arguments that {what}', n)


def public():
    "Name of each public function, constructor and method that takes arguments"
    for name in fastsgd.__all__:
        o = getattr(fastsgd, name)
        parts = {name: o}
        if inspect.isclass(o):
            parts.update({f'{name}.{n}': getattr(o, n) for c in o.__mro__ if c.__module__.startswith('fastsgd')
                          for n in vars(c) if not n.startswith('_') and inspect.isroutine(getattr(o, n))})
        for n, part in parts.items():
            given = [p for p in inspect.signature(part).parameters.values() if p.name not in ('self', 'cls')
                     and p.kind is not p.VAR_KEYWORD]
            if given and not hasattr(Callback, n.split('.')[-1]): yield n


# What others call: fastai, matplotlib's pages, or `plot` and `animate`, which check
CALLED_BY_US = {'View', 'View.draw', 'View.plot'}


def test_all_public_functions_are_among_them():
    with odd_arguments.in_a_folder() as f: calls = odd_arguments.base_calls(f).keys()
    left = [n for n in public() if n not in calls and n not in CALLED_BY_US and not n.endswith('.draw')]
    assert left == [], left
