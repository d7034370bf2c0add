"""The sha256 of each model's weights: what the field calls a model's hash."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from contextlib import suppress
from pathlib import Path

from worker.models.catalogue import Catalogue
from worker.models.sources import SourceError, locate

log = logging.getLogger("darkroom.worker")

CHUNK = 8 * 2**20


class Hashes:
    """Works the hashes out in the background, and remembers them in a file by size and time.

    A large model takes seconds to read; until its hash is known it has none, which delays nothing.
    """

    def __init__(self, catalogue: Catalogue, memory: Path) -> None:
        self._catalogue = catalogue
        self._memory = memory
        self._known: dict[str, str] = {}
        self._thread = threading.Thread(target=self._work, name="hashes", daemon=True)
        self._thread.start()

    def get(self, model: str) -> str | None:
        """The model's sha256 in hex; None while it is not known."""
        return self._known.get(model)

    def _work(self) -> None:
        remembered: dict[str, str] = {}
        with suppress(OSError, ValueError):
            remembered = json.loads(self._memory.read_text())
        for name, entry in self._catalogue.entries.items():
            try:
                files = locate(entry).weights()
                key = json.dumps([_mark(file) for file in files])
                if key not in remembered:
                    remembered[key] = _sha256(files)
                self._known[name] = remembered[key]
            except (OSError, SourceError) as error:
                log.debug("no hash of %s: %s", name, error)
        try:
            temporary = self._memory.with_suffix(".tmp")
            temporary.write_text(json.dumps(remembered))
            temporary.replace(self._memory)
        except OSError as error:
            log.warning("the models' hashes could not be remembered: %s", error)


def _mark(file: Path) -> tuple[str, int, int]:
    state = file.stat()
    return str(file), state.st_size, state.st_mtime_ns


def _sha256(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
