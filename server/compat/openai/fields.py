"""The fields of a request, as JSON or as texts of a form, and the job that they ask for."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Literal, cast

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jobs.request.fields.values import LIMITS
from jobs.request.model_card import Kind, ModelCard
from jobs.request.notes import Note
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from server.compat.openai.errors import invalid
from server.compat.pictures import Format
from server.compat.unread import unknown
from server.errors import ApiError
from server.pages.renditions import render
from server.requests import multipart
from server.requests.validation import field_errors

MOST = min(10, LIMITS.max_count)
"""Pictures of one request: OpenAI's limit, or the operator's."""

PARTIAL = 3
"""Previews of one request, as OpenAI has it."""

SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")

MADE_AT_URL = ("dall-e-2", "dall-e-3")
"""Models of whose pictures OpenAI sends the URL where the client does not say."""


OPENAIS = {
    *("user", "safety_identifier", "style", "moderation", "input_fidelity"),
    *("image", "image[]", "images", "mask", "image_url", "mask_url"),
}
"""Fields of OpenAI's that change nothing here, and those that pictures come in."""


class ImageFields(BaseModel):
    """What a client may send; what OpenAI has beside (`user`, `style`, `moderation`...) changes
    nothing.

    `quality` is taken and given back, and changes nothing either: `steps` does. Forms send all as
    text, so numbers may be text everywhere.
    """

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    prompt: str | None = None
    model: str | None = None
    n: int = Field(1, ge=1, le=MOST)
    size: str = "auto"
    quality: str = "auto"
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Format = "png"
    output_compression: int = Field(100, ge=0, le=100)
    background: Literal["opaque", "auto", "transparent"] = "auto"
    stream: bool = False
    partial_images: int = Field(0, ge=0, le=PARTIAL)
    negative_prompt: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    schedule: str | None = None
    strength: float | None = None
    as_written: bool = False

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, sent: dict[str, Any]) -> dict[str, Any]:
        """What is null, or was left empty in a form, was not said."""
        return {name: value for name, value in sent.items() if value not in (None, "")}

    @property
    def notes(self) -> list[Note]:
        """What of the fields is done otherwise."""
        notes = unknown(self.model_extra, OPENAIS)
        if self.background == "transparent":
            detail = "pictures have a background here; it was made opaque"
            notes.append(Note(pointer="/background", detail=detail))
        return notes

    @property
    def wants_url(self) -> bool:
        """Whether pictures are sent as signed URLs, not in base64.

        Where the client does not say it is as with OpenAI: URLs of what it asks of `dall-e-2` and
        `dall-e-3`, base64 of all else. A stream has base64 only.
        """
        if self.response_format is not None:
            return self.response_format == "url"
        return self.model in MADE_AT_URL

    def encoded(self, png: bytes) -> bytes:
        """A stored picture as the client wants it."""
        return render(png, self.output_format, None, self.output_compression)

    def generation(
        self, kind: Kind, card: ModelCard, pictures: Collection[str]
    ) -> GenerationRequest:
        """The job; `pictures` are JSON pointers of those whose bytes came along. Raises
        InvalidRequest."""
        width, height = self._width_and_height()
        asked = {
            "kind": kind,
            "model": card.name,
            "prompt": self.prompt or "",
            "negative_prompt": self.negative_prompt,
            "count": self.n,
            "width": width,
            "height": height,
            "seed": self.seed,
            "steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "sampler": self.sampler,
            "schedule": self.schedule,
            "strength": self.strength,
            "as_written": self.as_written,
            **{name: multipart.PART for name in ("image", "mask") if f"/{name}" in pictures},
        }
        references = sum(pointer.startswith("/references/") for pointer in pictures)
        try:
            return GenerationRequest.model_validate(
                {name: value for name, value in asked.items() if value is not None}
                | {"references": [multipart.PART] * references}
            )
        except ValidationError as error:
            raise InvalidRequest(field_errors(error)) from error

    def _width_and_height(self) -> tuple[int | None, int | None]:
        """None twice for `auto`: the model's own, or the shape of the picture that was sent."""
        if self.size == "auto":
            return None, None
        match = SIZE.fullmatch(self.size)
        if match is None:
            raise invalid("size", f'must be "auto" or such as "512x768"; it is {self.size[:40]!r}')
        return int(match[1]), int(match[2])


def from_json() -> ImageFields:
    """The fields of a JSON body."""
    sent = request.get_json(force=True)
    if not isinstance(sent, dict):
        raise ApiError(400, "invalid-request", "the body must be a JSON object")
    return _checked(cast("dict[str, Any]", sent))


def from_form() -> ImageFields:
    """The fields of a multipart body, whose files are in `files_of`."""
    if request.mimetype != multipart.TYPE:
        detail = f"send the body as {multipart.TYPE}, with the pictures as files"
        raise ApiError(415, "unsupported-media-type", detail)
    return _checked(request.form.to_dict())


def files_of(name: str) -> list[bytes]:
    """The files that came as a field, or as a list of that name."""
    named = re.compile(rf"{name}(\[[0-9]*\])?")
    files = [file for key, file in request.files.items(multi=True) if named.fullmatch(key)]
    return [data for file in files if (data := file.read()) or file.filename]


def _checked(sent: dict[str, Any]) -> ImageFields:
    _refuse_what_is_not_done(sent)
    try:
        return ImageFields.model_validate(sent)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error, sent)) from error


def _refuse_what_is_not_done(sent: dict[str, Any]) -> None:
    if sent.get("output_format") in ("gif", "svg"):
        detail = f"{sent['output_format']} is not done here; there are png, webp and jpeg"
        raise invalid("output_format", detail)


def missing(field: str, what: str) -> InvalidRequest:
    """A field without which there is nothing to do."""
    return InvalidRequest([FieldError(pointer=f"/{field}", detail=f"is required: {what}")])
