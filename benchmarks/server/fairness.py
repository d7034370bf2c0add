"""One caller's hundred jobs and another's one, by HTTP at a running server: ratios within one run.

    python -m benchmarks.server.fairness [--repeats 7] [--before FOLDER]

In turn, so that whatever else the machine does disturbs all alike: B's job alone, the same with A's
hundred waiting, and again with high priority. With `--before`, a folder with another version of the
program, sixteen equal callers are measured at both, each in processes of its own, in turn; a
difference that is smaller than what one version differs from itself is `not resolved`. Medians go
to benchmarks/results/fairness.json.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import ROOT, save
from benchmarks.server.callers import Caller, Server, server

RESULTS = ROOT / "benchmarks" / "results" / "fairness.json"
CROWD = 100
CALLERS = 16


def crowded(here: Server, repeats: int) -> dict[str, list[float]]:
    """B's seconds alone, among A's hundred, and so with high priority."""
    anna, bert = here.caller("anna"), here.caller("bert")
    bert.seconds()
    equal_callers([here.caller(f"warm{number}") for number in range(8)], 1)
    times: dict[str, list[float]] = {"alone": [], "crowded": [], "high": []}
    for _ in range(repeats):
        times["alone"].append(bert.seconds())
        crowd = [anna.send(seed=seed) for seed in range(CROWD)]
        anna.wait(crowd[0], ("running",))
        times["crowded"].append(bert.seconds())
        times["high"].append(bert.seconds(priority="high"))
        waited = sum(anna.look(job)["status"] == "queued" for job in crowd[-10:])
        for job in reversed(crowd):
            anna.cancel(job)
        print({name: round(each[-1], 2) for name, each in times.items()}, flush=True)
        if waited < 10:
            raise RuntimeError("A's jobs did not wait any more")
    return times


def equal_callers(callers: list[Caller], each: int) -> float:
    """Pictures a second of callers who each send their next job when one is done."""

    def work(caller: Caller) -> None:
        for number in range(each):
            caller.seconds(seed=number)

    started = time.perf_counter()
    with ThreadPoolExecutor(len(callers)) as pool:
        list(pool.map(work, callers))
    return len(callers) * each / (time.perf_counter() - started)


def compared(before: Path, repeats: int, each: int) -> dict[str, Any]:
    """Sixteen equal callers, now and before: pictures a second, and a second of the processors,
    which what else the machine does disturbs less."""
    rates: dict[str, list[tuple[float, float]]] = {"now": [], "before": []}
    with server() as now, server(before) as earlier:
        servers = {"now": now, "before": earlier}
        callers = {
            name: [there.caller(f"caller{number}") for number in range(CALLERS)]
            for name, there in servers.items()
        }
        for name in servers:
            equal_callers(callers[name], each)
        for number in range(repeats):
            # Whoever is first gets what the other's end left.
            for name in sorted(servers, reverse=bool(number % 2)):
                used = servers[name].processor_seconds()
                rate = equal_callers(callers[name], each)
                used = servers[name].processor_seconds() - used
                rates[name].append((rate, CALLERS * each / used))
                print(name, rates[name][-1], flush=True)
    found: dict[str, Any] = {}
    for index, unit in enumerate(("second", "processor_second")):
        mine, theirs = ([rate[index] for rate in rates[name]] for name in ("now", "before"))
        ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
        same = [abs(b / a - 1) for a, b in itertools.pairwise(theirs)]
        noise = statistics.median(same) / len(mine) ** 0.5
        found[f"equal_callers_pictures_a_{unit}"] = round(statistics.median(mine), 3)
        found[f"equal_callers_before_a_{unit}"] = round(statistics.median(theirs), 3)
        found[f"equal_callers_ratio_a_{unit}"] = round(ratio, 3)
        found[f"equal_callers_noise_a_{unit}"] = round(noise, 3)
        found[f"equal_callers_difference_a_{unit}"] = (
            "resolved" if abs(ratio - 1) > noise else "not resolved"
        )
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with server() as here:
        times = crowded(here, options.repeats)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[1], 1),
        "repeats": options.repeats,
        "alone_seconds": round(statistics.median(times["alone"]), 3),
    }
    for name in ("crowded", "high"):
        ratios = sorted(a / b for a, b in zip(times[name], times["alone"], strict=True))
        result[f"{name}_ratio"] = round(statistics.median(ratios), 2)
        result[f"{name}_ratios"] = [round(each, 2) for each in ratios]
    if options.before:
        result |= compared(options.before, options.repeats, options.each)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="One caller among another's hundred jobs")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--each", type=int, default=3, help="jobs of each of the equal callers")
    parser.add_argument("--before", type=Path, help="another version, to compare throughput with")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = measure(options)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
