"""What other APIs mean by pictures and words without a mask: an edit, where the model does one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.request.model_card import Kind, ModelCard
from jobs.request.notes import Note


@dataclass(frozen=True)
class Change:
    """What becomes of pictures: by which kind of job, how many of them, what is done otherwise."""

    kind: Kind
    pictures: int
    strength: float | None
    notes: tuple[Note, ...] = ()

    @property
    def references(self) -> int:
        """How many of the pictures come after the first."""
        return self.pictures - 1


def change_of(
    pictures: int,
    card: ModelCard,
    cards: Sequence[ModelCard],
    *,
    prompt: str,
    field: str,
    strength: float | None = None,
) -> Change:
    """An edit by the prompt where the model does one, else image-to-image of the first picture.

    `field` is where the pictures came, as it is called there.
    """
    notes: list[Note] = []
    edits = "edit" in card.kinds and bool(prompt.strip())
    taken = min(pictures, card.edit_pictures if edits else 1)
    if pictures > taken:
        used = f"the first {taken}" if taken > 1 else "the first"
        detail = f"{card.name} takes {_so_many(taken)}: {used} of the {pictures} counted"
        more = [each.name for each in cards if each.edit_pictures > taken]
        detail += f"; {', '.join(more)} would take more" if more else ""
        notes.append(Note(pointer=f"/{field}", detail=detail))
    if edits and strength is not None:
        detail = f"{card.name} edits by words, which begins with noise alone; it has no strength"
        notes.append(Note(pointer="/strength", detail=detail))
        strength = None
    return Change("edit" if edits else "image-to-image", taken, strength, tuple(notes))


def _so_many(pictures: int) -> str:
    return "one picture" if pictures == 1 else f"{pictures} pictures"
