"""Many clients of `/events` in one thread, which only count what they are told."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass

END = b"event: done\n"


@dataclass
class Stream:
    """One connection: how many ends it was told, and whether it still stands."""

    socket: socket.socket
    ends: int = 0
    tail: bytes = b""
    open: bool = True

    def take(self, data: bytes) -> None:
        """Count the ends in what came."""
        whole = self.tail + data
        self.ends += whole.count(END)
        # An end may come in two pieces, and none is counted twice.
        self.tail = whole[-(len(END) - 1) :]


class Streams:
    """That many event streams of one caller on a port of loopback."""

    def __init__(self, port: int, path: str, token: str, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self.all = [self._connect(port, path, token) for _ in range(count)]
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
        self._thread.start()

    @property
    def open(self) -> int:
        """How many still stand."""
        return sum(each.open for each in self.all)

    def close(self) -> None:
        """Leave, all at once."""
        self._leaving.set()
        self._thread.join()
        for each in self.all:
            each.socket.close()
        self._selector.close()

    def _connect(self, port: int, path: str, token: str) -> Stream:
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
        connection.sendall(head.encode())
        stream = Stream(connection)
        answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        stream.take(answer)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, stream)
        return stream

    def _run(self) -> None:
        while not self._leaving.is_set():
            for key, _ in self._selector.select(0.2):
                stream: Stream = key.data
                data = b""
                with suppress(ConnectionError):
                    data = stream.socket.recv(65_536)
                if data:
                    stream.take(data)
                else:
                    stream.open = False
                    self._selector.unregister(stream.socket)
