"""Diffusers' pipelines that know no picture to start from, begun in the middle of their walk.

What they are given is what those that know one give themselves: latents with as much noise as the
first step has, and after each step what lies outside the mask put back.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tests.worker.families.comparing.asking import Fields, Pixels


class Laid(Exception):
    """The walk is laid out, and no more was wanted."""


def begun(pipeline: Any, asked: Fields, call: Fields, generator: torch.Generator) -> Pixels:
    """The picture of a `call` that begins at the job's picture, with its strength and its mask."""
    picture = np.asarray(asked["image"], dtype=np.float32)
    with torch.inference_mode():
        original = _encoded(pipeline, torch.from_numpy(picture).permute(2, 0, 1)[None], generator)
        noise = torch.randn(original.shape, generator=generator)
    scheduler = pipeline.scheduler
    begun = _Begun(pipeline, original, noise, asked.get("mask"))
    first = _left_out(scheduler, call["num_inference_steps"], asked["strength"])
    set_timesteps, step = scheduler.set_timesteps, scheduler.step
    begin = scheduler.set_begin_index

    @functools.wraps(set_timesteps)
    def lay_out(*args: Any, **kwargs: Any) -> None:
        set_timesteps(*args, **kwargs)
        raise Laid

    @functools.wraps(set_timesteps)
    def leave_out(*args: Any, **kwargs: Any) -> None:
        set_timesteps(*args, **kwargs)
        begin(first)
        begun.timesteps, scheduler.timesteps = scheduler.timesteps, scheduler.timesteps[first:]

    @functools.wraps(step)
    def hold(*args: Any, **kwargs: Any) -> Any:
        # Solvers go by how many there are.
        scheduler.timesteps = begun.timesteps
        latents, *rest = step(*args, **kwargs)
        return (begun.held(latents, scheduler.step_index), *rest)

    try:
        scheduler.set_timesteps = lay_out
        with contextlib.suppress(Laid):
            pipeline(**call)
        scheduler.set_begin_index = lambda *_: None
        scheduler.set_timesteps, scheduler.step = leave_out, hold
        latents = begun.taken(begun.noised(first))
        return np.asarray(pipeline(**call | {"latents": latents}).images[0])
    finally:
        scheduler.set_timesteps, scheduler.step = set_timesteps, step
        scheduler.set_begin_index = begin


class _Begun:
    """What a picture is held to, in the shape in which the pipeline takes latents."""

    def __init__(
        self, pipeline: Any, original: torch.Tensor, noise: torch.Tensor, mask: Any
    ) -> None:
        self.pipeline, self.original, self.noise = pipeline, original, noise
        self.scheduler = pipeline.scheduler
        self.timesteps: Any = None
        self.free = None
        if mask is not None:
            levels = torch.from_numpy(np.asarray(mask, dtype=np.float32))[None, None] / 255
            self.free = functional.interpolate(levels, original.shape[-2:]).expand_as(original)

    def noised(self, step: int) -> torch.Tensor:
        """The picture with as much noise as a step of the walk has."""
        config = self.scheduler.config
        if config.get("prediction_type") == "epsilon":
            at = self.scheduler.timesteps[step : step + 1]
            return self.scheduler.add_noise(self.original, self.noise, at)
        sigma = self.scheduler.sigmas[step]
        return (1 - sigma) * self.original + sigma * self.noise

    def held(self, latents: torch.Tensor, step: int) -> torch.Tensor:
        """The latents after a step, with what is not free put back."""
        if self.free is None:
            return latents
        kept = self.original if step >= len(self.timesteps) else self.noised(step)
        free = self.free
        if latents.ndim == 3:
            kept, free = self._packed(kept), self._packed(free)
        return free * latents + (1 - free) * kept

    def taken(self, latents: torch.Tensor) -> torch.Tensor:
        """As the pipeline's call takes them: most pack them themselves."""
        return self._packed(latents) if self._named() else latents

    def _packed(self, latents: torch.Tensor) -> torch.Tensor:
        shape = latents.shape if self._named() else ()
        return self.pipeline._pack_latents(latents, *shape)

    def _named(self) -> bool:
        """Whether its packing is told the shape, as Flux's is."""
        pack = getattr(self.pipeline, "_pack_latents", None)
        return pack is not None and len(inspect.signature(pack).parameters) > 1


def _encoded(pipeline: Any, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    pixels, vae = pixels / 127.5 - 1, pipeline.vae
    if vae.config.get("in_channels") == 4:
        # A film of one frame, that is clear nowhere.
        film = torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1).unsqueeze(2)
        return pipeline._encode_vae_image(film, generator)[:, :, 0]
    if hasattr(pipeline, "_encode_vae_image"):
        return pipeline._encode_vae_image(pixels, generator)
    found = vae.encode(pixels)
    latents = found.latent_dist.sample(generator) if hasattr(found, "latent_dist") else found.latent
    shift = getattr(vae.config, "shift_factor", None) or 0
    return (latents - shift) * vae.config.scaling_factor


def _left_out(scheduler: Any, steps: int, strength: float) -> int:
    """How many steps are left out: pipelines of flow matching round the other way."""
    if scheduler.config.get("prediction_type") == "epsilon":
        return steps - min(int(steps * strength), steps)
    return int(max(steps - min(steps * strength, steps), 0))
