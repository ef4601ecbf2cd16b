"""What all tests share: counts for the report."""

from collections import Counter

import pytest


@pytest.fixture
def count(record_property):
    "`count('faults survived', 3)`: adds to the counts at the end of the report, if the test passes"
    return lambda what, n=1: record_property(f'count {what}', n)


def pytest_terminal_summary(terminalreporter):
    totals = Counter()
    for report in terminalreporter.getreports('passed'):
        for key, n in report.user_properties:
            if key.startswith('count '): totals[key.removeprefix('count ')] += n
    if totals: terminalreporter.section('counts')
    for what, n in sorted(totals.items()): terminalreporter.write_line(f'{n:6} {what}')
