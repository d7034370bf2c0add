"""A client of ComfyUI's API: its requests, and a WebSocket that remembers all it was told."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
import struct
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

import aiohttp
import httpx
from PIL import Image

from jobs.records.record import JobRecord
from tests.compat.a1111.client import Quick
from tests.running.waiting import until

LIMIT = 60.0
"""Seconds that anything may take on a busy machine."""


@dataclass
class Comfy:
    """A running server, by its address, and a worker that a test may have end each job."""

    url: str
    http: httpx.Client
    quick: Quick

    def queue(self, graph: object, **more: Any) -> httpx.Response:
        return self.http.post("/prompt", json={"prompt": graph, **more})

    def made(self, graph: object, **more: Any) -> tuple[dict[str, Any], JobRecord]:
        """What the answer to a graph says, and the job that it became."""
        answer = self.queue(graph, **more)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        self.ended(said["prompt_id"])
        return said, self.quick.seen[-1]

    def ended(self, prompt_id: str) -> dict[str, Any]:
        """A prompt's entry in the history, once it has ended."""
        return ended(self.http, prompt_id)

    def upload(self, picture: Image.Image, name: str = "photo.png", **form: str) -> dict[str, Any]:
        answer = self.http.post(
            "/upload/image", files={"image": (name, in_png(picture))}, data=form
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


def ended(http: httpx.Client, prompt_id: str) -> dict[str, Any]:
    """A prompt's entry in the history, once it has ended."""

    def entry() -> Any:
        return http.get(f"/history/{prompt_id}").json().get(prompt_id)

    until(entry, LIMIT)
    return entry()


def in_png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@dataclass
class Told:
    """What came by a socket, in order: each message's type and data, a preview's as its picture."""

    messages: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    closed: int | None = None
    changed: Condition = field(default_factory=Condition)

    def until(self, there: Callable[[list[tuple[str, Any]]], Any]) -> list[tuple[str, Any]]:
        """All messages, once they are as they should be."""
        with self.changed:
            assert self.changed.wait_for(lambda: there(self.messages), LIMIT), self.messages
            return list(self.messages)

    def until_closed(self) -> int | None:
        """Why the server has closed it."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.closed is not None, LIMIT), self.messages
            return self.closed

    def until_over(self, prompt_id: str) -> list[tuple[str, Any]]:
        """All messages, once the prompt's last has come."""
        over = ("executing", {"node": None, "prompt_id": prompt_id})
        return self.until(lambda messages: over in messages)


@contextmanager
def following(
    url: str,
    client_id: str = "",
    token: str | None = None,
    path: str = "/ws",
    context: ssl.SSLContext | bool = True,
) -> Generator[tuple[Told, Callable[[str], None]]]:
    """A socket of a client, as long as the block lasts, and what sends a text by it."""
    told, loop = Told(), asyncio.new_event_loop()
    ready: Future[aiohttp.ClientWebSocketResponse] = Future()
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def follow() -> None:
        async with aiohttp.ClientSession(headers=headers) as session:
            try:
                socket = await session.ws_connect(f"{url}{path}?clientId={client_id}", ssl=context)
            except Exception as error:
                ready.set_exception(error)
                return
            ready.set_result(socket)
            async for message in socket:
                _add(told, message)
            with told.changed:
                told.closed = socket.close_code or 0
                told.changed.notify_all()

    def run() -> None:
        try:
            loop.run_until_complete(follow())
        finally:
            loop.close()

    thread = Thread(target=run, daemon=True)
    thread.start()

    def send(text: str) -> None:
        asyncio.run_coroutine_threadsafe(socket.send_str(text), loop).result(LIMIT)

    try:
        socket = ready.result(LIMIT)
        try:
            yield told, send
        finally:
            if told.closed is None:
                asyncio.run_coroutine_threadsafe(socket.close(), loop).result(LIMIT)
    finally:
        thread.join(LIMIT)


def _add(told: Told, message: aiohttp.WSMessage) -> None:
    with told.changed:
        if message.type == aiohttp.WSMsgType.BINARY:
            kind, format = struct.unpack(">II", message.data[:8])
            told.messages.append((f"binary {kind} {format}", opened(message.data[8:])))
        elif message.type == aiohttp.WSMsgType.TEXT:
            said = json.loads(message.data)
            told.messages.append((said["type"], said["data"]))
        told.changed.notify_all()
