"""Wildcards: lists of words in text files, one of which a prompt takes by the list's name."""

from __future__ import annotations

import fnmatch
from functools import lru_cache
from pathlib import Path

from jobs.sentences import say

SUFFIX = ".txt"

MAX_BYTES = 4_000_000
"""Of a file that is read: lists that people share have up to 100,000 lines."""

MAX_NAMES = 20_000
"""Files that are listed."""


class NoWildcard(Exception):
    """The caller gets 422: a prompt names a list that is not there or cannot be read."""


class Wildcards:
    """The lists of a folder and its folders: a line of a text file is a value, `#` begins a
    comment. They are read again when they change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def any(self) -> bool:
        """Whether there is any list."""
        return next(self._folder.rglob(f"*{SUFFIX}"), None) is not None

    def names(self) -> list[str]:
        """The lists by name: the file's path in the folder, without its suffix."""
        found = (path.relative_to(self._folder) for path in self._folder.rglob(f"*{SUFFIX}"))
        return sorted(path.with_suffix("").as_posix() for path in found)[:MAX_NAMES]

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a list, or of all whose names fit a pattern with `*`. Raises NoWildcard."""
        if "*" in name:
            fitting = [each for each in self.names() if fnmatch.fnmatchcase(each, name)]
            if not fitting:
                raise NoWildcard(
                    say(
                        "no-list-fits",
                        "`{name}` fits no file in {folder}/",
                        name=f"__{name}__",
                        folder=self._folder.name,
                    )
                )
            values = tuple(value for each in fitting for value in self._of(each))
        else:
            values = self._of(name)
        if not values:
            file = f"{self._folder.name}/{name}{SUFFIX}"
            raise NoWildcard(say("list-empty", "{file} has no values", file=file))
        return values

    def _of(self, name: str) -> tuple[str, ...]:
        shown = f"{self._folder.name}/{name}{SUFFIX}"
        if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
            raise NoWildcard(
                say("no-list-name", "`{name}` is no name of a file", name=f"__{name}__")
            )
        path = self._folder / f"{name}{SUFFIX}"
        try:
            about = path.stat()
            if about.st_size > MAX_BYTES:
                raise NoWildcard(
                    say(
                        "list-too-large",
                        "{file} has more than {most} bytes",
                        file=shown,
                        most=MAX_BYTES,
                    )
                )
            return _read(path, about.st_mtime_ns, about.st_size)
        except FileNotFoundError:
            raise NoWildcard(
                say(
                    "no-list",
                    "`{name}` wants the file {file}, which is not there; with `as_written` it is"
                    " text",
                    name=f"__{name}__",
                    file=shown,
                )
            ) from None
        except OSError as error:
            # Not the error's own words: they have the whole path.
            raise _unread(shown, error.strerror or "") from error
        except UnicodeDecodeError as error:
            raise _unread(shown, str(error)) from error


def _unread(shown: str, why: str) -> NoWildcard:
    return NoWildcard(say("list-unread", "{file} cannot be read: {why}", file=shown, why=why))


@lru_cache(maxsize=64)
def _read(path: Path, changed: int, size: int) -> tuple[str, ...]:
    """What a file said when it was last changed then and had this size."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
