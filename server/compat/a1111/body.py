"""Bodies of AUTOMATIC1111's clients, read as forgivingly as it does.

Null is as good as left out, numbers may come as strings, and fields nobody knows are passed over;
what generates says so in a note.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any, Literal, TypeVar, cast

from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jobs.request.request import FieldError, InvalidRequest
from server.requests.validation import field_errors

Model = TypeVar("Model", bound=BaseModel)


def json_object() -> dict[str, Any]:
    """The request's body, whatever type it is said to be. Raises a 400, 408, 413 or 422."""
    value = request.get_json(force=True)
    if request.content_length is None:
        # A body in chunks was cut off at the limit, and this read says so.
        request.stream.read(1)
    if not isinstance(value, dict):
        raise InvalidRequest([FieldError(pointer="", detail="must be a JSON object")])
    return cast("dict[str, Any]", value)


def read(model: type[Model], sent: dict[str, Any]) -> Model:
    """The fields that were sent. Raises InvalidRequest naming each that is wrong."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error, sent)) from None


def blank(value: object) -> object:
    """Forms send an empty string for a number that nobody filled in."""
    return None if isinstance(value, str) and not value.strip() else value


def _whole(value: object) -> object:
    """AUTOMATIC1111 cuts off what is behind the point: half of 25 steps is 12."""
    if isinstance(value, float) and isfinite(value):
        return int(value)
    return blank(value)


def _no_object(value: object) -> object:
    """PHP writes an empty object as an empty array."""
    return None if value == [] else blank(value)


Whole = Annotated[int | None, BeforeValidator(_whole)]
Number = Annotated[float | None, BeforeValidator(blank)]
Flag = Annotated[bool | None, BeforeValidator(blank)]
Text = Annotated[str | None, BeforeValidator(blank)]
SamplesFormat = Annotated[
    Literal["png", "jpg", "jpeg", "webp"] | None,
    BeforeValidator(
        lambda value: value.strip().lower() or None if isinstance(value, str) else value
    ),
]
Object = Annotated[dict[str, Any] | None, BeforeValidator(_no_object)]
Positive = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_whole)]


class Forgiving(BaseModel):
    """A body in which each field may be left out, or be of another type that means the same."""

    model_config = ConfigDict(
        extra="ignore",
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )
