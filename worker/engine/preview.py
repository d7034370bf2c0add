"""A small picture of unfinished latents, without running the decoder."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from worker.engine.request import Picture

# 512 equations for the 15 unknowns a colour of a four-channel model, in small decodes.
PICTURES = 8
SIDE = 8

# A preview is looked at on a phone and sent several times a second.
TINY_SIDE = 512

# How much of the latents' variance lies in areas of which size (cells a side): most of it in
# large ones, as in pictures. In all less than 1, where decoders leave the range of colours.
VARIANCE = {1: 0.2, 2: 0.2, 4: 0.15, SIDE: 0.1}


class LatentPreview:
    """The map from latents to colours that fits a model's own decoder best.

    A latent pixel decodes to a mean colour that is close to a function of its channels alone:
    linear in Stable Diffusion's autoencoder, bent in small ones. So least squares over the
    channels and their products, on a few decoded latents, gives a preview without extra
    weights. (The products halve the error on the model that ships, from 38 levels to 20.)
    """

    def __init__(self, weight: torch.Tensor) -> None:
        self._weight = weight

    @classmethod
    def fit(
        cls, decoded: Callable[[torch.Tensor], torch.Tensor], channels: int, device: torch.device
    ) -> "LatentPreview":
        """Fits the map for a decoder, latents (n, C, h, w) on `device` to pixels in -1 to 1: the
        same one each time, in well under a second on a CPU."""
        latents = _smooth_latents(channels)
        with torch.inference_mode():
            visible = decoded(latents.to(device)).float().nan_to_num().cpu().clamp(-1, 1)
            colours = functional.adaptive_avg_pool2d(visible, SIDE).movedim(1, -1).reshape(-1, 3)
        return cls(_least_squares(_features(latents), colours))

    def __call__(self, latents: torch.Tensor) -> Picture:
        """RGB (height, width, 3) in uint8, one pixel a latent pixel, of latents (1, C, h, w)."""
        height, width = latents.shape[-2:]
        colours = _features(latents.float().cpu()) @ self._weight
        picture = (colours.reshape(height, width, 3) / 2 + 0.5).nan_to_num().clamp(0, 1)
        return (picture * 255).round().to(torch.uint8).numpy()


class TinyPreview:
    """Previews by an AutoencoderTiny: finer than a map of colours, for a small decode each."""

    def __init__(self, tiny_vae: Any) -> None:
        self._tiny_vae = tiny_vae.eval().requires_grad_(False)

    def __call__(self, latents: torch.Tensor) -> Picture:
        """RGB in uint8, as large as the picture or TINY_SIDE, of latents (1, C, h, w)."""
        vae = self._tiny_vae
        with torch.inference_mode():
            here = latents.to(device=vae.device, dtype=vae.dtype)
            decoded = vae.decode(here, return_dict=False)[0].float()
            shrink = TINY_SIDE / max(decoded.shape[-2:])
            if shrink < 1:
                decoded = functional.interpolate(decoded, scale_factor=shrink, mode="area")
        unit = (decoded[0].movedim(0, -1).cpu() / 2 + 0.5).nan_to_num().clamp(0, 1)
        return (unit * 255).round().to(torch.uint8).numpy()


def _smooth_latents(channels: int) -> torch.Tensor:
    """Random latents that decode to areas of colour: (PICTURES, channels, SIDE, SIDE)."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.zeros(PICTURES, channels, SIDE, SIDE)
    for cells, variance in VARIANCE.items():
        noise = torch.randn(PICTURES, channels, cells, cells, generator=generator)
        latents += variance**0.5 * functional.interpolate(noise, size=(SIDE, SIDE))
    return latents


def _features(latents: torch.Tensor) -> torch.Tensor:
    """One row a latent pixel: 1, its channels, and the products of each two of them."""
    rows = latents.movedim(1, -1).reshape(-1, latents.shape[1])
    rows = functional.pad(rows, (1, 0), value=1.0)
    first, second = torch.triu_indices(rows.shape[1], rows.shape[1])
    return rows[:, first] * rows[:, second]


def _least_squares(rows: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The matrix that takes `rows` closest to `values`."""
    linalg: Any = torch.linalg
    return linalg.lstsq(rows, values).solution
