"""T2I-Adapters (arXiv 2302.08453): pictures that steer a UNet, each read once, not every step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from worker.engine.ground.padding import cut
from worker.engine.parts.emphasis import Emphasis, adapter_shares
from worker.engine.request import ControlMode

Features = tuple[torch.Tensor, ...]
"""What a T2I-Adapter adds at each level of a UNet's way down, (1, C, h, w) each."""


@dataclass(frozen=True, eq=False)
class LoadedT2IAdapter:
    """A diffusers T2IAdapter on its device and in its dtype."""

    name: str
    net: Any
    device: torch.device
    dtype: torch.dtype

    def features(self, picture: torch.Tensor) -> Features:
        """What it makes of a picture (1, 3, height, width), 0 to 1; one of sketches sees its first
        channel, as they are white on black."""
        channels: int = self.net.config.in_channels
        return tuple(self.net(picture[:, :channels].to(self.device, self.dtype)))


@dataclass(frozen=True)
class Steered:
    """What steers one row through a T2I-Adapter, how strongly, and where in the row's picture
    (1, 1, height, width)."""

    adapter: LoadedT2IAdapter
    features: Features
    weight: float
    mode: ControlMode
    area: torch.Tensor | None = None


@dataclass(frozen=True)
class AdapterRows:
    """One T2I-Adapter for the rows of a forward: what it adds at each level (n, C, h, w)."""

    adapter: LoadedT2IAdapter
    features: Sequence[torch.Tensor]
    emphasis: Emphasis

    def cut(self, places: Sequence[int], pad_to: int) -> "AdapterRows":
        """The rows at these places, followed by copies of the first of them up to `pad_to` rows."""
        return replace(
            self,
            features=[cut(each, places, pad_to) for each in self.features],
            emphasis=self.emphasis.cut(places, pad_to),
        )


def steered_rows(rows: Sequence[Sequence[Steered]]) -> list[AdapterRows]:
    """What steers each row, adapter by adapter; one adds nothing to rows without it, and one that
    acts on no row is left out."""
    slots: dict[tuple[LoadedT2IAdapter, int], dict[int, Steered]] = {}
    for at, row in enumerate(rows):
        seen: list[LoadedT2IAdapter] = []
        for each in row:
            slots.setdefault((each.adapter, seen.count(each.adapter)), {})[at] = each
            seen.append(each.adapter)
    return [
        _stacked(adapter, slot, len(rows))
        for (adapter, _), slot in slots.items()
        if any(each.weight for each in slot.values())
    ]


def _stacked(adapter: LoadedT2IAdapter, slot: dict[int, Steered], rows: int) -> AdapterRows:
    of_rows = [slot.get(at) for at in range(rows)]
    blank = tuple(map(torch.zeros_like, next(iter(slot.values())).features))
    levels = zip(*(each.features if each else blank for each in of_rows), strict=True)
    areas = None
    masked = [each.area for each in slot.values() if each.area is not None]
    if masked:
        whole = torch.ones_like(masked[0])
        areas = torch.cat(
            [each.area if each and each.area is not None else whole for each in of_rows]
        )
    weights = [each.weight if each else 0.0 for each in of_rows]
    modes: list[ControlMode] = [each.mode if each else "balanced" for each in of_rows]
    return AdapterRows(
        adapter, [torch.cat(level) for level in levels], Emphasis(weights, modes, areas)
    )


def intrablock(adapters: Sequence[AdapterRows]) -> dict[str, Any]:
    """What T2I-Adapters add to a UNet's forward of these rows, as its keyword arguments."""
    total: list[torch.Tensor] = []
    for rows in adapters:
        if not rows.emphasis.acts:
            continue
        levels = rows.emphasis.shaped(rows.features, adapter_shares(len(rows.features)))
        weights = rows.emphasis.row_weights(rows.adapter.device, rows.adapter.dtype)
        added = [level * weights for level in levels]
        total = [one + other for one, other in zip(total, added, strict=True)] if total else added
    return {"down_intrablock_additional_residuals": total} if total else {}
