#!/bin/sh
# What only a card can tell, in at most four minutes:
#
#   sh benchmarks/gpu.sh                    every family at its real size, one picture each
#   sh benchmarks/gpu.sh --only flux sdxl   these
#
# Runs with the Python of .venv where there is one, else with PYTHON, else python3. A machine that
# can fetch nothing and lacks some packages takes them from wheels in a folder, without what they
# need in turn:
#
#   pip download --no-deps --only-binary=:all: --python-version 3.12 -d wheels diffusers==VERSION
#   WHEELS=wheels sh benchmarks/gpu.sh
#
# Without a card a pretended one takes its place, with networks of one layer and small pictures, so
# that all of it has run before a card is there. Figures go to OUT, else benchmarks/results/gpu.json.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if [ -z "${PYTHON:-}" ] && [ -x .venv/bin/python ]; then
    python=.venv/bin/python
fi
if [ -n "${WHEELS:-}" ]; then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$WHEELS"/*.whl
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
small=
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    small="--depth 1 --size 64 --steps 2"
fi
export HF_HUB_OFFLINE=1
# shellcheck disable=SC2086  # several words
"$python" -m benchmarks.gpu.smoke --out "${OUT:-benchmarks/results/gpu.json}" $small "$@"
