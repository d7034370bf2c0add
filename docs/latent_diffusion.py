"""Latent diffusion in one file, to be read from top to bottom: words in, a picture out.

    python docs/latent_diffusion.py "red apple, 3d" --seed 7 -o apple.png
    python docs/latent_diffusion.py "green apple, 3d" --picture apple.png --strength 0.6
    python docs/latent_diffusion.py "blue boat, 3d" --picture apple.png --mask right-half.png

It makes what the server makes of the same request with the sampler `ddim`, one picture at a time
and with nothing around it. Three networks were trained, each for its own task: the text encoder
turns words into vectors, the U-Net finds the noise in noisy latents, the autoencoder turns pixels
into latents and back. Everything between them is in this file.

DDPM is Ho et al. 2020 (arXiv:2006.11239), DDIM Song et al. 2020 (2010.02502), latent diffusion
Rombach et al. 2022 (2112.10752), guidance Ho and Salimans 2022 (2207.12598), and starting from a
picture that was half drowned in noise Meng et al. 2021 (SDEdit, 2108.01073).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextModel, PreTrainedTokenizerFast

MODEL = Path(__file__).parents[1] / "models" / "emoji"


@dataclass
class Model:
    """The three networks, the words that they know, and how noise was added in their training."""

    tokenizer: PreTrainedTokenizerFast
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    alphas: Tensor
    """[1000]: how much of a picture's power is left after t steps of noise; falls from 1 to 0."""


def load(folder: Path = MODEL) -> Model:
    """A model of Stable Diffusion's kind from a folder of diffusers' layout."""
    noise = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    return Model(
        PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer"),
        CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", dtype=torch.float32),
        UNet2DConditionModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32),
        AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32),
        alphas_of(noise["beta_start"], noise["beta_end"], noise["num_train_timesteps"]),
    )


def alphas_of(start: float, end: float, steps: int) -> Tensor:
    """The noise schedule of Stable Diffusion, `scaled_linear`: step t keeps 1 - beta_t of what is
    there and adds beta_t of noise. What is left of the picture after t steps is their product."""
    betas = torch.linspace(start**0.5, end**0.5, steps) ** 2
    return (1 - betas).cumprod(0)


# --- 1. Words become vectors -----------------------------------------------------------------


def read(model: Model, prompt: str) -> Tensor:
    """A prompt as [1, tokens, width]: one vector a token, each knowing of those before it."""
    tokens = model.tokenizer(
        prompt,
        padding="max_length",  # the U-Net always sees as many as it was trained with
        truncation=True,
        max_length=model.tokenizer.model_max_length,
        return_tensors="pt",
    ).input_ids
    return model.text_encoder(tokens).last_hidden_state


# --- 2. Pixels become latents, and latents pixels ---------------------------------------------


def encode(model: Model, picture: Image.Image, generator: torch.Generator) -> Tensor:
    """A picture as latents [1, 4, h/8, w/8]: 48 times fewer numbers than its pixels have."""
    pixels = torch.from_numpy(np.asarray(picture.convert("RGB"), np.float32) / 127.5 - 1)
    mean, log_variance = model.vae.encode(
        pixels.permute(2, 0, 1)[None]
    ).latent_dist.parameters.chunk(2, 1)
    spread = (log_variance.clamp(-30, 20) / 2).exp()
    return (
        mean + spread * torch.randn(mean.shape, generator=generator)
    ) * model.vae.config.scaling_factor


def decode(model: Model, latents: Tensor) -> Image.Image:
    """Latents as a picture."""
    pixels = model.vae.decode(latents / model.vae.config.scaling_factor).sample[0]
    levels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round()
    return Image.fromarray(levels.permute(1, 2, 0).to(torch.uint8).numpy())


# --- 3. Noise is added, in one go, and taken away, step by step --------------------------------


def add_noise(model: Model, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
    """What t steps of noise make of clean latents: DDPM's equation 4, which needs no steps."""
    alpha = model.alphas[timestep]
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise


def timesteps(model: Model, steps: int) -> list[int]:
    """Which of the 1000 steps of training a walk of so many steps stops at, the noisiest first."""
    apart = len(model.alphas) // steps
    return [number * apart + 1 for number in reversed(range(steps))]


def predict_noise(
    model: Model, latents: Tensor, timestep: int, words: Tensor, nothing: Tensor, guidance: float
) -> Tensor:
    """All the noise that the U-Net sees in these latents, pushed towards the words.

    It is asked twice, with the prompt and without. The difference is what the prompt asks for, and
    guidance goes further in its direction than the U-Net itself would.
    """
    both = model.unet(
        torch.cat([latents, latents]), timestep, encoder_hidden_states=torch.cat([nothing, words])
    ).sample
    without, with_words = both.chunk(2)
    return without + guidance * (with_words - without)


def ddim_step(
    model: Model, latents: Tensor, noise: Tensor, timestep: int, before: int
) -> tuple[Tensor, Tensor]:
    """One step down, from `timestep` to `before`: DDIM's equation 12 without randomness.

    Take all the noise away at once: that is the picture as it would be if the walk ended here (it
    is returned as well). Then put back as much of the same noise as `before` should have. It works
    for any two timesteps, and so for 20 steps where training had 1000.
    """
    alpha = model.alphas[timestep]
    alpha_before = model.alphas[max(before, 0)]
    clean = (latents - (1 - alpha).sqrt() * noise) / alpha.sqrt()
    return alpha_before.sqrt() * clean + (1 - alpha_before).sqrt() * noise, clean


# --- 4. All of it together --------------------------------------------------------------------


@torch.inference_mode()
def generate(
    model: Model,
    prompt: str,
    *,
    negative_prompt: str = "",
    steps: int = 20,
    guidance: float = 4.0,
    seed: int = 0,
    size: tuple[int, int] = (128, 128),
    picture: Image.Image | None = None,
    strength: float = 0.75,
    mask: Image.Image | None = None,
) -> Image.Image:
    """A picture for a prompt.

    With a `picture` the walk begins at that picture, drowned in as much noise as `strength` (0 to
    1) says, and has only the rest of the steps to go: image-to-image. With a `mask` as well, what
    is black in it comes back after each step from the picture itself: inpainting.
    """
    generator = torch.Generator().manual_seed(seed)  # the same seed is the same noise
    words, nothing = read(model, prompt), read(model, negative_prompt)
    walk = timesteps(model, steps)
    apart = len(model.alphas) // steps

    if picture is None:
        width, height = size
        original = None
        noise = torch.randn((1, 4, height // 8, width // 8), generator=generator)
        latents = noise
    else:
        walk = walk[steps - min(int(steps * strength), steps) :]
        original = encode(model, picture, generator)
        noise = torch.randn(original.shape, generator=generator)
        # At full strength nothing of the picture is to be left.
        whole = mask is not None and strength == 1.0
        latents = noise if whole else add_noise(model, original, noise, walk[0])

    for timestep in walk:
        predicted = predict_noise(model, latents, timestep, words, nothing, guidance)
        latents, _ = ddim_step(model, latents, predicted, timestep, timestep - apart)
        if original is not None and mask is not None:
            new = latent_mask(mask, latents)
            last = timestep == walk[-1]
            kept = original if last else add_noise(model, original, noise, timestep - apart)
            latents = new * latents + (1 - new) * kept
    return decode(model, latents)


def latent_mask(mask: Image.Image, latents: Tensor) -> Tensor:
    """1 where latents are made anew, 0 where the picture stays: [1, 1, h, w]."""
    white = np.asarray(mask.convert("L"), np.float32) >= 127.5
    return functional.interpolate(torch.from_numpy(white)[None, None].float(), latents.shape[-2:])


def main() -> None:
    parser = argparse.ArgumentParser(description="Latent diffusion in one file")
    parser.add_argument("prompt")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Image.open)
    parser.add_argument("--strength", type=float, default=0.75)
    parser.add_argument("--mask", type=Image.open)
    parser.add_argument("-o", "--output", default="picture.png")
    asked = vars(parser.parse_args())
    model, output = load(asked.pop("model")), asked.pop("output")
    generate(model, **asked).save(output)
    print(output)


if __name__ == "__main__":
    main()
