"""What it costs the pictures of one batch that another one in it is traced, in processor seconds.

    python -m benchmarks.server.tracing [--repeats 5] [--steps 60]

Eight pictures of the model that ships step together, on one thread and PyTorch alone. In every
second run one of them is traced at each second step, attention and all, so that traced steps and
others take turns and whatever else the machine does disturbs both alike. A ratio is that of a step
to the one before it, the median of a run; runs without a trace say how far that ratio goes by
itself, and a cost that is smaller is `not resolved`. The figure is an upper bound of what others
pay: recording itself is in it, which the traced picture's caller is charged for. Medians go to
benchmarks/results/tracing.json.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import ROOT, save
from tests.engine.helpers import Shelf, load
from worker.engine import Engine, ImageRequest, TraceWish

RESULTS = ROOT / "benchmarks" / "results" / "tracing.json"
PICTURES = 8
SKIPPED = 4
"""Steps at the beginning that find caches cold."""


def seconds(engine: Engine, steps: int, *, traced: bool) -> list[float]:
    """Processor seconds of each step of all the pictures together."""
    asked = ImageRequest("shipped", "red apple, 3d", "", 128, 128, steps, 4.0, 0, "ddim")
    wish = TraceWish(frozenset(range(1, steps, 2))) if traced else None
    for number in range(PICTURES):
        trace = wish if number == PICTURES - 1 else None
        engine.add(str(number), replace(asked, seed=number, trace=trace))
    took: list[float] = []
    last = 0
    while not engine.idle:
        began = time.process_time()
        done = engine.step()
        spent = time.process_time() - began
        for each in done:
            if each.trace:
                each.trace.close()
        try:
            now = engine.progress(str(PICTURES - 1)).step
        except KeyError:
            continue
        if now == last + 1:
            took.append(spent)
        last = now
    return took


def ratio(took: list[float]) -> float:
    """How much longer a step with an odd number takes than the one before it."""
    pairs = zip(took[SKIPPED::2], took[SKIPPED + 1 :: 2], strict=False)
    return statistics.median(odd / even for even, odd in pairs)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    torch.set_num_threads(1)
    engine = Engine(Shelf(load("shipped", ROOT / "models" / "emoji")))
    seconds(engine, SKIPPED, traced=True)
    runs: dict[bool, list[list[float]]] = {False: [], True: []}
    for number in range(options.repeats):
        for traced in sorted(runs, reverse=bool(number % 2)):
            runs[traced].append(seconds(engine, options.steps, traced=traced))
            print("traced" if traced else "plain", round(ratio(runs[traced][-1]), 4), flush=True)
    plain, traced = ([ratio(run) for run in runs[kind]] for kind in (False, True))
    cost = statistics.median(traced) / statistics.median(plain) - 1
    noise = max(abs(each / statistics.median(plain) - 1) for each in plain)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[1], 1),
        "repeats": options.repeats,
        "rows": 2 * PICTURES,
        "step_processor_ms": round(
            1000 * statistics.median(each for run in runs[False] for each in run), 1
        ),
        "ratios_plain": [round(each, 4) for each in plain],
        "ratios_traced": [round(each, 4) for each in traced],
        "cost": round(cost, 4),
        "noise": round(noise, 4),
        "difference": "resolved" if abs(cost) > noise else "not resolved",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What a traced picture costs its batch mates")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = measure(options)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
