"""Callers who keep sending, cancel now and then, follow what happens, and come back."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.running.clients.sse import Events

OPEN_AT_ONCE = 6
"""Jobs one caller has under way: the queue stays busy and is done soon after the last fault."""

PAUSE = 0.3
"""Seconds before the same is asked again where the server was away or busy."""


@dataclass
class Accepted:
    """A job that was answered with 202, and what became of it as far as its caller asked."""

    id: str
    owner: str
    asked: dict[str, Any]
    hooked: bool
    canceled: bool = False


@dataclass
class Caller:
    """One user with a device: sends jobs until told to stop, each until it is accepted."""

    owner: str
    url: str
    token: str
    chance: random.Random
    hook: str
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    refused: list[str] = field(default_factory=list[str])
    waits: list[float] = field(default_factory=list[float])
    """Seconds from the first try of a job to its 202."""
    leaving: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=10)
        self.thread = threading.Thread(target=self._run, name=self.owner, daemon=True)
        self.thread.start()

    def send(self, **asked: Any) -> Accepted:
        """Send a job, again and again under its key, until it is accepted."""
        key, began = f"{self.owner}-{self.chance.getrandbits(64):x}", time.monotonic()
        while True:
            answer = self._ask("POST", "/jobs", json=asked, headers={"Idempotency-Key": key})
            if answer is not None and answer.status_code in (200, 202):
                break
            if answer is not None and answer.status_code not in (429, 503):
                self.refused.append(f"{answer.status_code} {answer.text[:300]}")
                raise AssertionError(self.refused[-1])
            time.sleep(PAUSE)
        self.waits.append(time.monotonic() - began)
        job = Accepted(answer.json()["id"], self.owner, asked, "webhook" in asked)
        self.accepted.append(job)
        return job

    def cancel(self, job: Accepted) -> None:
        """Cancel a job, however often it takes."""
        job.canceled = True
        while (answer := self._ask("POST", f"/jobs/{job.id}/cancel")) is None or (
            answer.status_code == 503
        ):
            time.sleep(PAUSE)
        if answer.status_code != 200:
            self.refused.append(f"cancel: {answer.status_code} {answer.text[:300]}")

    def read(self, job: Accepted) -> dict[str, Any] | None:
        """The job as the API shows it; None while the server is away."""
        answer = self._ask("GET", f"/jobs/{job.id}")
        return answer.json() if answer is not None and answer.status_code == 200 else None

    def open_jobs(self) -> int | None:
        """How many jobs have not ended; None while the server is away."""
        answer = self._ask("GET", "/jobs", params={"limit": 20})
        if answer is None or answer.status_code != 200:
            return None
        return sum(each["status"] in ("queued", "running") for each in answer.json()["jobs"])

    def stop(self) -> None:
        """Send nothing more; what is being sent is still accepted first."""
        self.leaving.set()

    def close(self) -> None:
        """Leave."""
        self.stop()
        self.thread.join(30)
        self.client.close()

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response | None:
        try:
            return self.client.request(method, path, **rest)
        except httpx.TransportError:
            return None

    def _run(self) -> None:
        while not self.leaving.wait(self.chance.uniform(0.1, 0.6)):
            under_way = self.open_jobs()
            if under_way is None or under_way >= OPEN_AT_ONCE:
                continue
            with suppress(AssertionError):
                job = self.send(**self._wish())
                if self.chance.random() < 0.1:
                    self.leaving.wait(self.chance.uniform(0, 2))
                    self.cancel(job)

    def _wish(self) -> dict[str, Any]:
        wish: dict[str, Any] = {
            "prompt": self.chance.choice(["red apple", "cat face", "two blue stars"]),
            "steps": self.chance.randint(2, 12),
            "count": self.chance.choice([1, 1, 1, 2]),
            "seed": self.chance.getrandbits(31),
            "sampler": self.chance.choice(["ddim", "euler_a", "dpmpp_2m"]),
            "priority": self.chance.choice(["low", "normal", "normal", "high"]),
        }
        if self.chance.random() < 0.3:
            # Equal to the pixel whatever else runs, so that a re-run can be compared.
            wish |= {"exact": True, "steps": 4}
        if self.chance.random() < 0.3:
            wish["webhook"] = {"url": self.hook, "events": ["done"]}
        return wish


class Follower:
    """A client of `/events` that loses its connection again and again, and comes back each time
    with the id of the last event that it has read."""

    def __init__(self, url: str, token: str, chance: random.Random) -> None:
        self.ends: Counter[str] = Counter()
        self.seen: dict[str, list[str]] = defaultdict(list)
        self.last: str | None = None
        self.connections = 0
        self._url, self._token, self._chance = url, token, chance
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read no more."""
        self._leaving.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._leaving.is_set():
            with suppress(httpx.TransportError, httpx.StreamError):
                self._read()
            self._leaving.wait(self._chance.uniform(0, 2))

    def _read(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        if self.last:
            headers["Last-Event-ID"] = self.last
        until = time.monotonic() + self._chance.uniform(1, 20)
        with httpx.stream("GET", f"{self._url}/events", headers=headers, timeout=5) as answer:
            if answer.status_code != 200:
                return
            self.connections += 1
            for frame in Events(answer.iter_lines()):
                # As an EventSource: an event counts when its last line has come.
                self.last = frame.get("id", self.last)
                if frame.get("event") == "done":
                    self.ends[frame["data"]["job"]] += 1
                    self.seen[frame["data"]["job"]].append(str(self.last))
                if self._leaving.is_set() or time.monotonic() > until:
                    return


class Receiver:
    """Takes webhooks, and says of each how often it came under which id."""

    def __init__(self) -> None:
        self.came: dict[str, set[str]] = defaultdict(set)
        came = self.came

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                came[_job_of(json.loads(body))].add(self.headers["webhook-id"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()


def _job_of(message: dict[str, Any]) -> str:
    return str(message["data"]["id"])
