"""The bar: only where someone waits and sees it, and gone at the end."""
import pytest

from fastsgd import progress
from fastsgd.progress import Progress


@pytest.fixture
def seen(monkeypatch): monkeypatch.setattr(progress, 'watched', lambda: True)


def test_nothing_is_written_where_nobody_looks(capsys):
    with Progress(3, patience=0) as bar:
        for i in range(3): bar.step(i)
    assert capsys.readouterr().out == ''


def test_nothing_for_what_is_done_at_once(seen, capsys):
    with Progress(3) as bar: bar.step()
    assert capsys.readouterr().out == ''


def test_bar_counts_and_goes_away(seen, capsys):
    with Progress(4, patience=0) as bar:
        for i in range(4): bar.step(i)
    out = capsys.readouterr().out
    assert '[2/4' in out and '[4/4' in out and out.endswith('\r') and not out.split('\r')[-2].strip()


def test_more_steps_than_expected_and_fewer(seen, capsys):
    for steps in (2, 9):
        with Progress(4, patience=0) as bar:
            for i in range(steps): bar.step(i)
        assert '[4/4' in capsys.readouterr().out


def test_interrupt_takes_the_bar_away(seen, capsys):
    with pytest.raises(KeyboardInterrupt), Progress(4, patience=0) as bar:
        bar.step()
        raise KeyboardInterrupt
    out = capsys.readouterr().out
    assert '[1/4' in out and not out.split('\r')[-2].strip()
