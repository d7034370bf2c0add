"""What the engine asks of a loaded model, whatever its networks are."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.lora import LoraSwitch
from worker.engine.parts.rows import Pair, Rows
from worker.engine.parts.visits import Offload
from worker.engine.preview import LatentPreview, TinyPreview
from worker.engine.prompt.prompt import PromptEncoder
from worker.engine.request import ImageRequest
from worker.engine.sampling.sampler import Sampler, make_sampler


@dataclass(frozen=True)
class Text:
    """What a prompt became: inputs by name, the tokens that it has, the windows that they took."""

    inputs: Mapping[str, Pair]
    tokens: int
    chunks: int = 1


@dataclass(frozen=True)
class Scene:
    """What the other inputs of a picture are made from: its text, the size in pixels, guidance;
    and for a network that is shown what it repaints, the mask (1, 1, h, w) and the latents of the
    masked picture (1, C, h, w)."""

    text: Text
    width: int
    height: int
    guidance_scale: float
    mask: torch.Tensor | None = None
    masked: torch.Tensor | None = None


class LoadedModel(ABC):
    """A model whose rows share forwards, on its device and in its dtype: one class a family.

    Latents are (1, C, h, w) everywhere but inside `forward`, which packs them as its network
    likes. Build it where the loading happens: fitting the preview takes some tenths of a second.
    """

    name: str
    device: torch.device
    dtype: torch.dtype
    autoencoder: Autoencoder
    loras: LoraSwitch
    preview: LatentPreview | TinyPreview
    """RGB in uint8 of latents (1, C, h, w), without the decoder."""

    offload: Offload | None
    """Which parts lie in main memory until their turn."""

    original: "LoadedModel | None" = None
    """What this shares all but its autoencoder with."""

    @property
    def prompts(self) -> PromptEncoder | None:
        """Where prompts know learned words (textual inversion), what reads them."""
        return None

    @property
    @abstractmethod
    def window(self) -> int:
        """Prompt tokens that one pass of the text encoder takes."""

    @property
    def inpaints(self) -> bool:
        """Whether the network is shown the mask and the masked picture, and needs them."""
        return False

    @property
    def latent_channels(self) -> int:
        """Channels of a latent pixel."""
        return self.autoencoder.channels

    @property
    def factor(self) -> int:
        """Width and height of a picture are multiples of it, in pixels."""
        return self.autoencoder.scale

    def with_autoencoder(self, vae: Any) -> "LoadedModel":
        """The same model, all of it shared, with another autoencoder for the same latents."""
        other = copy(self)
        other.autoencoder = self.autoencoder.of(vae)
        # Whoever holds the one keeps the other in use.
        other.original = self
        return other

    @abstractmethod
    def modules(self) -> Sequence[Any]:
        """Everything that has weights."""

    @property
    @abstractmethod
    def denoiser(self) -> tuple[Any, ...]:
        """Of these the network that makes the steps."""

    # What a prompt becomes, and what else a row has

    @abstractmethod
    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        """The request's prompts, as inputs of a row. `variant` is whatever changes the encoders
        (the LoRAs). Raises InvalidRequest for what would not be read."""

    def inputs(self, scene: Scene) -> dict[str, Pair]:
        """Every input that a picture's rows have beside latents and timestep."""
        return dict(scene.text.inputs)

    # Latents, and the forward over rows

    def latent_size(self, width: int, height: int) -> tuple[int, int]:
        """Height and width of the latents of a picture."""
        return height // self.autoencoder.scale, width // self.autoencoder.scale

    @abstractmethod
    def forward(self, rows: Rows) -> torch.Tensor:
        """What the network predicts for every row: (n, C, h, w)."""

    # What the prediction means, and how many steps lead where

    @abstractmethod
    def sampler(
        self, request: ImageRequest, width: int, height: int, steps: int, strength: float
    ) -> Sampler:
        """A fresh walk at this size. Raises InvalidRequest for what the family does not take."""

    # How guidance works

    def cfg_scale(self, request: ImageRequest) -> float:
        """The scale of classifier-free guidance; up to 1 there is none."""
        return request.guidance_scale

    def guided(self, request: ImageRequest) -> bool:
        """Whether a picture takes a second row, without the prompt."""
        return self.cfg_scale(request) > 1

    def guide(
        self, without: torch.Tensor, towards: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """Classifier-free guidance (arXiv 2207.12598) over rows; `scale` is (n, 1, 1, 1)."""
        return without + scale * (towards - without)


def noise_sampler(
    request: ImageRequest, scheduler_config: Mapping[str, Any], steps: int, strength: float
) -> Sampler:
    """A fresh walk for a network that predicts noise or velocity, whatever the size."""
    return make_sampler(
        request.sampler,
        scheduler_config,
        steps,
        schedule=request.schedule,
        strength=strength,
        seed=request.seed,
    )
