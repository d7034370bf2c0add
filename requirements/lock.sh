#!/bin/sh
# Writes the locks from pyproject.toml: `make lock`. Needs uv.
set -eu
cd "$(dirname "$0")/.."

# torch has a lock of its own, without hashes: its builds for the CPU and for each CUDA come from
# different indexes and are all the same version. It chooses its CUDA packages itself, exactly, and
# a torch for the CPU wants none, so they are in no lock. Nor is torchvision, which comes from there
# too: spandrel asks for it and does without.
# What only Windows or a browser needs is left out too: gunicorn runs on neither.
compile() {
    out=requirements/$1
    shift
    echo "# Written by \`make lock\` from pyproject.toml." >"$out"
    uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
        --no-emit-index-url --generate-hashes "$@" pyproject.toml |
        awk '/^[a-z0-9]/ {
            left_out = /^(nvidia-|cuda-|triton|torch==|torchvision==)/ || /sys_platform == .(win32|emscripten). \\$/
        } !left_out' >>"$out"
}

versions=$(mktemp)
trap 'rm -f "$versions"' EXIT

compile dev.txt --extra worker --extra s3 --extra recipe --extra otel --extra mcp --extra dev
# One version of each everywhere.
grep '==' requirements/dev.txt | sed 's/ *\\$//' >"$versions"
compile worker.txt --extra worker --extra s3 --constraint "$versions"
compile server.txt --extra s3 --constraint "$versions"
# What tells its makers how it is used is left out; it does without.
{
    echo "# Written by \`make lock\` from pyproject.toml."
    sed -n 's/^openvino = \["\(.*\)"\]$/\1/p' pyproject.toml |
        uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
            --no-emit-index-url --generate-hashes --constraint "$versions" \
            --no-emit-package openvino-telemetry --no-emit-package numpy -
} >requirements/openvino.txt
{
    echo "# Written by \`make lock\` from pyproject.toml. Without hashes: any build of this version."
    sed -n 's/^ *"\(torch==[0-9.]*\)",$/\1/p' pyproject.toml
} >requirements/torch.txt
# What installs the others quickly, see install.sh.
{
    echo "# Written by \`make lock\`."
    echo 'uv' | uv pip compile --quiet --universal --no-annotate --no-header --no-emit-index-url \
        --generate-hashes -
} >requirements/uv.txt
