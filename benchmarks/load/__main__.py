"""How long pictures take under load, at four kinds of server (`arms.py`), in one run.

    python -m benchmarks.load [--short] [--mix steps] [--rounds 3] [--data FOLDER]

Closed: 1 to 32 callers, of whom each waits for a picture before the next. Open: requests come as
they like (Poisson), at 0.3 to 1.2 times what the arm can do, and once with a burst of sixteen. The
arms take turns. Goodput counts pictures that took at most three times what diffusers takes for such
a picture alone. Results go to benchmarks/results/load-MIX.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, machine, save
from benchmarks.beside.sides import Callers, bare
from benchmarks.load.arms import MOST, Arm, Diffusers, Ours, Whole
from benchmarks.load.figures import between, compared, middle, summary
from benchmarks.load.loops import Served, closed, opened, poisson
from benchmarks.load.requests import MIXES, SHORT, Asked, Mix
from benchmarks.server.callers import Server, server

CALLERS = (1, 4, 8, 16, 32)
RATES = (0.3, 0.6, 0.9, 1.2)
BURST = 16

Loop = Callable[[Arm], list[Served]]


def run(arm: Arm, loop: Loop, alone: Mapping[Asked, float]) -> dict[str, Any]:
    """One run of one arm."""
    used, before = arm.processor_seconds(), arm.told()
    served = loop(arm)
    found = summary(served, alone) | between(before, arm.told())
    used = arm.processor_seconds() - used
    return found | {"processor_seconds": round(used / len(served), 3)}


def in_turn(
    arms: Mapping[str, Arm],
    loops: Mapping[str, Mapping[str, Loop]],
    alone: Mapping[Asked, float],
    rounds: int,
) -> dict[str, Any]:
    """Every loop at every arm, so often; whatever else the machine does disturbs all alike."""
    found: dict[str, Any] = {}
    for name in next(iter(loops.values())):
        every: dict[str, list[dict[str, Any]]] = {arm: [] for arm in arms}
        for _ in range(rounds):
            for arm in arms:
                every[arm].append(run(arms[arm], loops[arm][name], alone))
                last = {key: every[arm][-1][key] for key in ("p50", "p95", "a_second")}
                print(name, arm, last, flush=True)
        rates = {arm: [each["a_second"] for each in every[arm]] for arm in arms}
        found[name] = {arm: middle(each) for arm, each in every.items()} | {
            "times_as_many_a_second": {
                f"ours against {arm}": compared(rates["ours"], rates[arm])
                for arm in arms
                if arm != "ours"
            }
        }
    return found


def settle(there: Server, ours: Ours, mix: Mix) -> None:
    """Have the server meet all that will come, and measure and compile what it wants."""
    callers = Callers(there, 20, 4.0)
    for _ in range(2):
        closed(ours, mix.some(2 * MOST, seed=9), MOST)
        for kind in mix.kinds():
            ours.ask(kind)
        callers.settle("emoji")


def measure(options: argparse.Namespace, there: Server, arms: Mapping[str, Arm]) -> dict[str, Any]:
    mix = SHORT if options.short else MIXES[options.mix]
    callers = (1, 8) if options.short else CALLERS
    rates = (0.6, 1.2) if options.short else RATES
    count, burst = (12, 6) if options.short else (options.pictures, BURST)
    if isinstance(arms["ours"], Ours):
        settle(there, arms["ours"], mix)
    alone: dict[Asked, float] = {}
    for kind in mix.kinds():
        times = [closed(arms["E"], [kind], 1)[0].took for _ in range(2 if options.short else 4)]
        alone[kind] = statistics.median(times[1:])
    result: dict[str, Any] = machine() | {
        "mix": "short" if options.short else options.mix,
        "rounds": options.rounds,
        "alone": {each.line(1): round(seconds, 3) for each, seconds in alone.items()},
    }
    every = mix.some(count)
    loops: dict[str, Loop] = {
        str(number): partial(_closed, every=every, callers=number) for number in callers
    }
    result["closed"] = in_turn(arms, dict.fromkeys(arms, loops), alone, options.rounds)
    most = result["closed"][str(max(number for number in callers if number <= MOST))]
    capacity = {arm: most[arm]["a_second"] for arm in arms}
    result["capacity_a_second"] = capacity
    opens = {
        arm: {
            **{str(rate): _at(every, rate * can, 0) for rate in rates},
            f"0.6 with {burst} at once": _at(every, 0.6 * can, burst),
        }
        for arm, can in capacity.items()
    }
    result["open"] = in_turn(arms, opens, alone, options.rounds)
    return result


def _closed(arm: Arm, every: Sequence[Asked], callers: int) -> list[Served]:
    return closed(arm, every, callers)


def _at(every: Sequence[Asked], rate: float, burst: int) -> Loop:
    times = poisson(len(every), rate, burst=burst)
    return lambda arm: opened(arm, every, times)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures under load, at four kinds of server")
    parser.add_argument("--short", action="store_true", help="little of everything, in a minute")
    parser.add_argument("--mix", choices=MIXES, default="steps")
    parser.add_argument("--rounds", type=int, default=None, help="3, with --short 1")
    parser.add_argument("--pictures", type=int, default=40, help="of each run")
    parser.add_argument("--data", type=Path, help="the server's folder, kept for another run")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.short else 3)
    for name in [each for each in os.environ if each.startswith("OMP_")]:
        del os.environ[name]
    settings = {"SPARE_WORKER": "false", "MDNS": "false", "REQUESTS_PER_MINUTE": "0"}
    if options.short:
        settings["WARM_UP"] = "false"
    with ExitStack() as stack:
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        there = stack.enter_context(server(**settings, DATA=str(data)))
        ours = Ours(there)
        arms: dict[str, Arm] = {
            "E": Diffusers(stack.enter_context(bare(20, 4.0)), 1),
            "B": Diffusers(stack.enter_context(bare(20, 4.0)), MOST),
            "W": Whole(ours),
            "ours": ours,
        }
        result = measure(options, there, arms)
    name = "load-short" if options.short else f"load-{options.mix}"
    save(result, options.output or RESULTS / f"{name}.json")


if __name__ == "__main__":
    main()
