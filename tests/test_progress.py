"""The bar: only where someone waits and sees it, and gone at the end."""

import pytest

from fastsgd import progress
from fastsgd.progress import Progress


@pytest.fixture
def seen(monkeypatch): monkeypatch.setattr(progress, 'watched', lambda: True)


@pytest.fixture
def clock(monkeypatch):
    "`clock[0]` is the time in seconds"
    now = [0.]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    return now


def test_nothing_is_written_where_nobody_looks(capsys):
    with Progress(3, patience=0) as bar:
        for _ in range(3): bar.step()
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('seconds, steps, shown', [(0.9, 1, False), (1.1, 1, True), (1.1, 10, True), (1.1, 96, False)])
def test_a_bar_only_after_a_second_and_with_a_second_to_come(seen, clock, capsys, seconds, steps, shown):
    with Progress(100, comment='work') as bar:
        clock[0] = seconds
        bar.update(steps)
        out = capsys.readouterr().out
        assert (f'[{steps}/100' in out and 'work' in out) is shown


def test_bar_counts_and_goes_away(seen, capsys):
    with Progress(4, patience=0) as bar:
        for _ in range(4): bar.step()
    out = capsys.readouterr().out
    assert '[2/4' in out and '[4/4' in out and out.endswith('\r') and not out.split('\r')[-2].strip()


def test_the_comment_may_change(seen, capsys):
    with Progress(3, patience=0) as bar:
        for name in 'abc':
            bar.comment = f'fit {name}'
            bar.step()
    assert 'fit a' in (out := capsys.readouterr().out) and 'fit b' in out


def test_more_steps_than_expected_and_fewer(seen, capsys):
    for steps in (2, 9):
        with Progress(4, patience=0) as bar:
            for _ in range(steps): bar.step()
        assert '[4/4' in capsys.readouterr().out


def test_interrupt_takes_the_bar_away(seen, capsys):
    with pytest.raises(KeyboardInterrupt), Progress(4, patience=0) as bar:
        bar.step()
        raise KeyboardInterrupt
    out = capsys.readouterr().out
    assert '[1/4' in out and not out.split('\r')[-2].strip()
