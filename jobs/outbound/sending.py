"""What this server sends to a target that was checked. Redirects are answers, not followed."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from jobs.outbound.targets import Target

_tls = ssl.create_default_context()


class Unreachable(Exception):
    """The receiver did not answer, or not in time."""


def post(
    target: Target, body: bytes, headers: Mapping[str, str], seconds: float
) -> tuple[int, str | None]:
    """POST to the address that was checked; returns the status and the Retry-After.

    Of the answer no more is read than its head, whose size http.client bounds. The time is for
    everything together, however slowly the receiver answers. Raises Unreachable.
    """
    connection = Pinned(target, seconds)
    deadline = threading.Timer(seconds, connection.cut)
    deadline.daemon = True
    deadline.start()
    try:
        connection.request("POST", target.path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.getheader("Retry-After")
    except (OSError, HTTPException, ValueError) as error:
        if connection.late or isinstance(error, TimeoutError):
            raise Unreachable(f"did not answer within {seconds:g} s") from None
        raise Unreachable(reason(error)) from None
    finally:
        deadline.cancel()
        connection.close()


class Pinned(HTTPConnection):
    """A connection to the address that was checked, under the name that was asked for."""

    def __init__(self, target: Target, seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=seconds)
        self.default_port = 443 if target.parts.scheme == "https" else 80
        self._target = target
        self._raw: socket.socket | None = None
        self.late = False
        """Whether it was cut: what is raised then says something else."""

    def connect(self) -> None:
        """Connect, and for https prove that the address answers for the name."""
        self._raw = socket.create_connection((self._target.address, self.port), self.timeout)
        self.sock = self._raw
        if self._target.parts.scheme == "https":
            # Known to `cut` before the handshake, which a receiver may draw out.
            tls = _tls.wrap_socket(
                self._raw, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self.sock = self._raw = tls
            tls.do_handshake()

    def cut(self) -> None:
        """End whatever another thread waits for on it, since it took too long."""
        self.late = True
        if self._raw is not None:
            with suppress(OSError):
                # The plain socket's own: an SSLSocket's would wait for its lock.
                socket.socket.shutdown(self._raw, socket.SHUT_RDWR)


def reason(error: Exception) -> str:
    """Why a receiver cannot be reached, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
