"""gunicorn's threaded worker, for clients that send slowly or not at all.

Its own gives a thread to each connection, and a thread that reads a head or a body waits for ever:
as many half-open connections as there are threads shut everybody out (slow loris). Here a
connection gets a thread when its request is there: the head, and a body of up to SMALL bytes. A
larger body is read by its thread, under a deadline, and only so many threads at once wait for one.
"""

from __future__ import annotations

import io
import re
import selectors
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, cast

from gunicorn import http
from gunicorn.http.unreader import SocketUnreader
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import TConn, ThreadWorker

from jobs.logs import note_job
from jobs.settings import settings
from server.errors import Unavailable
from server.resources import of
from server.seats import Seats
from server.serving.gunicorn_request import PatientRequest

MAX_HEAD = 32 * 1024
"""Bytes of a head: browsers keep cookies and all to 8 kB."""

SMALL = 64 * 1024
"""Bytes of a body that is there before its request gets a thread: all but pictures."""

UPLOADS = 16
UPLOADS_EACH = 8
"""Threads that may wait for the rest of a body at once, half of those that hold no event stream,
and how many of them for one address."""

LARGEST_READ = 1024 * 1024
"""Bytes of one read of a body: as gunicorn's own."""

GRACE = 10.0
RATE = 16 * 1024
"""A body must have come at this many bytes a second, after this many seconds."""

SENDING = 60.0
"""Seconds in which a client must take a piece of an answer."""

LINGER = 2.0
MAX_LINGER = 64 * 1024
"""How long, and for how much, a connection that was ended waits for its client to end it too, so
that what was sent last is not lost with it (RFC 9112, section 9.6)."""

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TOO_LARGE = TOO_SLOW.replace(b"408 Request Timeout", b"431 Request Header Fields Too Large")

HEALTH = re.compile(rb"(GET|HEAD) /api/v1/health[ ?]")
"""Who asks whether this process lives has a thread of its own: a queue is no reason to end it."""

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,10})[ \t]*\r\n", re.IGNORECASE)
AT_ONCE = re.compile(rb"\r\n(transfer-encoding|expect):", re.IGNORECASE)


class Unread(SocketUnreader):
    """What a thread reads of a request beyond what came with its head, until a deadline."""

    def __init__(self, sock: socket.socket, uploads: Seats, address: str) -> None:
        super().__init__(sock)
        self._uploads = uploads
        self._address = address
        self._started = time.monotonic()
        self._received = 0
        self._drain_until: float | None = None

    def begin(self, received: bytes) -> None:
        """A request begins with these bytes."""
        self.buf = io.BytesIO()
        self.unread(received)
        self._started = time.monotonic()
        self._received = 0
        self._drain_until = None

    def drain(self, seconds: float) -> None:
        """What comes now is thrown away; no thread waits long for it."""
        self._drain_until = time.monotonic() + seconds

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes. Raises TimeoutError where they come too slowly."""
        size = min(max(self.mxchunk, size_hint or 0), LARGEST_READ)
        data = self._read(size)
        self._received += len(data)
        return data

    def _read(self, size: int) -> bytes:
        try:
            self.sock.settimeout(0)
            return self.sock.recv(size)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        finally:
            self.sock.settimeout(SENDING)
        left = self._left()
        if left <= 0:
            raise TimeoutError("the body comes too slowly")
        if not self._uploads.take(self._address):
            if self._drain_until is not None:
                raise TimeoutError("too many bodies come slowly")
            raise Unavailable("too-many-uploads", "as many bodies as can be are on their way")
        try:
            self.sock.settimeout(left)
            return self.sock.recv(size)
        finally:
            self._uploads.give_back(self._address)
            self.sock.settimeout(SENDING)

    def _left(self) -> float:
        now = time.monotonic()
        if self._drain_until is not None:
            return self._drain_until - now
        allowed = min(settings().body_timeout, GRACE + self._received / RATE)
        return self._started + allowed - now


class Connection(TConn):
    """A connection, what has come of its next request, and until when the rest may."""

    # gunicorn's own says what it may be for HTTP/2 too, which this server does not speak.
    parser: Any
    received = bytearray()
    needed: int | None = None
    deadline = 0.0
    lingered = 0


class PatientWorker(ThreadWorker):
    """Waits for requests on the one thread that waits for everything."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._uploads = Seats(UPLOADS, UPLOADS_EACH)
        self._doctor = ThreadPoolExecutor(1)
        # Each with the same time to go, so the first is the next to be given up.
        self._heads: OrderedDict[Connection, None] = OrderedDict()
        self._ending: OrderedDict[Connection, None] = OrderedDict()

    def is_parent_alive(self) -> bool:
        """Whether who started this is there; without it, every stream is told to leave."""
        alive = super().is_parent_alive()
        if not alive:
            of(cast("Any", self.wsgi)).leaving.set()
        return alive

    def accept(self, listener: socket.socket) -> None:
        """Take a connection and wait for its request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname())
        if len(self._heads) >= self.max_keepalived // 2:
            # Who came last is served; a request is there in a moment, what waits for long is none.
            self._drop(next(iter(self._heads)))
        self._await_request(conn)

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """A kept connection has its next request, or the beginning of one."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_request(conn)

    def murder_pending(self) -> None:
        """Give up connections whose request, or whose end, did not come in time."""
        now = time.monotonic()
        for conns in (self._heads, self._ending):
            while conns and (conn := next(iter(conns))).deadline <= now:
                if conns is self._heads and conn.received:
                    self._say(conn, TOO_SLOW)
                self._drop(conn)
        if not self.alive:
            for conn in [each for each in self._heads if not each.received]:
                self._drop(conn)
            for conn in self._heads:
                conn.deadline = min(conn.deadline, now + LINGER)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep the connection for its next request, or end it without waiting for the client."""
        try:
            keep = fs.result() is True and not fs.cancelled()
        except Exception:
            self.nr_conns -= 1
            conn.close()
            return
        if not keep:
            self._end(conn)
        elif rest := conn.parser.unreader.take_buffered():
            self._await_request(conn, rest)
        elif isinstance(conn.sock, ssl.SSLSocket) and conn.sock.pending():
            self._await_request(conn)
        else:
            super().finish_request(conn, fs)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request, whose client has only so long to take the answer."""
        conn.sock.settimeout(SENDING)
        # What this thread logged before was of another request.
        note_job(None)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        conn.parser.unreader.drain(LINGER)
        return cast("Any", super())._keepalive_after(conn, keepalive)

    def _await_request(self, conn: Connection, received: bytes = b"") -> None:
        conn.received, conn.needed = bytearray(received), None
        conn.deadline = time.monotonic() + settings().head_timeout
        self._heads[conn] = None
        try:
            if self.cfg.is_ssl and not conn.initialized:
                conn.sock.setblocking(True)  # a context makes no TLS of a socket that does not wait
                conn.sock = ssl_wrap_socket(conn.sock, self.cfg)
            conn.initialized = True
            conn.sock.setblocking(False)
            self._register(conn, self._guarded(self._read_request))
        except (OSError, ValueError):
            self._drop(conn)
            return
        self._guarded(self._read_request)(conn, conn.sock)

    def _register(
        self, conn: Connection, callback: Callable[[Connection, socket.socket], None]
    ) -> None:
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(callback, conn))

    def _guarded(
        self, callback: Callable[[Connection], None]
    ) -> Callable[[Connection, socket.socket], None]:
        def call(conn: Connection, client: socket.socket) -> None:
            try:
                callback(conn)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except (OSError, ValueError):
                # Gone, or never spoke TLS: nobody is left to be told.
                self._drop(conn)

        return call

    def _read_request(self, conn: Connection) -> None:
        while not _is_there(conn):
            if conn.needed is None and len(conn.received) > MAX_HEAD:
                self._say(conn, TOO_LARGE)
                self._unwatch(conn)
                self._end(conn)
                return
            data = conn.sock.recv(SMALL)
            if not data:
                self._drop(conn)
                return
            conn.received += data
        self._unwatch(conn)
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.mesg_class = PatientRequest
            conn.parser.unreader = Unread(conn.sock, self._uploads, _address(conn))
        received, conn.received = bytes(conn.received), bytearray()
        conn.parser.unreader.begin(received)
        threads = self._doctor if HEALTH.match(received) else self.tpool
        answered = threads.submit(self.handle, conn)
        answered.add_done_callback(partial(self.method_queue.defer, self.finish_request, conn))

    def _end(self, conn: Connection) -> None:
        """Say that nothing follows, and close once the client has, or has not for too long."""
        conn.deadline = time.monotonic() + LINGER
        self._ending[conn] = None
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self._register(conn, self._guarded(self._linger))
        except (OSError, ValueError):
            self._drop(conn)

    def _linger(self, conn: Connection) -> None:
        data = conn.sock.recv(SMALL)
        conn.lingered += len(data)
        if not data or conn.lingered > MAX_LINGER:
            self._drop(conn)

    def _unwatch(self, conn: Connection) -> None:
        self._heads.pop(conn, None)
        self._ending.pop(conn, None)
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection) -> None:
        self._unwatch(conn)
        self.nr_conns -= 1
        conn.close()

    def _say(self, conn: Connection, answer: bytes) -> None:
        with suppress(OSError):
            conn.sock.send(answer)


def _address(conn: Connection) -> str:
    # Of a Unix socket it is empty: all that comes by one is one.
    peer = cast("Any", conn.client)
    return str(peer[0]) if peer else ""


def _is_there(conn: Connection) -> bool:
    """Whether a request can be given to a thread: with all of a body that is small."""
    if conn.needed is None:
        end = conn.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(conn.received[: end + 2])
        length = LENGTH.search(head)
        small = length is not None and int(length[1]) <= SMALL and not AT_ONCE.search(head)
        conn.needed = end + 4 + (int(length[1]) if length and small else 0)
    return len(conn.received) >= conn.needed
