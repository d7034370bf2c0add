"""A whole Darkroom of two machines: `darkroom up`, and a worker elsewhere on its Redis."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from redis import Redis

from darkroom.instance import read_state
from jobs.connection import connect
from jobs.records import workers
from jobs.records.workers import WorkerInfo
from tests.faults.relay import Relay
from tests.faults.store import open_store
from tests.running.addresses import free_port
from tests.running.paths import API
from tests.running.processes.program import Program
from tests.running.waiting import until
from worker.main import new_name

START = 240.0
"""Seconds a start may take where the cores are busy with something else."""

PARTS = {
    "worker": "worker.main",
    "api": "gunicorn",
    "deliverer": "server.deliverer",
    "redis": "-server",
}
"""The children of the supervisor, each by a word of its command line."""


class House:
    """The processes, their ports and folders. `elsewhere` is the worker of the other machine, which
    nobody supervises and whose network is `relay`.

    `dead` are the workers that this test has killed, each with how and when (monotonic).
    """

    def __init__(self, data: Path, store: str = "folder", **settings: str) -> None:
        self.data = data
        self.port, self.redis_port = free_port(), free_port()
        (data / "redis").mkdir(parents=True)
        (data / "redis" / "port").write_text(str(self.redis_port))
        self.url = f"http://127.0.0.1:{self.port}{API}"
        self.redis: Redis = connect(
            f"redis://127.0.0.1:{self.redis_port}/0", timeout=1.0, retries=0
        )
        self.relay = Relay(self.redis_port)
        self.store = open_store(store, data, self.writers)
        self.dead: dict[str, tuple[str, float]] = {}
        self._environment = {
            "DATA": str(data),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "IMAGE_STORE": self.store.url,
            "DEVICE": "cpu",
            "TORCH_THREADS": "1",
            "WORKERS": "1",
            "MDNS": "false",
            "WARM_UP": "false",
            "WEBHOOK_ALLOW": "127.0.0.0/8",
            "WEBHOOK_BACKOFF": "0.2",
            **settings,
        }
        self._start_up()
        self._start_elsewhere()
        self.wait_until_ready()

    def said(self) -> str:
        """What the supervisor has said."""
        return (self.data / "up.log").read_text()

    def logs(self) -> list[Path]:
        """The logs of every process."""
        return sorted([*self.data.glob("*.log"), *(self.data / "logs").glob("*.log*")])

    def child(self, part: str) -> psutil.Process | None:
        """A child of the supervisor by its part; None while there is none."""
        return next(iter(self._all(part)), None)

    def spare(self) -> psutil.Process | None:
        """The worker in reserve, which is younger than the one that works; None while there is
        none."""
        return next(iter(self._all("worker")[1:]), None)

    def _all(self, part: str) -> list[psutil.Process]:
        found: list[tuple[float, psutil.Process]] = []
        with suppress(psutil.Error):
            for each in psutil.Process(self.up.pid).children():
                with suppress(psutil.Error):
                    if any(PARTS[part] in word for word in each.cmdline()):
                        found.append((each.create_time(), each))
        return [each for _, each in sorted(found, key=lambda pair: pair[0])]

    def children(self) -> list[psutil.Process]:
        """Everything that the supervisor started, and what that started."""
        with suppress(psutil.Error):
            return psutil.Process(self.up.pid).children(recursive=True)
        return []

    def writers(self) -> list[int]:
        """The processes that store pictures."""
        found = [self.elsewhere.pid, *(each.pid for each in self.children())]
        redis = self.child("redis")
        return [pid for pid in found if not redis or pid != redis.pid]

    def wait_until_ready(self) -> None:
        """Both workers live and the API serves."""
        until(self._ready, START, every=0.1)

    def _ready(self) -> bool:
        if self.up.poll() is not None:
            raise AssertionError(f"darkroom up has ended:\n{self.said()[-3000:]}")
        try:
            names = {each.name for each in self.live() if _is_alive(each.pid)}
            serves = httpx.get(f"{self.url}/ready", timeout=2).status_code == 200
        except (httpx.HTTPError, OSError, ConnectionError):
            return False
        return serves and self.elsewhere_name in names and len(names) > 1

    def live(self) -> list[WorkerInfo]:
        """What workers say of themselves; none where Redis is away."""
        with suppress(Exception):
            return workers.live(self.redis)
        return []

    def note_death(self, name: str, how: str) -> None:
        """A worker is about to be killed."""
        self.dead[name] = how, time.monotonic()

    def kill_worker(self, name: str, how: str) -> bool:
        """kill -9 of a worker by its name, whichever machine it is on."""
        for each in self.live():
            if each.name == name and _is_alive(each.pid):
                self.note_death(name, how)
                os.kill(each.pid, signal.SIGKILL)
                return True
        return False

    def own_worker_name(self) -> str | None:
        """The name of the worker that the supervisor has."""
        state = read_state(self.data)
        return state.workers[0] if state and state.workers else None

    def restart_up(self) -> None:
        """Start the supervisor again; it has ended."""
        self.up.wait(60)
        self._start_up()

    def restart_elsewhere(self) -> None:
        """Start the other machine's worker again; it has ended."""
        self.elsewhere.wait(60)
        self._start_elsewhere()

    def tend_elsewhere(self) -> None:
        """Start the other machine's worker where somebody killed it."""
        if self.elsewhere.poll() is not None:
            self._start_elsewhere()

    def _start_up(self) -> None:
        self.up = Program(
            *("darkroom", "up"), log=self.data / "up.log", environment=self._environment
        )

    def _start_elsewhere(self) -> None:
        self.elsewhere_name = new_name()
        self.elsewhere = Program(
            *("worker.main", "--name", self.elsewhere_name),
            log=self.data / "elsewhere.log",
            environment={
                **self._environment,
                "REDIS_URL": f"redis://127.0.0.1:{self.relay.port}/0",
                "DATA": str(self.data / "elsewhere"),
            },
        )

    def stop(self) -> list[str]:
        """Stop everything as an operator does; what did not end by itself."""
        left = self.children()
        self.elsewhere.terminate()
        self.up.terminate()
        stubborn: list[str] = []
        for name, program in (("the worker elsewhere", self.elsewhere), ("darkroom up", self.up)):
            try:
                program.wait(90)
            except Exception:
                stubborn.append(name)
        _, alive = psutil.wait_procs(left, timeout=15)
        return stubborn + [f"an orphan: {each}" for each in alive]

    def close(self) -> None:
        """End what is left, at once."""
        left = self.children()
        self.up.kill()
        self.elsewhere.kill()
        for each in left:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(left, timeout=10)
        self.relay.close()
        self.redis.close()
        self.store.close()

    def connect_raw(self) -> socket.socket:
        """A connection to the API, to misuse."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def wait_for_death(self, process: psutil.Process, seconds: float = 30) -> None:
        """Return when a process is gone."""
        end = time.monotonic() + seconds
        while _is_alive(process.pid) and time.monotonic() < end:
            time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
