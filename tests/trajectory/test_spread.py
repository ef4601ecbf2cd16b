"""`evenly`: fewer of many whole numbers, both ends kept, none twice."""

import pytest

from fastsgd.trajectory.spread import evenly


@pytest.mark.parametrize('low, high, most', [(0, 9, 4), (0, 9, 10), (0, 9, 99), (3, 3, 5), (5, 7, 2), (1, 10**9, 1000)])
def test_both_ends_and_none_twice(low, high, most):
    got = evenly(low, high, most).tolist()
    assert len(got) == min(most, high - low + 1) and got == sorted(set(got))
    assert (got[0], got[-1]) == (low, high)
    gaps = [b - a for a, b in zip(got, got[1:])]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_large_numbers_stay_exact():
    assert evenly(0, 2**40, 3).tolist() == [0, 2**39, 2**40]


def test_nothing_to_choose_from():
    assert evenly(0, -1, 5).tolist() == []
