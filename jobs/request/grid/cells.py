"""The cells of a grid: the request as each of them has it, and what is wrong with the axes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import prod
from typing import Any, cast

from jobs.request.grid.part import MOST_CELLS, Axis

FIXED = frozenset(
    (
        *("kind", "count", "walk", "image", "mask", "references", "wordings", "drawn", "trace"),
        *("styles", "webhook", "metadata", "priority", "preview_interval"),
    )
)
"""Fields that are the same in all cells: each is one picture, begun in the same way."""

NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
"""A place in a list as JSON pointers write it: any other would be a second name for the same."""


class Astray(Exception):
    """An axis leads to no field that can have its value; the text says why."""


@dataclass(frozen=True)
class Cell:
    """One variant: which value of each axis, and the request's fields with them."""

    places: tuple[int, ...]
    fields: dict[str, Any]


def shape(axes: Sequence[Axis]) -> tuple[int, ...]:
    """How many values each axis has."""
    return tuple(len(axis.values) for axis in axes)


def places(axes: Sequence[Axis]) -> Iterator[tuple[int, ...]]:
    """The place of each cell, in order: the first axis goes fastest."""
    for index in range(prod(shape(axes))):
        place: list[int] = []
        for size in shape(axes):
            index, at = divmod(index, size)
            place.append(at)
        yield tuple(place)


def faults(axes: Sequence[Axis]) -> Iterator[tuple[str, str]]:
    """What is wrong with the axes by themselves: pointers, and what to say."""
    for index, axis in enumerate(axes):
        first = axis.field.split("/")[1]
        if first in FIXED:
            yield f"/axes/{index}/field", f"cannot change from cell to cell: it is {first}"
        for before, other in enumerate(axes[:index]):
            if axis.field == other.field and axis.replace is None:
                yield f"/axes/{index}/field", "has an axis already"
            elif other.field.startswith(f"{axis.field}/"):
                detail = f"takes the place of what axis {before} changes; let that one come after"
                yield f"/axes/{index}/field", detail
        if axis.labels is not None and len(axis.labels) != len(axis.values):
            yield f"/axes/{index}/labels", f"must be as many as values, {len(axis.values)}"
        if axis.replace is not None and not all(isinstance(each, str) for each in axis.values):
            yield f"/axes/{index}/values", "must be texts, since they take the place of words"
    if (cells := prod(shape(axes))) > MOST_CELLS:
        yield "/axes", f"make {cells} pictures, and a grid may have at most {MOST_CELLS}"


def cells(request: dict[str, Any], axes: Sequence[Axis]) -> Iterator[Cell]:
    """Each cell of the grid. Raises Astray, whose text begins with the axis's pointer."""
    for place in places(axes):
        fields = deepcopy(request)
        for index, (axis, at) in enumerate(zip(axes, place, strict=True)):
            try:
                _put(fields, axis, deepcopy(axis.values[at]))
            except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
                raise Astray(f"/axes/{index}/field") from error
        yield Cell(place, fields)


def _put(fields: dict[str, Any], axis: Axis, value: Any) -> None:
    """Give the field of an axis its value."""
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in axis.field.split("/")[1:]]
    at: Any = fields
    for part in way:
        at = _below(at, part)
    key: Any = _place(last) if isinstance(at, list) else last
    if axis.replace is not None:
        text: Any = _below(at, last)
        if not isinstance(text, str) or axis.replace not in text:
            raise ValueError(axis.replace)
        value = text.replace(axis.replace, value)
    at[key] = value


def _below(at: Any, part: str) -> Any:
    """What is there; a part that says nothing yet, such as `hires`, begins to."""
    if isinstance(at, list):
        return cast("list[Any]", at)[_place(part)]
    return at.setdefault(part, {})


def _place(part: str) -> int:
    if not NUMBER.fullmatch(part):
        raise ValueError(part)
    return int(part)
