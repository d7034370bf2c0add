"""A network between two machines that can be cut: a TCP relay on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

CHUNK = 65_536


class Relay:
    """Passes bytes between who connects to its port and another port.

    `cut` makes it fall silent, as a cable that was pulled: nothing is closed and nothing arrives.
    `mend` breaks the old connections and takes new ones.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._flows = threading.Event()
        self._flows.set()
        self._open: list[socket.socket] = []
        self._start(self._accept)

    def cut(self) -> None:
        """From now on nothing gets through."""
        self._flows.clear()

    def mend(self) -> None:
        """The network is back; connections of before are broken."""
        self._break()
        self._flows.set()

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self._break()
        self._flows.set()

    def _break(self) -> None:
        connections, self._open = self._open, []
        for each in connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._flows.wait()
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._open += [client, server]
            self._start(lambda client=client, server=server: self._pass_on(client, server))
            self._start(lambda client=client, server=server: self._pass_on(server, client))

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._flows.wait()
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _start(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name="relay", daemon=True).start()
