"""What a job does otherwise than it was asked to, said once for every API that answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Note(BaseModel):
    """One thing that was done otherwise than asked: the field (a JSON pointer), what instead."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str
