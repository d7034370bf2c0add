"""What may be wrong with prompts that AND joins, and what of a prompt is read as text alone."""

from __future__ import annotations

import re

AND = re.compile(r"\bAND\b")
MAX_JOINED = 16
"""Prompts that AND may join: each is one more row of every forward."""

MAX_WEIGHT = 100.0
"""Of a prompt that AND joins."""

LANGUAGE = re.compile(r"\bAND\b|\bBREAK\b|\([^()]*:\s*[\d.]+\s*\)|\[[^\[\]]*[:|][^\[\]]*\]")
"""What says something else than its letters."""

_WEIGHT = re.compile(r":\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*\Z", re.ASCII)


def joins(prompt: str) -> bool:
    """Whether a prompt is several that AND joins."""
    return AND.search(prompt) is not None


def join_fault(prompt: str, *, guided: bool) -> str | None:
    """Why a prompt cannot be joined of those that AND stands between; None where it can."""
    joined = 1 + len(AND.findall(prompt))
    if joined == 1:
        return None
    if joined > MAX_JOINED:
        return f"AND joins at most {MAX_JOINED} prompts; there are {joined}"
    if not guided:
        return (
            "AND joins prompts by their guidance, and there is none; a guidance scale above 1 gives"
            " it some"
        )
    for match in filter(None, map(_WEIGHT.search, AND.split(prompt))):
        if abs(float(match[1])) > MAX_WEIGHT:
            return f"what AND joins weighs at most {MAX_WEIGHT:g}, not {float(match[1]):g}"
    return None


def read_as_text(prompt: str) -> str | None:
    """The first of the signs that a prompt has for a reader of this field's language."""
    match = LANGUAGE.search(prompt)
    return match[0] if match else None
