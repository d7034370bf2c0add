#!/bin/sh
# What only a card can tell, in three parts of at most four minutes each:
#
#   sh benchmarks/gpu.sh smoke    every family at its real size, one picture each
#   sh benchmarks/gpu.sh speed    the card's ceilings, forwards by rows, our engine beside diffusers
#   sh benchmarks/gpu.sh ends     decodes, previews and files
#   sh benchmarks/gpu.sh all      all of them, speed in two times four minutes; without a word, smoke
#
#   sh benchmarks/gpu.sh smoke --only flux sdxl   these families; speed and ends have units
#   sh benchmarks/gpu.sh speed --help
#
# Figures are written as they come, to OUT where one part runs, else to
# benchmarks/results/gpu-PART.json; --seconds says after how many nothing is begun more.
#
# Runs with the Python of .venv where there is one, else with PYTHON, else python3. A machine that
# can fetch nothing and has PyTorch and transformers takes the rest from wheels in a folder, without
# what they need in turn:
#
#   pip download --no-deps --only-binary=:all: --python-version 3.12 -d wheels \
#       $(sh benchmarks/gpu.sh needs)
#   WHEELS=wheels sh benchmarks/gpu.sh speed
#
# Without a card a pretended one takes its place, with small networks and pictures, so that all of
# it has run before a card is there; what comes of it goes to build/bench.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if [ -z "${PYTHON:-}" ] && [ -x .venv/bin/python ]; then
    python=.venv/bin/python
fi
needs="diffusers torchsde trampoline pydantic pydantic-core annotated-types typing-inspection"
needs="$needs pydantic-settings python-dotenv redis rq croniter pillow-heif sd-parsers"
needs="$needs flask itsdangerous blinker"
if [ "${1:-}" = needs ]; then
    # In the versions that are tested here.
    for name in $needs; do
        grep -h "^$name==" requirements/worker.txt requirements/server.txt | cut -d' ' -f1 | head -n1
    done
    exit
fi
if [ -n "${WHEELS:-}" ]; then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$WHEELS"/*.whl
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    # Threads that spin for a core which others have would take minutes for nothing.
    export OMP_WAIT_POLICY=passive
fi
export HF_HUB_OFFLINE=1
if [ "${1:-}" = all ]; then
    shift
    failed=0
    # Larger models have four minutes of their own.
    "$python" -m benchmarks.gpu speed --only forwards-sd1 arms-sd1 mixed "$@" || failed=1
    "$python" -m benchmarks.gpu speed --more --only arms-sdxl forwards-sdxl forwards-sd3 "$@" || failed=1
    "$python" -m benchmarks.gpu ends "$@" || failed=1
    "$python" -m benchmarks.gpu smoke "$@" || failed=1
    exit "$failed"
fi
case ${1:-} in
smoke | speed | ends)
    part=$1
    shift
    ;;
*) part=smoke ;;
esac
set -- "$part" ${OUT:+--out "$OUT"} "$@"
# Whoever ends this script ends what it runs; only wheels want something done afterwards.
[ -n "${WHEELS:-}" ] || exec "$python" -m benchmarks.gpu "$@"
"$python" -m benchmarks.gpu "$@"
