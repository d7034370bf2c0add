"""A server of one's own and callers of it, as benchmarks of the whole path need them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from redis import Redis

from benchmarks import ROOT
from darkroom.instance import read_state
from jobs import devices

START = 300.0
"""Seconds a server may take until it can run a job."""

JOBS = "/api/v1/jobs"
ENDED = ("succeeded", "failed", "canceled")


@dataclass
class Server:
    """A running `darkroom up`: where it is called, and where it keeps its things."""

    url: str
    data: Path
    pid: int

    def processor_seconds(self) -> float:
        """What all its processes together have used of the processors so far."""
        every = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        return sum(sum(each.cpu_times()[:2]) for each in every)

    def caller(self, name: str) -> Caller:
        """Somebody with a token of his own, who takes turns with all others."""
        return Caller(self.url, self.token(name))

    def token(self, name: str) -> str:
        """A token of somebody's own."""
        state = read_state(self.data)
        if state is None:
            raise RuntimeError("the server does not say where its Redis is")
        with Redis.from_url(state.redis_url) as redis:
            return devices.create(redis, name, owner=name)[1]


@contextmanager
def server(program: Path = ROOT, **settings: str) -> Generator[Server]:
    """`darkroom up` of the version in a folder, on a free port with an empty DATA."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="darkroom-") as data:
        own = {"PORT": str(port), "HOST": "127.0.0.1", "DATA": data, "PYTHONPATH": str(program)}
        environment = os.environ | own | settings
        environment.pop("REDIS_URL", None)
        with (Path(data) / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "darkroom", "up"],
                cwd=program,
                env=environment,
                stdout=output,
                stderr=output,
            )
        folder = Path(settings.get("DATA", data))
        found = Server(f"http://127.0.0.1:{port}", folder, process.pid)
        try:
            _await(found, process, Path(data) / "output")
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def _await(found: Server, process: subprocess.Popen[bytes], output: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{found.url}/api/v1/ready", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(output.read_text()[-2000:])


class Caller:
    """One caller of a server."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=url, timeout=120, headers={"Authorization": f"Bearer {token}"}
        )

    def send(self, **fields: Any) -> dict[str, Any]:
        """Send a job; it is accepted when this returns."""
        wanted = {"prompt": "red apple, 3d", "steps": 20, "seed": 1} | fields
        answer = self._http.post(JOBS, json=wanted)
        answer.raise_for_status()
        return answer.json()

    def look(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job as it is now."""
        return self._http.get(f"{JOBS}/{job['id']}").json()

    def wait(self, job: dict[str, Any], status: tuple[str, ...] = ENDED) -> dict[str, Any]:
        """The job once it has one of these statuses. Raises RuntimeError where it failed."""
        while job["status"] not in status and job["status"] not in ENDED:
            time.sleep(0.02)
            job = self.look(job)
        if job["status"] == "failed":
            raise RuntimeError(job["error"])
        return job

    def seconds(self, **fields: Any) -> float:
        """From sending a job to holding its PNG."""
        started = time.perf_counter()
        job = self.wait(self.send(**fields))
        if not self._http.get(job["outputs"][0]["url"]).content.startswith(b"\x89PNG"):
            raise RuntimeError("that is no PNG")
        return time.perf_counter() - started

    def cancel(self, job: dict[str, Any]) -> None:
        """End the job, wherever it is."""
        self._http.post(f"{JOBS}/{job['id']}/cancel")
