"""What a forward's rows take in memory: as the engine weighs them, and as the process grows.

    python -m benchmarks.engine.memory [--sizes 128 256]

For each size a process of its own loads the model that ships, weighs the first forward as the
engine does, and then runs forwards of 1 row and of 16 while the kernel keeps the most that was
resident. Then the engine warms up, and finds its row budget. Everything goes to
benchmarks/results/memory.json.
"""

from __future__ import annotations

import os

# Threads that spin for a core which another process has would make it many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks import RESULTS, ROOT, save
from benchmarks.engine.studio import Studio
from worker.engine import Engine
from worker.engine.batch import Batch
from worker.engine.memory.footprint import tracked
from worker.engine.parts.rows import Rows
from worker.engine.prepare import encode
from worker.engine.task import Stage, Task
from worker.models.catalogue import read_catalogue

FEW, MANY = 1, 16
"""Rows whose peaks are compared: the difference is what the rows between them take."""

STATUS = Path("/proc/self/status")
FORGET_PEAK = "5"
"""Written to clear_refs, it sets the peak back to what is resident now (man 5 proc)."""

PATIENCE = 60
"""Forwards of warming up at most."""


def peak() -> int:
    """The most bytes of this process that were resident at once since it was last set back."""
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    if found is None:
        raise RuntimeError("This kernel does not say how much was resident at most.")
    return int(found[1]) * 1024


def peak_of(model: Any, rows: Rows, count: int) -> int:
    """The peak during a forward of so many rows."""
    padded = rows.span(0, 1, count)
    Path("/proc/self/clear_refs").write_text(FORGET_PEAK)
    model.forward(padded)
    return peak()


def measure(side: int) -> dict[str, Any]:
    """One size, in this process."""
    studio = Studio(read_catalogue(ROOT / "models.toml").entries["emoji"])
    request = studio.order(prompt="red apple, 3d", seed=1, width=side, height=side).image_request()
    model: Any = studio.get("emoji")
    with torch.inference_mode():
        task = Task("weighed", request, stage=Stage.ENCODE, model=model)
        encode(task)
        rows = Batch(Stage.DENOISE, [task]).gather()
        if rows is None:
            raise RuntimeError("The request could not be prepared.")
        model.forward(rows.span(0, 1, FEW))
        _, weighed = tracked(lambda: model.forward(rows.span(0, 1, FEW)))
        few = peak_of(model, rows, FEW)
        grown = (peak_of(model, rows, MANY) - few) / (MANY - FEW)
    engine = Engine(studio)
    key = Batch(Stage.DENOISE, [task]).key
    budget = engine.batcher._budget
    forwards = 0
    while not budget.settled(key) and forwards < PATIENCE:
        engine.runner.warm_up(task)
        forwards += 1
    return {
        "size": f"{side}x{side}",
        "weighed_bytes_a_row": weighed // FEW,
        "resident_bytes_a_row": int(grown),
        "resident_by_weighed": round(grown / (weighed / FEW), 3),
        "row_budget": budget.rows(key),
        "settled": budget.settled(key),
        "forwards_to_settle": forwards,
    }


def in_its_own_process(side: int) -> dict[str, Any]:
    """What another process before it left in the allocator must not count."""
    # One arena, and large blocks given back at once, so that what is resident is what is used.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
    command = [sys.executable, "-m", "benchmarks.engine.memory", "--one", str(side)]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(said.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory a row: weighed against resident")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=RESULTS / "memory.json")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    result: dict[str, Any] = {
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "rows_compared": [FEW, MANY],
        "sizes": [in_its_own_process(side) for side in options.sizes],
    }
    save(result, options.output)
    for each in result["sizes"]:
        print(each)


if __name__ == "__main__":
    main()
