"""The parts of `sh benchmarks/gpu.sh`, by their names; without a name the first.

python -m benchmarks.gpu [smoke|speed|ends] [--only ...] [--seconds 220] [--out FILE]
"""

import signal
import sys

from benchmarks.gpu import ends, smoke, speed

PARTS = {"smoke": smoke.main, "speed": speed.main, "ends": ends.main}


def main() -> int:
    """Runs a part with the rest of the command line."""
    name, *rest = sys.argv[1:] or ["smoke"]
    if name.startswith("-"):
        name, rest = "smoke", sys.argv[1:]
    if name not in PARTS:
        print(f"gpu: there is no part {name}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    # Ended in the middle it ends its programs too, and leaves no models behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    return PARTS[name](rest)


if __name__ == "__main__":
    raise SystemExit(main())
