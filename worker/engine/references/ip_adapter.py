"""IP-Adapters (arXiv 2308.06721): attentions in which a row looks at a picture beside its words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from worker.engine.references.image_encoder import ImageEncoder
from worker.engine.request import Picture

Layer = tuple[torch.Tensor, torch.Tensor]
"""What makes keys and values of one attention of a picture's tokens: each (width, tokens' own)."""

Tokens = tuple[torch.Tensor, torch.Tensor]
"""What a row with the prompt is shown of pictures, and one without: each (1, T, D)."""


@dataclass(frozen=True, eq=False)
class LoadedIPAdapter:
    """An IP-Adapter on its device and in its dtype.

    `projection` is diffusers' module that makes tokens of what the encoder read: of one vector a
    picture, or with `patches` of one a patch. `layers` are for a UNet's attentions to text, in
    their order.
    """

    name: str
    encoder: ImageEncoder
    projection: Any
    layers: Sequence[Layer]
    device: torch.device
    dtype: torch.dtype
    patches: bool = False
    _last: list[tuple[tuple[Picture, ...], Tokens]] = field(
        default_factory=list[tuple[tuple[Picture, ...], Tokens]], repr=False
    )

    def tokens(self, pictures: tuple[Picture, ...]) -> Tokens:
        """What a row is shown of pictures: all their tokens one after another; without the prompt
        as many of a picture of nothing."""
        for before, made in self._last:
            # A job's pictures share what they refer to, and an encoder takes as long as a step.
            if len(before) == len(pictures) and all(
                one is other for one, other in zip(before, pictures, strict=True)
            ):
                return made
        read = self.encoder.patches if self.patches else self.encoder.embeddings
        shown, nothing = read(pictures)
        made = self._projected(shown), self._projected(nothing)
        self._last[:] = [(pictures, made)]
        return made

    def _projected(self, embeddings: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.projection(embeddings.to(self.dtype))
        return tokens.reshape(1, -1, tokens.shape[-1])

    @property
    def bytes(self) -> int:
        """Memory that it takes, its encoder included."""
        modules = (self.encoder.model, self.projection)
        held = [each for module in modules for each in module.state_dict().values()]
        held += [each for layer in self.layers for each in layer]
        return sum(each.numel() * each.element_size() for each in held)
