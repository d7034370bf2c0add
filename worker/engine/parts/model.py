"""A loaded model whose forwards the engine batches."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from worker.engine.errors import ModelUnavailable
from worker.engine.parts.lora import LoraSwitch
from worker.engine.preview import LatentPreview, TinyPreview
from worker.engine.prompt.prompt import PromptEncoder
from worker.engine.prompt.text_encoder import TextEncoder


@dataclass(eq=False)
class LoadedModel:
    """The parts of one Stable Diffusion model, on their device and in their dtype.

    `unet` and `vae` are the diffusers objects, `text_encoders` one CLIP (SD 1.x, 2.x) or two
    (SDXL); `scheduler_config` is the model's own `scheduler/scheduler_config.json`. `tiny_vae` is
    an AutoencoderTiny for previews, with `tiny_decode` for the pictures as well. With `offload`
    text encoders and autoencoder lie in main memory and visit `device` for their own stage.
    Fits the preview, which takes some tenths of a second: build it where the loading happens.
    `zero_empty_negative` is SDXL's force_zeros_for_empty_prompt, `aesthetic_score` its refiner's
    requires_aesthetics_score. Raises ModelUnavailable for a UNet that wants other conditions.
    """

    name: str
    unet: Any
    vae: Any
    text_encoders: Sequence[TextEncoder]
    scheduler_config: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    family: str = "sd1"
    tiny_vae: Any | None = None
    tiny_decode: bool = False
    offload: bool = False
    zero_empty_negative: bool = False
    aesthetic_score: bool = False
    original: "LoadedModel | None" = field(default=None, init=False, repr=False)
    prompts: PromptEncoder = field(init=False, repr=False)
    loras: LoraSwitch = field(init=False, repr=False)
    preview: LatentPreview | TinyPreview = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check_family()
        texts = [each.model for each in self.text_encoders]
        for part in (self.unet, self.vae, *texts):
            part.eval().requires_grad_(False)
        self.prompts = PromptEncoder(
            self.text_encoders, self.family, zero_empty_negative=self.zero_empty_negative
        )
        self.loras = LoraSwitch(self.unet, texts)
        if self.tiny_vae is None:
            with self.visiting(self.vae) as vae:
                self.preview = LatentPreview.fit(vae, self.latent_channels)
        else:
            self.preview = TinyPreview(self.tiny_vae)

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

    @property
    def inpaints(self) -> bool:
        """Whether the UNet takes the mask and the masked picture as channels of their own."""
        return self.unet.config.in_channels == 2 * self.latent_channels + 1

    @property
    def distilled(self) -> bool:
        """Whether the UNet is told the guidance scale, and so needs no second row (LCM)."""
        return self.unet.config.time_cond_proj_dim is not None

    def with_autoencoder(self, vae: Any) -> "LoadedModel":
        """The same model, all of it shared, with another autoencoder for the same latents."""
        other = copy.copy(self)
        other.vae, other.tiny_decode = vae, False
        # Whoever holds the one keeps the other in use.
        other.original = self
        return other

    @contextmanager
    def visiting(self, part: Any) -> Iterator[Any]:
        """The part on the model's device for as long as it works, where it lives elsewhere."""
        if not self.offload:
            yield part
            return
        part.to(self.device)
        try:
            yield part
        finally:
            part.to("cpu")

    def _check_family(self) -> None:
        config = self.unet.config
        if config.in_channels not in (self.latent_channels, 2 * self.latent_channels + 1):
            raise ModelUnavailable(
                f"model: {self.name} takes {config.in_channels} input channels, neither the"
                f" {self.latent_channels} of its latents nor {2 * self.latent_channels + 1} for"
                " inpainting."
            )
        if config.addition_embed_type not in (None, "text_time") or config.class_embed_type:
            kind = config.addition_embed_type or config.class_embed_type
            raise ModelUnavailable(
                f"model: {self.name} has a UNet that wants more than a prompt, a size and a mask:"
                f" {kind}."
            )
