#!/bin/sh
# Writes the locks from pyproject.toml: `make lock`. Needs uv.
set -eu
cd "$(dirname "$0")/.."

# torch chooses its CUDA packages itself, exactly, and a torch for the CPU wants none: locked here
# they would be installed on machines that have no use for them. Hashes would fix one of the two.
# What only Windows or a browser needs is left out too: gunicorn runs on neither.
compile() {
    out=$1
    shift
    echo "# Written by \`make lock\` from pyproject.toml." >"requirements/$out"
    uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
        --no-emit-index-url "$@" pyproject.toml |
        grep -v -E "^(nvidia-|cuda-|triton)|sys_platform == '(win32|emscripten)'$" |
        sed -E 's/^(torch==[0-9.]+)\+[a-z0-9]+.*/\1/' >>"requirements/$out"
}

compile dev.txt --extra worker --extra recipe --extra otel --extra dev
compile worker.txt --extra worker --constraint requirements/dev.txt
compile server.txt --constraint requirements/dev.txt
