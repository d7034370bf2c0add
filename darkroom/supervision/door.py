"""The sockets on which the API listens, held by who starts it: while it is replaced, all wait."""

from __future__ import annotations

import socket
from contextlib import suppress

from jobs.whereabouts.addresses import listening

BACKLOG = 2048
"""Connections that may wait: as gunicorn's own. The kernel has a smaller bound of its own."""


class Door:
    """Listens on a port of every host that the setting of HOST means. Raises OSError."""

    def __init__(self, host: str, port: int) -> None:
        self._sockets: list[socket.socket] = []
        try:
            for each in listening(host):
                self._sockets.append(_listen(each, port))
        except OSError:
            self.close()
            raise

    @property
    def descriptors(self) -> list[int]:
        """What a child is to inherit."""
        return [each.fileno() for each in self._sockets]

    def close(self) -> None:
        """Let go of the port; who inherited it goes on."""
        while self._sockets:
            with suppress(OSError):
                self._sockets.pop().close()


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
