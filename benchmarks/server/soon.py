"""How soon a server is there, shows a first preview and ends what is canceled, and its memory.

    python -m benchmarks.server.soon [--rounds 5]

- Start: from `darkroom up` until it is ready, and until the first picture that is asked for then is
  there; with an empty folder, and with what an earlier start measured and compiled.
- First preview: from sending a job to its first preview, in its stream of events, alone and beside
  eight others.
- Cancel: from asking for it until the job's stream says that it is over, alone and beside eight
  others.
- Memory: what processes have for themselves and their part of what they share (PSS), by role, at
  rest after the start and at most while sixteen callers have pictures made.

Medians and spread go to benchmarks/results/soon.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import RESULTS, machine, save
from benchmarks.beside.sides import Callers, plain
from benchmarks.server.callers import JOBS, Server, server

OTHERS = 8
CALLERS = 16
LONG = 50
"""Steps of what is canceled, and of the others beside it."""

MEGABYTE = 10**6

ROLES = {
    "--spare": "spare worker",
    "worker.main": "worker",
    "gunicorn": "API",
    "redis-server": "Redis",
    "valkey-server": "Redis",
}
"""By what stands in a process's command line, the first that does; `up` and the rest are others."""


def start(**settings: str) -> tuple[float, float]:
    """Seconds until a new server is ready, and until its first picture is there."""
    began = time.perf_counter()
    with server(**settings) as there:
        ready = time.perf_counter() - began
        Callers(there, 20, 4.0).one("emoji")
        return ready, time.perf_counter() - began


def events(http: httpx.Client, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a job, by their names, as they come."""
    name = ""
    with http.stream("GET", f"{JOBS}/{job}/events") as stream:
        for line in stream.iter_lines():
            kind, _, said = line.partition(": ")
            if kind == "event":
                name = said
            elif kind == "data":
                yield name, json.loads(said)


def first(http: httpx.Client, job: str, wanted: str) -> float:
    """When an event of this name came. Raises RuntimeError where the job ended without one."""
    for name, _ in events(http, job):
        if name == wanted:
            return time.perf_counter()
    raise RuntimeError(f"no {wanted}")


def preview(http: httpx.Client) -> float:
    """Seconds from sending a job to its first preview."""
    began = time.perf_counter()
    job = http.post(JOBS, json=asked(20, preview_interval=0.1)).raise_for_status().json()
    return first(http, job["id"], "preview") - began


def cancel(http: httpx.Client) -> float:
    """Seconds from asking for a job's end to its end, once it has begun its steps."""
    job = http.post(JOBS, json=asked(LONG)).raise_for_status().json()
    for name, said in events(http, job["id"]):
        if name == "progress" and said["progress"]["stage"] == "denoising":
            break
    began = time.perf_counter()
    http.post(f"{JOBS}/{job['id']}/cancel").raise_for_status()
    return first(http, job["id"], "done") - began


def asked(steps: int, **more: Any) -> dict[str, Any]:
    return {"prompt": "red apple, 3d", "steps": steps, "guidance_scale": 4.0} | more


@contextmanager
def others(there: Server, count: int) -> Iterator[None]:
    """So many others have pictures of many steps made, one after the other."""
    over = threading.Event()
    callers = Callers(there, LONG, 4.0)

    def work(seed: int) -> None:
        while not over.is_set():
            callers.one("emoji", seed)

    with ThreadPoolExecutor(max(1, count)) as pool:
        every = [pool.submit(work, seed) for seed in range(count)]
        time.sleep(2 if count else 0)
        try:
            yield
        finally:
            over.set()
            for each in every:
                each.result()


def memory(there: Server) -> dict[str, float]:
    """Megabytes of a server's processes by role, as they are now."""
    found: defaultdict[str, float] = defaultdict(float)
    up = psutil.Process(there.pid)
    for process in (up, *up.children(recursive=True)):
        try:
            said, size = " ".join(process.cmdline()), process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
        role = next((role for part, role in ROLES.items() if part in said), "others")
        found[role] += size / MEGABYTE
    found["all"] = sum(found.values())
    return {role: round(size) for role, size in sorted(found.items())}


def most(there: Server, work: Callable[[], object]) -> dict[str, float]:
    """The most that each role had during some work, looked at four times a second."""
    seen: dict[str, float] = {}
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        while not done.done():
            for role, size in memory(there).items():
                seen[role] = max(size, seen.get(role, 0))
            time.sleep(0.25)
        done.result()
    return seen


def said(every: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {
        "median": round(statistics.median(every), 3),
        "least": round(min(every), 3),
        "most": round(max(every), 3),
    }


def measure(rounds: int, starts: int) -> dict[str, Any]:
    result: dict[str, Any] = machine() | {"rounds": rounds, "starts": starts}
    plain_settings = {"MDNS": "false", "REQUESTS_PER_MINUTE": "0"}
    took: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as kept:
        for _ in range(starts):
            took["empty"].append(start(**plain_settings, SPARE_WORKER="false"))
            took["kept"].append(start(**plain_settings, SPARE_WORKER="false", DATA=kept))
            print({name: each[-1] for name, each in took.items()}, flush=True)
    # The folder was empty the first time.
    took["kept"] = took["kept"][1:] or took["kept"]
    result["start_seconds"] = {
        name: {"ready": said([a for a, _ in each]), "first picture": said([b for _, b in each])}
        for name, each in took.items()
    }
    with server(**plain_settings) as there, httpx.Client(base_url=there.url, timeout=120) as http:
        callers = Callers(there, 20, 4.0)
        callers.settle("emoji")
        result["memory_mb"] = {"at rest": memory(there)}
        result["memory_mb"]["most, 16 callers"] = most(
            there, lambda: [callers.together("emoji", CALLERS) for _ in range(2)]
        )
        for name, work in (("first_preview_seconds", preview), ("cancel_seconds", cancel)):
            result[name] = {}
            for count in (0, OTHERS):
                with others(there, count):
                    every = [work(http) for _ in range(rounds)]
                kind = f"beside {count} others" if count else "alone"
                result[name][kind] = said(every)
                print(name, kind, result[name][kind], flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon a server answers, and its memory")
    parser.add_argument("--rounds", type=int, default=5, help="of previews and cancels")
    parser.add_argument("--starts", type=int, default=3, help="of each kind")
    parser.add_argument("--output", type=Path, default=RESULTS / "soon.json")
    options = parser.parse_args()
    plain()
    result = measure(options.rounds, options.starts)
    save(result, options.output)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
