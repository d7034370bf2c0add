"""Times that are played through against times that pass, on a device that is pretended."""

from __future__ import annotations

import random
import statistics

import pytest

from jobs.lists.forecast import Forecast
from jobs.lists.open_jobs import OpenJob, Size
from jobs.records.lanes import Lane
from jobs.records.shares import WEIGHTS
from jobs.records.workers import PictureCost, WorkerInfo
from tests.engine.pretended import Device

LEAST = 0.5
"""Seconds below which a step or a decode of somebody else's is all that there is."""

COST = PictureCost(
    model="m", width=128, height=128, fixed=0.009, per_row=0.0075, rows=32, encode=0.0085,
    decode=0.074,
)  # fmt: skip
INFO = WorkerInfo(
    name="w", host="h", pid=1, device="cpu", models=[], warm=["m"], running=0, capacity=100,
    jobs_per_second=None, costs=[COST],
)  # fmt: skip
PRIORITIES = {weight: priority for priority, weight in WEIGHTS.items()}

Jobs = list[tuple[str, float, int, float]]
"""Caller, when he comes, steps, weight."""


def few() -> Jobs:
    return [("anna", 0.0, 40, 1.0), ("bert", 0.5, 80, 1.0), ("carl", 1.0, 60, 1.0)]


def equal() -> Jobs:
    chance = random.Random(1)
    return [(f"c{each}", each / 5, chance.choice((10, 20, 40, 80)), 1.0) for each in range(16)]


def crowd(weight: float = 1.0) -> Jobs:
    chance = random.Random(2)
    mine = [("anna", 0.0, chance.choice((10, 20, 40)), 1.0) for _ in range(32)]
    return [*mine, ("bert", 2.0, 40, weight)]


def several() -> Jobs:
    chance = random.Random(3)
    many = [(name, 0.0, chance.choice((10, 20, 40)), 1.0) for name in "abc" for _ in range(11)]
    return [*many, *((f"new{each}", 2.0 + each, 20, 1.0) for each in range(4))]


def told_and_true(jobs: Jobs) -> list[float]:
    """What is said every half second, from when all are there, as parts of what then was."""
    device, steps = Device(), dict[str, int]()
    device.send("first", "nobody")
    device.run()
    began = device.now
    for number, (caller, at, each, weight) in enumerate(jobs):
        device.send(f"{caller}/{number}", caller, began + at, steps=each, weight=weight)
        steps[f"{caller}/{number}"] = each
    mark = began + max(at for _, at, _, _ in jobs) + 0.01
    said: list[tuple[str, float, float]] = []
    while device.arrivals or len(device.batcher):
        device.run(until=lambda at=mark: device.now >= at)
        mark = device.now + 0.5
        running = [
            OpenJob(
                task.id,
                Lane("m", PRIORITIES[task.weight], task.caller),
                Size(steps[task.id], 1, 128, 128, True, True),
                "w",
                device.left(task.id),
            )
            for task in device.batcher.tasks
        ]
        said += [
            (name, device.now, end) for name, end in Forecast(running, [], [INFO]).ends.items()
        ]
    left = [(end, device.ended[name] - at) for name, at, end in said]
    return [end / true for end, true in left if true >= LEAST]


@pytest.mark.parametrize(
    "jobs", [few(), equal(), crowd(), crowd(4.0), several()], ids=lambda jobs: f"{len(jobs)} jobs"
)
def test_what_is_said_is_what_comes(jobs: Jobs):
    ratios = told_and_true(jobs)
    assert len(ratios) >= 5
    assert statistics.median(abs(each - 1) for each in ratios) <= 0.15
    assert sum(0.5 <= each <= 2 for each in ratios) >= 0.95 * len(ratios)
