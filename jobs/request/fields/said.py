"""What is said of one field of a request."""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

from jobs.sentences import Wording, wording_of


class Said(BaseModel):
    """A sentence and where it belongs: a JSON pointer (RFC 6901), empty for the whole request."""

    pointer: str
    detail: str
    wording: Wording | None = Field(
        default=None,
        exclude_if=lambda wording: wording is None,
        description="What the detail says, for programs that say it in another language; absent "
        "where it is in English only.",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_wording(cls, fields: dict[str, object]) -> dict[str, object]:
        detail = fields.get("detail")
        wording = wording_of(detail) if isinstance(detail, str) else None
        return {"wording": wording} | fields if wording else fields
