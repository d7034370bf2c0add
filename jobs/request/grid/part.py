"""The axes of a grid: which field of a request changes along each, and through which values."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import Field, JsonValue

from jobs.request.fields.parts import Part

MOST_AXES = 3
"""Across, down, and sheet by sheet: more than that nobody reads."""

MOST_CELLS = 256
"""Pictures of a grid: sixteen by sixteen."""

Label = Annotated[str, Field(max_length=200)]


class Axis(Part):
    """One field of the request and the values that it goes through."""

    field: str = Field(
        pattern="^/",
        max_length=200,
        description="The field as a JSON pointer into the request, such as `/steps`, "
        "`/loras/0/weight` or `/prompt`.",
        examples=["/guidance_scale"],
    )
    values: list[JsonValue] = Field(
        min_length=1,
        max_length=MOST_CELLS,
        description="What it is in each column, row or sheet.",
        examples=[[2, 4, 8]],
    )
    replace: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="For a field that is a text: the words in it that each value takes the place "
        "of. Without it a value is the whole text.",
        examples=["apple"],
    )
    title: Label = Field(
        default="", description="What the axis is called on the sheet; the field's name if empty."
    )
    labels: list[Label] | None = Field(
        default=None,
        description="What each value is called on the sheet; as it is written if left out.",
    )

    @property
    def name(self) -> str:
        """What the axis is called."""
        return self.title or self.replace or self.field.strip("/").replace("_", " ")

    def label(self, index: int) -> str:
        """What value `index` is called."""
        if self.labels is not None:
            return self.labels[index]
        value = self.values[index]
        return value if isinstance(value, str) else _written(value)


def _written(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
