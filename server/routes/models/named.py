"""What paths and bodies name: sources of models, and additions."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from jobs.additions import additions
from jobs.additions.additions import Addition
from server.errors import ApiError
from server.resources import resources

Source = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="A hub id such as `stabilityai/sd-turbo`, with `@revision` or `/file` if "
        "wanted; a link to the hub, to Civitai or to a file, with https; or `upload:ID`.",
    ),
]


class AdditionPath(BaseModel):
    """An addition in the path."""

    addition_id: str = Field(description="Id of the addition.")


def find(addition_id: str) -> Addition:
    """The addition of this id. Raises a 404."""
    addition = additions.read(resources().redis, addition_id)
    if addition is None:
        raise unknown(addition_id)
    return addition


def unknown(addition_id: str) -> ApiError:
    """That there is no addition of this id."""
    return ApiError(404, "not-found", f"there is no addition {addition_id[:64]!r}")
