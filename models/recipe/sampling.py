"""Prompts to pictures, to look at a model while it trains and to measure it afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from PIL import Image, ImageDraw
from transformers import PreTrainedTokenizerFast

from . import autoencoder
from .captions import encode
from .diffusion import NOISE, Diffusion

# What the card, the grids and the figures use; found by eye on the prompts below.
GUIDANCE = 4.0
STEPS = 20
SAMPLER = "dpmpp_2m"

SAMPLERS: Mapping[str, Callable[[], Any]] = {
    "dpmpp_2m": lambda: DPMSolverMultistepScheduler(**NOISE),
    "dpmpp_2m_sde": lambda: DPMSolverMultistepScheduler(**NOISE, algorithm_type="sde-dpmsolver++"),
    "unipc": lambda: UniPCMultistepScheduler(**NOISE),
    "euler": lambda: EulerDiscreteScheduler(**NOISE),
    "euler_a": lambda: EulerAncestralDiscreteScheduler(**NOISE),
    "ddim": lambda: DDIMScheduler(**NOISE, clip_sample=False, set_alpha_to_one=False),
}
"""Diffusers' schedulers by the names that the server has for them."""

PROMPTS = (
    "red apple",
    "cat face",
    "rocket",
    "green heart",
    "birthday cake",
    "house",
    "sun",
    "umbrella",
    "guitar",
    "dog face",
    "tree",
    "pizza",
    "banana",
    "fish",
    "blue heart",
    "red apple, flat",
)

CARD_PROMPTS = (
    "red apple",
    "rocket",
    "birthday cake",
    "purple cat",
    "blue banana",
    "a cat and a rocket",
    "two red cats",
    "three apples",
)
CARD_SEEDS = 4


@dataclass
class Model:
    """The parts of a latent diffusion model, ready to make pictures."""

    tokenizer: PreTrainedTokenizerFast
    diffusion: Diffusion
    vae: AutoencoderKL


@torch.no_grad()
def generate(
    model: Model,
    prompts: list[str],
    seed: int = 0,
    guidance: float = GUIDANCE,
    steps: int = STEPS,
    sampler: str = SAMPLER,
) -> torch.Tensor:
    """Scaled latents, float [B, 4, h, w] on the CPU, for B prompts.

    Guidance is eq. 6 of classifier-free guidance (arXiv:2207.12598) in the form that diffusers
    uses: e = e_empty + guidance (e_words - e_empty). The sampler is DPM-Solver++
    (arXiv:2211.01095) or another of SAMPLERS. Row i starts from the noise of seed + i, whatever
    the other rows; what a sampler adds on the way is of one generator for all.
    """
    network, device = model.diffusion, model.diffusion.unet.device
    side = network.unet.config.sample_size
    parts = []
    for start in range(0, len(prompts), 32):
        asked = prompts[start : start + 32]
        words = network.text_encoder(encode(model.tokenizer, [*asked, ""]).to(device))[0]
        both = torch.cat([words[:-1], words[-1:].expand(len(asked), -1, -1)])  # [2B, 20, width]
        latents = torch.stack(
            [
                torch.randn((4, side, side), generator=torch.Generator().manual_seed(seed + row))
                for row in range(start, start + len(asked))
            ]
        ).to(device)
        scheduler = SAMPLERS[sampler]()
        scheduler.set_timesteps(steps)
        latents = latents * scheduler.init_noise_sigma
        added = torch.Generator().manual_seed(seed + start)
        adds = {"generator": added} if sampler in ("dpmpp_2m_sde", "euler_a") else {}
        for timestep in scheduler.timesteps:
            seen = scheduler.scale_model_input(latents, timestep)
            told, untold = network.unet(torch.cat([seen] * 2), timestep, both)[0].chunk(2)
            noise = untold + guidance * (told - untold)
            latents = scheduler.step(noise, timestep, latents, **adds)[0]
        parts.append(latents.float().cpu())
    return torch.cat(parts)


def pictures(model: Model, prompts: list[str], **options: Any) -> torch.Tensor:
    """Pictures, uint8 [B, 3, S, S], for B prompts."""
    return autoencoder.decode(model.vae, generate(model, prompts, **options))


def card_pictures(model: Model) -> torch.Tensor:
    """The pictures of the card: a row of CARD_PROMPTS for each seed."""
    rows = [pictures(model, list(CARD_PROMPTS), seed=100 * row) for row in range(CARD_SEEDS)]
    return torch.cat(rows)


def save_grid(path: Path, pixels: torch.Tensor, columns: int = 8) -> None:
    """Write pictures, uint8 [N, 3, S, S], as one PNG, row by row."""
    size = pixels.shape[-1]
    rows = -(-len(pixels) // columns)
    grid = Image.new("RGB", (columns * size, rows * size), "white")
    for index, picture in enumerate(pixels):
        corner = (index % columns * size, index // columns * size)
        grid.paste(Image.fromarray(picture.permute(1, 2, 0).numpy()), corner)
    path.parent.mkdir(parents=True, exist_ok=True)
    grid.save(path, optimize=True)


def save_sheet(path: Path, pixels: torch.Tensor, words: list[str], columns: int = 8) -> None:
    """Write pictures, uint8 [N, 3, S, S], as one PNG, each with its words above it."""
    size, line = pixels.shape[-1], 14
    rows = -(-len(pixels) // columns)
    sheet = Image.new("RGB", (columns * size, rows * (size + line)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (picture, text) in enumerate(zip(pixels, words, strict=True)):
        x, y = index % columns * size, index // columns * (size + line)
        pen.text((x + 2, y + 1), text[: size // 6], fill="black")
        sheet.paste(Image.fromarray(picture.permute(1, 2, 0).numpy()), (x, y + line))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
