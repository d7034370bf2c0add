"""The files that show all pictures of a walk: which there are, and what they are called."""

from __future__ import annotations

from typing import Literal

Name = Literal["strip", "animation"]

TYPES: dict[Name, str] = {"strip": "image/png", "animation": "image/webp"}
"""What each file is."""


def file_id(job_id: str, name: Name) -> str:
    """The id of one of them."""
    return f"{job_id}-w-{name}"


def all_ids(job_id: str) -> list[str]:
    """Everything that may be in the store beside the pictures of a walk."""
    return [file_id(job_id, name) for name in TYPES]
