"""A server that speaks S3, in a process of its own: moto's, which keeps its objects in memory."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.running.addresses import free_port
from tests.running.waiting import until

BUCKET = "pictures"


class ObjectStore:
    """An S3 server with one empty bucket."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.url = f"s3://{BUCKET}/darkroom"
        with (folder / "s3.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdout=log,
                stderr=log,
            )
        until(self._answers, 60)
        httpx.put(f"{self.endpoint}/{BUCKET}").raise_for_status()

    @property
    def environment(self) -> dict[str, str]:
        """By which the API and workers find it."""
        return {
            "IMAGE_STORE": self.url,
            "S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def objects(self) -> set[str]:
        """The names of all objects."""
        return set(re.findall("<Key>(.*?)</Key>", httpx.get(f"{self.endpoint}/{BUCKET}").text))

    @contextmanager
    def away(self) -> Iterator[None]:
        """It answers nobody until the end of the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, "see s3.log"
        try:
            return httpx.get(self.endpoint, timeout=2).is_success
        except httpx.TransportError:
            return False
