#!/usr/bin/env bash
# Run the tests that need no browser on other Pythons, and with the lowest versions that setup.cfg allows.
#
#     tests/other_pythons.sh [3.10 | 3.12 | 3.13 | lowest ...]     (default: all four, one after the other)
#
# A Python is taken from PATH or from pyenv; one that is not installed is named and left out. Each gets an environment of
# its own in a temporary folder (6 GB while it lives). FASTSGD_TESTS='tests/data tests/test_cli.py' runs only these.
set -uo pipefail
cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1 PIP_NO_CACHE_DIR=1

find_python() { # of a version such as 3.12
    command -v "python$1" && "python$1" -c '' 2>/dev/null && return # pyenv's shims may stand for nothing
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python 2>/dev/null | tail -n 1
}

lowest_versions() { sed -nE 's/^    ([A-Za-z][A-Za-z0-9_-]*)>=([0-9.]+)$/\1==\2/p' setup.cfg; }

run() { # name, python, constraint file or nothing
    local began=$SECONDS work status
    work=$(mktemp -d)
    printf '\n=== %s: %s, %s\n' "$1" "$("$2" --version)" "$2"
    "$2" -m venv "$work/venv" && "$work/venv/bin/pip" install -e '.[dev]' ${3:+-c "$3"} \
        && "$work/venv/bin/pip" uninstall -y playwright `# without it, the tests in a browser are skipped` \
        && "$work/venv/bin/python" -c 'import fastai, torch; print(f"fastai {fastai.__version__}, torch {torch.__version__}")' \
        && "$work/venv/bin/python" -m pytest -p no:cacheprovider ${FASTSGD_TESTS:-}
    status=$?
    rm -rf "$work"
    results+=("$1: $([ $status = 0 ] && echo passed || echo FAILED) after $((SECONDS - began)) s")
    return $status
}

results=() failed=0
for version in "${@:-3.10 3.12 3.13 lowest}"; do
    for name in $version; do
        constraints=
        if [ "$name" = lowest ]; then
            constraints=$(mktemp)
            lowest_versions > "$constraints"
            python=$(find_python 3.10 | tail -n 1)
        else python=$(find_python "$name" | tail -n 1); fi
        if [ -z "$python" ]; then results+=("$name: no such Python here, left out"); continue; fi
        run "$name" "$python" "$constraints" || failed=1
    done
done
printf '\n=== summary\n'
printf '%s\n' "${results[@]}"
exit $failed
