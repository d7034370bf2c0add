"""Autoencoders of videos, for which a picture is a film of one frame."""

import torch

from worker.engine.parts.autoencoder import Autoencoder


class FrameAutoencoder(Autoencoder):
    """An AutoencoderKLQwenImage."""

    @property
    def channels(self) -> int:
        return self.vae.config.z_dim

    @property
    def scale(self) -> int:
        return 2 ** len(self.vae.config.temperal_downsample)

    @property
    def scaling(self) -> float:
        return 1.0

    def posterior(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        mean, deviation = super().posterior(pixels.unsqueeze(2))
        return mean[:, :, 0], None if deviation is None else deviation[:, :, 0]

    def raw_decoded(self, latents: torch.Tensor) -> torch.Tensor:
        return super().raw_decoded(latents.unsqueeze(2))[:, :, 0]


class ClearAutoencoder(FrameAutoencoder):
    """An AutoencoderKLQwenImage21: its pictures may be clear in places, these here never are, and
    nothing is drawn from what a picture may be."""

    def posterior(self, pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
        clear = self.vae.config.in_channels - pixels.shape[1]
        opaque = pixels.new_ones(len(pixels), clear, *pixels.shape[2:])
        mean, _ = super().posterior(torch.cat([pixels, opaque], dim=1))
        return mean, None

    def raw_decoded(self, latents: torch.Tensor) -> torch.Tensor:
        """The colours alone."""
        return super().raw_decoded(latents)[:, :3]
