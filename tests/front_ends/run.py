"""Show one executed notebook in each front-end, and look at it in Chromium: does all that a player promises hold there?

    python tests/front_ends/run.py [--environments FOLDER] [front-end ...]

Prints a table for README: each front-end with its version, and what does not hold. A front-end's environment is made
of its requirements file and kept in FOLDER, or in a temporary folder (2 GB while all of them live). Takes some ten
minutes.
"""

import argparse
import datetime
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE.parent), str(HERE.parents[1])]

import one_notebook  # noqa: E402
from looks import check, check_widgets  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from servers import SERVERS  # noqa: E402
from sites import SITES  # noqa: E402

FRONT_ENDS = {**SERVERS, **SITES}


def environment(folder, name, ours):
    "Return the Python of an environment with what requirements-`name`.txt says, and beside it all that this Python has"
    path = folder/(f'{name}-with-fastsgd' if ours else name)
    python, whole = path/'bin'/'python', path/'whole'
    if not whole.exists():
        subprocess.run([sys.executable, '-m', 'venv', path], check=True)
        subprocess.run([python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-r',
                        HERE/f'requirements-{name}.txt'], check=True)
        if ours: next(path.glob('lib/*/site-packages')).joinpath('ours.pth').write_text(sysconfig.get_path('purelib'))
        whole.touch()
    return python


def versions(python, packages):
    code = ('import sys, importlib.metadata as m\n'
            'print(*(f"{p} {m.version(p)}" for p in sys.argv[1:]), sep=", ")')
    return subprocess.run([python, '-c', code, *packages], check=True, capture_output=True, text=True).stdout.strip()


def look(browser, front_end, environments, source):
    "What holds, as `{what: '' or why not}`, the hosts that were asked, and the versions"
    with tempfile.TemporaryDirectory(prefix='fastsgd-') as folder:
        folder = Path(folder)
        python = environment(environments, front_end.requirements, front_end.ours)
        for path in source.glob('*.ipynb'):
            for target in (folder, folder/'docs'): # mkdocs has a folder for it
                target.mkdir(exist_ok=True)
                shutil.copy(path, target)
        with front_end.open(python, folder) as addresses:
            found, asked = check(browser, front_end, addresses[0])
            if front_end.widgets: found['explore with widgets'] = check_widgets(browser, front_end, addresses[1])
        return found, asked, versions(python, front_end.packages)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', help=f'any of {", ".join(FRONT_ENDS)}; none: all')
    parser.add_argument('--environments', type=Path, help='a folder that keeps them for the next run')
    args, failed = parser.parse_args(), False
    unknown = set(args.names) - set(FRONT_ENDS)
    if unknown: parser.error(f'unknown: {", ".join(unknown)}')
    chromium = shutil.which('chromium') or shutil.which('google-chrome')
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        one_notebook.write(Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium,
                                             args=['--no-sandbox', '--disable-background-networking'])
        print(f'{datetime.date.today()}, Chromium {browser.version}')
        for name in args.names or FRONT_ENDS:
            try: found, asked, told = look(browser, FRONT_ENDS[name], args.environments or Path(folder), Path(folder))
            except Exception as e: found, asked, told = {'built': f'{type(e).__name__}: {e}'}, [], ''
            light = 'dark ground' in found and found.pop('dark ground') is None
            wrong = {what: why for what, why in found.items() if why}
            failed |= bool(wrong)
            print(f'{name} ({told}): {", ".join(what for what in found if what not in wrong)}', flush=True)
            for what, why in wrong.items(): print(f'    NOT {what}: {why}')
            if light: print('    the ground stays light with a dark theme')
            if asked: print(f'    the front-end itself asked for {", ".join(asked)}')
        browser.close()
    return failed


if __name__ == '__main__': sys.exit(main())
