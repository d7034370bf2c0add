"""`make bench`: every benchmark, one after the other, and the plots of what they found.

    python -m benchmarks [--short]

Short is a look at whether all of it works, in some minutes; its figures go to `build/bench` and
nowhere else. A benchmark that fails is told of at the end, and the others run.
"""

import argparse
import shutil
import subprocess
import sys
import time

from benchmarks import ROOT

FEW = ("--rounds", "2", "--pictures", "10")
"""By its own defaults a mix takes two hours."""

FEWER = (*FEW, "--callers", "1", "8", "16", "--rates", "0.6", "1.2")

CARD = (
    ("gpu", ("speed", "--only", "forwards-sd1", "arms-sd1", "mixed")),
    ("gpu", ("speed", "--more", "--only", "arms-sdxl", "forwards-sdxl", "forwards-sd3")),
    ("gpu", ("ends",)),
    ("gpu", ("smoke",)),
)
"""Without a card they would find nothing out."""

EVERY = (
    ("server.around", ()),
    ("load", ("--mix", "steps", *FEW)),
    ("load", ("--mix", "same", *FEWER)),
    ("load", ("--mix", "all", *FEWER)),
    ("load", ("--mix", "loras", *FEWER)),
    ("load", ("--mix", "families", *FEWER)),
    ("load", ("--mix", "callers", *FEWER)),
    ("beside.arms", ()),
    ("beside.arms", ("--busy", "2", "--rounds", "5")),
    ("beside.full_size", ()),
    ("growth", ()),
    ("simulate", ()),
    ("engine.backends", ()),
    ("engine.steps", ()),
    ("engine.tolerance", ()),
    ("engine.previews", ()),
    ("engine.memory", ()),
    ("server.soon", ()),
    ("server.recovery", ()),
    ("server.enlarging", ()),
    ("server.page", ()),
    ("server.fairness", ()),
    ("server.tracing", ()),
    *CARD,
    ("plots", ()),
)

SHORT = (
    ("server.around", ("--short",)),
    ("load", ("--short",)),
    ("load", ("--short", "--mix", "loras")),
    ("load", ("--short", "--mix", "families")),
    ("growth", ("--short",)),
    ("simulate", ("--seconds", "5", "--times", "100")),
    ("beside.arms", ("--rounds", "1", "--callers", "4", "--steps", "4")),
    ("server.soon", ("--rounds", "1", "--starts", "1")),
    ("server.recovery", ("--kills", "1")),
    ("gpu", ("speed", "--compile-seconds", "0")),
    ("gpu", ("ends",)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    failed: list[str] = []
    card = shutil.which("nvidia-smi") is not None
    for benchmark, options in SHORT if short else EVERY:
        if (benchmark, options) in CARD and not card:
            continue
        print(f"\n== {benchmark} {' '.join(options)}", flush=True)
        words = "-".join([benchmark, *(each.lstrip("-") for each in options)])
        output = ("--output", str(ROOT / "build" / "bench" / f"{words}.json"))
        command = [sys.executable, "-m", f"benchmarks.{benchmark}", *options]
        began = time.monotonic()
        if subprocess.run([*command, *(output if short else ())], check=False).returncode:
            failed.append(benchmark)
        print(f"== {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
