"""What is said beside the pictures: the tokens that they took, and what was done otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.records.events import Output
from jobs.records.record import JobRecord

SIZES = ("256x256", "512x512", "1024x1024", "1024x1536", "1536x1024", "1024x1792", "1792x1024")
"""Those that OpenAI's clients know."""

QUALITIES = ("low", "medium", "high", "auto")


def usage(outputs: Sequence[Output]) -> dict[str, Any]:
    """The prompt's tokens, counted once however many pictures were made of it.

    Pictures come of latents here, which are no tokens: there are none of pictures.
    """
    text = outputs[0].prompt_tokens if outputs else 0
    return {
        "input_tokens": text,
        "output_tokens": 0,
        "total_tokens": text,
        "input_tokens_details": {"text_tokens": text, "image_tokens": 0},
    }


def notes_of(record: JobRecord) -> dict[str, list[str]]:
    """What was done otherwise than asked, as sentences, beside OpenAI's own fields; nothing where
    all was done as asked."""
    sentences = [f"{note.pointer[1:]}: {note.detail}" for note in record.notes]
    return {"notes": sentences} if sentences else {}
