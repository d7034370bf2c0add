"""Between pixels and latents, and what the network says of latents: for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from worker.engine.anatomy.noise import Noise, Numbers, at_once
from worker.engine.errors import InvalidRequest
from worker.engine.families.model import LoadedModel, Scene
from worker.engine.parts.rows import Rows
from worker.engine.request import ImageRequest, Picture
from worker.engine.sampling.sampler import Sampler


@torch.inference_mode()
def encoded(model: LoadedModel, picture: Picture) -> Numbers:
    """The latents (C, h, w) that the autoencoder has a picture for, without a draw."""
    pixels = model.autoencoder.pixels(picture)
    return numbers(model.autoencoder.likeliest(pixels))


@torch.inference_mode()
def decoded(model: LoadedModel, latents: Numbers) -> Picture:
    """The picture that latents (C, h, w) stand for."""
    return model.autoencoder.decode(tensor(model, latents))


@torch.inference_mode()
def drawn(model: LoadedModel, latents: Numbers) -> Picture:
    """Latents (C, h, w) in colours, a pixel each, by the fitted map."""
    return model.preview(tensor(model, latents))


@dataclass(frozen=True)
class Seen:
    """What the network sees in noisy latents: the noise (C, h, w) that it takes for theirs, the
    latents without it, and the mean square of what it is wrong by."""

    noise: Numbers
    clean: Numbers
    loss: float


@torch.inference_mode()
def seen(
    model: LoadedModel,
    sampler: Sampler,
    request: ImageRequest,
    clean: Numbers,
    added: Numbers,
    noise: Noise,
    timesteps: Sequence[int],
) -> list[Seen]:
    """One training step's question at each timestep: which noise is in these latents? (DDPM,
    algorithm 1.) Nothing is learned of the answers. `request` has the prompt."""
    if model.inpaints:
        raise InvalidRequest("prompt: this model is shown a mask, and is not asked here.")
    text = model.read(request)
    scene = Scene(text, request.width, request.height, request.guidance_scale)
    count = len(timesteps)
    inputs = {
        name: torch.cat([pair.prompt] * count).to(model.dtype)
        for name, pair in model.inputs(scene).items()
    }
    noisy = np.stack([at_once(clean, noise, each, added) for each in timesteps])
    latents = torch.from_numpy(noisy).to(model.device)
    steps = torch.tensor([float(each) for each in timesteps]).to(model.device)
    answered = model.forward(Rows(latents.to(model.dtype), steps, inputs)).float()
    found: list[Seen] = []
    for index, timestep in enumerate(timesteps):
        here = latents[index : index + 1]
        x0 = sampler.denoised(here, answered[index : index + 1], float(timestep))
        signal, level = sampler.levels(float(timestep))
        guess = numbers((here - signal * x0) / max(level, 1e-6))
        found.append(Seen(guess, numbers(x0), float(np.square(guess - added).mean())))
    return found


def psnr(one: Picture, other: Picture) -> float:
    """How alike two pictures are, in decibels; 99 for equal ones."""
    error = float(np.square(one.astype(np.float64) - other).mean())
    return 99.0 if not error else float(10 * np.log10(255**2 / error))


def difference(one: Picture, other: Picture, times: float = 4.0) -> Picture:
    """Where two pictures differ, so many times as strong: mid-grey is no difference."""
    apart = (one.astype(np.float32) - other) * times / 2 + 127.5
    return apart.clip(0, 255).astype(np.uint8)


def grey(plane: Numbers, reach: float = 0.0) -> Picture:
    """Numbers (h, w) as grey, mid-grey being 0 and `reach` white; their own largest if it is 0."""
    most = reach or float(np.abs(plane).max()) or 1.0
    levels = ((plane / most + 1) * 127.5).clip(0, 255).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=-1)


def numbers(latents: torch.Tensor) -> Numbers:
    """Latents (1, C, h, w) as numbers (C, h, w) on the CPU."""
    found: Any = latents[0].float().cpu().numpy()
    return found


def tensor(model: LoadedModel, latents: Numbers) -> torch.Tensor:
    """Numbers (C, h, w) as latents (1, C, h, w) on the model's device."""
    return torch.from_numpy(np.ascontiguousarray(latents)).float()[None].to(model.device)
