"""A prompt of a picture, and what else has rows of its own beside it."""

from dataclasses import dataclass
from typing import Literal

import torch

from worker.engine.parts.rows import Pair


@dataclass(frozen=True)
class Condition:
    """One prompt of a picture as inputs of its rows, and how much it counts beside others: by its
    weight, or where prompts have places by its `share` of each latent pixel (1, 1, h, w).

    A `perturbed` one is the first again, for a network that does not look about itself; one that
    is `shown_to` the rows with the prompt or those without is the picture that these look at.
    """

    inputs: dict[str, Pair]
    weight: float = 1.0
    share: torch.Tensor | None = None
    perturbed: bool = False
    shown_to: Literal["prompt", "negative"] | None = None

    @property
    def speaks(self) -> bool:
        """Whether its answer is one of those that guidance goes between."""
        return not self.perturbed and self.shown_to is None
