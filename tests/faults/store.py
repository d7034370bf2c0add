"""Where the pictures are kept, and how that goes away: a folder on a small disk, or S3."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import httpx

from jobs.pictures.image_store import ImageStore, StoreError
from tests.faults.disk import Disk
from tests.running.addresses import free_port
from tests.running.processes.program import Program
from tests.running.waiting import until

BUCKET = "darkroom"

TRIES = 10
"""Of reading a picture: a store gives up after a few seconds, which are soon over on busy cores."""


class Store(Protocol):
    """A place for pictures that a test can break and mend."""

    url: str
    kind: str
    disk: Disk | None

    def take_away(self) -> None:
        """From now on it takes and gives nothing."""

    def give_back(self) -> None:
        """It is there again, with all that it had."""

    def close(self) -> None:
        """End it, with what is in it."""


class Folder:
    """A folder on a disk of its own; away, a file stands in its place, as on a share whose server
    is gone."""

    def __init__(self, data: Path, writers: Callable[[], Iterable[int]]) -> None:
        disk = Disk(data / "disk", writers)
        self.disk: Disk | None = disk
        self._images, self._kept = disk.folder / "images", disk.folder / "kept"
        self._nothing = disk.folder / "nothing"
        self._kept.mkdir()
        self._nothing.touch()
        self._show(self._kept)
        self.url = str(self._images)
        self.kind = f"a folder, its disk made full by {disk.kind}"
        self._close = disk.close

    def take_away(self) -> None:
        self._show(self._nothing)

    def give_back(self) -> None:
        self._show(self._kept)

    def close(self) -> None:
        self._close()

    def _show(self, what: Path) -> None:
        """Have it there from one moment to the next: writers make folders that are missing."""
        new = self._images.with_name("new")
        new.symlink_to(what)
        new.replace(self._images)


class Bucket:
    """A bucket of a server that speaks S3 (moto's), in a process of its own; away, it is stopped.

    Sets the variables by which clients find it, in this process and for those that it starts.
    """

    disk: Disk | None = None

    def __init__(self, data: Path) -> None:
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        os.environ |= {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "faults",
            "AWS_SECRET_ACCESS_KEY": "faults",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._server = Program(
            *("moto.server", "-H", "127.0.0.1", "-p", str(port)), log=data / "s3.log"
        )
        until(lambda: _answers(endpoint))
        client: Any = importlib.import_module("boto3").client("s3")
        client.create_bucket(Bucket=BUCKET)
        self.url = f"s3://{BUCKET}/images"
        self.kind = "a bucket of an S3 server"

    def take_away(self) -> None:
        self._server.send_signal(signal.SIGSTOP)

    def give_back(self) -> None:
        self._server.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._server.kill()


def open_store(kind: str, data: Path, writers: Callable[[], Iterable[int]]) -> Store:
    """A `folder` or `s3`."""
    return Bucket(data) if kind == "s3" else Folder(data, writers)


def picture(store: Store, image: str) -> bytes:
    """The bytes of a picture by its id, however long a busy store takes."""
    for left in reversed(range(TRIES)):
        try:
            return ImageStore(store.url).read(image)
        except StoreError:
            if not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _answers(endpoint: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(endpoint, timeout=2).status_code < 500
    return False
