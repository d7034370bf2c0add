"""Face restorers by the names that AUTOMATIC1111's clients know them by."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.request.fields.parts import RestoreFaces
from jobs.request.model_card import AddOn
from jobs.request.notes import Note

GFPGAN = "GFPGAN"
CODEFORMER = "CodeFormer"

MISSING = "there is no face restorer here; faces are as {were}"


def restorer_named(asked: object, field: str, known: Sequence[AddOn], notes: list[Note]) -> str:
    """Our name of one of those that there are: they say GFPGAN where a file is gfpganv1.4. For one
    that is not here the first stands in, and a note says so."""
    wanted = str(asked or "").strip().lower()
    for each in known:
        if wanted and each.name.lower().startswith(wanted):
            return each.name
    first = known[0].name
    if wanted not in ("", "none"):
        detail = f"{str(asked)[:60]} is not here; {first} restored the faces"
        notes.append(Note(pointer=f"/{field}", detail=detail))
    return first


def restoring(
    asked: object, field: str, known: Sequence[AddOn], notes: list[Note], strength: float = 1.0
) -> RestoreFaces | None:
    """`restore_faces` of a request of ours; None, and a note, where nothing restores faces."""
    if not known:
        notes.append(Note(pointer=f"/{field}", detail=MISSING.format(were="they were made")))
        return None
    name = restorer_named(asked, field, known, notes)
    return RestoreFaces(model=name, strength=strength)
