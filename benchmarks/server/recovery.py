"""How soon pictures go on after `kill -9` of the only worker, with a spare one and without.

A job is sent, its worker killed at its second step, and the time taken until a step is told again
and until the picture is there. The two kinds of server take turns; medians of some kills each.

    python -m benchmarks.server.recovery
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from redis import Redis

from benchmarks import RESULTS, save
from benchmarks.server.callers import JOBS, Server, server
from darkroom.instance import read_state
from jobs.records import workers

STEPS = 20
WAIT = 120.0
"""Seconds that anything here may take."""


def until(what: str, true: Any) -> Any:
    """What `true` gives, once it is something. Raises TimeoutError."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    raise TimeoutError(what)


def kill_once(running: Server, client: httpx.Client, redis: Redis, spare: bool) -> dict[str, float]:
    """Seconds from a kill until its job runs again, and until its picture is there."""
    (worker,) = until("a worker", lambda: workers.live(redis))
    if spare:
        until("a spare", lambda: _spare_is_ready(running, worker.pid))
    asked = {"prompt": "red apple", "steps": STEPS}
    job = client.post(JOBS, json=asked).raise_for_status().json()
    url = f"{JOBS}/{job['id']}"

    def steps() -> int:
        progress = client.get(url).json()["progress"]
        return progress["step"] if progress else 0

    until("a step", lambda: steps() >= 2)
    began = time.monotonic()
    psutil.Process(worker.pid).kill()
    until("another attempt", lambda: client.get(url).json()["attempts"] == 2 and steps() >= 1)
    again = time.monotonic() - began
    until("the picture", lambda: client.get(url).json()["status"] == "succeeded")
    return {"runs again": again, "picture": time.monotonic() - began}


def _spare_is_ready(running: Server, worker: int) -> bool:
    """Whether one that is not the worker has imported all and only waits."""
    for child in psutil.Process(running.pid).children():
        if child.pid != worker and "--spare" in child.cmdline():
            before = sum(child.cpu_times()[:2])
            time.sleep(0.5)
            return before > 1 and sum(child.cpu_times()[:2]) - before < 0.02
    return False


def main() -> None:
    """Measure both, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=7, help="of each kind of server")
    parser.add_argument("--output", type=Path, default=RESULTS / "recovery.json")
    options = parser.parse_args()
    kills = options.kills
    found: dict[str, list[dict[str, float]]] = {"spare": [], "none": []}
    for _ in range(kills):
        for name in found:
            # A new one each time: to a worker that dies again within a minute the supervisor gives
            # a pause.
            with server(SPARE_WORKER=str(name == "spare").lower()) as running:
                state = read_state(running.data)
                assert state is not None
                with (
                    Redis.from_url(state.redis_url) as redis,
                    httpx.Client(base_url=running.url, timeout=30) as client,
                ):
                    found[name].append(kill_once(running, client, redis, name == "spare"))
            print(f"{name:6}", {key: round(s, 2) for key, s in found[name][-1].items()})
    medians = {
        name: {key: round(statistics.median(each[key] for each in runs), 2) for key in runs[0]}
        for name, runs in found.items()
    }
    print(medians)
    save({"kills": kills, "seconds": medians, "runs": found}, options.output)


if __name__ == "__main__":
    main()
