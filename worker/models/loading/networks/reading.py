"""How far the reading of a model's files is, which its libraries tell nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from worker.models.files.sources import ModelFiles

CHUNK = 1 << 24
"""Bytes read at once, and told."""

READ = 0.5
"""Share of the loading that reading the files is; the rest is making modules of them."""

Report = Callable[[float], None]
"""Takes how much of a model has been read: 0 to 1, never less than before."""


class Reading:
    """Reads a model's files ahead of the libraries, and tells how far it is.

    The libraries map files into memory, and tell nobody when their bytes come from the disk.
    """

    def __init__(self, files: ModelFiles, report: Report) -> None:
        self._report = report
        self._sizes = {file: file.stat().st_size for file in files.weights()}
        self._total = max(1, sum(self._sizes.values()))
        self._read = self._made = 0
        report(0.0)

    def ahead(self, folder: Path | None = None) -> None:
        """Bring a part's files, or without one all of them, into the system's cache."""
        files = [file for file in self._sizes if folder in (None, file, file.parent)]
        # What does not fit there would be read twice.
        fits = sum(map(self._sizes.__getitem__, files)) < psutil.virtual_memory().available // 2
        buffer = bytearray(CHUNK)
        for file in files:
            with file.open("rb", buffering=0) as opened:
                if not fits:
                    opened.seek(0, os.SEEK_END)
                    self._count(read=self._sizes[file])
                while count := opened.readinto(buffer):
                    self._count(read=count)

    def made(self, folder: Path | None = None) -> None:
        """The modules of a part's folder, or of everything, are there."""
        files = [file for file in self._sizes if folder in (None, file, file.parent)]
        self._count(made=sum(map(self._sizes.__getitem__, files)))

    def done(self) -> None:
        """All is read, and ready."""
        self._report(1.0)

    def _count(self, read: int = 0, made: int = 0) -> None:
        self._read += read
        self._made += made
        share = READ * self._read + (1 - READ) * self._made
        # The last bit is bringing it to its device and fitting the preview.
        self._report(min(0.99, share / self._total))
