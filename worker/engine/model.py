"""A loaded model, as the engine sees it, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from .errors import ModelUnavailable
from .preview import LatentPreview
from .prompt import PromptEncoder


@dataclass(eq=False)
class LoadedModel:
    """The parts of one Stable Diffusion model, on their device and in their dtype.

    `unet`, `vae`, `text_encoder` and `tokenizer` are the diffusers and transformers objects;
    `scheduler_config` is the model's own `scheduler/scheduler_config.json`. Fits the preview,
    which takes some tenths of a second: build it where the loading happens, off the loop.
    Raises ModelUnavailable for a UNet that wants more than latents, timestep and text.
    """

    name: str
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler_config: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    prompts: PromptEncoder = field(init=False, repr=False)
    preview: LatentPreview = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check_family()
        for part in (self.unet, self.vae, self.text_encoder):
            part.eval().requires_grad_(False)
        self.prompts = PromptEncoder(self.tokenizer, self.text_encoder)
        self.preview = LatentPreview.fit(self.vae, self.latent_channels)

    @property
    def latent_channels(self) -> int:
        return self.vae.config.latent_channels

    @property
    def factor(self) -> int:
        """Pixels a latent pixel: width and height of a picture are multiples of it."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def window(self) -> int:
        """Prompt tokens that one pass of the text encoder takes."""
        return self.prompts.window

    def _check_family(self) -> None:
        config = self.unet.config
        if config.in_channels != self.latent_channels:
            raise ModelUnavailable(
                f"model: {self.name} takes {config.in_channels} input channels, not the"
                f" {self.latent_channels} of its latents; inpainting UNets are not supported yet."
            )
        if config.addition_embed_type or config.time_cond_proj_dim or config.class_embed_type:
            raise ModelUnavailable(
                f"model: {self.name} conditions on more than its prompt (SDXL or a distilled"
                " guidance embedding), which is not supported yet."
            )


class ModelSource(Protocol):
    """Where the engine finds models; the loading itself is somebody else's."""

    def get(self, name: str) -> LoadedModel | None:
        """The model, or None while it is being loaded in the background (never blocks).

        Asked before every step for each model that a task waits for. One name means the same
        weights for as long as a task holds them. Raises ModelUnavailable with a clear sentence.
        """
        ...
