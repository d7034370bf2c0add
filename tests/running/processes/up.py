"""`darkroom up` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from jobs.machine_settings import REPOSITORY
from tests.running.processes.program import run_text


class Running:
    """A `darkroom up` in a process of its own, with a data folder and a port of its own."""

    def __init__(self, data: Path, port: int, *options: str, **settings: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **{name: os.environ[name] for name in os.environ if name not in ("REDIS_URL", "HOST")},
            "DATA": str(data),
            "PORT": str(port),
            "DEVICE": "cpu",
            "TORCH_THREADS": "1",
            # The network that the tests run in is none of their business.
            "MDNS": "false",
            # Its imports, and what it measures, would take the cores from the tests beside it.
            "SPARE_WORKER": "false",
            "WARM_UP": "false",
            **settings,
        }
        self.output = data.with_suffix(".log")
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "darkroom", "up", *options],
                env=self.environment,
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `darkroom` command beside it."""
        return subprocess.run(
            [sys.executable, "-m", "darkroom", *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str, seconds: float = 60) -> None:
        self.wait_until(lambda: text in self.said(), seconds)

    def wait_until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.15)

    def children(self, part: str) -> list[psutil.Process]:
        """The children whose command line has this part; "-server " is its Redis or Valkey."""
        found: list[psutil.Process] = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
                if any(part in word for word in child.cmdline()):
                    found.append(child)
        return found

    def child(self, part: str) -> psutil.Process:
        """The one child whose command line has this part."""
        for child in self.children(part):
            return child
        raise AssertionError(f"no {part} runs:\n{self.said()}")

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def family(self) -> list[psutil.Process]:
        """Every process that came from it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def redis_url(self) -> str:
        state: dict[str, Any] = httpx.Response(
            200, content=Path(self.environment["DATA"], "up.json").read_bytes()
        ).json()
        return state["redis_url"]

    def end(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A `darkroom` command with these settings alone."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return run_text("darkroom", *arguments, environment=kept | environment, seconds=60)
