"""Single values of a picture's recipe as AUTOMATIC1111 writes them into its text."""

from __future__ import annotations

import json
import re
from typing import Any

CUTS = re.compile(r"Negative prompt(?=:)|^Steps(?=:)", re.MULTILINE)
"""What in a prompt would pass for the beginning of another part of the text."""

COMMA = r"\u002c"


def number(text: str) -> Any:
    """The number in a text; what is none stays a text, which the request's own check names."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def harmless(prompt: str) -> str:
    """The prompt with a space before each colon at which readers would cut the text.

    To a text encoder it is the same prompt: it reads words and signs, not the spaces between.
    """
    return CUTS.sub(r"\g<0> ", prompt)


def quoted(value: object) -> str:
    """A value as it stands in the last line: in quotes where a reader would cut it."""
    text = str(value)
    if not any(each in text for each in ",:\n"):
        return text
    # Escaped, a comma is the same to whoever reads the quotes, and does not cut the value for
    # readers that do not: these would take the model in a ControlNet's value for the picture's.
    return json.dumps(text, ensure_ascii=False).replace(",", COMMA)


def unquoted(text: str) -> str:
    """A value without its quotes."""
    text = text.strip()
    if text.startswith('"') and text.endswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text
