"""Rows cut out of a batch's, filled up to a number where forwards must all have as many."""

from collections.abc import Sequence
from typing import TypeVar

import torch

T = TypeVar("T")


def padded(part: torch.Tensor, rows: int) -> torch.Tensor:
    """The rows of `part`, followed by copies of the first of them up to `rows`."""
    missing = rows - len(part)
    if missing <= 0:
        return part
    return torch.cat([part, part[:1].expand(missing, *part.shape[1:])])


def cut(rows: torch.Tensor, places: Sequence[int], pad_to: int = 0) -> torch.Tensor:
    """The rows at these places, followed by copies of the first of them up to `pad_to`."""
    if isinstance(places, range):
        return padded(rows[places.start : places.stop], pad_to)
    return padded(torch.cat([rows[place : place + 1] for place in places]), pad_to)


def cut_numbers(numbers: Sequence[T], places: Sequence[int], pad_to: int = 0) -> list[T]:
    """The same of a number a row."""
    return padded_numbers([numbers[place] for place in places], pad_to)


def padded_numbers(part: Sequence[T], rows: int) -> list[T]:
    """The same of a number a row."""
    return [*part, *list(part[:1]) * (rows - len(part))]
