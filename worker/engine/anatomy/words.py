"""Where a word acted: the network asked again at steps that were kept, with and without it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from safetensors.torch import load

from worker.engine.anatomy.noise import question
from worker.engine.errors import InvalidRequest
from worker.engine.families.model import LoadedModel, Scene
from worker.engine.parts.rows import Rows
from worker.engine.request import ImageRequest, Picture
from worker.engine.sampling.sampler import Sampler
from worker.engine.trace.file import lit

PLACES = 8192
"""Latent pixels of one forward, if it has more than one row: 32 rows of 16x16, two of 64x64."""

ALIKE = 0.05
"""By how much of itself an answer may differ from the one that was kept: bfloat16 rounds by less
than half of that when the number of rows is another one."""


@dataclass(frozen=True)
class Moment:
    """A step that was kept: noisy latents (C, h, w) as the network saw them, and what it took for
    their noise, told the prompt."""

    x: torch.Tensor
    noise: torch.Tensor
    timestep: float


def moments(data: bytes, steps: Sequence[Mapping[str, Any]]) -> list[Moment]:
    """What a trace's file has of `steps`: each has the number of a `step` and its `timestep`."""
    tensors = load(data)
    return [
        Moment(
            tensors[f"x.{each['step']}"],
            tensors.get(f"noise_with.{each['step']}", tensors[f"noise.{each['step']}"]),
            float(each["timestep"]),
        )
        for each in steps
    ]


def parts(found: Sequence[Moment]) -> Iterator[Sequence[Moment]]:
    """Moments that are asked about together: of one size, as many as one forward should take."""
    for _, alike in groupby(found, lambda each: each.x.shape):
        same = list(alike)
        count = max(1, PLACES // same[0].x[0].numel())
        yield from (same[start : start + count] for start in range(0, len(same), count))


def told(model: LoadedModel, asked: Mapping[str, Any], latents: torch.Tensor) -> ImageRequest:
    """A request that tells the network what a trace says it was `asked`, of latents (C, h, w)."""
    scale = model.autoencoder.scale
    size = latents.shape[-1] * scale, latents.shape[-2] * scale
    return replace(question(model, asked["prompt"], size), **asked)


def without(model: LoadedModel, prompt: str, word: int) -> str:
    """The prompt with one of its words left out, counted as the model counts them. Raises
    InvalidRequest where that cannot be done in the text as it was typed."""
    words = _words(model, prompt)
    if word >= len(words):
        raise InvalidRequest(f"word: the prompt has {len(words)} words, counted from 0.")
    others = [*words[:word], *words[word + 1 :]]
    for found in re.finditer(re.escape(words[word]), prompt, re.IGNORECASE):
        rest = prompt[: found.start()] + prompt[found.end() :]
        if _words(model, rest) == others:
            return rest
    raise InvalidRequest(
        f"word: {words[word]} cannot be left out of the prompt: the text encoder reads it as one"
        " with its neighbours."
    )


@torch.inference_mode()
def acted(
    model: LoadedModel,
    sampler: Sampler,
    request: ImageRequest,
    rest: str,
    found: Sequence[Moment],
) -> list[Picture]:
    """By moment how far the network's answer to `request` is, at each place, from its answer to the
    prompt `rest`: as light within itself, a latent pixel a pixel.

    Raises InvalidRequest where its answer to `request` is not the one that was kept.
    """
    if model.inpaints:
        raise InvalidRequest("word: this model is shown a mask, and is not asked again.")
    with_word = _answers(model, sampler, request, found)
    for again, each in zip(with_word, found, strict=True):
        if (again - each.noise).norm() > ALIKE * each.noise.norm():
            raise InvalidRequest(
                "word: asked again, the network answers otherwise than when the picture was made."
                " LoRAs, ControlNets and pictures that it was shown are not shown again."
            )
    apart = with_word - _answers(model, sampler, replace(request, prompt=rest), found)
    return [lit(each.square().sum(0).sqrt()) for each in apart]


def _words(model: LoadedModel, prompt: str) -> list[str]:
    for spelling in model.spell(prompt):
        if spelling.first is not None:
            pieces = [each for window in spelling.windows for each in window]
            return [each.text for each in {each.word: each for each in pieces}.values()]
    return []


def _answers(
    model: LoadedModel, sampler: Sampler, request: ImageRequest, found: Sequence[Moment]
) -> torch.Tensor:
    """The noise (n, C, h, w) that the network sees at each moment, told the request's prompt."""
    size = request.width, request.height
    scene = model.inputs(Scene(model.read(request), *size, request.guidance_scale))
    inputs = {
        name: torch.cat([pair.prompt] * len(found)).to(model.dtype) for name, pair in scene.items()
    }
    latents = torch.stack([each.x for each in found]).to(model.device)
    steps = torch.tensor([each.timestep for each in found]).to(model.device)
    answered = model.forward(Rows(latents.to(model.dtype), steps, inputs)).float()
    noise: list[torch.Tensor] = []
    for index, each in enumerate(found):
        here = slice(index, index + 1)
        signal, level = sampler.levels(each.timestep)
        x0 = sampler.denoised(latents[here], answered[here], each.timestep)
        noise.append((latents[here] - signal * x0) / max(level, 1e-6))
    return torch.cat(noise).cpu()
