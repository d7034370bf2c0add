"""Ids of Redis Stream entries, which are also the ids of server-sent events."""

from __future__ import annotations

import re

START = "0-0"
"""Before the first entry of any stream."""

PATTERN = r"^[0-9]{1,19}-[0-9]{1,19}$"


def order(entry_id: str) -> tuple[int, int]:
    """What entries are sorted by."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


def is_id(text: str) -> bool:
    """Whether this can be the id of an entry."""
    if not re.fullmatch(PATTERN, text):
        return False
    return max(order(text)) < 2**64


def milliseconds(entry_id: str) -> int:
    """When the entry was written, in milliseconds since the epoch."""
    return order(entry_id)[0]
