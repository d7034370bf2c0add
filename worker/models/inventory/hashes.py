"""The sha256 of weights: what the field calls a model's hash. Worked out once and remembered."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from pydantic import TypeAdapter

from worker.models.catalogue import Catalogue
from worker.models.files.errors import SourceError
from worker.models.files.sources import locate

log = logging.getLogger("darkroom.worker")

HASHES = "model-hashes.json"
"""Where the hashes are remembered, in the folder of what was measured."""

CHUNK = 8 * 2**20


@dataclass(frozen=True)
class Digest:
    """The sha256 of several files in hex: of all of them as if they were one, and of each."""

    whole: str
    files: list[str]


_DIGESTS = TypeAdapter(dict[str, Digest])


class HashMemory:
    """What was worked out before, in a file; a file of weights is known by its size and time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def known(self, files: Sequence[Path]) -> Digest | None:
        """The hash of these files, if it was worked out since they changed. Raises OSError."""
        return self._read().get(_mark(files))

    def work_out(self, files: Sequence[Path]) -> Digest:
        """The hash of these files; reads them if it is not known. Raises OSError."""
        digest = self.known(files)
        if digest is None:
            mark, digest = _mark(files), sha256(files)
            self._remember(mark, digest)
        return digest

    def _read(self) -> dict[str, Digest]:
        with suppress(OSError, ValueError):
            return _DIGESTS.validate_json(self._file.read_bytes())
        return {}

    def _remember(self, mark: str, digest: Digest) -> None:
        temporary = self._file.with_suffix(".tmp")
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            # Read again: a worker and `darkroom models check` may both be at it.
            temporary.write_bytes(_DIGESTS.dump_json({**self._read(), mark: digest}))
            temporary.replace(self._file)
        except OSError as error:
            log.warning("the models' hashes could not be remembered: %s", error)


class Hashes:
    """Works the models' hashes out in the background.

    A large model takes seconds to read; until its hash is known it has none, which delays nothing.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        memory: HashMemory,
        marks: Mapping[str, Hashable] | None = None,
    ) -> None:
        self._memory = memory
        self._known: dict[tuple[str, Hashable], str] = {}
        self._todo: SimpleQueue[tuple[Catalogue, Mapping[str, Hashable]]] = SimpleQueue()
        self._marks: Mapping[str, Hashable] = {}
        self._thread = threading.Thread(target=self._work, name="hashes", daemon=True)
        self.follow(catalogue, marks or {})
        self._thread.start()

    def follow(self, catalogue: Catalogue, marks: Mapping[str, Hashable]) -> None:
        """Another catalogue takes the place of the one that was; `marks` has for each table, such
        as `models.emoji`, what its weights are loaded from."""
        self._marks = marks
        self._todo.put((catalogue, marks))

    def get(self, model: str) -> str | None:
        """The model's sha256 in hex; None while it is not known."""
        return self.of(model, self._marks.get(f"models.{model}"))

    def of(self, model: str, mark: Hashable) -> str | None:
        """The sha256 of what the model's weights were loaded from, now or before; None while it is
        not known."""
        return self._known.get((model, mark))

    def _work(self) -> None:
        while True:
            catalogue, marks = self._todo.get()
            for name, entry in catalogue.entries.items():
                if not self._todo.empty():
                    # It will be looked at in the newer one.
                    break
                mark = marks.get(entry.where)
                if (name, mark) in self._known:
                    continue
                try:
                    self._known[name, mark] = self._memory.work_out(locate(entry).weights()).whole
                except (OSError, SourceError) as error:
                    log.debug("no hash of %s: %s", name, error)


def sha256(files: Sequence[Path]) -> Digest:
    """Read the files and hash them. Raises OSError."""
    whole, each = hashlib.sha256(), list[str]()
    for file in files:
        one = hashlib.sha256()
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                whole.update(chunk)
                one.update(chunk)
        each.append(one.hexdigest())
    return Digest(whole.hexdigest(), each)


def _mark(files: Sequence[Path]) -> str:
    states = [(str(file), file.stat()) for file in files]
    return json.dumps([(name, state.st_size, state.st_mtime_ns) for name, state in states])
