"""Some rows of a forward: taken out of it, and what was made of them put back among the others."""

from collections.abc import Sequence

import torch

from worker.engine.ground.transfer import sent


def taken(rows: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """The rows at these places; all of them where there are as many."""
    if len(places) == len(rows):
        return rows
    return rows.index_select(0, sent(torch.tensor(places), rows.device))


def spread(part: torch.Tensor, places: Sequence[int], rows: int) -> torch.Tensor:
    """So many rows with those of `part` at their places, and 0 at all others."""
    if len(places) == rows:
        return part
    all_rows = part.new_zeros(rows, *part.shape[1:])
    return all_rows.index_copy_(0, sent(torch.tensor(places), part.device), part)
