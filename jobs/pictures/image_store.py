"""The image store: immutable pictures by id, in a folder or behind any fsspec URL."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from jobs.settings import settings

IMAGE_ID = re.compile(
    r"([0-9a-f]{32})-(?:i?[0-9]{1,4}|t[0-9]{1,4}(?:-(?:x|noise|x0|difference|attention))?"
    r"|w-(?:strip|animation))"
)
"""A job's id and the picture's number, with an `i` for one that the job starts from, a `t` for
what its trace has (`traces`) and a `w` for what shows all of a walk (`walks`); anything else is no
picture, and no path."""

TENSORS = re.compile(r"[0-9a-f]{32}-t[0-9]+")
"""The ids of files that are no pictures: a trace's tensors."""

ANIMATIONS = re.compile(r"[0-9a-f]{32}-w-animation")
"""The ids of animated WebPs."""

SUFFIXES = "png|safetensors|webp"
"""What names of files end with."""

ABANDONED = 3600.0
"""Seconds after which a temporary file belongs to a process that died: a write takes seconds."""


S3 = ("s3://", "s3a://")

S3_OPTIONS: dict[str, Any] = {
    # What others put and deleted since is seen.
    "use_listings_cache": False,
    "config_kwargs": {
        "connect_timeout": 2,
        "read_timeout": 4,
        "retries": {"mode": "standard", "total_max_attempts": 1},
    },
}
"""A store that is away is told of within 5 s, in place of minutes: callers come back, workers wait
longer than any library would."""


def image_id(job_id: str, index: int) -> str:
    """The id of picture `index` (from 0) of a job."""
    return f"{job_id}-{index}"


def input_id(job_id: str, index: int) -> str:
    """The id of picture `index` (from 0) of those that a job starts from."""
    return f"{job_id}-i{index}"


def job_of(image: str) -> str | None:
    """The id of the job that a picture belongs to; None if this is no picture's id."""
    match = IMAGE_ID.fullmatch(image)
    return match[1] if match else None


class StoreError(OSError):
    """The store cannot take or give bytes just now; `strerror` says why in a word, and the error of
    the library behind it is the cause."""


def open_store(url: str) -> tuple[Any, str]:
    """The file system behind a store's URL, and the store's folder in it."""
    s3 = url.startswith(S3)
    options = S3_OPTIONS | {"endpoint_url": settings().s3_endpoint} if s3 else {}
    fs, root = cast("tuple[Any, str]", fsspec.core.url_to_fs(url, **options))
    if s3:
        fs.retries = 1  # s3fs would try five times for itself, and it is no option
    return fs, root.rstrip("/")


class ImageStore:
    """Puts, reads and deletes pictures by id.

    Raises OSError where the store cannot take or give bytes (full, away, not allowed): whatever the
    library behind the URL raises of its own is a StoreError.
    """

    def __init__(self, url: str | None = None) -> None:
        self._fs, self._root = open_store(url or settings().image_store_url)

    def put(self, image: str, data: bytes) -> None:
        """Store a picture under its id; if it is there already the first one stays.

        The picture is whole and on disk, or not there at all, whatever is killed meanwhile.
        """
        path = self._path(image)
        with translated():
            if isinstance(self._fs, LocalFileSystem):
                _link_into_place(Path(path), data)
            elif not self._fs.exists(path):
                # An object store shows an object when its upload is complete, never half of it.
                self._fs.pipe_file(path, data)

    def read(self, image: str) -> bytes:
        """The picture's bytes. Raises FileNotFoundError."""
        path = self._path(image)
        with translated():
            return cast("bytes", self._fs.cat_file(path))

    def size(self, image: str) -> int:
        """The picture's size in bytes. Raises FileNotFoundError."""
        with translated():
            return int(self._fs.size(self._path(image)))

    def delete(self, image: str) -> None:
        """Remove a picture; one that is not there is fine."""
        with suppress(FileNotFoundError), translated():
            self._fs.rm_file(self._path(image))

    def ids(self) -> Iterator[str]:
        """Every picture that there is."""
        with translated():
            for path in cast("list[str]", self._fs.find(self._root)):
                image, dot, suffix = path.rpartition("/")[2].rpartition(".")
                if dot and suffix == _suffix(image) and IMAGE_ID.fullmatch(image):
                    yield image

    def try_out(self) -> None:
        """Write something and remove it again. Raises OSError where no picture can be kept."""
        if isinstance(self._fs, LocalFileSystem) and not Path(self._root).exists():
            # The first picture makes the folder.
            above = next(each for each in Path(self._root).parents if each.exists())
            if not os.access(above, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(above))
            return
        image = image_id(secrets.token_hex(16), 0)
        self.put(image, b"")
        self.delete(image)

    def sweep(self) -> int:
        """Remove what writers that died left half written; returns how many files."""
        if not isinstance(self._fs, LocalFileSystem):
            return 0
        oldest = datetime.now(UTC).timestamp() - ABANDONED
        left = [path for path in Path(self._root).glob("*/.*.tmp") if path.stat().st_mtime < oldest]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _path(self, image: str) -> str:
        if not IMAGE_ID.fullmatch(image):
            raise FileNotFoundError(f"no picture has the id {image[:80]!r}")
        return f"{self._root}/{place_of(image)}"


def place_of(image: str) -> str:
    """Where below the store's folder the file of an id lies."""
    # The chance part of the id, so that no folder gets more than its share.
    return f"{image[30:32]}/{image}.{_suffix(image)}"


def _suffix(image: str) -> str:
    if ANIMATIONS.fullmatch(image):
        return "webp"
    return "safetensors" if TENSORS.fullmatch(image) else "png"


@contextmanager
def translated() -> Iterator[None]:
    """Have what a store's library raises of its own (botocore's errors are no OSError) be a
    StoreError. Python's own other errors are faults of a program and stay as they are."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__ == "builtins":
            raise
        raise StoreError(errno.EIO, type(error).__name__) from error


@contextmanager
def written_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A temporary file in the folder that `path` is to be in, whole on the disk also after a power
    cut, to be moved or linked to `path`; what is left of it is removed afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.stem}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _link_into_place(path: Path, data: bytes) -> None:
    with written_beside(path, data) as temporary, suppress(FileExistsError):
        os.link(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
