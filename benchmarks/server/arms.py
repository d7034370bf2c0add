"""The whole server beside diffusers as its users run it: ratios within one run.

    python -m benchmarks.server.arms [--rounds 7] [--callers 16] [--data FOLDER]

E is diffusers one picture at a time and B diffusers in one call of as many as there are callers,
each in a process of its own, in its default environment (`benchmarks/server/bare.py`). Ours are
callers of a running server, in float32 and in bfloat16. All take turns, and the server has
measured and compiled what it wants before. `data` is the server's folder, kept for another run.
Results go to benchmarks/results/arms.json.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks import RESULTS, ROOT, save
from benchmarks.server.callers import Server, server

MODEL = ROOT / "models" / "emoji"
PROMPT = "red apple, 3d"
SAMPLER = "pndm"
"""As the model's own scheduler is, which diffusers takes where nobody chooses."""

PAIRS = (
    ("one", "E"),
    ("one bf16", "E"),
    ("many", "E"),
    ("many bf16", "E"),
    ("many", "B"),
    ("many bf16", "B"),
)

QUIET = 0.2
"""Seconds of the processors in two, under which a server has nothing to do."""

SETTLED = 1200.0
"""Seconds that a server may measure and compile."""

CATALOGUE = """
default = "emoji"
[models.emoji]
source = "{model}"
[models.emoji-bf16]
source = "{model}"
dtype = "bfloat16"
"""


def plain_environment() -> dict[str, str]:
    """The environment without what says how many threads there are and how they wait."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}


class Bare:
    """Diffusers in its own process."""

    def __init__(self, steps: int, guidance: float) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "benchmarks" / "server" / "bare.py"),
                MODEL,
                str(steps),
                str(guidance),
                PROMPT,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=plain_environment(),
        )
        self._read()

    def pictures(self, count: int) -> tuple[float, float]:
        """Seconds, and seconds of the processors, for so many in one call; each by the picture."""
        seconds, used = map(float, self._ask(str(count)).split())
        return seconds / count, used / count

    def made(self, line: str) -> float:
        """Seconds of the processors for one call, as `bare.py` reads it."""
        return float(self._ask(line).split()[1])

    def last(self) -> np.ndarray:
        """The first picture of the last call, in levels."""
        with tempfile.TemporaryDirectory() as folder:
            self._ask(f"{folder}/last.npy")
            return (np.load(f"{folder}/last.npy")[0] * 255).round()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ask(self, line: str) -> str:
        if self._process.stdin is None:
            raise RuntimeError("it has no input")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        if self._process.stdout is None or not (line := self._process.stdout.readline()):
            raise RuntimeError("diffusers ended")
        return line


@contextmanager
def bare(steps: int, guidance: float) -> Iterator[Bare]:
    found = Bare(steps, guidance)
    try:
        yield found
    finally:
        found.close()


class Callers:
    """Callers of a server, who wait for their pictures."""

    def __init__(self, there: Server, steps: int, guidance: float) -> None:
        self._server = there
        self._fields = {"prompt": PROMPT, "guidance_scale": guidance, "sampler": SAMPLER}
        self._steps = steps
        self._http = httpx.Client(
            base_url=there.url,
            timeout=300,
            # The server ends connections on which nothing came for two seconds.
            limits=httpx.Limits(max_connections=64, keepalive_expiry=1),
        )

    def one(self, model: str, seed: int = 0, steps: int | None = None) -> tuple[float, bytes]:
        """Seconds from asking for a picture to having it, and its file."""
        asked = self._fields | {"model": model, "seed": seed, "steps": steps or self._steps}
        started = time.perf_counter()
        job = self._http.post("/api/v1/jobs", json=asked, headers={"Prefer": "wait=60"}).json()
        while job["status"] in ("queued", "running"):
            job = self._http.get(f"/api/v1/jobs/{job['id']}").json()
            time.sleep(0.02)
        if job["status"] != "succeeded":
            raise RuntimeError(job["error"])
        file = self._http.get(job["outputs"][0]["url"]).content
        return time.perf_counter() - started, file

    def together(self, model: str, count: int) -> tuple[float, float]:
        """Seconds, and seconds of the processors, by the picture, where so many ask at once."""
        before, started = self._server.processor_seconds(), time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(partial(self.one, model), range(count)))
        seconds = time.perf_counter() - started
        return seconds / count, (self._server.processor_seconds() - before) / count

    def among(self, model: str, count: int, short: int, long: int, times: int) -> float:
        """The slowest of some pictures of `short` steps, while others ask for `long` ones."""
        over = False

        def others(seed: int) -> None:
            while not over:
                self.one(model, seed, long)

        with ThreadPoolExecutor(count) as pool:
            busy = [pool.submit(others, seed) for seed in range(count)]
            time.sleep(1)
            took = [self.one(model, 100 + each, short)[0] for each in range(times)]
            over = True
            for each in busy:
                each.result()
        return max(took)

    def settle(self, model: str) -> None:
        """Wait until the server has nothing left to measure or compile."""
        end = time.monotonic() + SETTLED
        while time.monotonic() < end:
            before = self._server.processor_seconds()
            time.sleep(2)
            if self._server.processor_seconds() - before < QUIET:
                return
        raise RuntimeError("the server does not come to rest")

    def backend(self, model: str) -> str:
        """What runs the model's network there."""
        every = self._http.get("/api/v1/models").json()["models"]
        return next(each for each in every if each["name"] == model)["workers"][0]["backend"]


def measure(options: argparse.Namespace, there: Server, stock: Bare) -> dict[str, Any]:
    ours = Callers(there, options.steps, options.guidance)
    many = options.callers
    models = ("emoji", "emoji-bf16")
    for model in models:
        for count in (1, 2, many):
            ours.together(model, count)
        ours.settle(model)
        # What was asked for in the meantime may be compiled now.
        ours.together(model, many)
        ours.settle(model)
    stock.pictures(1)
    stock.pictures(many)
    arms: dict[str, Callable[[], tuple[float, float]]] = {
        "E": partial(stock.pictures, 1),
        "one": partial(ours.together, "emoji", 1),
        "one bf16": partial(ours.together, "emoji-bf16", 1),
        "many": partial(ours.together, "emoji", many),
        "B": partial(stock.pictures, many),
        "many bf16": partial(ours.together, "emoji-bf16", many),
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for number in range(options.rounds):
        for name, arm in arms.items():
            took[name].append(arm())
        print(number, {name: round(each[-1][0], 3) for name, each in took.items()}, flush=True)
    alone = statistics.median(ours.one("emoji", seed, 4)[0] for seed in range(5))
    slowest = ours.among("emoji", many - 1, 4, 30, options.rounds)
    stock.pictures(1)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg()[0],
        "model": MODEL.name,
        "steps": options.steps,
        "sampler": SAMPLER,
        "callers": many,
        "rounds": options.rounds,
        "backends": {model: ours.backend(model) for model in models},
        "levels_apart": _apart(ours, stock),
        "seconds_a_picture": {name: summary(each, 0) for name, each in took.items()},
        "processor_seconds_a_picture": {name: summary(each, 1) for name, each in took.items()},
        "times_as_fast": {
            f"{name} against {other}": said(took[other], took[name], 0) for name, other in PAIRS
        },
        "times_less_of_the_processors": {
            f"{name} against {other}": said(took[other], took[name], 1) for name, other in PAIRS
        },
        "four_steps_alone": round(alone, 3),
        "four_steps_among_thirty_slowest": round(slowest, 3),
        "four_steps_times_as_long": round(slowest / alone, 2),
    }


def summary(took: list[tuple[float, float]], which: int) -> dict[str, float]:
    """Median, least and most."""
    seconds = [each[which] for each in took]
    return {
        "median": round(statistics.median(seconds), 4),
        "least": round(min(seconds), 4),
        "most": round(max(seconds), 4),
    }


def said(above: list[tuple[float, float]], below: list[tuple[float, float]], which: int) -> str:
    """A ratio as it may be told: the median of the rounds' own, unless they say both ways."""
    ratios = sorted(a[which] / b[which] for a, b in zip(above, below, strict=True))
    middle = statistics.median(ratios)
    quarter = len(ratios) // 4
    low, high = ratios[quarter], ratios[-1 - quarter]
    if low < 1 < high:
        return f"not resolved ({low:.2f} to {high:.2f})"
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _apart(ours: Callers, stock: Bare) -> dict[str, dict[str, float]]:
    """How far our pictures are from diffusers' own, in levels."""
    right = stock.last()
    found: dict[str, dict[str, float]] = {}
    for model in ("emoji", "emoji-bf16"):
        picture = np.asarray(Image.open(io.BytesIO(ours.one(model)[1])).convert("RGB"))
        apart = np.abs(picture.astype(float) - right)
        found[model] = {"most": float(apart.max()), "mean": round(float(apart.mean()), 3)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="The server beside diffusers, in one run")
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--backend", default="auto", help="the server's BACKEND")
    parser.add_argument("--data", type=Path, help="the server's folder, kept for another run")
    parser.add_argument("--output", type=Path, default=RESULTS / "arms.json")
    options = parser.parse_args()
    for name in [each for each in os.environ if each.startswith("OMP_")]:
        del os.environ[name]
    settings = {"BACKEND": options.backend, "SPARE_WORKER": "false", "MDNS": "false"}
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Path(folder) / "models.toml"
        catalogue.write_text(CATALOGUE.format(model=MODEL), encoding="utf-8")
        settings["MODELS"] = str(catalogue)
        with (
            server(**settings, **({"DATA": str(options.data)} if options.data else {})) as there,
            bare(options.steps, options.guidance) as stock,
        ):
            result = measure(options, there, stock)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:34} {value}")


if __name__ == "__main__":
    main()
