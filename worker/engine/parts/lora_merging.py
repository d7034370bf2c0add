"""What LoRAs make of the weights of a network, where they act on all rows alike."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.parts.lora_forms import WeightChange


@dataclass(frozen=True)
class Merging:
    """LoRAs as other weights: `key` is the same for the same ones, `layers` are what they change,
    each with its name and what is added to it, how strongly."""

    key: Hashable
    layers: Callable[[], Sequence[tuple[str, Any, Sequence[tuple[Any, float]]]]]

    def weights(self) -> dict[str, torch.Tensor] | None:
        """The weights that change, as they become; None where a layer would get one that it has
        not. Summed up in float32, and rounded once."""
        merged: dict[str, torch.Tensor] = {}
        with torch.no_grad():
            for name, module, changes in self.layers():
                for part in ("weight", "bias"):
                    own: torch.Tensor | None = getattr(module, part)
                    added = [
                        (delta, strength)
                        for layer, strength in changes
                        if (delta := _delta(layer, module, part)) is not None
                    ]
                    if not added:
                        continue
                    if own is None:
                        return None
                    total = own.detach().float()
                    for delta, strength in added:
                        total = total.add(delta.float().reshape(own.shape), alpha=strength)
                    # Laid out as the one in whose place it comes.
                    merged[f"{name}.{part}"] = torch.empty_like(own).copy_(total)
        return merged


def _delta(layer: Any, module: Any, part: str) -> torch.Tensor | None:
    """What a layer at strength 1 adds to a module's weight or bias."""
    if isinstance(layer, WeightChange):
        if part == "bias":
            return layer.bias
        return None if layer.form is None else layer.form.delta(module.weight)
    if part == "bias":
        return None
    return layer.up.float().flatten(1) @ layer.down.float().flatten(1)
