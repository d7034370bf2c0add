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


def padded_numbers(part: Sequence[T], rows: int) -> list[T]:
    """The same of a number a row."""
    return [*part, *list(part[:1]) * (rows - len(part))]
