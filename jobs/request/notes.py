"""What a job does otherwise than it was asked to, said once for every API that answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from grammar.script import AND
from jobs.prompts.joined import read_as_text
from jobs.request.model_card import ModelCard


class Note(BaseModel):
    """One thing that was done otherwise than asked: the field (a JSON pointer), what instead."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str


def prompt_notes(card: ModelCard, prompt: str, negative: str) -> list[Note]:
    """What of the prompts' language is read as words, because nothing here makes more of it."""
    notes: list[Note] = []
    for pointer, text in (("/prompt", prompt), ("/negative_prompt", negative)):
        if not card.batched and (sign := read_as_text(text)):
            detail = f"the model {card.name} runs as a whole pipeline, which reads `{sign}` as text"
            notes.append(Note(pointer=pointer, detail=detail))
    if card.batched and AND.search(negative):
        detail = "AND joins prompts and no negative ones; here it is read as a word"
        notes.append(Note(pointer="/negative_prompt", detail=detail))
    return notes
