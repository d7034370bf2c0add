"""How requests come: from callers who wait for one before the next, or whenever they come."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.load.arms import Arm
from benchmarks.load.requests import Asked


@dataclass(frozen=True)
class Served:
    """One request: when it came, in seconds from the first, and how long it took."""

    asked: Asked
    came: float
    took: float


def closed(arm: Arm, every: Sequence[Asked], callers: int) -> list[Served]:
    """So many callers, of whom each sends the next request when the one before is done."""
    left, began = deque(every), time.perf_counter()
    found: list[Served] = []

    def call() -> None:
        while left:
            try:
                asked = left.popleft()
            except IndexError:
                return
            came = time.perf_counter()
            arm.ask(asked)
            found.append(Served(asked, came - began, time.perf_counter() - came))

    with ThreadPoolExecutor(callers) as pool:
        for each in [pool.submit(call) for _ in range(callers)]:
            each.result()
    return found


def poisson(count: int, rate: float, *, burst: int = 0, seed: int = 0) -> list[float]:
    """When requests come that know nothing of each other, so many a second; in the middle of them
    `burst` come at once."""
    dice, at, times = random.Random(seed), 0.0, list[float]()
    while len(times) < count:
        at += dice.expovariate(rate)
        together = burst if burst and len(times) == (count - burst) // 2 else 1
        times += [at] * together
    return times[:count]


def opened(arm: Arm, every: Sequence[Asked], times: Sequence[float]) -> list[Served]:
    """Each request at its time, whoever still waits."""
    began = time.perf_counter()

    def call(asked: Asked, at: float) -> Served:
        # Late where this program was: what it waited then counts.
        arm.ask(asked)
        return Served(asked, at, time.perf_counter() - began - at)

    with ThreadPoolExecutor(len(every)) as pool:
        sent = []
        for asked, at in zip(every, times, strict=True):
            time.sleep(max(0.0, began + at - time.perf_counter()))
            sent.append(pool.submit(call, asked, at))
        return [each.result() for each in sent]
