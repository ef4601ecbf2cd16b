"""The `fastsgd` command, mostly as a person runs it: in a process of its own, in another folder."""

import os
import re
import subprocess
import sys

import pytest
import torch
from fastcore.script import anno_parser

from fastsgd import cli, linear_data


def run(*args, cwd, **kwargs):
    return subprocess.run([sys.executable, '-m', 'fastsgd', *(a if isinstance(a, bytes) else str(a) for a in args)],
                          cwd=cwd, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, **kwargs)


@pytest.fixture(scope='module')
def lesson(tmp_path_factory):
    folder = tmp_path_factory.mktemp('lesson')
    return folder, run('fit.html', '--seed', 42, cwd=folder)


def test_the_lesson(lesson):
    folder, done = lesson
    assert done.returncode == 0 and done.stderr == ''
    rows = re.findall(r'^step (\d+) +loss (\S+)$', done.stdout, re.M)
    losses = {int(step): float(loss) for step, loss in rows}
    assert list(losses) == list(range(0, 100, 10))
    assert 3.5 < losses[0] < 7.5 and losses[10] < 0.85 and losses[20] < 0.3
    table = {name: [float(v) for v in row] for name, *row in
             re.findall(r'^(fitted|least squares|true) +(\S+) +(\S+) +(\S+)$', done.stdout, re.M)}
    x, y = linear_data(seed=42)
    best = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    optimum = float((x @ best - y).square().mean())
    assert table['least squares'] == pytest.approx([*best.tolist(), optimum], abs=2e-4)
    assert table['true'][:2] == [3, 2]
    assert table['fitted'] == pytest.approx(table['least squares'], abs=0.05)
    assert all(losses[step] < 1.05 * optimum for step in (70, 80, 90))


def test_ends_with_the_name_of_a_file_that_is_there(lesson):
    folder, done = lesson
    assert done.stdout.splitlines()[-1] == 'fit.html'
    assert os.listdir(folder) == ['fit.html'] # and nothing is left beside it
    assert 'fastsgd-player' in (folder/'fit.html').read_text(encoding='utf-8')


def test_no_progress_bar_in_a_pipe(lesson): assert not re.search('[\r█\x1b]', lesson[1].stdout)


def test_every_option_and_an_old_file(tmp_path):
    (tmp_path/'fit.gif').write_text('old')
    done = run('fit.gif', '--points=40', '--coef=-1,4', '--init=-1,1', '--noise=0.1', '--lr=0.2', '--epochs=8',
               '--bs=20',
               '--seed=3', '--every=5', cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ''
    assert re.findall(r'^step (\d+)', done.stdout, re.M) == ['0', '5', '10', '15'] # 8 epochs of 2 batches
    assert re.search(r'^true +-1.0000 +4.0000 ', done.stdout, re.M)
    assert (tmp_path/'fit.gif').read_bytes()[:4] == b'GIF8'


def test_a_fit_that_diverges_is_drawn_all_the_same(tmp_path):
    done = run('fit.svg', '--lr=1.5', '--epochs=60', '--seed=1', cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ''
    assert re.search(r'The fit diverged at step \d+: try a smaller --lr', done.stdout)
    assert (tmp_path/'fit.svg').stat().st_size > 1000


@pytest.mark.parametrize('args',
                         [['fit.html', '--lr=0'], ['fit.xyz'], ['missing/fit.html'], ['fit.html', '--points=1e12'],
                                  ['fit.html', '--points=1000000000000'], ['fit.html', '--lr=1e308'],
                                  ['fit.html', '--coef=1e300,1'], [b'\xff.html']])
def test_a_wrong_value_is_one_line_before_any_training(tmp_path, args):
    done = run(*args, cwd=tmp_path)
    assert done.returncode != 0 and done.stdout == ''
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith('fastsgd: ')
    assert os.listdir(tmp_path) == []


def parse(*args): return anno_parser(cli.main.__wrapped__, prog='fastsgd').parse_args(args)


@pytest.mark.parametrize('arg, wanted', [
    ('--points=0', 'a whole number of at least 1'), ('--points=2.5', 'a whole number'), ('--epochs=-3', 'at least 1'),
    ('--bs=x', 'a whole number of at least 1'), ('--every=0', 'at least 1'), ('--seed=1.5', 'a whole number'),
    ('--coef=3', 'two finite numbers'), ('--coef=3,nan', 'two finite numbers'), ('--init=a,b', 'two finite numbers'),
    ('--init=1,2,3', 'two finite numbers'), ('--noise=loud', "'uniform' or the standard deviation"),
    ('--noise=-1', "'uniform' or the standard deviation"), ('--noise=nan', "'uniform' or"),
    ('--lr=-1', 'a number above 0'), ('--lr=inf', 'a number above 0'), ('--lr=fast', 'a number above 0')])
def test_a_message_names_option_value_and_what_was_wanted(tmp_path, arg, wanted):
    with pytest.raises(SystemExit) as e: parse(str(tmp_path/'fit.html'), arg)
    assert e.value.code.startswith(f'fastsgd: {arg}: expected ') and wanted in e.value.code
    example = re.search(r'for instance (\S+)$', e.value.code)[1]
    assert parse(str(tmp_path/'fit.html'), example) # what it proposes is right


def test_a_message_for_each_path_that_can_not_be_written(tmp_path, monkeypatch):
    (tmp_path/'folder.gif').mkdir()
    (tmp_path/'file').touch()
    (tmp_path/'locked.gif').touch()
    monkeypatch.setattr(os, 'access', lambda path, mode: path.name != 'locked.gif') # the superuser may do anything
    monkeypatch.setattr(cli, 'find_ffmpeg', lambda: (_ for _ in ()).throw(RuntimeError('no ffmpeg was found')))
    for name, why in {'fit': "the suffix is ''", 'fit.jpeg': 'expected one of', 'folder.gif': 'not a regular file',
                      'file/fit.gif': 'Not a directory', 'none/fit.gif': 'No such file', '\udcff.gif': 'no UTF-8',
                      'a' * 300 + '.gif': 'too long',
                      'locked.gif': 'write-protected', 'fit.mp4': 'no ffmpeg was found'}.items():
        with pytest.raises(SystemExit, match=f'^fastsgd: cannot write .*{why}'): parse(str(tmp_path/name))


def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch, capsys):
    (tmp_path/'fit.gif').write_text('old')
    def full(*args, **kwargs): raise OSError(28, 'No space left on device')
    monkeypatch.setitem(cli.SUFFIXES, '.gif', full)
    with pytest.raises(SystemExit, match='fastsgd: cannot write .*No space left'):
        cli.main.__wrapped__(tmp_path/'fit.gif', epochs=2)
    assert (tmp_path/'fit.gif').read_text() == 'old' and os.listdir(tmp_path) == ['fit.gif']


def test_an_interrupt_ends_without_a_traceback_and_without_a_file(tmp_path, monkeypatch, capsys):
    def interrupt(*args, **kwargs): raise KeyboardInterrupt
    monkeypatch.setattr('fastsgd.player.formats.draw_svg', interrupt)
    with pytest.raises(SystemExit, match='interrupted, nothing was written'):
        cli.main.__wrapped__(tmp_path/'fit.html', epochs=2)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == 'win32', reason='no such shell')
@pytest.mark.parametrize('where, why', [
    ('> /dev/full', 'cannot write standard output: No space left on device'), ('>&-', 'standard output is closed'),
    ('| head -1', 'cannot write standard output: Broken pipe')])
def test_losses_that_can_not_be_written_are_one_line(tmp_path, where, why):
    command = f'set -o pipefail; {sys.executable} -m fastsgd fit.html --epochs=3000 {where}'
    done = subprocess.run(['bash', '-c', command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and len(done.stdout.splitlines()) <= 1 and os.listdir(tmp_path) == []
    assert re.fullmatch(f'fastsgd: {why}.*\n', done.stderr), done.stderr


@pytest.mark.skipif(sys.platform == 'win32', reason='no pseudo-terminals')
def test_a_terminal_gets_the_progress_bar(tmp_path):
    import pty
    main, side = pty.openpty()
    done = subprocess.Popen([sys.executable, '-m', 'fastsgd', 'fit.html', '--epochs=12'], cwd=tmp_path, stdout=side,
                            stdin=subprocess.DEVNULL)
    os.close(side)
    text = b''
    while True:
        try: part = os.read(main, 4096)
        except OSError: break # what Linux says at the end
        if not part: break
        text += part
    os.close(main)
    assert done.wait() == 0
    assert b'Epoch 1/12' in text and re.search(rb'\rstep 10 +loss \d\.\d{4} +\r\n', text)
    assert text.endswith(b'fit.html\r\n')


def test_help_explains_every_option():
    text = anno_parser(cli.main.__wrapped__, prog='fastsgd').format_help()
    for option in ('--points', '--coef', '--init', '--noise', '--lr', '--epochs', '--bs', '--seed', '--every'):
        assert re.search(rf'{option} \S+\s+\S+', text), option
