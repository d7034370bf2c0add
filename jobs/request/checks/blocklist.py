"""What no prompt may say, from the operator's own list: BLOCKED_PROMPTS."""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jobs.settings import settings

log = logging.getLogger(__name__)

WEIGHTS = re.compile(r":\s*-?[0-9.]+\s*(?=[)\]])|[()\[\]{}\\]")
"""The signs by which a prompt weighs its words, which could hide one."""

BETWEEN = re.compile(r"[\s_\-.]+")
"""What a word of the list may be parted by where the list has a space."""


class BadBlocklist(Exception):
    """The server does not start: the list cannot be read, and the message names the line."""


@dataclass(frozen=True)
class Blocklist:
    """The list as read from a file at one time."""

    patterns: tuple[re.Pattern[str], ...] = ()

    def blocks(self, prompt: str) -> bool:
        """Whether the prompt has anything of the list, in any case and whatever its weights."""
        plain = _folded(prompt)
        forms = {plain, _folded(WEIGHTS.sub("", prompt)), _folded(WEIGHTS.sub(" ", prompt))}
        return any(pattern.search(form) for pattern in self.patterns for form in forms)


def read(path: Path) -> Blocklist:
    """The list of a file. Raises BadBlocklist."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadBlocklist(f"BLOCKED_PROMPTS: {path} cannot be read: {reason}.") from error
    patterns: list[re.Pattern[str]] = []
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        try:
            patterns.append(_pattern(entry))
        except re.error as error:
            raise BadBlocklist(
                f"BLOCKED_PROMPTS: line {number} of {path} is no regular expression: {error}."
            ) from error
    return Blocklist(tuple(patterns))


def current() -> Blocklist:
    """The list in force; empty where there is none.

    Raises BadBlocklist where it cannot be read for the first time; one that was broken since does
    not replace the one that was read, and the log says so.
    """
    path = settings().blocked_prompts
    return _kept(path).get() if path is not None else Blocklist()


class _Kept:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._list: Blocklist | None = None

    def get(self) -> Blocklist:
        try:
            stat = self._path.stat()
            stamp = stat.st_mtime_ns, stat.st_size
        except OSError:
            stamp = None
        if self._list is None or stamp != self._stamp:
            self._stamp = stamp
            try:
                self._list = read(self._path)
            except BadBlocklist as error:
                if self._list is None:
                    raise
                log.error("the list before stays in force: %s", error)
        return self._list


_kept = cache(_Kept)


def _pattern(entry: str) -> re.Pattern[str]:
    if len(entry) > 2 and entry.startswith("/") and entry.endswith("/"):
        return re.compile(entry[1:-1], re.IGNORECASE)
    words = [re.escape(word) for word in BETWEEN.split(_folded(entry)) if word]
    return re.compile(rf"(?<!\w){BETWEEN.pattern.join(words)}(?!\w)")


def _folded(text: str) -> str:
    """The text in one form: no case, no ligatures or wide letters, nothing invisible."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in folded if unicodedata.category(each) != "Cf")
