"""Each public name has a docstring with an example, and the examples run."""

import doctest

import matplotlib.pyplot as plt
import pytest

import fastsgd


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
