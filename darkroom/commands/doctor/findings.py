"""What `darkroom doctor` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at: fine, worth knowing, or wrong, and a sentence."""

    mark: str
    what: str
    says: str


def good(what: str, says: str) -> Finding:
    return Finding("ok", what, says)


def warn(what: str, says: str) -> Finding:
    return Finding("note", what, says)


def bad(what: str, says: str) -> Finding:
    return Finding("WRONG", what, says)
