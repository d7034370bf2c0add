"""Who reads pictures for IP-Adapters: CLIP's image encoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from worker.engine.ground.transfer import sent
from worker.engine.request import Picture


@dataclass(frozen=True, eq=False)
class ImageEncoder:
    """A CLIPVisionModelWithProjection on its device and in its dtype, and the image processor that
    brings pictures to its size, as transformers has both."""

    model: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype

    def embeddings(self, pictures: Sequence[Picture]) -> tuple[torch.Tensor, torch.Tensor]:
        """Each picture as one vector (n, D), and nothing (n, D)."""
        found = self.model(self._pixels(pictures)).image_embeds
        return found, torch.zeros_like(found)

    def patches(self, pictures: Sequence[Picture]) -> tuple[torch.Tensor, torch.Tensor]:
        """Each picture as a vector for each of its patches (n, L, D), and a picture of nothing."""
        pixels = self._pixels(pictures)
        nothing = torch.zeros_like(pixels[:1])
        read = self.model(torch.cat([pixels, nothing]), output_hidden_states=True)
        found = read.hidden_states[-2]
        return found[:-1], found[-1:].expand(len(pictures), -1, -1)

    def _pixels(self, pictures: Sequence[Picture]) -> torch.Tensor:
        made = self.processor(list(pictures), return_tensors="np").pixel_values
        return sent(torch.from_numpy(np.asarray(made)), self.device).to(self.dtype)
