"""Sentences for people that a client may say in another language: with a code, and with values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

Value = str | int | float

SHOWN = 60
"""Characters of what somebody wrote that a sentence has room for."""


class Wording(BaseModel):
    """What a sentence says, for a client that has it in another language."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="Which sentence it is.", examples=["unresolved"])
    values: dict[str, Value] = Field(
        description="What stands in it.", examples=[{"host": "example.org"}]
    )


class Sentence(str):
    """A sentence in English that knows its wording; as the text of an exception it stays one."""

    wording: Wording

    def __str__(self) -> str:
        return self


def say(code: str, template: str, **values: Value) -> Sentence:
    """The sentence of a template such as "{host} could not be resolved"."""
    sentence = Sentence(template.format(**values))
    sentence.wording = Wording(code=code, values=values)
    return sentence


def shown(written: str) -> str:
    """As much of what somebody wrote as a sentence has room for, on one line."""
    return " ".join(written.split())[:SHOWN]


def wording_of(text: str | None) -> Wording | None:
    """The wording of a sentence; None of a text that is only English."""
    return text.wording if isinstance(text, Sentence) else None


def worded(text: str, wording: Wording | None) -> str:
    """A text with the wording that came beside it."""
    if wording is None:
        return text
    sentence = Sentence(text)
    sentence.wording = wording
    return sentence
