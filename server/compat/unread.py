"""Fields that were sent and that nobody knows: they are named, so that nothing is passed over
silently."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.request.notes import Note

MOST = 10
"""Fields of a body that are named because nobody reads them."""


def not_read(*names: str) -> list[Note]:
    """Says of each field that it was passed over: of the first ones, where there are many."""
    detail = "is not read here; the picture was made without it"
    return [Note(pointer=f"/{name}", detail=detail) for name in names[:MOST]]


def unknown(sent: Iterable[str] | None, known: Iterable[str], within: str = "") -> list[Note]:
    """The same of what was sent and is neither read here nor `known`, a field of the API that means
    nothing for pictures made here."""
    own = set(known)
    return not_read(*(f"{within}{name[:60]}" for name in sent or () if name not in own))
