"""A WebSocket (RFC 6455) on the connection of a request, held by the request's own thread."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

from flask import Response, request
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from server.errors import ApiError

BEAT = 20.0
"""Seconds between two pings: phones and proxies drop connections that are silent for longer."""

SILENT = 3
"""Pings in a row without a word from the other end, after which it is gone: a phone that went out
of reach closes nothing, and would keep its seat for a quarter of an hour."""

MAX_MESSAGE = 16 * 1024
"""Characters of a message that a client may send: those that there are have a hundred."""

READ = 16 * 1024
READS = 8
"""How much is read at once of what a client sends: as TLS packs it, and so often in a turn."""

NORMAL, GOING_AWAY, TOO_BIG = 1000, 1001, 1009
"""Why a socket is closed."""


class Gone(Exception):
    """Nobody is left at the other end."""


class WebSocket:
    """The server's end, for one thread."""

    def __init__(self, connection: socket.socket, protocol: WSConnection) -> None:
        self._connection = connection
        self._protocol = protocol
        self._beat = time.monotonic() + BEAT
        self._unanswered = 0
        self._text = ""

    def send(self, message: str | bytes) -> None:
        """Send a text, or bytes. Raises Gone."""
        event = TextMessage(message) if isinstance(message, str) else BytesMessage(message)
        self._write(event)

    def attend(self) -> list[str]:
        """The texts that have come since, without waiting for any; answers pings, and sends them.

        To be called every second or so. Raises Gone.
        """
        if time.monotonic() >= self._beat:
            if self._unanswered == SILENT:
                raise Gone
            self._beat = time.monotonic() + BEAT
            self._unanswered += 1
            self._write(Ping())
        texts: list[str] = []
        for _ in range(READS):
            data = self._read()
            if data is None:
                break
            self._unanswered = 0
            texts += self._received(data)
        return texts

    def close(self, code: int) -> None:
        """Say that nothing follows, and why."""
        try:
            self._write(CloseConnection(code))
        except Gone:
            return

    def _received(self, data: bytes) -> list[str]:
        texts: list[str] = []
        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                if isinstance(event, CloseConnection):
                    self._write(event.response())
                    raise Gone
                if isinstance(event, Ping):
                    self._write(event.response())
                elif isinstance(event, Message):
                    texts += self._collected(cast("Message[Any]", event))
        except ProtocolError as error:
            raise Gone from error
        return texts

    def _collected(self, event: Message[Any]) -> list[str]:
        """The text that a piece of a message ends; bytes are passed over."""
        if len(self._text) + len(event.data) > MAX_MESSAGE:
            self.close(TOO_BIG)
            raise Gone
        if isinstance(event, TextMessage):
            self._text += event.data
        if not event.message_finished:
            return []
        text, self._text = self._text, ""
        return [text] if text else []

    def _read(self) -> bytes | None:
        """What has come; None where nothing has. Raises Gone."""
        timeout = self._connection.gettimeout()
        try:
            self._connection.settimeout(0)
            data = self._connection.recv(READ)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError as error:
            raise Gone from error
        finally:
            self._connection.settimeout(timeout)
        if not data:
            raise Gone
        return data

    def _write(self, event: Any) -> None:
        try:
            self._connection.sendall(self._protocol.send(event))
        except (OSError, ProtocolError) as error:
            raise Gone from error


class Upgrade(Response):
    """Answers a request by making a WebSocket of its connection, until `serve` returns."""

    def __init__(self, serve: Callable[[WebSocket], None]) -> None:
        super().__init__(status=101)
        self._serve = serve
        self._connection, self._protocol = _upgradable()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Serve the socket. Raises StopIteration at the end: gunicorn then sends nothing more."""
        try:
            self._connection.sendall(self._protocol.send(AcceptConnection()))
            self._serve(WebSocket(self._connection, self._protocol))
        except (OSError, Gone):
            pass
        finally:
            self.close()
        raise StopIteration


def _upgradable() -> tuple[socket.socket, WSConnection]:
    """The connection of this request, whose client wants a WebSocket. Raises a 400 or 426."""
    connection = cast("socket.socket | None", request.environ.get("gunicorn.socket"))
    if request.headers.get("Upgrade", "").lower() != "websocket" or connection is None:
        detail = "this address is a WebSocket: send Upgrade: websocket"
        raise ApiError(426, "upgrade-required", detail, headers={"Upgrade": "websocket"})
    protocol = WSConnection(ConnectionType.SERVER)
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers]
    try:
        protocol.initiate_upgrade_connection(headers, request.path.encode("ascii", "replace"))
        event = next(iter(protocol.events()))
    except ProtocolError as error:
        raise ApiError(400, "bad-handshake", f"no WebSocket could be made: {error}") from error
    if isinstance(event, RejectConnection) or not isinstance(event, Request):
        raise ApiError(400, "bad-handshake", "no WebSocket could be made of this request")
    return connection, protocol
