"""The fields of a walk: what changes from picture to picture, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from jobs.request.fields.parts import Part
from jobs.request.fields.values import LIMITS, Prompt, Sampler, Seed, Steps

Over = Literal["prompts", "seeds", "words", "steps", "samplers", "schedules"]

FRAMES = 8
"""Pictures between two ends where the caller does not say: enough to see it change, soon made."""

STEPS = (1, 2, 4, 8, 16, 32, 50)
"""Steps of the pictures where the caller does not say."""

FEWEST = 2
"""Pictures of which one can be further than the other."""

Schedule = Annotated[str, Field(max_length=64)]


class Walk(Part):
    """What changes from one picture of a walk to the next."""

    over: Over = Field(
        description="What changes: the words' vectors from `prompt` of the request to that of the "
        "walk (`prompts`), the noise from one seed to another (`seeds`), how much of the prompt is "
        "there (`words`), how many `steps` are made of one noise, by which of several `samplers`, "
        "or by which `schedules`.",
    )
    prompt: Prompt | None = Field(
        default=None, description="Prompts: where the walk ends; it begins at the request's."
    )
    seed: Seed | None = Field(
        default=None, description="Seeds: where the walk ends; drawn if left out."
    )
    frames: int | None = Field(
        default=None,
        ge=FEWEST,
        le=LIMITS.max_count,
        description=f"Prompts and seeds: how many pictures, both ends included; {FRAMES} if left "
        "out. What one more picture adds is the same everywhere.",
    )
    steps: list[Steps] | None = Field(
        default=None,
        min_length=FEWEST,
        max_length=LIMITS.max_count,
        description="Steps: how many each picture takes; "
        f"{', '.join(map(str, STEPS))} if left out.",
    )
    samplers: list[Sampler] | None = Field(
        default=None,
        min_length=FEWEST,
        max_length=LIMITS.max_count,
        description="Samplers: by which each picture is made; see /samplers.",
    )
    schedules: list[Schedule] | None = Field(
        default=None,
        min_length=FEWEST,
        max_length=LIMITS.max_count,
        description="Schedules: how the steps of each picture are spaced; see /samplers. With "
        "`samplers`, the one of each.",
    )
    seconds: float = Field(
        default=0.5, ge=0.02, le=60, description="How long each picture stands in the animation."
    )


TAKES: Mapping[Over, tuple[str, ...]] = {
    "prompts": ("prompt", "frames"),
    "seeds": ("seed", "frames"),
    "words": (),
    "steps": ("steps",),
    "samplers": ("samplers", "schedules"),
    "schedules": ("schedules",),
}
"""The fields that each walk takes."""

NEEDS: Mapping[Over, str] = {
    "prompts": "prompt",
    "samplers": "samplers",
    "schedules": "schedules",
}
"""The fields without which there is nowhere to go."""

SETS: Mapping[Over, tuple[str, ...]] = {
    "prompts": ("blend_prompt",),
    "seeds": ("variation_seed",),
    "words": (),
    "steps": (),
    "samplers": (),
    "schedules": (),
}
"""The fields of a request that a walk fills in, so that nobody else may."""
