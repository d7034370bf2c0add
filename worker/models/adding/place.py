"""The folder of models of a machine: its id, its disk, and which worker of it takes errands."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import IO

from worker.models.folders.about import OWN

RESERVE = 256 * 2**20
"""Bytes that an addition leaves free: others write to the same disk."""


class Place:
    """A folder of models that this process may write to, or may not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / OWN
        self._lock: IO[bytes] | None = None

    @property
    def id(self) -> str:
        """An id that lies in the folder, the same for all who see it; empty where none can be
        written."""
        file = self.own / "place"
        try:
            return file.read_text().strip()
        except OSError:
            pass
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            new = self.own / f"place.{secrets.token_hex(4)}"
            new.write_text(secrets.token_hex(8))
            try:
                # Of two that are first, one is.
                os.link(new, file)
            except FileExistsError:
                pass
            finally:
                new.unlink()
            return file.read_text().strip()
        except OSError:
            return ""

    @property
    def free(self) -> int:
        """Bytes that may be taken on its disk."""
        try:
            return max(0, shutil.disk_usage(self.folder).free - RESERVE)
        except OSError:
            return 0

    def take(self) -> bool:
        """Whether this process is the one that changes the folder: until it ends, however it
        does."""
        if self._lock is not None:
            return True
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            file = (self.own / "lock").open("ab")
        except OSError:
            return False
        try:
            # Not flock's, which what this process forks would hold as well.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._lock = file
        return True

    def give_back(self) -> None:
        """Let another process change the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def staging(self, addition: str) -> Path:
        """Where an addition's files lie until all of them are here."""
        return self.own / "additions" / addition

    @property
    def peeks(self) -> Path:
        """Where headers are laid out to be looked at."""
        return self.own / "peeks"
