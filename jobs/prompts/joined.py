"""What may be wrong with prompts that AND joins, and what of a prompt is read as text alone."""

from __future__ import annotations

import re

from grammar.edits import Edited, half_written, torn
from grammar.errors import BadPrompt
from grammar.script import AND, parts_of
from jobs.prompts.tags import TAG, unclosed_tag
from jobs.prompts.templates import unclosed
from jobs.sentences import say, shown

LANGUAGE = re.compile(r"\bAND\b|\bBREAK\b|\([^()]*:\s*[\d.]+\s*\)|\[[^\[\]]*[:|][^\[\]]*\]")
"""What says something else than its letters."""


_UNWEIGHED = re.compile(r"\s:\s*+\S*+\Z")
"""What stands where a prompt that AND joins has its weight."""


def said(error: BadPrompt) -> str:
    """What is wrong with a prompt, for who says it in another language as well."""
    return say(error.code, error.template, **error.values)


def joins(prompt: str) -> bool:
    """Whether a prompt is several that AND joins."""
    return AND.search(prompt) is not None


def unreadable(prompt: str) -> str | None:
    """Why one prompt cannot be read; None where it can."""
    try:
        Edited(prompt)
    except BadPrompt as error:
        return said(error)
    return None


def fault(prompt: str, *, guided: bool) -> str | None:
    """Why a prompt cannot be read, or not be joined of those that AND stands between; None where
    it can."""
    try:
        for part in parts_of(prompt):
            Edited(part.text)
    except BadPrompt as error:
        return said(error)
    if joins(prompt) and not guided:
        return say(
            "and-unguided",
            "AND joins prompts by their guidance, and there is none; a guidance scale above 1 gives"
            " it some",
        )
    return None


def read_as_text(prompt: str) -> str | None:
    """The first of the signs that a prompt has for a reader of this field's language."""
    match = LANGUAGE.search(prompt)
    return match[0] if match else None


def passed_over(prompt: str) -> str | None:
    """The first of what a prompt has that was begun as a tag, a choice, an edit or a weight, and is
    text because it has not the form of one."""
    rest = TAG.sub("", prompt)
    parts = AND.split(rest)
    weights = (_unweighed(part) for part in parts) if len(parts) > 1 else ()
    found = (unclosed_tag(rest), unclosed(rest), *map(half_written, parts), torn(parts), *weights)
    return next((shown(each) for each in found if each), None)


def _unweighed(part: str) -> str | None:
    match = _UNWEIGHED.search(part.rstrip())
    return match[0] if match and parts_of(f"{part} AND")[0].text == part.rstrip() else None
