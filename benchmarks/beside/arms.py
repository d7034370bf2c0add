"""The whole server beside diffusers as its users run it: ratios within one run.

    python -m benchmarks.beside.arms [--rounds 7] [--callers 16] [--busy 0] [--data FOLDER]

E is diffusers one picture at a time and B diffusers in one call of as many as there are callers,
each in a process of its own, in its default environment (`benchmarks/beside/bare.py`). Ours are
callers of a running server, in float32 and in bfloat16. All take turns, and the server has
measured and compiled what it wants before. `data` is the server's folder, kept for another run.
With `busy` so many other processes compute without end while all of this is timed. Results go to
benchmarks/results/arms.json, or arms-busy.json.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, save
from benchmarks.beside.sides import (
    MODEL,
    SAMPLER,
    Bare,
    Callers,
    apart,
    bare,
    computing,
    plain,
    said,
    summary,
)
from benchmarks.server.callers import Server, server

PAIRS = (
    ("one", "E"),
    ("one bf16", "E"),
    ("many", "E"),
    ("many bf16", "E"),
    ("many", "B"),
    ("many bf16", "B"),
)

CATALOGUE = """
default = "emoji"
[models.emoji]
source = "{model}"
[models.emoji-bf16]
source = "{model}"
dtype = "bfloat16"
"""


def measure(options: argparse.Namespace, there: Server, stock: Bare) -> dict[str, Any]:
    ours = Callers(there, options.steps, options.guidance)
    many = options.callers
    models = ("emoji", "emoji-bf16")
    for model in models:
        for count in (1, 2, many):
            ours.together(model, count)
        ours.settle(model)
        # What was asked for in the meantime may be compiled now.
        ours.together(model, many)
        ours.settle(model)
    stock.pictures(1)
    stock.pictures(many)
    arms: dict[str, Callable[[], tuple[float, float]]] = {
        "E": partial(stock.pictures, 1),
        "one": partial(ours.together, "emoji", 1),
        "one bf16": partial(ours.together, "emoji-bf16", 1),
        "many": partial(ours.together, "emoji", many),
        "B": partial(stock.pictures, many),
        "many bf16": partial(ours.together, "emoji-bf16", many),
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    with computing(options.busy):
        for number in range(options.rounds):
            for name, arm in arms.items():
                took[name].append(arm())
            print(number, {name: round(each[-1][0], 3) for name, each in took.items()}, flush=True)
        # What was asked for last is compiled when there is nothing to do.
        ours.settle("emoji")
        alone = statistics.median(ours.one("emoji", seed, 4)[0] for seed in range(5))
        slowest = ours.among("emoji", many - 1, 4, 30, options.rounds)
    stock.pictures(1)
    right = stock.last()
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg()[0],
        "model": MODEL.name,
        "steps": options.steps,
        "sampler": SAMPLER,
        "callers": many,
        "rounds": options.rounds,
        "others_computing": options.busy,
        "backends": {model: ours.backend(model) for model in models},
        "levels_apart": {model: apart(ours.one(model)[1], right) for model in models},
        "seconds_a_picture": {name: summary(each, 0) for name, each in took.items()},
        "processor_seconds_a_picture": {name: summary(each, 1) for name, each in took.items()},
        "times_as_fast": {
            f"{name} against {other}": said(took[other], took[name], 0) for name, other in PAIRS
        },
        "times_less_of_the_processors": {
            f"{name} against {other}": said(took[other], took[name], 1) for name, other in PAIRS
        },
        "four_steps_alone": round(alone, 3),
        "four_steps_among_thirty_slowest": round(slowest, 3),
        "four_steps_times_as_long": round(slowest / alone, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The server beside diffusers, in one run")
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--busy", type=int, default=0, help="other processes that compute")
    parser.add_argument("--backend", default="auto", help="the server's BACKEND")
    parser.add_argument("--data", type=Path, help="the server's folder, kept for another run")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    output = options.output or RESULTS / f"arms{'-busy' if options.busy else ''}.json"
    plain()
    settings = {"BACKEND": options.backend, "SPARE_WORKER": "false", "MDNS": "false"}
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Path(folder) / "models.toml"
        catalogue.write_text(CATALOGUE.format(model=MODEL), encoding="utf-8")
        settings["MODELS"] = str(catalogue)
        with (
            server(**settings, **({"DATA": str(options.data)} if options.data else {})) as there,
            bare(options.steps, options.guidance) as stock,
        ):
            result = measure(options, there, stock)
    save(result, output)
    for name, value in result.items():
        print(f"{name:34} {value}")


if __name__ == "__main__":
    main()
