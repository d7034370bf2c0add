"""Our engine in a process of its own, as a worker puts it together: loader, defaults, back ends.

    python -m benchmarks.gpu.arms.ours MODEL

The model is one of the catalogue that the settings name. Each line that it reads is JSON: `do` is
the name of a method of Ours, the rest what that is given; its answer is what the method found. It
works while it is asked and not otherwise, so that nothing of it goes on while others are timed. A
line with `save` writes the last picture to that file. Without a card it runs on a pretended one.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.gpu.arms.child import NO_ROOM
from benchmarks.gpu.arms.open_loop import Asked, Served, by_steps, poisson, slowdown
from benchmarks.gpu.card import card
from jobs.settings import settings
from worker.engine import (
    Engine,
    Finished,
    ImageRequest,
    Notebook,
    OutOfMemory,
    describe,
    make_current,
)
from worker.main import bring_in
from worker.models.catalogue import read_catalogue

PROMPT = "red apple, 3d"

GUIDANCE = 7.5

SAMPLER = "euler"

QUIET = 0.1
"""Seconds of the processors in one, under which nothing is being compiled."""

ROWS = 2
"""Of a picture: with the prompt, and without."""

LATE = 2
"""Forwards that the engine has begun when it tells of one, on a card."""

CAPACITY = 0.4
"""Of the seconds for pictures that come when they like, in which is found out how many can be."""

WAITING = 32
"""Callers who find out how many pictures a second there can be at most."""


class Forwards:
    """The rows of forwards and their seconds of the device, as the engine tells them: on a card it
    tells of each when `late` more were begun, so that the first are of what was made before."""

    def __init__(self, late: int) -> None:
        self._late = late
        self.reset()

    def reset(self) -> None:
        """From here on."""
        self._told: list[tuple[int, float]] = []

    def forward(self, model: str, rows: int, seconds: float) -> None:
        """One of so many rows."""
        self._told.append((rows, seconds))

    def stage(self, name: str, seconds: float) -> None:
        """An encode or a decode."""

    def figures(self, rows: int, seconds: float) -> dict[str, float]:
        """Rows a forward, and how much of these seconds they took, which had so many rows."""
        told = self._told[self._late :]
        if not told:
            return {}
        each = statistics.mean(count for count, _ in told)
        took = statistics.mean(of_the_device for _, of_the_device in told)
        return {"rows_a_forward": each, "share_in_forwards": took * rows / each / seconds}


class Ours:
    """The engine with one model."""

    def __init__(self, model: str) -> None:
        # After `bring_in`, as in a worker.
        from worker.build import back_ends
        from worker.models.loading.memory.machine import pick_device
        from worker.models.store.model_store import ModelStore

        chosen = settings()
        device = torch.device(pick_device(chosen.device))
        make_current(device)
        store = ModelStore(read_catalogue(chosen.models), device)
        store.preload(model)
        self._forwards = Forwards(LATE if device.type == "cuda" else 0)
        self._engine = Engine(
            store,
            notebook=Notebook(chosen.measured_folder / "row-budgets.json", describe(device)),
            observer=self._forwards,
            backends=back_ends(chosen, device, store.fits, lambda *_: None),
        )
        self._model = model
        self._numbers = itertools.count()
        self._wrong: Exception | None = None
        self.last = np.zeros(0)

    def pictures(
        self, callers: int, steps: int, side: int, each: int = 1, prompt: str = ""
    ) -> dict[str, Any]:
        """So many callers, of whom each asks for another picture when one is there, `each` in all;
        all with a prompt that nobody had before, or all with this one."""
        self._forwards.reset()
        left = dict.fromkeys(range(callers), each)
        began, asked, took = time.perf_counter(), dict[str, tuple[int, float]](), list[float]()

        def ask(caller: int) -> None:
            name = f"{caller} {left[caller]}"
            left[caller] -= 1
            asked[name] = caller, time.perf_counter()
            self._engine.add(name, self._request(steps, side, prompt))

        for caller in range(callers):
            ask(caller)
        while not self._engine.idle:
            for done in self._engine.step():
                self._keep(done)
                caller, at = asked[done.task_id]
                took.append(time.perf_counter() - at)
                if left[caller]:
                    ask(caller)
        seconds = time.perf_counter() - began
        self._check()
        return {
            "seconds": seconds,
            "pictures": len(took),
            "latency_p50": statistics.median(took),
            **self._forwards.figures(len(took) * steps * ROWS, seconds),
        }

    def prepare(
        self, callers: Sequence[int], steps: int, side: int, seconds: float
    ) -> dict[str, Any]:
        """What a worker does when nobody asks it anything: measures how many rows are best, and
        makes forwards faster, for what so many callers ask, as long as these seconds."""
        began = time.monotonic()

        def left() -> bool:
            return time.monotonic() - began < seconds

        request, settled = self._request(steps, side), False
        while left() and self._engine.warm_up(request):
            pass
        for count in callers:
            if left():
                self.pictures(count, 2, side)
        while left() and not settled:
            if not self._engine.warm_up(request) and not self._engine.improve():
                settled = self._quiet()
        return {
            "seconds": time.monotonic() - began,
            "settled": settled,
            "compiled": sorted(self._engine.compiled()),
        }

    def mixed(
        self, steps: Sequence[int], side: int, load: float, seconds: float, least: int = 8
    ) -> dict[str, Any]:
        """Pictures of different numbers of steps that come when they like (Poisson), at this part
        of as many as there can be; how long each takes beside one that is alone."""
        alone = {
            each: statistics.median(self.pictures(1, each, side)["seconds"] for _ in range(3))
            for each in steps
        }
        dice, capacity = Random(0), self._capacity(steps, side, seconds * CAPACITY)
        count = max(least, int(load * capacity * seconds))
        times = poisson(count, load * capacity, seed=1)
        self._forwards.reset()
        served = self._serve([Asked(at, dice.choice(steps)) for at in times], side)
        seconds = max(each.came + each.took for each in served)
        rows = sum(each.steps for each in served) * ROWS
        return {
            "capacity_a_second": capacity,
            "load": load,
            "pictures": count,
            "alone_s": {str(each): took for each, took in alone.items()},
            **self._forwards.figures(rows, seconds),
            "times_as_long_as_alone": slowdown(served, alone),
            "by_steps": by_steps(served, alone),
        }

    def _capacity(self, steps: Sequence[int], side: int, seconds: float) -> float:
        """Pictures of these steps a second where somebody always waits, by the steps made."""
        dice, asked, made = Random(2), dict[str, int](), 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds or not made:
            while len(self._engine) < WAITING:
                name = str(next(self._numbers))
                asked[name] = dice.choice(steps)
                self._engine.add(name, self._request(asked[name], side))
            for done in self._engine.step():
                self._keep(done)
                made += asked.pop(done.task_id)
        taken = time.perf_counter() - began
        for name in asked:
            made += self._engine.progress(name).step
            self._engine.cancel(name)
        while not self._engine.idle:
            self._engine.step()
        self._check()
        return made / taken / statistics.mean(steps)

    def _serve(self, every: Sequence[Asked], side: int) -> list[Served]:
        """Each in its moment, whoever is still being served."""
        began, coming, found = time.perf_counter(), list(enumerate(every)), list[Served]()
        coming.reverse()
        while coming or not self._engine.idle:
            now = time.perf_counter() - began
            while coming and coming[-1][1].at <= now:
                number, asked = coming.pop()
                self._engine.add(str(number), self._request(asked.steps, side))
            if self._engine.idle:
                time.sleep(max(0.0, coming[-1][1].at - now))
                continue
            for done in self._engine.step():
                self._keep(done)
                asked = every[int(done.task_id)]
                took = time.perf_counter() - began - asked.at
                found.append(Served(asked.steps, asked.at, took))
        self._check()
        return found

    def _request(self, steps: int, side: int, prompt: str = "") -> ImageRequest:
        number = next(self._numbers)
        return ImageRequest(
            model=self._model,
            prompt=prompt or f"{PROMPT}, {number}",
            negative_prompt="",
            width=side,
            height=side,
            steps=steps,
            guidance_scale=GUIDANCE,
            seed=0 if prompt else number,
            sampler=SAMPLER,
        )

    def _keep(self, done: Finished) -> None:
        if done.image is None:
            # Once the others are done: what is asked next is to find nobody here.
            self._wrong = done.error or RuntimeError("no picture came of it")
        else:
            self.last = done.image

    def _check(self) -> None:
        wrong, self._wrong = self._wrong, None
        if wrong is not None:
            raise wrong

    def _quiet(self) -> bool:
        """Whether nothing is being compiled beside this thread, which waits a second for it."""
        before = _used()
        time.sleep(1)
        return _used() - before < QUIET


def _used() -> float:
    here = psutil.Process()
    used = 0.0
    for each in (here, *here.children(recursive=True)):
        try:
            used += sum(each.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return used


def main() -> None:
    with card(warned=False):
        bring_in()
        ours = Ours(sys.argv[1])
        print("ready", flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            if "save" in asked:
                np.save(Path(asked["save"]), ours.last[None] / 255)
                print("saved", flush=True)
                continue
            try:
                answer = getattr(ours, asked.pop("do"))(**asked)
            except (OutOfMemory, torch.OutOfMemoryError):
                answer = {"error": NO_ROOM}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
