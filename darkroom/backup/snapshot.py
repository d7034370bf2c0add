"""All that a running Redis holds, at one moment, in its own file format (RDB).

Redis gives it to whoever asks as a replica does, also over a network and with TLS. Its files are
not read: while it rewrites them a copy would be of two moments.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import cast

from redis import Redis
from redis.exceptions import ResponseError

from jobs.connection import connect

SILENCE = 60.0
"""Seconds without a byte after which it is given up; a Redis that makes its copy says so often."""

CHUNK = 2**20

OF_THE_CONNECTION = "_sock"
"""Where redis-py has the socket of a connection: what follows SYNC is no reply of its protocol."""


class NoSnapshot(Exception):
    """Redis does not give a copy of itself; the text says why, and no backup is made."""


def take(url: str, path: Path) -> None:
    """Write the snapshot of the Redis at this URL to a file.

    Raises NoSnapshot, or redis.exceptions.RedisError where Redis is away.
    """
    redis = connect(url, timeout=SILENCE, retries=0)
    try:
        with path.open("wb") as file:
            for chunk in _copy(redis):
                file.write(chunk)
    except (OSError, EOFError) as error:
        raise NoSnapshot(f"the copy of Redis broke off: {error}") from error
    finally:
        redis.close()


def _copy(redis: Redis) -> Iterator[bytes]:
    connection = redis.connection_pool.get_connection()
    try:
        # Sent as it is made, with nothing written beside it and nothing after it, where Redis can.
        for wish in ("capa eof", "rdb-only 1"):
            connection.send_command("REPLCONF", *wish.split())
            try:
                connection.read_response()
            except ResponseError:
                continue
        connection.send_command("SYNC")
        stream = cast("socket.socket", getattr(connection, OF_THE_CONNECTION))
        with stream.makefile("rb") as answer:
            yield from _payload(answer)
    finally:
        connection.disconnect()
        redis.connection_pool.release(connection)


def _payload(answer: BufferedReader) -> Iterator[bytes]:
    head = b"\n"
    while head == b"\n":  # it says that it is still at it
        head = answer.readline()
    if length := re.fullmatch(rb"\$(\d+)\r\n", head):
        yield from _exactly(answer, int(length[1]))
    elif mark := re.fullmatch(rb"\$EOF:(.{40})\r\n", head):
        yield from _until(answer, mark[1])
    else:
        said = head.decode(errors="replace").strip() or "it closed the connection"
        raise NoSnapshot(f"Redis gives no copy of itself: {said}")


def _exactly(answer: BufferedReader, left: int) -> Iterator[bytes]:
    while left:
        chunk = answer.read(min(left, CHUNK))
        if not chunk:
            raise EOFError(f"{left} bytes are missing")
        left -= len(chunk)
        yield chunk


def _until(answer: BufferedReader, mark: bytes) -> Iterator[bytes]:
    kept = b""
    while chunk := answer.read1(CHUNK):
        kept += chunk
        if kept.endswith(mark):
            yield kept[: -len(mark)]
            return
        yield kept[: -len(mark)]
        kept = kept[-len(mark) :]
    raise EOFError("its end is missing")
