"""Compiled networks on disk, and how each compared with the plain one: for the next start."""

import os
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from worker.engine.ground.disk import add_notes, make_room, read_notes


@dataclass(frozen=True)
class Comparison:
    """Seconds that the plain network and the compiled one took for the same rows, and whether they
    answered the same."""

    eager: float
    compiled: float
    agreed: bool

    @property
    def won(self) -> bool:
        """Whether the compiled one is to be used."""
        return self.agreed and self.compiled < WORTHWHILE * self.eager


WORTHWHILE = 0.97
"""A compiled network must be this much faster: it takes memory of its own."""

ABANDONED = 3600.0
"""Seconds after which nobody writes a file any more that is not whole."""


class Cabinet:
    """A file for each compiled network in `folder`, of at most `most` bytes together, and what was
    measured of them in the file `notes`.

    Workers of one machine share both; what cannot be read is made again, and nothing fails for
    want of it.
    """

    def __init__(self, folder: Path, notes: Path, most: int) -> None:
        self._folder = folder
        self._notes = notes
        self._most = most
        # Process ids are told apart in one container alone.
        self._own = f"{os.getpid()}-{secrets.token_hex(4)}"

    def file(self, name: str) -> Path:
        """Where a network lies, whether or not it is there."""
        return self._folder / f"{name}.blob"

    def partial(self, name: str) -> Path:
        """Where it is written before it is whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name}.{self._own}.part"

    def filed(self, name: str) -> None:
        """It is whole. What was not used for longest goes where there is too much."""
        self.partial(name).replace(self.file(name))
        make_room(self._folder, "*.blob", self._most)
        self._tidy()

    def failed(self, name: str) -> None:
        """It will not become whole: what there is of it may be what fills the disk."""
        with suppress(OSError):
            self.partial(name).unlink(missing_ok=True)

    def used(self, name: str) -> None:
        """It was read."""
        with suppress(OSError):
            os.utime(self.file(name))

    def comparison(self, name: str) -> Comparison | None:
        """What was measured of it."""
        with suppress(KeyError, TypeError, ValueError):
            return Comparison(**read_notes(self._notes)[name])
        return None

    def note(self, name: str, comparison: Comparison) -> None:
        """Keeps what was measured of it."""
        add_notes(self._notes, {name: asdict(comparison)})

    def _tidy(self) -> None:
        """Removes what workers left that were killed while they wrote it."""
        for left in self._folder.glob("*.part"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > ABANDONED:
                    left.unlink()
