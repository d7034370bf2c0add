"""Many clients of event streams at once, in one thread of the test."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

BUFFER = 256 * 1024
"""Bytes that are read at once."""

LAST_CHUNK = b"0\r"
"""With which an answer ends, while its connection stays."""


@dataclass
class Listener:
    """One client: what it has heard so far, and whether its stream has ended."""

    path: str
    status: int = 0
    begun: bool = False
    events: Counter[str] = field(default_factory=Counter[str])
    done: list[str] = field(default_factory=list[str])
    heard: float = 0.0
    ended: bool = False
    _rest: bytes = b""

    def receive(self, data: bytes) -> None:
        """Note what comes; nothing is the end."""
        if not data:
            self.ended = True
            return
        self.heard = time.monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"event: "):
                self.events[line[7:].decode()] += 1
            elif line.startswith(b"data: ") and b'"event":"done"' in line:
                self.done.append(line.partition(b'"job":"')[2][:32].decode())
            elif line.startswith(b"HTTP/1.1 "):
                self.status = int(line.split()[1])
            elif line.startswith(b"retry:"):
                self.begun = True
            elif line == LAST_CHUNK:
                self.ended = True


@contextmanager
def crowd(url: str, paths: Iterable[str]) -> Iterator[list[Listener]]:
    """Clients of these paths, each of which reads all that comes for as long as the block lasts."""
    host, _, port = url.rpartition("/")[2].partition(":")
    listeners = [Listener(path) for path in paths]
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for listener in listeners:
            client = stack.enter_context(socket.create_connection((host, int(port)), 20))
            client.sendall(f"GET {listener.path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            selector.register(client, selectors.EVENT_READ, listener)
        leaving = threading.Event()
        thread = threading.Thread(target=_listen, args=(selector, leaving))
        thread.start()
        try:
            yield listeners
        finally:
            leaving.set()
            thread.join()


def _listen(selector: selectors.BaseSelector, leaving: threading.Event) -> None:
    while not leaving.is_set():
        for key, _ in selector.select(0.1):
            client, listener = key.fileobj, key.data
            assert isinstance(client, socket.socket)
            try:
                data = client.recv(BUFFER)
            except OSError:
                data = b""
            listener.receive(data)
            if not data:
                selector.unregister(client)
