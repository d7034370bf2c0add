"""The two sides that are compared: diffusers in a process of its own, and callers of a server."""

from __future__ import annotations

import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks import ROOT
from benchmarks.server.callers import Server
from benchmarks.server.told import BUSY, Ledger

MODEL = ROOT / "models" / "emoji"
PROMPT = "red apple, 3d"
SAMPLER = "pndm"
"""As the model's own scheduler is, which diffusers takes where nobody chooses."""

QUIET = 0.2
"""Seconds of the processors in two, under which a server has nothing to do."""

SETTLED = 1200.0
"""Seconds that a server may measure and compile."""

PLAINEST = "default"
"""torch.compile's mode for K on a processor, where it was faster than the one for cards."""

COMPUTES = "import numpy as np\na = np.ones((500, 500), np.float32)\nwhile True: a @ a"


def plain_environment() -> dict[str, str]:
    """The environment without what says how many threads there are and how they wait."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}


@dataclass(frozen=True)
class Took:
    """What a call took: seconds, and seconds of the processors."""

    seconds: float
    used: float


class Bare:
    """Diffusers in its own process; `mode` is the one in which its networks are compiled, anew."""

    def __init__(
        self, steps: int, guidance: float, models: Sequence[Path], mode: str | None = None
    ) -> None:
        self._usual = {"prompt": PROMPT, "steps": steps, "guidance": guidance}
        # What an earlier run compiled would make this one's first calls look cheap.
        self._compiled = TemporaryDirectory(prefix="compiled-")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.beside.bare"),
                *(("--compile", mode) if mode else ()),
                *map(str, models),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=plain_environment() | {"TORCHINDUCTOR_CACHE_DIR": self._compiled.name},
        )
        self._read()

    def call(self, count: int = 1, **wanted: Any) -> Took:
        """One call, as `bare.py` reads it."""
        said = self._ask(json.dumps(self._usual | {"count": count} | wanted))
        return Took(**json.loads(said))

    def pictures(self, count: int) -> tuple[float, float]:
        """Seconds, and seconds of the processors, for so many in one call; each by the picture."""
        took = self.call(count)
        return took.seconds / count, took.used / count

    def compile(self, **wanted: Any) -> float:
        """Seconds that the first call like this takes longer than the next."""
        first, second = (self.call(**wanted).seconds for _ in range(2))
        return max(0.0, first - second)

    def last(self) -> np.ndarray:
        """The first picture of the last call, in levels."""
        with TemporaryDirectory() as folder:
            self._ask(json.dumps({"save": f"{folder}/last.npy"}))
            return (np.load(f"{folder}/last.npy")[0] * 255).round()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._compiled.cleanup()

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
def bare(steps: int, guidance: float, *models: Path, mode: str | None = None) -> Iterator[Bare]:
    """Diffusers with models, else the one that ships, for as long as the block lasts."""
    found = Bare(steps, guidance, models or (MODEL,), mode)
    try:
        yield found
    finally:
        found.close()


class Callers:
    """Callers of a server, who wait for their pictures."""

    def __init__(self, there: Server, steps: int, guidance: float) -> None:
        self._server = there
        self._fields: dict[str, Any] = {"guidance_scale": guidance, "sampler": SAMPLER}
        self._steps = steps
        self._numbers = itertools.count(1)
        self._http = httpx.Client(
            base_url=there.url,
            timeout=300,
            # The server ends connections on which nothing came for two seconds.
            limits=httpx.Limits(max_connections=64, keepalive_expiry=1),
        )
        self._ledger = Ledger(self._http)

    def one(
        self, model: str, seed: int = 0, steps: int | None = None, prompt: str | None = None
    ) -> tuple[float, bytes]:
        """Seconds from asking for a picture to having it, and its file. Nobody asked for its prompt
        before, unless it is given: what the server remembers of one would be an advantage."""
        asked = self._fields | {"model": model, "seed": seed, "steps": steps or self._steps}
        asked["prompt"] = prompt or f"{PROMPT} {next(self._numbers)}"
        started = time.perf_counter()
        job = self._http.post("/api/v1/jobs", json=asked, headers={"Prefer": "wait=60"}).json()
        while job["status"] in ("queued", "running"):
            job = self._http.get(f"/api/v1/jobs/{job['id']}").json()
            time.sleep(0.02)
        if job["status"] != "succeeded":
            raise RuntimeError(job["error"])
        self._ledger.ended()
        file = self._http.get(job["outputs"][0]["url"]).content
        return time.perf_counter() - started, file

    def together(self, model: str, count: int) -> tuple[float, float]:
        """Seconds, and seconds of the processors, by the picture, where so many ask at once."""
        before, started = self._server.processor_seconds(), time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(partial(self.one, model), range(count)))
        seconds = time.perf_counter() - started
        return seconds / count, (self._server.processor_seconds() - before) / count

    def device_share(self, model: str, count: int) -> float:
        """The share of the time, while so many ask at once, in which the device worked on it."""
        before = self._ledger.told()[BUSY]
        seconds = self.together(model, count)[0] * count
        return round((self._ledger.told()[BUSY] - before) / seconds, 3)

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


def apart(file: bytes, right: np.ndarray) -> dict[str, float]:
    """How far a picture's file is from what diffusers made, in levels."""
    ours = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(float)
    levels = np.abs(ours - right)
    return {"most": float(levels.max()), "mean": round(float(levels.mean()), 3)}


@contextmanager
def computing(count: int) -> Iterator[None]:
    """So many other processes that compute without end, of a thread each."""
    alone = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ExitStack() as stack:
        for _ in range(count):
            other = subprocess.Popen([sys.executable, "-c", COMPUTES], env=alone)
            stack.callback(other.wait)
            stack.callback(other.kill)
        yield


def plain() -> None:
    """From here on no program that is started is told how many threads to have, and how to wait."""
    for name in [each for each in os.environ if each.startswith("OMP_")]:
        del os.environ[name]


def summary(took: list[tuple[float, float]], which: int) -> dict[str, float]:
    """Median, least and most."""
    seconds = [each[which] for each in took]
    return {
        "median": round(statistics.median(seconds), 4),
        "least": round(min(seconds), 4),
        "most": round(max(seconds), 4),
    }


def said(above: list[tuple[float, float]], below: list[tuple[float, float]], which: int) -> str:
    """A ratio as it may be told: the median of the rounds' own, unless they say both ways, or are
    one."""
    ratios = sorted(a[which] / b[which] for a, b in zip(above, below, strict=True))
    middle = statistics.median(ratios)
    quarter = len(ratios) // 4
    low, high = ratios[quarter], ratios[-1 - quarter]
    if low < 1 < high or len(ratios) < 2:
        return f"not resolved ({low:.2f} to {high:.2f})"
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"
