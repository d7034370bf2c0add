"""Files on their way from a client to a worker: in pieces in the image store, counted in Redis.

The API and the workers share no disk, and an object in a bucket cannot grow: each piece is a file
of its own, and it counts once the record names it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from jobs.connection import now
from jobs.pictures.image_store import open_store, translated
from jobs.records.once import run_if_new, run_if_still
from jobs.settings import settings

UPLOADS = "darkroom:uploads"
"""Sorted set: ids by the time at which they were last added to."""

LIFETIME = 24 * 3600
"""Seconds without a new byte after which an upload is dropped."""

PIECE = 8 * 2**20
"""Bytes of a piece: in memory while it is stored."""


@dataclass(frozen=True)
class Upload:
    """A file that comes in pieces: how long it will be, and how much of it is here."""

    id: str
    length: int
    offset: int
    filename: str
    sha256: str | None
    changed: float

    @property
    def whole(self) -> bool:
        """Whether all of it is here."""
        return self.offset == self.length

    @property
    def expires(self) -> float:
        """When it is dropped unless more comes, in seconds since the epoch."""
        return self.changed + LIFETIME


class PieceStore:
    """The pieces of uploads, beside the pictures. Raises OSError where the store takes none."""

    def __init__(self, url: str | None = None) -> None:
        self._fs, root = open_store(url or settings().image_store_url)
        self._root = f"{root}/uploads"

    def put(self, upload_id: str, piece: str, data: bytes) -> None:
        """Store a piece."""
        with translated():
            self._fs.makedirs(f"{self._root}/{upload_id}", exist_ok=True)
            self._fs.pipe_file(f"{self._root}/{upload_id}/{piece}", data)

    def read(self, upload_id: str, piece: str) -> bytes:
        """A piece's bytes."""
        with translated():
            return cast("bytes", self._fs.cat_file(f"{self._root}/{upload_id}/{piece}"))

    def delete(self, upload_id: str, piece: str) -> None:
        """Remove a piece that does not count."""
        with suppress(FileNotFoundError), translated():
            self._fs.rm_file(f"{self._root}/{upload_id}/{piece}")

    def drop(self, upload_id: str) -> None:
        """Remove all pieces of an upload."""
        with suppress(FileNotFoundError), translated():
            self._fs.rm(f"{self._root}/{upload_id}", recursive=True)


def create(connection: Redis, length: int, filename: str, sha256: str | None) -> Upload:
    """Begin an upload."""
    upload_id = secrets.token_hex(16)
    changed = now(connection)
    record: dict[str, Any] = {
        "length": length,
        "offset": 0,
        "filename": filename,
        "sha256": sha256 or "",
        "changed": changed,
    }
    with connection.pipeline() as pipe:
        pipe.hset(_key(upload_id), mapping=cast(Any, record))
        pipe.zadd(UPLOADS, {upload_id: changed})
        run_if_new(connection, _key(upload_id), pipe)
    return Upload(upload_id, length, 0, filename, sha256, changed)


def find(connection: Redis, upload_id: str) -> Upload | None:
    """An upload; None where there is none of this id, or it was dropped."""
    said = cast("dict[bytes, bytes]", connection.hgetall(_key(upload_id)))
    if not said:
        return None
    text = {name.decode(): value.decode() for name, value in said.items()}
    return Upload(
        upload_id,
        int(text["length"]),
        int(text["offset"]),
        text["filename"],
        text["sha256"] or None,
        float(text["changed"]),
    )


def add(connection: Redis, store: PieceStore, upload: Upload, data: bytes) -> Upload | None:
    """Add what follows the upload's offset; None where something else was added there meanwhile.

    Raises OSError where the store does not take it.
    """
    piece = f"{upload.offset:016d}-{secrets.token_hex(4)}"
    store.put(upload.id, piece, data)
    offset, changed = upload.offset + len(data), now(connection)
    with connection.pipeline() as pipe:
        pipe.hset(_key(upload.id), "offset", offset)
        pipe.hset(_key(upload.id), "changed", changed)
        pipe.rpush(_pieces(upload.id), piece)
        pipe.zadd(UPLOADS, {upload.id: changed})
        if run_if_still(connection, _key(upload.id), "offset", str(upload.offset), pipe):
            return Upload(upload.id, upload.length, offset, upload.filename, upload.sha256, changed)
    store.delete(upload.id, piece)
    return None


def contents(connection: Redis, store: PieceStore, upload_id: str) -> Iterator[bytes]:
    """The upload's bytes, piece by piece. Raises OSError."""
    for piece in cast("list[bytes]", connection.lrange(_pieces(upload_id), 0, -1)):
        yield store.read(upload_id, piece.decode())


def drop(connection: Redis, store: PieceStore, upload_id: str) -> None:
    """Forget an upload, and remove what came of it. Raises OSError where the store is away."""
    store.drop(upload_id)
    connection.delete(_key(upload_id), _pieces(upload_id))
    connection.zrem(UPLOADS, upload_id)


def sweep(connection: Redis, store: PieceStore) -> None:
    """Drop uploads to which nothing was added for a day. Raises OSError where the store is away."""
    old = now(connection) - LIFETIME
    for each in cast("list[bytes]", connection.zrangebyscore(UPLOADS, 0, old)):
        drop(connection, store, each.decode())


def _key(upload_id: str) -> str:
    return f"darkroom:upload:{upload_id}"


def _pieces(upload_id: str) -> str:
    return f"darkroom:upload:{upload_id}:pieces"
