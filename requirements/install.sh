#!/bin/sh
# Makes .venv and installs one lock in it: `sh requirements/install.sh worker` (or dev, or server).
# Does nothing when that lock is installed already. PYTHON names another interpreter.
set -eu
cd "$(dirname "$0")/.."
lock=requirements/$1.txt
stamp=.venv/installed-$1.txt

# pyproject.toml says which packages of ours can be imported, and which torch.
if [ -x .venv/bin/python ] && cat "$lock" pyproject.toml | cmp -s - "$stamp"; then
    exit 0
fi

for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11 none; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        break
    fi
done
if [ "$python" = none ]; then
    echo "Darkroom needs Python 3.11 or later, and none was found." >&2
    echo "Install one (Debian, Ubuntu: sudo apt install python3 python3-venv), or name it:" >&2
    echo "    make up PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "This Python ($python) cannot make a virtual environment. Install that part of it:" >&2
    echo "    sudo apt install python$version-venv" >&2
    exit 1
fi

# An interrupted first run leaves a .venv without pip, and an upgrade of the system one whose
# interpreter is gone: both are made anew.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    echo "Making a virtual environment in .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi

echo "Installing what $lock names (torch is large: minutes the first time, seconds after)"
rm -f "$stamp"
pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install"
# The lock is whole, and each file is one that it names by its hash. uv takes a fifth of pip's time
# for it, but does not read pip's settings: where pip has another index than its own, or uv gets
# nowhere, pip does it.
hashed="--no-deps --require-hashes --requirement"
by_uv() {
    ! .venv/bin/python -m pip config list | grep -q '\.index-url=' &&
        $pip --quiet $hashed requirements/uv.txt &&
        .venv/bin/python -m uv pip install --python .venv/bin/python --quiet $hashed "$lock"
}
by_uv || $pip $hashed "$lock"
if [ "$1" != server ]; then
    $pip --requirement requirements/torch.txt
fi
if [ "$1" != server ]; then
    # Without it PyTorch runs all networks, only more slowly.
    case $(uname -m) in
    x86_64 | amd64)
        $pip --quiet $hashed requirements/openvino.txt ||
            echo "OpenVINO could not be installed: pictures are made on PyTorch alone." >&2
        ;;
    esac
fi
$pip --quiet --no-build-isolation --no-deps --editable .
cat "$lock" pyproject.toml >"$stamp"
