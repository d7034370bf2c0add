"""The whole server beside diffusers as its users run it: ratios within one run.

    python -m benchmarks.beside.arms [--rounds 7] [--callers 16] [--busy 0] [--data FOLDER]

E is diffusers one picture at a time, B diffusers in one call of as many as there are callers, and K
as E with its networks compiled (`benchmarks/beside/compiled.py`), which is timed apart: each in a
process of its own, in its default environment (`benchmarks/beside/bare.py`). Ours are callers of a
running server, in float32 and in bfloat16. All take turns. An earlier server measured and compiled
what it wants, and this one does none of that. `data` is the server's folder, kept for another run.
With `busy` so many other processes compute without end while all of this is timed. Ceilings are
measured in the same run. Results go to benchmarks/results/arms.json, or arms-busy.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import RESULTS, machine, save
from benchmarks.beside.compiled import MODES
from benchmarks.beside.sides import (
    MODEL,
    PLAINEST,
    PROMPT,
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
from benchmarks.beside.work import Work
from benchmarks.ceilings import achieved, ceilings
from benchmarks.server.callers import Server, server

SIDE = 128
"""Of the shipped model's pictures."""

PAIRS = (
    ("one", "E"),
    ("one bf16", "E"),
    ("many", "E"),
    ("many bf16", "E"),
    ("many", "B"),
    ("many bf16", "B"),
    ("one", "K"),
    ("many", "K"),
)

CATALOGUE = """
default = "emoji"
[models.emoji]
source = "{model}"
[models.emoji-bf16]
source = "{model}"
dtype = "bfloat16"
"""


NAMES = ("emoji", "emoji-bf16")


def settle(options: argparse.Namespace, there: Server) -> None:
    """Have the server measure and compile what it wants for all that will come."""
    ours = Callers(there, options.steps, options.guidance)
    for model in NAMES:
        for count in (1, 2, options.callers):
            ours.together(model, count)
        ours.settle(model)
        # What was asked for in the meantime may be compiled now.
        ours.together(model, options.callers)
        ours.settle(model)


def measure(
    options: argparse.Namespace, there: Server, stock: Bare, compiled: Bare | None
) -> dict[str, Any]:
    ours = Callers(there, options.steps, options.guidance)
    many = options.callers
    for model in NAMES:
        ours.together(model, many)
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
    compilation = None
    if compiled is not None:
        compilation = compiled.compile()
        arms["K"] = partial(compiled.pictures, 1)
    limits = {
        "float32": ceilings(torch.device("cpu"), torch.float32),
        "bfloat16": ceilings(torch.device("cpu"), torch.bfloat16),
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    with computing(options.busy):
        for number in range(options.rounds):
            for name, arm in arms.items():
                took[name].append(arm())
            print(number, {name: round(each[-1][0], 3) for name, each in took.items()}, flush=True)
        alone = statistics.median(ours.one("emoji", seed, 4)[0] for seed in range(5))
        slowest = ours.among("emoji", many - 1, 4, 30, options.rounds)
        shares = {
            name: ours.device_share(model, count)
            for name, model, count in (
                ("one", "emoji", 1),
                ("one bf16", "emoji-bf16", 1),
                ("many", "emoji", many),
                ("many bf16", "emoji-bf16", many),
            )
        }
    work = Work(MODEL)
    picture = work.picture(options.steps, SIDE, SAMPLER)
    pairs = [(name, other) for name, other in PAIRS if other in took]
    stock.pictures(1)
    right = stock.last()
    return {
        **machine(),
        "model": MODEL.name,
        "steps": options.steps,
        "sampler": SAMPLER,
        "callers": many,
        "rounds": options.rounds,
        "others_computing": options.busy,
        "backends": {model: ours.backend(model) for model in NAMES},
        "levels_apart": {model: apart(ours.one(model, prompt=PROMPT)[1], right) for model in NAMES},
        "compile_seconds": compilation and round(compilation, 1),
        "seconds_a_picture": {name: summary(each, 0) for name, each in took.items()},
        "processor_seconds_a_picture": {name: summary(each, 1) for name, each in took.items()},
        "times_as_fast": {
            f"{name} against {other}": said(took[other], took[name], 0) for name, other in pairs
        },
        "times_less_of_the_processors": {
            f"{name} against {other}": said(took[other], took[name], 1) for name, other in pairs
        },
        "ceilings": {name: asdict(each) for name, each in limits.items()},
        "picture_gflop": round(picture / 1e9, 2),
        "forward_gflop": round(work.forward(SIDE) / 1e9, 3),
        "computed": {
            name: achieved(
                picture,
                statistics.median(seconds for seconds, _ in each),
                limits["bfloat16" if "bf16" in name else "float32"],
            )
            for name, each in took.items()
        },
        "device_share": shares,
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
    parser.add_argument("--compile-mode", choices=(*MODES, "none"), default=PLAINEST, help="of K")
    parser.add_argument("--data", type=Path, help="the server's folder, kept for another run")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    output = options.output or RESULTS / f"arms{'-busy' if options.busy else ''}.json"
    plain()
    settings = {"BACKEND": options.backend, "SPARE_WORKER": "false", "MDNS": "false"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        catalogue = folder / "models.toml"
        catalogue.write_text(CATALOGUE.format(model=MODEL), encoding="utf-8")
        settings |= {"MODELS": str(catalogue), "DATA": str(options.data or folder / "data")}
        with server(**settings) as there:
            settle(options, there)
        there = stack.enter_context(server(**settings, WARM_UP="false"))
        stock = stack.enter_context(bare(options.steps, options.guidance))
        compiled = None
        if options.compile_mode != "none":
            compiled = stack.enter_context(
                bare(options.steps, options.guidance, mode=options.compile_mode)
            )
        result = measure(options, there, stock, compiled)
    save(result, output)
    for name, value in result.items():
        print(f"{name:34} {value}")


if __name__ == "__main__":
    main()
