"""What a log may say: one line an event, no secret, nothing that steers a terminal."""

from __future__ import annotations

import logging
import re

from jobs.settings import settings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

SECRETS = (
    re.compile(r"(?i)(\b(?:authorization|proxy-authorization|cookie|set-cookie)\b\W{1,4})[^\n]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}"),
    re.compile(
        r"(?i)(\b[\w-]*(?:signature|token|secret|password|passwd|api[_-]?key)\b[\"']?"
        r"\s*[=:]\s*[\"']?)[^\s&\"',;)]+"
    ),
    re.compile(r"(?i)([?&#](?:code|key|expires)=)[^\s&\"']+"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@]+(?=@)"),
)
"""What comes before a secret is kept, so that a reader knows what was there."""

BARE_SECRETS = re.compile(r"\b(?:dk_|hf_|whsec_|sk-)[\w+/=-]{8,}")
"""Tokens that show by themselves what they are: ours, the hub's, webhooks' and OpenAI's."""

GONE = "[removed]"

LONGEST = 4000
"""Characters of a message: an exception may hold all that a stranger sent."""


class Formatter(logging.Formatter):
    """Writes a record as one line; a traceback's lines follow, each set in."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's line."""
        record.message = clean(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        """The traceback. What an exception says cannot begin a line as a record would."""
        text: str = super().formatException(ei)  # pyright: ignore[reportArgumentType]
        return "\n".join(f"    {clean(line)}" for line in text.split("\n"))


def clean(text: str) -> str:
    """The text without secrets, and with each character that is not printed by its code."""
    text = text[:LONGEST]
    for pattern in SECRETS:
        text = pattern.sub(rf"\g<1>{GONE}", text)
    text = BARE_SECRETS.sub(GONE, text)
    return "".join(each if each.isprintable() else _code(each) for each in text)


def set_up(level: str) -> None:
    """Have this process's log written so, on its standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def prompt_words(prompt: str) -> str:
    """` "the prompt"` for a log, where LOG_PROMPTS asks for it, else nothing."""
    return f' "{prompt}"' if settings().log_prompts else ""


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
