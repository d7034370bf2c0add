"""The kinds of server that are compared.

E is diffusers, one picture after the other, and B diffusers with all that wait and are alike in one
call: each in a process of its own, in its default environment. W is our server, given all that wait
together and the next only when those are done, as servers that batch whole requests do. Ours is our
server as it is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.beside.sides import PROMPT, Bare
from benchmarks.load.requests import Asked
from benchmarks.server.callers import JOBS, Server

MOST = 16
"""Pictures in one call of diffusers, and in one batch of whole requests."""


class Arm(Protocol):
    """A kind of server."""

    def ask(self, asked: Asked) -> None:
        """Ask for a picture; it is there when this returns. May be called from many threads."""
        ...

    def processor_seconds(self) -> float:
        """What it has used of the processors so far."""
        ...

    def told(self) -> dict[str, float]:
        """Sums that it keeps of itself, where it does."""
        ...


class Counter:
    """Those who ask stand in a line; one thread serves the first of them, and with him others."""

    def __init__(
        self, serve: Callable[[Sequence[Asked]], None], most: int, *, alike: bool = True
    ) -> None:
        self._serve = serve
        self._most = most
        self._alike = alike
        self._line: deque[tuple[Asked, threading.Event]] = deque()
        self._comes = threading.Condition()
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self, asked: Asked) -> None:
        """Wait for one's turn and for the picture."""
        done = threading.Event()
        with self._comes:
            self._line.append((asked, done))
            self._comes.notify()
        done.wait()

    def _work(self) -> None:
        while True:
            with self._comes:
                while not self._line:
                    self._comes.wait()
                first = self._line[0][0]
                chosen = [each for each in self._line if not self._alike or each[0] == first][
                    : self._most
                ]
                for each in chosen:
                    self._line.remove(each)
            self._serve([asked for asked, _ in chosen])
            for _, done in chosen:
                done.set()


class Diffusers:
    """E and B."""

    def __init__(self, bare: Bare, most: int) -> None:
        self._bare = bare
        self._used = 0.0
        self._counter = Counter(self._serve, most)
        self.ask = self._counter.ask

    def processor_seconds(self) -> float:
        """What its calls have used of the processors so far."""
        return self._used

    def told(self) -> dict[str, float]:
        """Nothing."""
        return {}

    def _serve(self, every: Sequence[Asked]) -> None:
        self._used += self._bare.made(every[0].line(len(every)))


class Ours:
    """Our server as it is; a picture counts from asking to holding its PNG."""

    def __init__(self, there: Server) -> None:
        self._server = there
        self._http = httpx.Client(
            base_url=there.url,
            timeout=300,
            # The server ends connections on which nothing came for some seconds.
            limits=httpx.Limits(max_connections=200, keepalive_expiry=1),
        )
        self._seed = 0
        self._numbering = threading.Lock()

    def ask(self, asked: Asked) -> None:
        """One job, waited for, and its PNG."""
        with self._numbering:
            self._seed += 1
            seed = self._seed
        fields = {"prompt": PROMPT, "guidance_scale": 4.0, "seed": seed, "steps": asked.steps}
        fields |= {"width": asked.side, "height": asked.side, "sampler": asked.sampler}
        answer = self._http.post(JOBS, json=fields, headers={"Prefer": "wait=60"})
        job = answer.raise_for_status().json()
        while job["status"] in ("queued", "running"):
            time.sleep(0.02)
            job = self._http.get(f"{JOBS}/{job['id']}").json()
        if job["status"] != "succeeded":
            raise RuntimeError(job["error"])
        self._http.get(job["outputs"][0]["url"]).raise_for_status()

    def processor_seconds(self) -> float:
        """What all its processes have used so far."""
        return self._server.processor_seconds()

    def told(self) -> dict[str, float]:
        """Rows, forwards, and seconds that jobs waited before a worker began them."""
        found: dict[str, float] = {}
        wanted = ("darkroom_forward_rows", "darkroom_queue_wait_seconds")
        text = self._http.get("/api/v1/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples if family.name in wanted else ():
                if sample.name.endswith(("_sum", "_count")):
                    found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found


class Whole:
    """W: our server behind a counter that lets nobody in while others are served."""

    def __init__(self, ours: Ours) -> None:
        self._ours = ours
        self._counter = Counter(self._serve, MOST, alike=False)
        self.ask = self._counter.ask
        self.processor_seconds, self.told = ours.processor_seconds, ours.told

    def _serve(self, every: Sequence[Asked]) -> None:
        with ThreadPoolExecutor(len(every)) as pool:
            list(pool.map(self._ours.ask, every))
