"""What is given up while it is being sent is canceled, though the server may have it."""

from __future__ import annotations

import asyncio
import select
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from darkroom_client import AsyncDarkroom
from redis import Redis

from jobs.lists.listing import list_jobs
from tests.running.api import Server
from tests.running.hand_worker import HandWorker
from tests.running.processes.program import Program
from tests.running.waiting import until


class Line:
    """A way to the server on which the first answer comes late: once it was let through."""

    def __init__(self, server: Server) -> None:
        self._api = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.answered, self.through = threading.Event(), threading.Event()
        threading.Thread(target=self._open, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _open(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._door.accept()
                threading.Thread(target=self._carry, args=(caller,), daemon=True).start()

    def _carry(self, caller: socket.socket) -> None:
        # Whoever has gone breaks the line.
        with caller, socket.create_connection(self._api) as api, suppress(OSError):
            other = {caller: api, api: caller}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(65536)
                    if ready is api and not self.answered.is_set():
                        self.answered.set()
                        self.through.wait(60)
                    other[ready].sendall(data)
                    if not data:
                        return


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    line = Line(server)
    try:
        yield line
    finally:
        line.through.set()
        line.close()


Sent = Callable[[AsyncDarkroom], Awaitable[object]]

SENT: dict[str, Sent] = {
    "a job": lambda client: client.submit("apple"),
    "pictures": lambda client: client.generate("apple"),
    "a grid": lambda client: client.grid([{"field": "/steps", "values": [2, 3]}], "apple"),
}


def all_canceled(redis: Redis, jobs: int) -> bool:
    there = list_jobs(redis, None, limit=50, before=None, status=None)[0]
    return len(there) == jobs and {job.status for job in there} == {"canceled"}


@pytest.mark.parametrize("sent", SENT)
def test_a_task_that_is_canceled(worker: HandWorker, redis: Redis, line: Line, sent: str) -> None:
    async def leave() -> None:
        async with AsyncDarkroom(line.url) as client:
            task = asyncio.ensure_future(SENT[sent](client))
            await asyncio.to_thread(line.answered.wait, 60)
            task.cancel()
            line.through.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(leave())
    assert all_canceled(redis, 2 if sent == "a grid" else 1)


def test_a_scope_of_anyio_that_is_canceled_again_and_again(
    worker: HandWorker, redis: Redis, line: Line
) -> None:
    async def leave() -> None:
        async with AsyncDarkroom(line.url) as client, anyio.create_task_group() as group:
            group.start_soon(client.submit, "apple")
            await asyncio.to_thread(line.answered.wait, 60)
            group.cancel_scope.cancel()
            line.through.set()

    asyncio.run(leave())
    assert all_canceled(redis, 1)


def test_a_command_that_is_interrupted(
    worker: HandWorker, redis: Redis, line: Line, tmp_path: Path
) -> None:
    command = Program(
        "darkroom",
        *("generate", "apple", "--url", line.url),
        log=tmp_path / "log",
        folder=tmp_path,
        environment={"DATA": str(tmp_path)},
    )
    assert line.answered.wait(60)
    command.send_signal(signal.SIGINT)
    line.through.set()
    assert command.wait(60) == 130
    assert (tmp_path / "log").read_text().endswith("Canceled.\n")
    until(lambda: all_canceled(redis, 1))
