"""The kinds of server that are compared.

E is diffusers, one picture after the other, B diffusers with all that wait and are alike in one
call, and K as E with its denoiser compiled: each in a process of its own, in its default
environment, with all models in memory. W is our server, given all that wait together and the next
only when those are done, as servers that batch whole requests do. Ours is our server as it is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import httpx
import numpy as np

from benchmarks.beside.sides import PROMPT, Bare, Took
from benchmarks.load.made import Shelf
from benchmarks.load.requests import Asked
from benchmarks.server.callers import JOBS, Server
from benchmarks.server.told import BUSY, Ledger

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

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    def _work(self) -> None:
        while True:
            with self._comes:
                while not self._line:
                    self._comes.wait()
                first = self._line[0][0]
                chosen = [
                    each for each in self._line if not self._alike or each[0].alike == first.alike
                ][: self._most]
                for each in chosen:
                    self._line.remove(each)
            self._serve([asked for asked, _ in chosen])
            for _, done in chosen:
                done.set()


class Diffusers:
    """E, B and K."""

    def __init__(self, bare: Bare, shelf: Shelf, most: int) -> None:
        self._bare = bare
        self._shelf = shelf
        self._took = Took(0.0, 0.0)
        self.ask = Counter(self._serve, most).ask

    def processor_seconds(self) -> float:
        """What its calls have used of the processors so far."""
        return self._took.used

    def told(self) -> dict[str, float]:
        """The seconds that its calls took, whatever they were spent on."""
        return {BUSY: self._took.seconds}

    def compile(self, kinds: Sequence[Asked]) -> dict[str, float]:
        """Seconds that each kind's first call takes longer than its second."""
        return {
            each.label(): round(self._bare.compile(**self._shelf.call(each)), 1) for each in kinds
        }

    def picture(self, asked: Asked) -> np.ndarray:
        """The one of seed 0, in levels."""
        self._bare.call(**self._shelf.call(asked))
        return self._bare.last()

    def _serve(self, every: Sequence[Asked]) -> None:
        took = self._bare.call(len(every), **self._shelf.call(every[0]))
        self._took = Took(self._took.seconds + took.seconds, self._took.used + took.used)


class Ours:
    """Our server as it is; a picture counts from asking to holding its PNG."""

    def __init__(self, there: Server) -> None:
        self._server = there
        self._clients: dict[str, httpx.Client] = {}
        self._seed = 0
        self._numbering = threading.Lock()
        self._ledger = Ledger(self._client(""))

    def ask(self, asked: Asked) -> None:
        """One job, waited for, and its PNG. Nobody asked for its prompt before: what the server
        remembers of one would be an advantage."""
        with self._numbering:
            self._seed += 1
            seed = self._seed
        self.picture(asked, seed, f"{PROMPT} {seed}")

    def picture(self, asked: Asked, seed: int = 0, prompt: str = PROMPT) -> bytes:
        """The PNG of one job."""
        http = self._client(asked.caller)
        fields: dict[str, Any] = {"prompt": prompt, "guidance_scale": 4.0, "seed": seed}
        fields |= {"model": asked.model, "steps": asked.steps, "sampler": asked.sampler}
        fields |= {"width": asked.side, "height": asked.side}
        fields["loras"] = [{"name": name, "weight": weight} for name, weight in asked.loras]
        answer = http.post(JOBS, json=fields, headers={"Prefer": "wait=60"})
        job = answer.raise_for_status().json()
        while job["status"] in ("queued", "running"):
            time.sleep(0.02)
            job = http.get(f"{JOBS}/{job['id']}").json()
        if job["status"] != "succeeded":
            raise RuntimeError(job["error"])
        self._ledger.ended()
        return http.get(job["outputs"][0]["url"]).raise_for_status().content

    def processor_seconds(self) -> float:
        """What all its processes have used so far."""
        return self._server.processor_seconds()

    def told(self) -> dict[str, float]:
        """Rows, forwards, seconds of the device, and those that jobs waited before a worker began
        them: once the worker has told of every job that ended."""
        return self._ledger.told()

    def _client(self, caller: str) -> httpx.Client:
        with self._numbering:
            if caller not in self._clients:
                token = self._server.token(caller) if caller else ""
                self._clients[caller] = httpx.Client(
                    base_url=self._server.url,
                    timeout=300,
                    headers={"Authorization": f"Bearer {token}"} if token else {},
                    # The server ends connections on which nothing came for some seconds.
                    limits=httpx.Limits(max_connections=200, keepalive_expiry=1),
                )
            return self._clients[caller]


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
