"""What a job does otherwise than it was asked to, said once for every API that answers."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ConfigDict

from grammar.script import AND
from jobs.prompts.joined import passed_over, read_as_text
from jobs.prompts.tags import TAG
from jobs.request.fields.parts import Control
from jobs.request.fields.said import Said
from jobs.request.fields.values import TUNED, TUNED_TWICE
from jobs.request.model_card import ModelCard
from jobs.request.pictures import Pictures
from jobs.sentences import say, shown


class Note(Said):
    """One thing that was done otherwise than asked: the field (a JSON pointer), what instead."""

    model_config = ConfigDict(frozen=True)


def picture_notes(pictures: Pictures) -> list[Note]:
    """Which pictures had something transparent, where pictures that are made have nothing of it."""
    return [
        Note(
            pointer=pointer,
            detail=say("was-transparent", "What is transparent in the picture was taken as white."),
        )
        for pointer, picture in pictures.items()
        if picture.transparent and (pointer == "/image" or pointer.startswith("/references/"))
    ]


def threshold_notes(controls: Sequence[Control]) -> list[Note]:
    """What thresholds tune nothing, because what they were sent with is not tuned."""
    return [
        Note(
            pointer=f"/controls/{index}/{field}",
            detail=say(
                "tunes-nothing", "tunes nothing of {preprocessor}", preprocessor=each.preprocessor
            ),
        )
        for index, each in enumerate(controls)
        for field in idle_thresholds(each)
    ]


def idle_thresholds(control: Control) -> list[str]:
    """The thresholds of a ControlNet's picture that its preprocessor has no use for."""
    tuned = {"threshold_a": TUNED, "threshold_b": TUNED_TWICE}
    return [
        field
        for field, names in tuned.items()
        if getattr(control, field) is not None and control.preprocessor not in names
    ]


def prompt_notes(card: ModelCard, prompt: str, negative: str) -> list[Note]:
    """What of the prompts' language is read as words, because nothing here makes more of it."""
    notes: list[Note] = []
    for pointer, text in (("/prompt", prompt), ("/negative_prompt", negative)):
        if not card.batched and (sign := read_as_text(text)):
            detail = say(
                "read-as-text",
                "the model {model} runs as a whole pipeline, which reads `{sign}` as text",
                model=card.name,
                sign=sign,
            )
            notes.append(Note(pointer=pointer, detail=detail))
    if tag := TAG.search(negative):
        detail = say(
            "tag-as-words",
            "`{tag}` is read as words: LoRAs are named in the prompt or in `loras`",
            tag=shown(tag[0]),
        )
        notes.append(Note(pointer="/negative_prompt", detail=detail))
    if card.batched and AND.search(negative):
        detail = say(
            "and-as-word", "AND joins prompts and no negative ones; here it is read as a word"
        )
        notes.append(Note(pointer="/negative_prompt", detail=detail))
    return notes


def half_written_notes(texts: Sequence[tuple[str, str]]) -> list[Note]:
    """What of prompts, each behind the pointer of its field, looks as if it were meant as more than
    words and is words, because it is not written as it must be."""
    notes = [
        Note(
            pointer=pointer,
            detail=say(
                "half-written",
                "`{sign}` is read as words: it is not whole, or not as it must be written",
                sign=sign,
            ),
        )
        for pointer, text in texts
        if (sign := passed_over(text))
    ]
    # The pictures of one template may have one flaw.
    return [note for at, note in enumerate(notes) if note not in notes[:at]]


def guidance_notes(scale: float, *, cfg_plus_plus: bool) -> list[Note]:
    """A guidance scale that is far from those that CFG++ was made for, which are no multiples."""
    if not cfg_plus_plus or scale <= 1:
        return []
    detail = say(
        "cfgpp-high",
        "CFG++ takes guidance scales from about 0.2 to 1; at {given:g} colours burn",
        given=scale,
    )
    return [Note(pointer="/guidance_scale", detail=detail)]
