"""How much a picture depends on what else is being made: alone against among others.

    python -m benchmarks.engine.tolerance [--pictures 210]

Each sampler makes some pictures with the model that ships, each of them alone and then together
with others, so many at a time that forwards have from 1 to 32 rows and more; once as usual and
once `exact`. The differences, in levels of 255, go to benchmarks/results/tolerance.json.
"""

from __future__ import annotations

import os

# Threads that spin for a core which another process has would make it many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import RESULTS, ROOT, save
from benchmarks.engine.studio import PROMPTS, Order, Pixels, Studio
from jobs.request.samplers import SAMPLERS
from worker.engine import TOLERANCE, Engine
from worker.models.catalogue import read_catalogue

BATCHES = (2, 4, 8, 16, 32)
"""Pictures that are made together."""


class Rows:
    """Counts the forwards by their rows."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}

    def forward(self, model: str, rows: int, seconds: float) -> None:
        self.seen[rows] = self.seen.get(rows, 0) + 1

    def stage(self, name: str, seconds: float) -> None:
        """Not counted."""


def orders(studio: Studio, steps: int) -> Iterator[tuple[str, Order]]:
    """As many requests as are wanted, of all samplers in turn, some of them without guidance."""
    number = 0
    while True:
        for sampler in SAMPLERS:
            prompt = f"{PROMPTS[number % len(PROMPTS)]}, 3d"
            scale = 1.0 if number % 5 == 4 else 4.0
            yield (
                f"{sampler}/{number}",
                studio.order(
                    prompt=prompt, seed=number, sampler=sampler, steps=steps, guidance_scale=scale
                ),
            )
            number += 1


def alone(studio: Studio, order: Order) -> Pixels:
    """The picture that an order gives by itself."""
    return studio.develop({"alone": order}, Engine(studio))["alone"]


def differences(
    studio: Studio, wanted: dict[str, Order], *, exact: bool, seen: Rows
) -> dict[str, np.ndarray]:
    """Of each picture, by how many levels each value differs from the one made alone."""
    if exact:
        wanted = {
            name: replace(order, request=order.request.model_copy(update={"exact": True}))
            for name, order in wanted.items()
        }
    found: dict[str, np.ndarray] = {}
    left = list(wanted)
    while left:
        for size in BATCHES:
            here, left = left[:size], left[size:]
            mates = {name: wanted[name] for name in here}
            made = studio.develop(mates, Engine(studio, observer=seen))
            for name in here:
                single = alone(studio, wanted[name])
                found[name] = np.abs(made[name].astype(int) - single.astype(int))
    return found


def summary(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """The figures of some pictures together."""
    values = np.concatenate([each.ravel() for each in found.values()])
    return {
        "pictures": len(found),
        "largest": int(values.max()),
        "mean": round(float(values.mean()), 6),
        "share_of_values_that_differ": round(float((values > 0).mean()), 6),
        "pictures_equal_to_the_bit": sum(not each.any() for each in found.values()),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both modes, and the usual one by sampler."""
    studio = Studio(read_catalogue(ROOT / "models.toml").entries["emoji"])
    stream = orders(studio, options.steps)
    wanted = dict(next(stream) for _ in range(options.pictures))
    seen = Rows()
    usual = differences(studio, wanted, exact=False, seen=seen)
    few = dict(list(wanted.items())[: options.exact_pictures])
    exact = differences(studio, few, exact=True, seen=Rows())
    largest = {
        sampler: max(
            int(each.max()) for name, each in usual.items() if name.startswith(sampler + "/")
        )
        for sampler in SAMPLERS
    }
    return {
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "dtype": "float32",
        "steps": options.steps,
        "stated_tolerance": TOLERANCE,
        "pictures_at_once": list(BATCHES),
        "rows_a_forward": [min(seen.seen), max(seen.seen)],
        "usual": summary(usual),
        "exact": summary(exact),
        "largest_by_sampler": largest,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A picture alone against among others")
    parser.add_argument("--pictures", type=int, default=210, help="in the usual mode")
    parser.add_argument("--exact-pictures", type=int, default=21, help="with `exact`")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--output", type=Path, default=RESULTS / "tolerance.json")
    options = parser.parse_args()
    result = measure(options)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:30} {value}")


if __name__ == "__main__":
    main()
