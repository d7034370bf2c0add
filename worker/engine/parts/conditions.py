"""What a UNet is told beside the noisy latents: one function for each condition, one table.

To add a condition: write a function that makes its pair of rows for one image (None where the
image or the model has none), and name it in CONDITIONS by the UNet's own argument. Everything
else follows: the batch key has its name and shape, `Batch.gather` stacks its rows, and
`unet_arguments` hands them over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from worker.engine.parts.model import LoadedModel
from worker.engine.prompt.prompt import Conditioning

# What SDXL's refiner was trained to be told of a good and of a bad picture (arXiv 2307.01952).
AESTHETIC_SCORE = 6.0
NEGATIVE_AESTHETIC_SCORE = 2.5

# Where diffusers' UNet2DConditionModel takes an input that is no argument of its own.
ADDED = ("text_embeds", "time_ids")
CHANNELS = "channels"


@dataclass(frozen=True)
class Pair:
    """One input for one image, each (1, ...): with the prompt, and without for guidance."""

    prompt: torch.Tensor
    negative: torch.Tensor | None = None

    @property
    def without(self) -> torch.Tensor:
        """The row without the prompt; the same where the prompt makes no difference."""
        return self.prompt if self.negative is None else self.negative


@dataclass(frozen=True)
class Situation:
    """What conditions are made from: the model, the size in pixels, guidance, text, and for an
    inpainting UNet its mask (1, 1, h, w) and the latents of the masked picture (1, C, h, w)."""

    model: LoadedModel
    width: int
    height: int
    guidance_scale: float
    text: Conditioning
    mask: torch.Tensor | None = None
    masked: torch.Tensor | None = None


def text(here: Situation) -> Pair:
    """The prompt, token by token: (1, tokens, width)."""
    return Pair(here.text.prompt, here.text.negative)


def pooled_text(here: Situation) -> Pair | None:
    """SDXL: the prompt in one vector (1, projection width)."""
    if here.model.unet.config.addition_embed_type != "text_time" or here.text.pooled is None:
        return None
    return Pair(here.text.pooled, here.text.negative_pooled)


def micro_conditioning(here: Situation) -> Pair | None:
    """SDXL: the size and crop that the picture should look as if it had (arXiv 2307.01952)."""
    if here.model.unet.config.addition_embed_type != "text_time":
        return None
    size, corner = [here.height, here.width], [0, 0]
    if here.model.aesthetic_score:
        good, bad = ([*size, *corner, each] for each in (AESTHETIC_SCORE, NEGATIVE_AESTHETIC_SCORE))
        return Pair(_row(good, here.model), _row(bad, here.model))
    return Pair(_row([*size, *corner, *size], here.model))


def guidance_embedding(here: Situation) -> Pair | None:
    """LCM: the guidance scale itself, as a sinusoidal embedding (arXiv 2310.04378, section 4.1)."""
    width: int | None = here.model.unet.config.time_cond_proj_dim
    if width is None:
        return None
    half = width // 2
    rates = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
    angles = (here.guidance_scale - 1) * 1000.0 * rates
    row = torch.cat([angles.sin(), angles.cos()])
    return Pair(functional.pad(row, (0, width % 2))[None].to(here.model.device))


def inpainting_channels(here: Situation) -> Pair | None:
    """Inpainting UNets: the mask and the masked picture as more channels of the latents."""
    if here.mask is None or here.masked is None:
        return None
    return Pair(torch.cat([here.mask, here.masked], dim=1))


CONDITIONS: Mapping[str, Callable[[Situation], Pair | None]] = {
    "encoder_hidden_states": text,
    "text_embeds": pooled_text,
    "time_ids": micro_conditioning,
    "timestep_cond": guidance_embedding,
    CHANNELS: inpainting_channels,
}


def conditions(here: Situation) -> dict[str, Pair]:
    """Every input that this image's UNet takes beside latents and timestep."""
    made = {name: make(here) for name, make in CONDITIONS.items()}
    return {name: pair for name, pair in made.items() if pair is not None}


def unet_arguments(inputs: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Stacked inputs as UNet2DConditionModel and ControlNetModel take them, but for channels."""
    own = {name: rows for name, rows in inputs.items() if name not in (*ADDED, CHANNELS)}
    added = {name: inputs[name] for name in ADDED if name in inputs}
    return own | ({"added_cond_kwargs": added} if added else {})


def _row(numbers: list[float], model: LoadedModel) -> torch.Tensor:
    return torch.tensor([numbers], dtype=torch.float32).to(model.device)
