"""How what steers a picture is weighed: by the row, by the depth in the network, by the place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from worker.engine.ground.padding import cut, cut_numbers
from worker.engine.ground.transfer import sent
from worker.engine.request import ControlMode

PROMPT_ONLY: tuple[ControlMode, ...] = ("control", "guess")
"""Modes in which rows without the prompt are not steered, so that guidance leads towards it."""

SOFT = 0.825
"""Share of each level of what the one below it adds, as ControlNet's makers have it where a prompt
is to count more."""

LEVELS = 13
"""That a ControlNet of Stable Diffusion 1 adds to, from the first to the middle."""

COUNTED_SO = 10
"""Levels of SDXL's, which its makers count from the first as if there were 13. A network with fewer
is none of theirs: there the middle counts whole, as Stable Diffusion 1's does."""

SOFT_ADAPTER = (0.25, 0.62, 0.825, 1.0)
"""The same for the four levels of a T2I-Adapter."""


@dataclass(frozen=True)
class Emphasis:
    """How strongly each row is steered (n), in which mode (n), and where in its picture
    (n, 1, height, width), 0 to 1; everywhere without it."""

    weights: Sequence[float]
    modes: Sequence[ControlMode]
    areas: torch.Tensor | None = None

    @property
    def acts(self) -> bool:
        """Whether any row is steered at all."""
        return any(self.weights)

    def cut(self, places: Sequence[int], pad_to: int) -> "Emphasis":
        """Those of the rows at these places, followed by copies of the first up to `pad_to`."""
        return replace(
            self,
            weights=cut_numbers(self.weights, places, pad_to),
            modes=cut_numbers(self.modes, places, pad_to),
            areas=None if self.areas is None else cut(self.areas, places, pad_to),
        )

    def row_weights(self, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """The weights alone (n, 1, 1, 1)."""
        weights = torch.tensor(self.weights, dtype=torch.float32).to(dtype)
        return sent(weights, device).view(-1, 1, 1, 1)

    def shaped(
        self, levels: Sequence[torch.Tensor], shares: Mapping[ControlMode, Sequence[float]]
    ) -> list[torch.Tensor]:
        """What is added at each level of the network (n, C, h, w), weighed by mode and place;
        `shares` has the levels' of each mode that weighs them."""
        found = list(levels)
        if any(mode in shares for mode in self.modes):
            ones = [1.0] * len(found)
            of_rows = [shares.get(mode, ones) for mode in self.modes]
            table = torch.tensor(of_rows, dtype=torch.float32).T
            here = sent(table.contiguous(), found[0].device).to(found[0].dtype)
            found = [
                level * share.view(-1, 1, 1, 1) for level, share in zip(found, here, strict=True)
            ]
        if self.areas is not None:
            found = [level * _at(self.areas, level) for level in found]
        return found


def _at(areas: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(areas, size=level.shape[-2:], mode="bilinear").to(level.dtype)


def shares_of(levels: int, *, pooled: bool = False) -> dict[ControlMode, Sequence[float]]:
    """How much of each of a ControlNet's levels counts, the middle the last, by mode; `pooled` is
    one whose levels have no places, which diffusers leaves as they are."""
    last = (LEVELS if levels >= COUNTED_SO else levels) - 1
    soft = [SOFT ** (last - level) for level in range(levels)]
    found: dict[ControlMode, Sequence[float]] = {"prompt": soft, "control": soft}
    if not pooled:
        found["guess"] = torch.logspace(-1, 0, levels).tolist()
    return found


def adapter_shares(levels: int) -> dict[ControlMode, Sequence[float]]:
    """The same of a T2I-Adapter's."""
    soft = SOFT_ADAPTER[-levels:]
    return {"prompt": soft, "control": soft}
