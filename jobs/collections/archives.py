"""Archives: some pictures that are to be fetched as one file, remembered for an hour."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from typing import TYPE_CHECKING, cast
from zipfile import ZIP_STORED, ZipFile

from redis import Redis

from jobs.pictures.image_store import ImageStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

LIFETIME = 3600
"""Seconds for which an archive may be fetched."""

MOST_PICTURES = 2000


@dataclass(frozen=True)
class Archive:
    """Pictures of one owner, each with the name that it has in the file."""

    id: str
    owner: str
    files: dict[str, str]
    """Names by the ids of the pictures, in their order."""


def create(redis: Redis, owner: str, files: dict[str, str]) -> Archive:
    """Remember which pictures are wanted."""
    archive = Archive(secrets.token_urlsafe(18), owner, files)
    redis.set(_key(archive.id), json.dumps({"owner": owner, "files": files}), ex=LIFETIME)
    return archive


def find(redis: Redis, archive: str) -> Archive | None:
    """What is to be in an archive; None an hour later."""
    raw = cast("bytes | None", redis.get(_key(archive)))
    return None if raw is None else Archive(archive, **json.loads(raw))


def _key(archive: str) -> str:
    return f"darkroom:archive:{archive}"


class _Outlet(RawIOBase):
    """Takes what a ZIP file is made of, until it is sent."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        self._written += data
        return memoryview(data).nbytes

    def taken(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


def stream(store: ImageStore, files: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """A ZIP file in pieces, of which none is larger than one picture: (id, name) of each.

    A picture that is gone meanwhile is left out. They are stored as they are: PNG is compressed.
    """
    outlet = _Outlet()
    with ZipFile(outlet, "w", ZIP_STORED) as archive:
        for image, name in files:
            try:
                data = store.read(image)
            except FileNotFoundError:
                continue
            archive.writestr(name, data)
            yield outlet.taken()
    yield outlet.taken()
