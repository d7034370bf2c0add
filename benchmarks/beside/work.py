"""How much there is to compute for a picture, counted where diffusers makes it.

What is counted are multiplications and additions of products, convolutions and attention, two for
each pair: of text encoders, denoiser and decoder, of the guidance's second row as well. What LoRAs
add is left out, since they can be merged into weights.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.ceilings import ON_CPU

FEW, MORE = 2, 4
"""Steps that are counted; any other number follows from them."""

GUIDANCE = 4.0

ONE_MORE = ("pndm",)
"""Samplers whose walk of so many steps asks the network once more."""


class Work:
    """Floating-point operations of a model's pictures, counted once for each size."""

    def __init__(self, folder: Path) -> None:
        pipeline = DiffusionPipeline.from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        self.pipeline = pipeline
        self._parts = functools.cache(self._counted)

    def picture(self, steps: int, side: int, sampler: str) -> float:
        """Of a whole picture, from the prompt to the pixels."""
        around, forward = self._parts(side)
        return around + forward * (steps + (sampler in ONE_MORE))

    def forward(self, side: int) -> float:
        """Of what one step of one picture asks the network for: two rows."""
        return self._parts(side)[1]

    def _counted(self, side: int) -> tuple[float, float]:
        """Of what lies around the steps, and of a step."""
        (few, first), (more, second) = (self._count(side, steps) for steps in (FEW, MORE))
        forward = (second - first) / (more - few)
        return first - few * forward, forward

    def _count(self, side: int, steps: int) -> tuple[int, float]:
        counter = FlopCounterMode(display=False, custom_mapping=ON_CPU)
        with torch.no_grad(), counter:
            self.pipeline(
                "red apple, 3d",
                num_inference_steps=steps,
                guidance_scale=GUIDANCE,
                height=side,
                width=side,
                output_type="np",
            )
        return len(self.pipeline.scheduler.timesteps), float(counter.get_total_flops())
