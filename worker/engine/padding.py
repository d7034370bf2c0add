"""Rows cut out of a batch's and put back among them, and filled up to a number where forwards must
all have as many."""

from collections.abc import Sequence
from typing import TypeVar

import torch

from worker.engine.transfer import sent

T = TypeVar("T")


def padded(part: torch.Tensor, rows: int) -> torch.Tensor:
    """The rows of `part`, followed by copies of the first of them up to `rows`."""
    missing = rows - len(part)
    if missing <= 0:
        return part
    return torch.cat([part, part[:1].expand(missing, *part.shape[1:])])


def padded_numbers(part: Sequence[T], rows: int) -> list[T]:
    """The same of a number a row."""
    return [*part, *[part[0]] * (rows - len(part))]


def taken(rows: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """The rows at these places; all of them where there are as many."""
    if len(places) == len(rows):
        return rows
    return rows.index_select(0, sent(torch.tensor(places), rows.device))


def spread(part: torch.Tensor, places: Sequence[int], rows: int) -> torch.Tensor:
    """So many rows with those of `part` at their places, and 0 at all others."""
    if len(places) == rows:
        return part
    among = part.new_zeros(rows, *part.shape[1:])
    return among.index_copy_(0, sent(torch.tensor(places), part.device), part)
