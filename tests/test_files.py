"""A file is replaced whole or not at all, whatever goes wrong on the way."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from fastsgd.files import atomic_path


def write(path, text):
    with atomic_path(path) as temp: temp.write_text(text)


def test_the_file_appears_whole_and_alone(tmp_path):
    with atomic_path(tmp_path/'fit.html') as temp:
        assert temp.parent.parent == tmp_path and temp.suffix == '.html'
        temp.write_text('new')
        assert not (tmp_path/'fit.html').exists()
    assert [p.name for p in tmp_path.iterdir()] == ['fit.html'] and (tmp_path/'fit.html').read_text() == 'new'


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_no_litter(tmp_path, error, count):
    path = tmp_path/'fit.html'
    path.write_text('old')
    with pytest.raises(error), atomic_path(path) as temp:
        temp.write_text('half')
        raise error('in the middle')
    assert path.read_text() == 'old' and os.listdir(tmp_path) == ['fit.html']
    count('failed saves that left the old file whole')


def test_a_writer_that_removes_its_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path/'fit.gif') as temp: temp.unlink()
    assert os.listdir(tmp_path) == []


def test_links_and_permissions_stay(tmp_path):
    path, link = tmp_path/'fit.html', tmp_path/'link.html'
    path.write_text('old')
    path.chmod(0o640)
    link.symlink_to(path)
    write(link, 'new')
    assert link.is_symlink() and path.read_text() == 'new' and stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_usual_permissions(tmp_path):
    write(tmp_path/'a', '')
    (tmp_path/'b').write_text('')
    with atomic_path(tmp_path/'c') as temp: # a writer that is careful in its own way
        other = tmp_path/'other'
        other.touch(0o600)
        other.replace(temp)
    assert (tmp_path/'a').stat().st_mode == (tmp_path/'b').stat().st_mode == (tmp_path/'c').stat().st_mode


def test_a_very_long_name_works(tmp_path):
    write(tmp_path / ('x' * 245 + '.html'), 'text')
    assert len(os.listdir(tmp_path)) == 1


def test_paths_that_cannot_be_written_are_refused(tmp_path, count):
    for path, error in ((tmp_path, IsADirectoryError), (tmp_path/'no' / 'fit.html', FileNotFoundError),
                        (os.devnull, ValueError)):
        named = tmp_path/'no' if error is FileNotFoundError else path
        with pytest.raises(error, match=str(named)): write(path, '')
        count('bad inputs refused')


SAVES = """
import signal, sys, time
from fastsgd.files import atomic_path
if hasattr(signal, 'SIGHUP'): signal.signal(signal.SIGHUP, signal.SIG_DFL) # under nohup it is ignored
with atomic_path(sys.argv[1]) as temp:
    temp.write_text('half')
    print('begun', flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == 'win32', reason='signals')
@pytest.mark.parametrize('name', ['SIGTERM', 'SIGHUP', 'SIGKILL'])
def test_a_signal_leaves_the_old_file_and_nothing_past_the_next_save(tmp_path, name, count):
    path = tmp_path/'fit.html'
    path.write_text('old')
    (tmp_path/'.mine.fastsgd-notes').write_text('not ours')
    process = subprocess.Popen([sys.executable, '-c', SAVES, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'begun\n'
    process.send_signal(signal.Signals[name])
    assert process.wait() == -signal.Signals[name]
    process.stdout.close()
    assert path.read_text() == 'old' and len(os.listdir(tmp_path)) == (3 if name == 'SIGKILL' else 2)
    write(tmp_path/'other.html', 'new')
    assert sorted(os.listdir(tmp_path)) == ['.mine.fastsgd-notes', 'fit.html', 'other.html']
    count('signals in the middle of a save')


def test_a_file_that_another_process_is_writing_stays(tmp_path):
    with atomic_path(tmp_path/'a.html') as temp: # a process that lives: this one
        write(tmp_path/'b.html', 'b')
        temp.write_text('a')
    assert sorted(os.listdir(tmp_path)) == ['a.html', 'b.html']
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
