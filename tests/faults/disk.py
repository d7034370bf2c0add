"""A disk for pictures that can be filled: a small one of its own where that may be mounted."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

SIZE_MB = 128
"""Of the small disk: some ten thousand pictures of the model that ships."""

STEPS = (1_048_576, 4_096)
"""Bytes by which it is filled, down to a page."""


class Disk:
    """A folder on a tmpfs of its own (root on Linux). Elsewhere full means that the processes that
    write may make no file longer than a few bytes (RLIMIT_FSIZE)."""

    def __init__(self, folder: Path, writers: Callable[[], Iterable[int]]) -> None:
        self.folder = folder
        self._writers = writers
        folder.mkdir(parents=True, exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "darkroom-faults", str(folder)]
        self.mounted = (
            os.geteuid() == 0
            and shutil.which("mount") is not None
            and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        )
        self._ballast = folder / "ballast"

    @property
    def kind(self) -> str:
        """How it is made full."""
        return f"a tmpfs of {SIZE_MB} MB" if self.mounted else "RLIMIT_FSIZE"

    def fill(self) -> None:
        """Leave no room."""
        if not self.mounted:
            self._limit(16)
            return
        with self._ballast.open("ab") as file:
            for step in STEPS:
                try:
                    while True:
                        os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), step)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)
        if not self.mounted:
            self._limit(None)

    def close(self) -> None:
        """Take it away, with what is on it."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)

    def _limit(self, size: int | None) -> None:
        for pid in self._writers():
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size or hard, hard))
