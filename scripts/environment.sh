# Shared by quickstart.sh and test.sh: a Python that will do, a virtual environment, a step that says how long it took.
# shellcheck shell=bash

export PIP_DISABLE_PIP_VERSION_CHECK=1
STEP="" STEP_BEGAN=0

step() { # step "what happens now": says so, and how long the step before took
    step_done
    STEP="$1" STEP_BEGAN=$SECONDS
    printf '\n== %s\n' "$STEP"
}

step_done() {
    if [ -n "$STEP" ]; then printf -- '-- %s: %d s\n' "$STEP" $((SECONDS - STEP_BEGAN)); fi
    STEP=""
}

find_python() { # prints the first interpreter that is 3.11 or newer and can make virtual environments
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13 python3.14 python; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    {
        echo "needs Python 3.11 or newer with its venv module; found: $(python3 --version 2>/dev/null || echo 'no python3')"
        echo "install one (on Debian and Ubuntu: python3.11 and python3.11-venv), or name yours: PYTHON=/path/to/python3.12 $0"
    } >&2
    return 1
}

make_venv() { # make_venv FOLDER: makes it, or keeps the one that is there and works
    if "$1/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        echo "using $1 ($("$1/bin/python" --version))"
        return
    fi
    local python
    python=$(find_python)
    "$python" -m venv --clear "$1"
    echo "made $1 with $python ($("$1/bin/python" --version))"
}
