"""Between pixels and latents: the autoencoder's two directions, in little memory if need be."""

from typing import Any

import torch
from torch.nn import functional

from worker.engine.errors import NotFinite
from worker.engine.memory.device import is_out_of_memory, release_memory
from worker.engine.parts.model import LoadedModel
from worker.engine.request import Mask, Picture


def pixels_of(model: LoadedModel, picture: Picture) -> torch.Tensor:
    """The picture (height, width, 3) as (1, 3, height, width) in -1 to 1, on the device."""
    moved = torch.from_numpy(picture).to(model.device).permute(2, 0, 1)[None].float()
    return moved / 127.5 - 1


def encode_pixels(
    model: LoadedModel, pixels: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Latents (1, C, h, w) in fp32 of pixels, sampled from their posterior as diffusers does.

    The draw is made on the CPU in fp32, so it is the same on every device and in every dtype.
    """
    with model.visiting(model.vae) as vae:
        posterior = _in_tiles_if_need_be(vae, lambda: vae.encode(pixels.to(vae.dtype)).latent_dist)
        mean, deviation = posterior.mean.float(), posterior.std.float()
    noise = torch.randn(mean.shape, generator=generator).to(mean.device)
    return _normalized(vae, mean + deviation * noise)


def decode_latents(model: LoadedModel, latents: torch.Tensor) -> Picture:
    """The picture (height, width, 3) in uint8, in one transfer. Raises NotFinite."""
    if model.tiny_decode and model.tiny_vae is not None:
        decoded = model.tiny_vae.decode(latents.to(model.tiny_vae.dtype), return_dict=False)[0]
        return to_picture(decoded, latents)
    with model.visiting(model.vae) as vae:
        scaled = _denormalized(vae, latents).to(vae.dtype)
        decoded = _in_tiles_if_need_be(vae, lambda: vae.decode(scaled, return_dict=False)[0])
    return to_picture(decoded, latents)


def latent_mask(model: LoadedModel, mask: Mask) -> torch.Tensor:
    """The mask (1, 1, h, w) of latents to repaint, 1 or 0: each that the mask touches at all."""
    painted = torch.from_numpy(mask).to(model.device)[None, None].float() >= 128
    return functional.max_pool2d(painted.float(), model.factor)


def latent_levels(model: LoadedModel, mask: Mask) -> torch.Tensor:
    """The mask (1, 1, h, w) of latents, each as light as the lightest pixel that it touches."""
    levels = torch.from_numpy(mask).to(model.device)[None, None].float() / 255
    return functional.max_pool2d(levels, model.factor)


def hide_masked(pixels: torch.Tensor, mask: Mask) -> torch.Tensor:
    """The pixels with 0, mid-grey, wherever the mask is white."""
    return pixels * (torch.from_numpy(mask).to(pixels.device) < 128)


def to_picture(decoded: torch.Tensor, latents: torch.Tensor) -> Picture:
    """RGB (height, width, 3) in uint8 of a decoded (1, 3, height, width) in -1 to 1."""
    if not decoded.isfinite().all():
        at = "latents" if not latents.isfinite().all() else "decoded picture"
        raise NotFinite(
            f"The {at} came out as NaN or infinity; another sampler, fewer steps, a lower"
            " guidance_scale or a wider dtype would help."
        )
    unit = (decoded.float()[0] / 2 + 0.5).clamp(0, 1)
    return (unit * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def _in_tiles_if_need_be(vae: Any, work: Any) -> Any:
    """The work on the whole picture, or where memory ends in overlapping tiles.

    Tiles take less memory, and leave faint differences where they meet.
    """
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside the handler, whose traceback holds the tensors that took the memory.
    release_memory()
    vae.enable_tiling()
    try:
        return work()
    finally:
        vae.disable_tiling()


def _normalized(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    mean, deviation = _statistics(vae, latents)
    return (latents - mean) * vae.config.scaling_factor / deviation


def _denormalized(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    mean, deviation = _statistics(vae, latents)
    return latents * deviation / vae.config.scaling_factor + mean


def _statistics(
    vae: Any, latents: torch.Tensor
) -> tuple[torch.Tensor | float, torch.Tensor | float]:
    """Mean and deviation of each channel, which some of SDXL's autoencoders state."""
    if getattr(vae.config, "latents_mean", None) is None:
        return 0.0, 1.0
    numbers = (vae.config.latents_mean, vae.config.latents_std)
    mean, deviation = (
        torch.tensor(each, device=latents.device).view(1, -1, 1, 1) for each in numbers
    )
    return mean, deviation
