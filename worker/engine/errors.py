"""Why the engine gave a task back without a picture. Every message is a sentence for the caller."""

from __future__ import annotations

from typing import Self

Value = str | int | float


class Sentence(str):
    """A sentence in English with a code and its values, for who says it in another language.

    As the text of an exception it stays one, and as the text of the one that is made of that.
    """

    code: str
    values: dict[str, Value]

    @classmethod
    def of(cls, code: str, template: str, values: dict[str, Value]) -> Self:
        made = cls(template.format(**values))
        made.code, made.values = code, values
        return made

    def __str__(self) -> str:
        return self


def say(code: str, template: str, **values: Value) -> Sentence:
    """The sentence of a template such as "the model {model} reads at most {most} tokens"."""
    return Sentence.of(code, template, values)


class EngineError(Exception):
    """The task failed; its batch mates did not."""


class InvalidRequest(EngineError):
    """The request can never run on this model: the message names the field and the limit."""


class ModelUnavailable(EngineError):
    """The model is unknown or does not load: every task that asks for it fails with this."""


class NoLongerOffered(EngineError):
    """The model, or what the picture was to add to it, was removed before the task began."""


class DeadlineExceeded(EngineError):
    """The task's deadline passed before its picture was ready."""


class OutOfMemory(EngineError):
    """One row alone does not fit into the device's memory: a smaller picture would."""


class NotFinite(EngineError):
    """The picture came out as NaN or infinity: other settings, or another dtype, would work."""
