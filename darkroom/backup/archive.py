"""What a backup looks like: a folder, or a tar file with the same in it, in this order.

| | |
|---|---|
| `manifest.json` | when it was made, and by what |
| `redis.rdb` | all that Redis held at one moment |
| `images/48/ID.png` | the pictures |
| `complete.json` | that it is whole |
"""

from __future__ import annotations

import io
import os
import re
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.pictures.image_store import IMAGE_ID, SUFFIXES, place_of

MANIFEST = "manifest.json"
REDIS = "redis.rdb"
COMPLETE = "complete.json"
PICTURE = re.compile(rf"images/[0-9a-f]{{2}}/({IMAGE_ID.pattern})\.(?:{SUFFIXES})")

Words = TypeVar("Words", bound=BaseModel)

STANDARD = Path("-")
"""A tar file from or to the standard streams."""


class BadBackup(Exception):
    """What was named is no backup, or not a whole one; nothing is restored."""


class Manifest(BaseModel):
    """What a backup says of itself."""

    format: int = 1
    darkroom: str
    taken_at: str
    redis_kind: str
    redis_version: tuple[int, ...]
    database: int


class Complete(BaseModel):
    """Its last words."""

    pictures: int


class Target(Protocol):
    """Takes a backup, one file after the other."""

    def add(self, name: str, data: bytes) -> None:
        """A small file."""
        ...

    def add_file(self, name: str, path: Path) -> None:
        """A file that lies on this disk."""
        ...

    def has(self, name: str) -> bool:
        """Whether an earlier backup has left this there: pictures never change."""
        ...

    def keep_only(self, names: set[str]) -> None:
        """Of pictures that an earlier backup has left there, only these."""
        ...


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
            raise BadBackup(f"{folder} is neither empty nor an earlier backup; name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        # From here on it is no whole one, until it is again.
        (folder / COMPLETE).unlink(missing_ok=True)

    def add(self, name: str, data: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def add_file(self, name: str, path: Path) -> None:
        path.replace(self._folder / name)

    def has(self, name: str) -> bool:
        return (self._folder / name).exists()

    def keep_only(self, names: set[str]) -> None:
        for path in self._folder.glob("images/*/*"):
            if path.relative_to(self._folder).as_posix() not in names:
                path.unlink()


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), 0o600
        self._tar.addfile(entry, io.BytesIO(data))

    def add_file(self, name: str, path: Path) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = path.stat().st_size, 0o600
        with path.open("rb") as file:
            self._tar.addfile(entry, file)

    def has(self, name: str) -> bool:
        return False

    def keep_only(self, names: set[str]) -> None:
        """Nothing was there."""


def workshop(path: Path) -> Path | None:
    """A folder on the disk of the backup for what is made on the way; None for the usual one."""
    if path == STANDARD:
        return None
    return path.parent if is_file(path) else path


def is_file(path: Path) -> bool:
    """Whether this names a tar file, and no folder."""
    return path == STANDARD or path.suffix == ".tar"


@contextmanager
def writing(path: Path) -> Iterator[Target]:
    """A backup to be written there, readable by its owner only: secrets are in it.

    Raises BadBackup where something else is there, and OSError.
    """
    os.umask(0o077)
    if not is_file(path):
        yield _Folder(path)
        return
    with ExitStack() as stack:
        if path == STANDARD:
            file: IO[bytes] = sys.stdout.buffer
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The backup that lies there stays until this one is whole.
            temporary = path.with_suffix(".new")
            stack.callback(temporary.unlink, missing_ok=True)
            file = stack.enter_context(temporary.open("wb"))
        with tarfile.open(fileobj=file, mode="w|") as tar:
            yield _Tar(tar)
        if path != STANDARD:
            file.flush()
            os.fsync(file.fileno())
            path.with_suffix(".new").replace(path)


def reading(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of a backup in their order, each to be read before the next one is asked for.

    Raises BadBackup where it is none, and OSError.
    """
    if path.is_dir():
        yield from _folder_files(path)
        return
    file = sys.stdin.buffer if path == STANDARD else path.open("rb")
    try:
        with tarfile.open(fileobj=file, mode="r|") as tar:
            for entry in tar:
                if entry.isfile() and (content := tar.extractfile(entry)):
                    yield entry.name, content
    except tarfile.TarError as error:
        raise BadBackup(f"{path} is no backup, or only a part of one: {error}") from error
    finally:
        if path != STANDARD:
            file.close()


def _folder_files(folder: Path) -> Iterator[tuple[str, IO[bytes]]]:
    pictures = sorted(folder.glob("images/*/*.png"))
    for path in [folder / MANIFEST, folder / REDIS, *pictures, folder / COMPLETE]:
        if not path.exists():
            raise BadBackup(f"{folder} is no whole backup: it has no {path.name}")
        with path.open("rb") as file:
            yield path.relative_to(folder).as_posix(), file


def parse(words: type[Words], content: IO[bytes]) -> Words:
    """What a backup says of itself. Raises BadBackup."""
    try:
        return words.model_validate_json(content.read())
    except ValidationError as error:
        raise BadBackup("it does not say what a backup says of itself") from error


def picture_name(image: str) -> str:
    """Where a backup has a picture."""
    return f"images/{place_of(image)}"
