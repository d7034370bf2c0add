"""Makes a backup of a server while it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from darkroom import __version__
from darkroom.backup import archive, snapshot
from darkroom.backup.archive import COMPLETE, MANIFEST, REDIS, Complete, Manifest, Target
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore


@dataclass(frozen=True)
class Made:
    """What a backup holds."""

    pictures: int
    new: int


def make(redis_url: str, store: ImageStore, path: Path) -> Made:
    """Write a backup of all jobs and pictures, or bring the one in a folder up to date.

    Redis comes first, so that every picture that a record of the backup names is in it, but for
    those that are deleted in this very moment. Raises BadBackup, NoSnapshot, RedisError, OSError.
    """
    connection = connect(redis_url)
    info = dict(connection.info("server"))
    database = cast("dict[str, int]", connection.get_connection_kwargs()).get("db", 0)
    connection.close()
    kind, version = _program(info)
    said = Manifest(
        darkroom=__version__,
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        redis_kind=kind,
        redis_version=version,
        database=database,
    )
    with archive.writing(path) as target:
        with tempfile.TemporaryDirectory(dir=archive.workshop(path)) as folder:
            taken = Path(folder) / REDIS
            snapshot.take(redis_url, taken)
            target.add(MANIFEST, said.model_dump_json().encode())
            target.add_file(REDIS, taken)
        return _add_pictures(target, store)


def _add_pictures(target: Target, store: ImageStore) -> Made:
    names, new = set[str](), 0
    for image in store.ids():
        name = archive.picture_name(image)
        if not target.has(name):
            try:
                data = store.read(image)
            except FileNotFoundError:
                continue  # it was deleted since
            target.add(name, data)
            new += 1
        names.add(name)
    target.keep_only(names)
    target.add(COMPLETE, Complete(pictures=len(names)).model_dump_json().encode())
    return Made(pictures=len(names), new=new)


def _program(info: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    kind = "valkey" if "valkey_version" in info else "redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    return kind, tuple(int(part) for part in version.split(".")[:3])
