"""What the rows of a forward are shown of pictures: each its own, or nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from worker.engine.ground.padding import cut, cut_numbers
from worker.engine.references.ip_adapter import LoadedIPAdapter


@dataclass(frozen=True)
class Seen:
    """What one row is shown through an IP-Adapter (1, T, D), how strongly that acts, and where in
    the row's picture (1, 1, height, width), 0 to 1; everywhere without it."""

    adapter: LoadedIPAdapter
    tokens: torch.Tensor
    weight: float
    area: torch.Tensor | None = None


@dataclass(frozen=True)
class ReferenceRows:
    """One IP-Adapter for the rows of a forward: what each is shown (n, T, D), how strongly it acts
    on it (n), and where in its picture (n, 1, height, width), 0 to 1; everywhere without it."""

    adapter: LoadedIPAdapter
    tokens: torch.Tensor
    weights: Sequence[float]
    areas: torch.Tensor | None = None

    def cut(self, places: Sequence[int], pad_to: int) -> "ReferenceRows":
        """The rows at these places, followed by copies of the first of them up to `pad_to` rows."""
        return replace(
            self,
            tokens=cut(self.tokens, places, pad_to),
            weights=cut_numbers(self.weights, places, pad_to),
            areas=None if self.areas is None else cut(self.areas, places, pad_to),
        )


def gathered(rows: Sequence[Sequence[Seen]]) -> list[ReferenceRows]:
    """What is seen by each row, adapter by adapter; one acts with weight 0 on rows without it, and
    one that acts on no row is left out.

    Rows that are shown as many tokens share one; of a row that has the same twice each has its own.
    """
    slots: dict[tuple[LoadedIPAdapter, int, int], dict[int, Seen]] = {}
    for at, row in enumerate(rows):
        nth: Counter[tuple[LoadedIPAdapter, int]] = Counter()
        for seen in row:
            alike = seen.adapter, seen.tokens.shape[1]
            slots.setdefault((*alike, nth[alike]), {})[at] = seen
            nth[alike] += 1
    return [
        _stacked(adapter, slot, len(rows))
        for (adapter, _, _), slot in slots.items()
        if any(seen.weight for seen in slot.values())
    ]


def _stacked(adapter: LoadedIPAdapter, slot: dict[int, Seen], rows: int) -> ReferenceRows:
    seen = [slot.get(at) for at in range(rows)]
    blank = torch.zeros_like(next(iter(slot.values())).tokens)
    areas = None
    masked = [each.area for each in slot.values() if each.area is not None]
    if masked:
        whole = torch.ones_like(masked[0])
        areas = torch.cat([each.area if each and each.area is not None else whole for each in seen])
    return ReferenceRows(
        adapter,
        torch.cat([each.tokens if each else blank for each in seen]),
        [each.weight if each else 0.0 for each in seen],
        areas,
    )
