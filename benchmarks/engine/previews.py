"""What previews cost the denoising loop, at the fastest rate that a client can ask for.

    python -m benchmarks.engine.previews [--callers 8] [--repeats 15]

The same pictures are made in turn with and without a thread that does what the worker's reporter
does: look ten times a second, and show every picture that has moved, within the reporter's own
share of the time. The median of the repeats' own ratios goes to benchmarks/results/previews.json.
"""

from __future__ import annotations

import os

# Threads that spin for a core which another process has would make both meaningless.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import platform
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import RESULTS, ROOT, save
from benchmarks.engine.studio import PROMPTS, Studio
from worker.engine import Engine, ImageRequest
from worker.loop.outcome.reporter import PREVIEW_SHARE, REPORT_EVERY, data_uri
from worker.models.catalogue import read_catalogue


@dataclass
class Shown:
    """How many previews there were, and what their bytes and their time added up to."""

    previews: int = 0
    characters: int = 0
    seconds: float = 0.0


@contextmanager
def watching(engine: Engine, names: list[str], shown: Shown) -> Iterator[None]:
    """A thread that makes previews of all these pictures as fast as the worker would."""
    over = threading.Event()

    def watch() -> None:
        not_before = 0.0
        while not over.wait(REPORT_EVERY):
            for name in names:
                if time.monotonic() < not_before:
                    break
                before = time.thread_time()
                try:
                    picture = engine.preview(name)
                except KeyError:
                    continue
                if picture is None:
                    continue
                shown.characters += len(data_uri(picture))
                shown.previews += 1
                spent = time.thread_time() - before
                shown.seconds += spent
                not_before = time.monotonic() + spent / PREVIEW_SHARE

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def make(engine: Engine, wanted: dict[str, ImageRequest]) -> float:
    """Seconds that it takes to make all of them."""
    started = time.perf_counter()
    for name, request in wanted.items():
        engine.add(name, request)
    while not engine.idle:
        for done in engine.step():
            if done.error is not None:
                raise done.error
    return time.perf_counter() - started


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """With and without previews in turn; which goes first changes each time."""
    studio = Studio(read_catalogue(ROOT / "models.toml").entries["emoji"])
    engine = Engine(studio)
    wanted = {
        str(number): studio.order(
            prompt=f"{PROMPTS[number % len(PROMPTS)]}, 3d", seed=number, steps=options.steps
        ).image_request()
        for number in range(options.callers)
    }
    for _ in range(2):
        make(engine, wanted)
    shown = Shown()
    times: dict[bool, list[float]] = {True: [], False: []}
    for repeat in range(options.repeats):
        for previews in (repeat % 2 == 0, repeat % 2 == 1):
            if previews:
                with watching(engine, list(wanted), shown):
                    times[True].append(make(engine, wanted))
            else:
                times[False].append(make(engine, wanted))
    total = sum(times[True])
    return {
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "callers": options.callers,
        "steps": options.steps,
        "repeats": options.repeats,
        "seconds_without": round(statistics.median(times[False]), 4),
        "seconds_with": round(statistics.median(times[True]), 4),
        "ratio": round(ratio(times[True], times[False]), 4),
        "fastest_with_by_fastest_without": round(min(times[True]) / min(times[False]), 4),
        "previews_a_second": round(shown.previews / total, 2),
        "ms_a_preview": round(shown.seconds / max(1, shown.previews) * 1000, 2),
        "bytes_a_preview": shown.characters // max(1, shown.previews),
        "share_of_time": round(shown.seconds / total, 5),
    }


def ratio(above: list[float], below: list[float]) -> float:
    """Median of the repeats' own ratios: the two of a repeat ran side by side."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Denoising with previews against without")
    parser.add_argument("--callers", type=int, default=8, help="pictures at once")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--output", type=Path, default=RESULTS / "previews.json")
    options = parser.parse_args()
    result = measure(options)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
