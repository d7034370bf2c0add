"""What a server says of the time that jobs still need, against the time that they needed.

    python -m benchmarks.server.waiting [--rounds 2]

Starts `darkroom up` on a port and a folder of its own, with the default model and another that is
to be loaded first. Full: three callers have more jobs than there are places, of 5 to 20 steps;
others come one by one, and send what is asked of them at submit. Below capacity: some jobs at once,
and others beside them. From when the last has come, since nobody can know who will come, all jobs
that have not ended are asked for every half second. What still needs less than LEAST seconds is
left out: the answer is then older than what it says. Ratios of what was said to what was, and how
often nothing was said, go to benchmarks/results/waiting.json; ended by Ctrl-C it tells of what it
has.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import ROOT, save
from benchmarks.server.callers import ENDED, Caller, Server, server

RESULTS = ROOT / "benchmarks" / "results" / "waiting.json"
LEAST = 1.0
EVERY = 0.5
PLACES = 8
"""The worker's CAPACITY: few, so that a queue is full in a short time."""

CROWD = 14
"""Jobs of each of the three callers that fill the queue."""

Answers = dict[str, list[float | None]]
"""By when it was asked: what was said, divided by what was; None where nothing was said."""


@dataclass
class Watch:
    """Jobs that are asked for, and what was said of each when."""

    name: str
    said: Answers
    jobs: dict[str, Caller] = field(default_factory=dict[str, Caller])
    told: list[tuple[str, str, float, float | None]] = field(default_factory=list)
    ended: dict[str, float] = field(default_factory=dict[str, float])

    def send(self, caller: Caller, when: str = "", **fields: Any) -> None:
        """Send a job; what it is told at submit counts as asked `when`, if that is named."""
        job = caller.send(**fields)
        self.jobs[job["id"]] = caller
        if when:
            self.told.append((when, job["id"], time.time(), job["eta_s"]))

    def look(self) -> bool:
        """Ask for all that have not ended; whether there are any."""
        for job_id, caller in list(self.jobs.items()):
            job = caller.look({"id": job_id})
            if job["status"] in ENDED:
                self.ended[job_id] = datetime.fromisoformat(job["finished_at"]).timestamp()
                del self.jobs[job_id]
            else:
                when = f"{self.name}, {'waiting' if job['status'] == 'queued' else 'running'}"
                self.told.append((when, job_id, time.time(), job["eta_s"]))
        return bool(self.jobs)

    def finish(self) -> None:
        """Ask until all have ended, and compare."""
        while self.look():
            time.sleep(EVERY)
        for when, job_id, at, eta in self.told:
            left = self.ended[job_id] - at
            if left >= LEAST:
                self.said[when].append(None if eta is None else eta / left)
        print(f"{self.name}: {len(self.ended)} jobs", flush=True)


def full(here: Server, said: Answers, chance: random.Random) -> None:
    """More jobs than places, and newcomers."""
    watch = Watch("full", said)
    crowd = [here.caller(f"crowd{number}") for number in range(3)]
    for number in range(CROWD):
        for caller in crowd:
            watch.send(caller, steps=chance.choice((5, 10, 20)), seed=number)
    time.sleep(3)
    for number in range(3):
        watch.send(here.caller(f"new{number}"), "full, at submit", steps=10, seed=number)
        watch.send(crowd[number % 3], "full, at submit", steps=10, seed=number)
        time.sleep(3 * EVERY)
    watch.finish()


def below(here: Server, said: Answers, chance: random.Random) -> None:
    """Places for all."""
    for number in range(3):
        watch = Watch("below", said)
        callers = [here.caller(f"few{each}") for each in range(chance.choice((1, 2, 4)))]
        for caller in callers:
            watch.send(caller, steps=chance.choice((20, 40)), seed=number)
        time.sleep(1)
        watch.send(here.caller("last"), "below, at submit", steps=30, seed=number)
        watch.finish()


def loading(here: Server, said: Answers) -> None:
    """A model that was loaded before, and is not in memory."""
    caller = here.caller("loads")
    caller.wait(caller.send(model="other", steps=2))
    for number in range(2):
        for model in ("emoji", "other"):
            watch = Watch("loading", said)
            watch.send(caller, "loading, at submit", model=model, steps=20, seed=number)
            watch.finish()
            time.sleep(2.5)


def summary(said: Answers) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for when, ratios in sorted(said.items()):
        known = [each for each in ratios if each is not None]
        off = sorted(abs(each - 1) for each in known)
        twice = [max(each, 1 / each) if each else float("inf") for each in known]
        found[when] = {
            "answers": len(ratios),
            "without": round(1 - len(known) / len(ratios), 2),
            "median_ratio": round(statistics.median(known), 2) if known else None,
            "median_error": round(statistics.median(off), 2) if known else None,
            "within_a_factor_of_2": (
                round(sum(each <= 2 for each in twice) / len(known), 2) if known else None
            ),
        }
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    said: Answers = defaultdict(list)
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models.toml"
        tables = [f'[models.{name}]\nsource = "{ROOT}/models/emoji"\n' for name in NAMES]
        models.write_text(f'default = "{NAMES[0]}"\n' + "".join(tables))
        settings = {"MODELS": str(models), "MODEL_MEMORY_GB": "0.1", "CAPACITY": str(PLACES)}
        with server(**settings) as here, suppress(KeyboardInterrupt):
            first = here.caller("first")
            for _ in range(3):
                first.seconds()
            for _ in range(options.rounds):
                below(here, said, chance)
                full(here, said, chance)
                loading(here, said)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[1], 1),
        **summary(said),
    }


NAMES = ("emoji", "other")


def main() -> None:
    parser = argparse.ArgumentParser(description="Times that were told against times that passed")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = measure(options)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
