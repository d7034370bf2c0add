"""Pixels to latents and back: the KL-regularised autoencoder of latent diffusion.

Rombach et al. 2022 (arXiv:2112.10752), section 3.1: an encoder gives a Gaussian per latent value,
a small KL term keeps it near N(0, 1), a decoder turns a draw into pixels. Factor 8: pixels
[B, 3, 128, 128] are latents [B, 4, 16, 16], a 48th of the numbers, so that the diffusion after it
is cheap. The paper's patch-adversarial term (`adversarial`) sharpens what L1 leaves soft.
"""

import math
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import nn

from . import parallel
from .adversarial import Opponent
from .training import Average, Budget, Loop, Stop, seeded, trapezoid

KL_WEIGHT = 3e-4
ADVERSARIAL_WEIGHT = 0.1
ADVERSARIAL_START = 0.3  # share of the budget: a critic of mush teaches nothing
# A U-Net's latents are a little off the encoder's. The decoder trains on latents blurred by this
# share of their spread, so that small errors stay small in the picture.
JITTER = 0.05


def build(channels: tuple[int, ...], size: int) -> AutoencoderKL:
    """A new autoencoder; one level of `channels` for each halving and one more."""
    levels = len(channels)
    return AutoencoderKL(
        sample_size=size,
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
    )


def load(folder: Path) -> AutoencoderKL:
    """The autoencoder of an exported model, in fp32."""
    return AutoencoderKL.from_pretrained(folder, subfolder="vae", dtype=torch.float32)


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 to float -1..1."""
    return pixels.float() / 127.5 - 1


def to_bytes(pixels: torch.Tensor) -> torch.Tensor:
    """Float -1..1 to uint8 0..255."""
    return ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def crops(
    pixels: torch.Tensor, batch: int, side: int, weights: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Random squares of random pictures, float [batch, 3, side, side].

    A fully convolutional network learns as well from squares, at a fraction of the cost. Corners
    fall on multiples of 8, so that a crop of the latents would be the latents of the crop.
    """
    device = pixels.device
    places = (pixels.shape[-1] - side) // 8 + 1
    chosen = torch.multinomial(weights, batch, replacement=True, generator=generator)
    top, left = (
        8 * torch.randint(places, (batch,), generator=generator, device=device) for _ in range(2)
    )
    span = torch.arange(side, device=device)
    rows = (top[:, None] + span)[:, :, None]  # [B, side, 1]
    columns = (left[:, None] + span)[:, None, :]  # [B, 1, side]
    return to_float(pixels[chosen[:, None, None], :, rows, columns].permute(0, 3, 1, 2))


def reconstruction_loss(decoded: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """How far decoded pixels are from the true ones, both [B, 3, S, S].

    L1, L1 of the differences between neighbours (edges), L1 of 4x4 means (flat colours: white
    must be white) and a squared term for the few large errors.
    """
    edges = F.l1_loss(decoded.diff(dim=-1), pixels.diff(dim=-1)) + F.l1_loss(
        decoded.diff(dim=-2), pixels.diff(dim=-2)
    )
    colours = F.l1_loss(F.avg_pool2d(decoded, 4), F.avg_pool2d(pixels, 4))
    return F.l1_loss(decoded, pixels) + edges + colours + F.mse_loss(decoded, pixels)


def train(
    vae: AutoencoderKL,
    pixels: torch.Tensor,
    weights: torch.Tensor,
    *,
    budget: Budget,
    folder: Path,
    rate: float,
    batch: int,
    crop: int,
    decoder_only: bool,
    adversarial: bool,
    seed: int,
    device: torch.device,
    stop: Stop,
    sample: Callable[[AutoencoderKL, int], None],
) -> bool:
    """Train on uint8 pictures [N, 3, S, S]; leaves the averaged weights in `vae`.

    `decoder_only` keeps the encoder as it is, and so every latent that a U-Net has learnt.
    False if stopped before the budget was used.
    """
    vae.to(device, memory_format=torch.channels_last).train()
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(not decoder_only)
    trained = nn.ModuleList(
        [vae.decoder, vae.post_quant_conv] + ([] if decoder_only else [vae.encoder, vae.quant_conv])
    )
    optimizer = torch.optim.AdamW(
        trained.parameters(), lr=rate, weight_decay=1e-4, betas=(0.9, 0.99), fused=True
    )
    average = Average(trained, 0.998)
    rows = batch // parallel.size()
    state = {"vae": vae, "optimizer": optimizer}
    opponent = Opponent(rate / 4, device) if adversarial else None
    if opponent:
        state |= {"critic": opponent.critic, "critic_optimizer": opponent.optimizer}
    pixels, weights = pixels.to(device), weights.to(device)

    def step_fn(step: int, used: float) -> dict[str, float]:
        generator = seeded(device, seed, step)
        real = crops(pixels, rows, crop, weights, generator)
        real = real.contiguous(memory_format=torch.channels_last)
        for group in optimizer.param_groups:
            group["lr"] = rate * trapezoid(used)
        figures = {}
        with torch.autocast(device.type, torch.bfloat16):
            with torch.set_grad_enabled(not decoder_only):
                gaussian = vae.encode(real).latent_dist
            draw = torch.randn(gaussian.mean.shape, generator=generator, device=device)
            spread = gaussian.std + JITTER * gaussian.mean.std().detach()
            decoded = vae.decode(gaussian.mean + spread * draw).sample.float()
            divergence = gaussian.kl().mean() / gaussian.mean[0].numel()  # nats a latent value
            total = reconstruction_loss(decoded, real) + KL_WEIGHT * divergence
            if opponent and used > ADVERSARIAL_START:
                total = total + ADVERSARIAL_WEIGHT * opponent.reward(decoded)
        optimizer.zero_grad()
        total.backward()
        parallel.average_gradients(trained.parameters())
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        if opponent and used > ADVERSARIAL_START / 2:
            judged = opponent.learn(real, decoded)
            if step % 10 == 0:
                figures["critic"] = judged.item()
        if step % 10 == 0:  # reading a figure waits for a GPU; a tenth of them is enough
            figures["loss"] = total.item()
            figures["psnr"] = decibels(F.mse_loss(decoded.detach(), real).item())
        return figures

    def sample_average(step: int) -> None:
        vae.eval()
        with average.applied():
            sample(vae, step)
        vae.train()

    loop = Loop("autoencoder", folder, budget, state, average, stop, sample_average)
    finished = loop.run(step_fn)
    with torch.no_grad():
        torch._foreach_copy_(list(trained.parameters()), average.mean)
    vae.eval()
    return finished


def decibels(error: float) -> float:
    """Peak signal-to-noise ratio of a mean squared error of pixels in -1..1 (peak 2), in dB."""
    return 10 * math.log10(4 / max(error, 1e-12))


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: torch.Tensor, half: bool = False) -> torch.Tensor:
    """The scaled mean latents, float [N, 4, h, w] on the CPU, of uint8 pictures [N, 3, S, S].

    In `half` they are rounded to bf16 on the way, which is faster, and enough for a training.
    """
    rows = []
    with torch.autocast(vae.device.type, torch.bfloat16, enabled=half):
        for part in pixels.split(32):
            gaussian = vae.encode(to_float(part.to(vae.device))).latent_dist
            rows.append(gaussian.mean.float().cpu())
    return torch.cat(rows) * vae.config.scaling_factor


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    """Pictures, uint8 [N, 3, S, S] on the CPU, of scaled latents [N, 4, h, w]."""
    scaled = latents / vae.config.scaling_factor
    rows = [to_bytes(vae.decode(part.to(vae.device)).sample).cpu() for part in scaled.split(32)]
    return torch.cat(rows)


def set_scale(vae: AutoencoderKL, pixels: torch.Tensor) -> None:
    """Set the factor that gives latents a spread of 1 (LDM, appendix G), measured on `pixels`."""
    vae.register_to_config(scaling_factor=1.0)
    vae.register_to_config(scaling_factor=1 / encode(vae, pixels).std().item())


def psnr(vae: AutoencoderKL, pixels: torch.Tensor) -> float:
    """Mean PSNR in dB of uint8 pictures [N, 3, S, S] through encoder and decoder."""
    decoded = decode(vae, encode(vae, pixels))
    errors = (to_float(decoded) - to_float(pixels)).square().mean(dim=(1, 2, 3))
    return sum(decibels(error) for error in errors.tolist()) / len(errors)
