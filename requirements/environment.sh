#!/usr/bin/env bash
# Makes the development environment: requirements/environment.sh FOLDER [PYTHON]
#
# Needs Python 3.11 or later with its venv module, and a package index. Every package comes by version
# and hash from bootstrap.txt and dev.txt; the project itself is installed as links to its sources.
set -euo pipefail

cd "$(dirname "$0")/.."
folder=$1
wanted=${2:-}

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local name
    for name in ${wanted:-python3.11 python3.12 python3.13 python3 python}; do
        if is_recent "$name"; then
            command -v "$name"
            return
        fi
    done
    echo "No Python 3.11 or later was found (looked for ${wanted:-python3.11, 3.12, 3.13, python3, python})." >&2
    echo "Install one and run 'make setup' again, or name one: make setup SYSTEM_PYTHON=/path/to/python3.12" >&2
    exit 1
}

python=$(find_python)

if ! { [ -x "$folder/bin/python" ] && is_recent "$folder/bin/python"; }; then
    echo "Making $folder with $("$python" --version)"
    if ! "$python" -m venv --clear "$folder"; then
        echo "$python cannot make environments: its venv module is missing. On Debian and Ubuntu it is" >&2
        echo "the package $(basename "$python")-venv. Install it and run 'make setup' again." >&2
        exit 1
    fi
fi

if ! cmp -s requirements/bootstrap.txt "$folder/.bootstrap"; then
    "$folder/bin/python" -m ensurepip >/dev/null 2>&1 || true
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r requirements/bootstrap.txt
    cp requirements/bootstrap.txt "$folder/.bootstrap"
fi

uv=("$folder/bin/uv" pip)
export VIRTUAL_ENV="$PWD/$folder"
echo "Installing the locked versions; the first time this fetches some hundred packages"
"${uv[@]}" sync --quiet --require-hashes requirements/bootstrap.txt requirements/dev.txt
# hatchling, which builds the project, is in the lock: nothing is fetched here.
"${uv[@]}" install --quiet --no-deps --no-build-isolation --editable .
echo "The environment $folder is ready."
