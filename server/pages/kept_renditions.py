"""Renditions on disk: none is made again after a restart, and they never take more than a bound."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from jobs.pictures.image_store import written_beside

log = logging.getLogger(__name__)

KIND = "2"
"""Goes up when `render` makes something else of the same picture: what older ones made is not
served any more, and is the first to go."""

RESERVE = 256 * 2**20
"""Bytes of the disk left to pictures and Redis: where less is free, renditions give way."""

SHARE = 16
"""All files are counted each time that this part of the limit was written; between two times nobody
knows what other processes write."""


class Rendition(NamedTuple):
    """Which picture, in which format, how wide; None is as wide as the picture."""

    image: str
    format: str
    width: int | None


class KeptRenditions:
    """Renditions in a folder, `limit` bytes of them; what was used longest ago goes first.

    Several processes may share the folder; each may be a sixteenth beyond the limit. A disk that is
    full, or may not be written to, keeps nothing and harms nobody.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._unseen = limit
        """Bytes written since all files were looked at last: at first nobody knows."""
        self._lock = Lock()
        self._complained = False

    def read(self, rendition: Rendition) -> bytes | None:
        """The rendition, used just now; None if it is not kept."""
        path = self._path(rendition)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def keep(self, rendition: Rendition, data: bytes) -> None:
        """Keep it, if there is room for it."""
        if len(data) > self._limit:
            return
        try:
            self._make_room(len(data))
            if self._free() < RESERVE:
                return
            # Clients keep it for ever: it may not be half there after a power cut.
            path = self._path(rendition)
            with written_beside(path, data) as temporary:
                temporary.replace(path)
        except OSError as error:
            if not self._complained:
                log.warning("renditions are not kept on disk: %s", error)
            self._complained = True

    def forget(self, image: str) -> None:
        """Remove every rendition of a picture."""
        for path in self._folder.glob(f"*/{image[30:32]}/{image}.*"):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def images(self) -> set[str]:
        """The pictures that renditions are kept of."""
        return {path.name.partition(".")[0] for path in self._files() if path.name[0] != "."}

    def _make_room(self, needed: int) -> None:
        spare = self._limit // SHARE
        with self._lock:
            self._unseen += needed
            free = self._free()
            if self._unseen <= spare and free >= RESERVE:
                return
            self._unseen = needed
            found = sorted(self._states())
            total = sum(size for _, size, _ in found)
            allowed = min(self._limit, total + free - RESERVE) - spare
            for _, size, path in found:
                if total <= allowed:
                    break
                path.unlink(missing_ok=True)
                total -= size

    def _states(self) -> Iterator[tuple[float, int, Path]]:
        """When each file was used last, and its size; those of another kind as if never."""
        for path in self._files():
            with suppress(OSError):
                state = path.stat()
                used = state.st_mtime if path.parents[1].name == KIND else 0.0
                yield used, state.st_size, path

    def _files(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("*/*/*") if path.is_file())

    def _free(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free

    def _path(self, rendition: Rendition) -> Path:
        image, format, width = rendition
        return self._folder / KIND / image[30:32] / f"{image}.{width or 'full'}.{format}"
