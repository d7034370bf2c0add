"""Compiled networks on disk, and how each compared with the plain one: for the next start."""

import hashlib
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

DIGITS = 32
"""Of the digest of a file in its name."""


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

    def file(self, name: str) -> Path | None:
        """Where a network lies as it was written, to the bit; None where it does not.

        A disk that failed, or a machine that lost power, leaves files whose numbers are others: a
        compiler reads them as they are, and all pictures would come out wrong.
        """
        for file in self._folder.glob(f"{name}.*.blob"):
            with suppress(OSError):
                if file.name == self._whole(name, file).name:
                    return file
            with suppress(OSError):
                file.unlink()
        return None

    def partial(self, name: str) -> Path:
        """Where it is written before it is whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name}.{self._own}.part"

    def filed(self, name: str) -> None:
        """It is whole. What was not used for longest goes where there is too much."""
        partial = self.partial(name)
        whole = self._whole(name, partial)
        for before in self._folder.glob(f"{name}.*.blob"):
            before.unlink(missing_ok=True)
        partial.replace(whole)
        make_room(self._folder, "*.blob", self._most)
        self._tidy()

    def failed(self, name: str) -> None:
        """It will not become whole: what there is of it may be what fills the disk."""
        with suppress(OSError):
            self.partial(name).unlink(missing_ok=True)

    def used(self, file: Path) -> None:
        """It was read."""
        with suppress(OSError):
            os.utime(file)

    def comparison(self, name: str) -> Comparison | None:
        """What was measured of it."""
        with suppress(KeyError, TypeError, ValueError):
            found = read_notes(self._notes)[name]
            eager, compiled = float(found["eager"]), float(found["compiled"])
            return Comparison(eager, compiled, agreed=found["agreed"] is True)
        return None

    def note(self, name: str, comparison: Comparison) -> None:
        """Keeps what was measured of it."""
        add_notes(self._notes, {name: asdict(comparison)})

    def _whole(self, name: str, file: Path) -> Path:
        """Where a network lies whose numbers are those of the file: its name says them."""
        with file.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        return self._folder / f"{name}.{digest[:DIGITS]}.blob"

    def _tidy(self) -> None:
        """Removes what workers left that were killed while they wrote it."""
        for left in self._folder.glob("*.part"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > ABANDONED:
                    left.unlink()
