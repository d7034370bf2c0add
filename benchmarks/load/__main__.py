"""How long pictures take under load, at several kinds of server (`arms.py`), in one run.

    python -m benchmarks.load [--short] [--mix steps] [--rounds 3] [--data FOLDER]
        [--callers 1 4 8 16 32] [--rates 0.3 0.6 0.9 1.2] [--arms E B K W]

Closed: so many callers, of whom each waits for a picture before the next; a run has two pictures
for each at least. Open: requests come as they like (Poisson), at parts of what the arm can do, and
once with a burst of sixteen. The arms take turns, and while others are timed the server measures
and compiles nothing: an earlier one did, on the same folder. Goodput counts pictures that took at
most three times what diffusers takes for such a picture alone. Ceilings are measured in the same
run, and what each arm computed a second is told beside them. Results go to
benchmarks/results/load-MIX.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import RESULTS, machine, save
from benchmarks.beside.compiled import MODES
from benchmarks.beside.sides import PLAINEST, Callers, apart, bare, plain
from benchmarks.beside.work import Work
from benchmarks.ceilings import achieved, ceilings
from benchmarks.load.arms import MOST, Arm, Diffusers, Ours, Whole
from benchmarks.load.figures import between, compared, length, middle, summary
from benchmarks.load.loops import Served, closed, opened, poisson
from benchmarks.load.made import Shelf, shelf
from benchmarks.load.requests import EMOJI, MIXES, SHORT, Asked, Mix
from benchmarks.server.callers import Server, server

CALLERS = (1, 4, 8, 16, 32)
RATES = (0.3, 0.6, 0.9, 1.2)
BURST = 16

ARMS = {"same": "EBKW", "steps": "EBKW", "all": "EBKW", "loras": "EW", "families": "EW"}
"""Where pictures wear other LoRAs, or callers differ, calls of several and compiled networks are
not how diffusers is used: each LoRA compiles anew."""

TOGETHER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Half as many as the rows that small networks are compiled for, since each has two."""

FEW_STEPS = 4

Loop = Callable[[Arm], list[Served]]


class Bench:
    """The arms of one run, and what their figures are compared with."""

    def __init__(self, arms: Mapping[str, Arm], mix: Mix, made: Shelf, rounds: int) -> None:
        self.arms = arms
        self.rounds = rounds
        self.limits = ceilings(torch.device("cpu"), torch.float32)
        self.work = {name: Work(folder) for name, folder in made.models.items()}
        self.alone = {kind: self._alone(kind) for kind in mix.kinds()}

    def _alone(self, kind: Asked) -> float:
        took = [closed(self.arms["E"], [kind], 1)[0].took for _ in range(3)]
        return statistics.median(took[1:])

    def run(self, arm: Arm, loop: Loop) -> dict[str, Any]:
        """One run of one arm."""
        ours = self.arms["ours"]
        used, before, meanwhile = arm.processor_seconds(), arm.told(), ours.processor_seconds()
        served = loop(arm)
        seconds = length(served)
        meanwhile = ours.processor_seconds() - meanwhile
        found = summary(served, self.alone) | between(before, arm.told(), seconds)
        found |= self.computed([each.asked for each in served], seconds)
        used = arm.processor_seconds() - used
        found["processor_seconds"] = round(used / len(served), 3)
        if isinstance(arm, Diffusers):
            found["server_meanwhile"] = round(meanwhile, 2)
        return found

    def computed(self, every: Sequence[Asked], seconds: float) -> dict[str, float]:
        """What it is to compute such pictures, beside what the machine could."""
        total = sum(
            self.work[each.model].picture(each.steps, each.side, each.sampler) for each in every
        )
        return achieved(total, seconds, self.limits)

    def in_turn(self, loops: Mapping[str, Mapping[str, Loop]]) -> dict[str, Any]:
        """Every loop at every arm, so often; whatever else the machine does disturbs all alike."""
        found: dict[str, Any] = {}
        for name in next(iter(loops.values())):
            every: dict[str, list[dict[str, Any]]] = {arm: [] for arm in self.arms}
            for _ in range(self.rounds):
                for arm in self.arms:
                    every[arm].append(self.run(self.arms[arm], loops[arm][name]))
                    last = {key: every[arm][-1][key] for key in ("p50", "p95", "a_second")}
                    print(name, arm, last, flush=True)
            rates = {arm: [each["a_second"] for each in every[arm]] for arm in self.arms}
            found[name] = {arm: middle(each) for arm, each in every.items()} | {
                "times_as_many_a_second": {
                    f"ours against {arm}": compared(rates["ours"], rates[arm])
                    for arm in self.arms
                    if arm != "ours"
                }
            }
        return found


def settle(mix: Mix, settings: Mapping[str, str]) -> None:
    """Have a server meet all that will come, each shape by so many at once that a forward has every
    number of rows which it may compile for, and measure and compile what it wants."""
    # How many steps there are is no part of a shape.
    kinds = {replace(kind, steps=FEW_STEPS): None for kind in mix.kinds()}
    shapes = {(kind.model, kind.side): kind for kind in kinds if not kind.loras}
    with server(**settings) as there:
        ours, callers = Ours(there), Callers(there, 20, 4.0)
        for _ in range(2):
            for shape in shapes.values():
                for number in TOGETHER:
                    closed(ours, [shape] * number, number)
            for kind in kinds:
                ours.ask(kind)
            callers.settle(EMOJI)


def measure(
    options: argparse.Namespace, mix: Mix, made: Shelf, arms: Mapping[str, Arm]
) -> dict[str, Any]:
    result: dict[str, Any] = machine() | {
        "mix": options.mix,
        "rounds": options.rounds,
        "pictures_at_least": options.pictures,
    }
    ours, stock = arms["ours"], arms["E"]
    if not isinstance(ours, Ours) or not isinstance(stock, Diffusers):
        raise TypeError("both are needed")
    # Of each kind a picture: models are loaded, and LoRAs.
    result["levels_apart"] = {
        kind.label(): apart(ours.picture(kind), stock.picture(kind)) for kind in mix.kinds()
    }
    if isinstance(compiled := arms.get("K"), Diffusers):
        shapes = {(kind.model, kind.side): kind for kind in mix.kinds()}
        result["compile_seconds"] = compiled.compile(list(shapes.values()))
    bench = Bench(arms, mix, made, options.rounds)
    result |= {
        "ceilings": asdict(bench.limits),
        "alone": {each.label(): round(seconds, 3) for each, seconds in bench.alone.items()},
        "forward_gflop": {
            f"{name} {side}": round(work.forward(side) / 1e9, 3)
            for name, work in bench.work.items()
            for side in mix.sides
        },
    }
    loops: dict[str, Loop] = {
        str(number): partial(
            _closed, every=mix.some(max(options.pictures, 2 * number)), callers=number
        )
        for number in options.callers
    }
    result["closed"] = bench.in_turn(dict.fromkeys(arms, loops))
    fitting = [number for number in options.callers if number <= MOST] or options.callers
    most = result["closed"][str(max(fitting))]
    capacity = {arm: most[arm]["a_second"] for arm in arms}
    result["capacity_a_second"] = capacity
    every = mix.some(options.pictures)
    crowd = mix.some(max(options.pictures, 2 * options.burst))
    opens: dict[str, dict[str, Loop]] = {
        arm: {str(rate): _at(every, rate * can, 0) for rate in options.rates}
        for arm, can in capacity.items()
    }
    if options.rates:
        for arm, can in capacity.items():
            name = f"0.6 with {options.burst} at once"
            opens[arm][name] = _at(crowd, 0.6 * can, options.burst)
    result["open"] = bench.in_turn(opens)
    return result


def _closed(arm: Arm, every: Sequence[Asked], callers: int) -> list[Served]:
    return closed(arm, every, callers)


def _at(every: Sequence[Asked], rate: float, burst: int) -> Loop:
    times = poisson(len(every), rate, burst=burst)
    return lambda arm: opened(arm, every, times)


def read() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Pictures under load, at several kinds of server")
    parser.add_argument("--short", action="store_true", help="little of everything, in minutes")
    parser.add_argument("--mix", choices=MIXES, default="steps")
    parser.add_argument("--rounds", type=int, help="3, with --short 1")
    parser.add_argument("--pictures", type=int, help="of each run at least: 40, with --short 6")
    parser.add_argument("--callers", type=int, nargs="+")
    parser.add_argument("--rates", type=float, nargs="*", help="none for closed loops alone")
    parser.add_argument(
        "--arms", nargs="*", choices=[*"EBKW"], help="beside ours; E is always there"
    )
    parser.add_argument("--compile-mode", choices=MODES, default=PLAINEST, help="of K")
    parser.add_argument("--data", type=Path, help="the server's folder, kept for another run")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    short = options.short
    options.rounds = options.rounds or (1 if short else 3)
    options.pictures = options.pictures or (6 if short else 40)
    options.callers = options.callers or ((1, 4) if short else CALLERS)
    if options.rates is None:
        options.rates = (0.6,) if short else RATES
    options.burst = 6 if short else BURST
    usual = "EW" if short else ARMS.get(options.mix, "EW")
    options.arms = ["E", *(each for each in options.arms or usual if each != "E")]
    name = f"load-{options.mix}{'-short' if short else ''}"
    options.output = options.output or RESULTS / f"{name}.json"
    return options


def main() -> None:
    options = read()
    mix = SHORT if options.short and options.mix == "steps" else MIXES[options.mix]
    plain()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = shelf(mix, folder)
        data = options.data or folder / "data"
        settings = {"SPARE_WORKER": "false", "MDNS": "false", "REQUESTS_PER_MINUTE": "0"}
        settings |= {"DATA": str(data), "MODELS": str(made.catalogue)}
        if not options.short:
            settle(mix, settings)
        there: Server = stack.enter_context(server(**settings, WARM_UP="false"))
        ours = Ours(there)
        folders = list(made.models.values())
        arms: dict[str, Arm] = {}
        for name in options.arms:
            if name == "W":
                arms[name] = Whole(ours)
                continue
            mode = options.compile_mode if name == "K" else None
            other = stack.enter_context(bare(20, 4.0, *folders, mode=mode))
            arms[name] = Diffusers(other, made, MOST if name == "B" else 1)
        result = measure(options, mix, made, arms | {"ours": ours})
    save(result, options.output)


if __name__ == "__main__":
    main()
