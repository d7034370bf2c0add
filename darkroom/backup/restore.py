"""Makes of a backup the data of a server that has none yet."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from redis import Redis
from redis.exceptions import ResponseError

from darkroom.backup import archive
from darkroom.backup.archive import (
    COMPLETE,
    MANIFEST,
    PICTURE,
    REDIS,
    BadBackup,
    Complete,
    Manifest,
)
from darkroom.instance import AlreadyRunning, Instance
from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.lists import listing
from jobs.pictures.image_store import ImageStore
from jobs.queue import leases
from jobs.records.record import JobRecord
from jobs.request.pictures import named_pictures
from jobs.settings import Settings

AT_ONCE = 500
"""Keys that one round trip copies."""

LOADING = 3600
"""Seconds that Redis may take to read its data: a million jobs take less than a minute."""


class NotEmpty(Exception):
    """There are jobs or pictures already: a backup is not mixed with them, and nothing is done."""


@dataclass
class Restored:
    """What there is again."""

    jobs: int = 0
    released: int = 0
    """Jobs that ran when the backup was made: they wait again."""
    pictures: int = 0
    missing: set[str] = field(default_factory=set[str])
    """Pictures that were being deleted in the moment of the backup."""


def restore(chosen: Settings, path: Path) -> Restored:
    """Put the backup where these settings say: under DATA, or to REDIS_URL and IMAGE_STORE.

    Raises NotEmpty, BadBackup, RedisMissing where no Redis of this machine reads it, RedisError,
    OSError; then nothing is left of what was begun.
    """
    store = ImageStore(chosen.image_store_url)
    if any(True for _ in store.ids()):
        raise NotEmpty(f"there are pictures already in {chosen.image_store_url}")
    files = archive.reading(path)
    said = archive.parse(Manifest, _next(files, MANIFEST))
    if said.format != Manifest.model_fields["format"].default:
        raise BadBackup(f"it was made by Darkroom {said.darkroom}, which this one does not read")
    put: list[str] = []
    try:
        with _place(chosen) as folder:
            return _restore(chosen, said, files, folder, store, put)
    except BaseException as error:
        for image in put:
            with suppress(OSError):
                store.delete(image)
        if isinstance(error, tarfile.TarError):
            raise BadBackup(f"{path} is only a part of a backup: {error}") from error
        raise


def _restore(
    chosen: Settings,
    said: Manifest,
    files: Iterator[tuple[str, IO[bytes]]],
    folder: Path,
    store: ImageStore,
    put: list[str],
) -> Restored:
    # A snapshot is how an append-only file of any version may begin.
    with (folder / "appendonly.aof").open("wb") as file:
        shutil.copyfileobj(_next(files, REDIS), file)
    program = {"path": "", "kind": said.redis_kind, "version": said.redis_version}
    (folder / "written-by.json").write_text(json.dumps(program))
    with _started(folder) as redis:
        if said.database:
            redis.swapdb(0, said.database)
        restored = Restored(released=leases.release_all(redis))
        wanted = set[str]()
        for _ in listing.adopt(redis):
            continue  # those of an earlier version are listed by owner alone
        for record in listing.every_job(redis):
            restored.jobs += 1
            wanted.update(record.stored_pictures())
            restored.missing.update(_must_have(record))
        for name, content in files:
            if picture := PICTURE.fullmatch(name):
                # What was made after the snapshot has no record.
                if picture[1] in wanted:
                    store.put(picture[1], content.read())
                    put.append(picture[1])
            elif name == COMPLETE:
                archive.parse(Complete, content)
                break
        else:
            raise BadBackup("it is only a part: its end is missing")
        restored.pictures = len(put)
        restored.missing.difference_update(put)
        if chosen.redis_url:
            _copy(redis, connect(chosen.redis_url))
    return restored


@contextmanager
def _started(folder: Path) -> Iterator[Redis]:
    server = RedisServer(folder)
    try:
        with connect(server.start(LOADING).url) as redis:
            yield redis
    finally:
        server.stop()


@contextmanager
def _place(chosen: Settings) -> Iterator[Path]:
    """Where Redis's data are put, to be the server's own when all went well."""
    if chosen.redis_url:
        with connect(chosen.redis_url) as redis:
            if redis.dbsize():
                raise NotEmpty("there are keys already in the Redis of REDIS_URL")
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    try:
        instance = Instance(chosen.data)
    except AlreadyRunning as running:
        raise NotEmpty(f"Darkroom is running with the data in {chosen.data}") from running
    place, begun = chosen.data / "redis", chosen.data / "redis.restoring"
    try:
        if place.exists() and any(place.iterdir()):
            raise NotEmpty(f"there are data already in {place}")
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir()
        yield begun
        if place.exists():
            place.rmdir()
        begun.rename(place)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
        instance.close()


def _next(files: Iterator[tuple[str, IO[bytes]]], wanted: str) -> IO[bytes]:
    name, content = next(files, ("nothing", None))
    if name != wanted or content is None:
        raise BadBackup(f"it is no backup of Darkroom: it has {name} where {wanted} should be")
    return content


def _must_have(record: JobRecord) -> list[str]:
    """Pictures without which the job is not what it says."""
    begins_with = named_pictures(record.request).values() if record.ended_at is None else ()
    return [*(output.id for output in record.outputs), *begins_with]


def _copy(source: Redis, target: Redis) -> None:
    """Every key, with its time to live."""
    with target:
        keys = list[bytes]()
        for key in cast("Iterator[bytes]", source.scan_iter(count=AT_ONCE)):
            keys.append(key)
            if len(keys) == AT_ONCE:
                _copy_keys(source, target, keys)
                keys.clear()
        _copy_keys(source, target, keys)


def _copy_keys(source: Redis, target: Redis, keys: list[bytes]) -> None:
    with source.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.dump(key)
            pipe.pttl(key)
        found = iter(pipe.execute())
    with target.pipeline(transaction=False) as pipe:
        for key, dumped, left in zip(keys, found, found, strict=False):
            if dumped is not None:
                pipe.restore(key, max(0, left), dumped, replace=True)
        try:
            pipe.execute()
        except ResponseError as error:
            raise BadBackup(f"the Redis of REDIS_URL does not take it: {error}") from error
