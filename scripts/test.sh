#!/usr/bin/env bash
# Installs what the tests need into .venv and runs every check: lint, types, tests, and the tests of the built wheel.
#   scripts/test.sh           all of it
#   scripts/test.sh --fast    only pytest on the source tree; further words go to pytest (--fast tests/house -x)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

install_dev() { # skipped while pyproject.toml, the constraints and this file are those of the last time
    local want
    want=$(cat pyproject.toml constraints-cpu.txt scripts/test.sh | .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    if [ "$(cat .venv/installed 2>/dev/null)" = "$want" ]; then
        echo "nothing to install: .venv is up to date"
        return
    fi
    .venv/bin/python -m pip install -qq -c constraints-cpu.txt -e '.[dev,train]'
    echo "$want" >.venv/installed
    echo "installed georsmllm (editable) with its dev and train extras"
}

build_wheel() { # into build/: the wheel, the same unpacked, and an environment that has it and not the source tree
    rm -rf build
    .venv/bin/python -m pip wheel -qq --no-deps --wheel-dir build/dist .
    .venv/bin/python -m zipfile -e build/dist/*.whl build/unpacked
    .venv/bin/python -m venv --without-pip build/venv
    local ours theirs
    ours=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    theirs=$(build/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    .venv/bin/python -m pip --python build/venv install -qq --no-deps build/dist/*.whl
    echo "$ours" >"$theirs/dependencies.pth" # a plain line brings .venv's packages, and not its editable georsmllm
    ls build/dist
}

check_types() { # through the unpacked wheel: mypy cannot follow package-dir across folders
    local types=("$PWD/.venv/bin/mypy" --config-file "$PWD/pyproject.toml" --cache-dir "$PWD/.mypy_cache")
    export MYPYPATH="$PWD/build/unpacked"
    (cd build && "${types[@]}" -p georsmllm)
    "${types[@]}" --explicit-package-bases tests benchmarks
    unset MYPYPATH
}

test_wheel() { # from a folder where `import georsmllm` can only mean the wheel
    local repository=$PWD
    cd build/dist
    ../venv/bin/python -c 'import georsmllm; print("testing", georsmllm.__file__)'
    ../venv/bin/python -m pytest -c "$repository/pyproject.toml" --rootdir "$repository" -p no:cacheprovider \
        "$repository"/tests/{house,contract,laws}
    cd "$repository"
}

if [ "${1:-}" = "--fast" ]; then
    shift
    make_venv .venv
    install_dev
    exec .venv/bin/python -m pytest "$@"
fi

step "environment in .venv"
make_venv .venv
install_dev
step "ruff"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
step "wheel"
build_wheel
step "mypy"
check_types
step "pytest, source tree"
.venv/bin/python -m pytest
step "pytest, installed wheel"
test_wheel
step_done
echo
echo "all checks passed"
