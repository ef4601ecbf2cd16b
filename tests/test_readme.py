"""README tells the truth: its Python runs, its numbers are what the command prints, its files exist."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from fastai.callback.progress import ProgressCallback

ROOT = Path(__file__).parents[1]
README = (ROOT/'README.md').read_text(encoding='utf-8')


def fenced(language): return re.findall(rf'^```{language}\n(.*?)^```', README, re.M | re.S)


def marked(name):
    "The block behind `<!-- name -->`"
    return re.search(rf'<!-- {name} -->\n```\w+\n(.*?)\n```', README, re.S)[1]


@pytest.mark.filterwarnings('ignore:.*non-interactive:UserWarning') # pyplot's, about a figure that nobody asked to see
def test_the_python_blocks_run_one_after_another(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt
    monkeypatch.chdir(tmp_path)
    for event in ('before_fit', 'before_epoch', 'before_train', 'before_validate', 'after_train', 'after_validate',
                  'after_batch',
                  'after_fit'): # no bars on the way
        monkeypatch.setattr(ProgressCallback, event, lambda self: None)
    names = {}
    for block in fenced('python'):
        tree = ast.parse(block)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, 'README.md', 'exec'), names)
        if last is None: continue
        shown = eval(compile(ast.Expression(last.value), 'README.md', 'eval'), names)
        if hasattr(shown, '_repr_html_'): assert 'fastsgd-player' in shown._repr_html_()
    plt.close('all')
    assert names['traj'].params['0.weight'].shape == (101, 32, 1)
    assert names['learn'].animate_fit.trajectory is names['traj']
    assert (tmp_path/'fit.gif').stat().st_size > 1000 and (tmp_path/'fit.html').stat().st_size > 1000


def numbers(text): return [float(n) for n in re.findall(r'-?\d+\.?\d*', text)]


def test_the_command_prints_what_is_stated(tmp_path, monkeypatch, capsys):
    from fastcore.script import anno_parser

    from fastsgd import cli
    monkeypatch.chdir(tmp_path)
    command = shlex.split(marked('command: lesson').split('&&')[-1])
    assert command[0] == '.venv/bin/fastsgd'
    cli.main.__wrapped__(**{k: v for k, v in vars(anno_parser(cli.main.__wrapped__).parse_args(command[1:])).items()
                            if k not in ('pdb', 'xtra')})
    printed, stated = capsys.readouterr().out.strip(), marked('output: lesson')
    assert re.sub(r'-?[\d.]+', '#', printed) == re.sub(r'-?[\d.]+', '#', stated)
    assert numbers(printed) == pytest.approx(numbers(stated), abs=2e-4)
    assert (tmp_path/'lesson.html').is_file()


def test_exactly_two_commands_set_up():
    assert len(fenced('sh')) == 2 and len(re.findall(r'<!-- command: \w+ -->', README)) == 2
    assert marked('command: tests').endswith('.venv/bin/python -m pytest')


def test_links_lead_somewhere():
    for target in re.findall(r'\]\(([^)#]+)\)', README):
        assert target.startswith('https://') or (ROOT/target).exists(), target


def test_the_moving_picture_moves_without_a_script():
    picture = (ROOT/'examples/images/lesson.svg').read_text(encoding='utf-8')
    assert '@keyframes' in picture and '<script' not in picture and len(picture) < 400_000


def test_the_house_shows_every_room():
    house = README[README.index('## Project layout'):README.index('## Contributing')]
    for path in (ROOT/'fastsgd').iterdir():
        if path.name.startswith('_') or not (path.suffix == '.py' or (path/'__init__.py').exists()): continue
        assert re.search(rf'^  {re.escape(path.name)}{"/" if path.is_dir() else ""} ', house, re.M), \
            f"README's house lacks {path.name}: give it a line"


@pytest.mark.parametrize('name', ['CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'examples/README.md'])
def test_the_other_pages_name_files_that_are_there(name):
    page = (ROOT/name).read_text(encoding='utf-8')
    for path in re.findall(r'`((?:fastsgd|tests|examples|\.ci)/[\w./]*)`', page): assert (ROOT/path).exists(), path
    for target in re.findall(r'\]\(([^)#]+)', page):
        assert target.startswith('https://') or (ROOT/name).parent.joinpath(target).exists(), target


def test_ci_and_the_hook_run_the_same_ruff():
    assert 'ruff check .' in (ROOT/'.ci/run').read_text(encoding='utf-8')
    assert 'id: ruff-check' in (ROOT/'.pre-commit-config.yaml').read_text(encoding='utf-8')
