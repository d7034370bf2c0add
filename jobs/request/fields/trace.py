"""What a job is to keep of the steps of its pictures."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

STEPS = 64
"""Steps that a list may name; all of a picture's are at most as many as it may have."""

Step = Annotated[int, Field(ge=0, le=1000)]
TracedSteps = Annotated[list[Step], Field(min_length=1, max_length=STEPS)]


class Trace(BaseModel):
    """What to keep of each picture's steps."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    steps: TracedSteps | None = Field(
        default=None, description="Which steps, counted from 0; all of them if left out."
    )
    attention: Literal["none", "words", "layers"] = Field(
        default="words",
        description="Where words were looked at: the mean over heads and layers, or that of each "
        "layer too.",
    )


TraceField = Annotated[
    bool | TracedSteps | Trace,
    Field(
        description="Keep what the steps of the pictures were: noisy latents, predicted noise "
        "with, without and after guidance, the latents without noise, and where each word was "
        "looked at. True, a list of steps counted from 0, or what to keep. Each counts as another "
        "picture.",
    ),
]


def wish(trace: bool | list[int] | Trace) -> Trace | None:
    """What is to be kept; None for nothing."""
    if isinstance(trace, Trace):
        return trace
    if isinstance(trace, list):
        return Trace(steps=trace)
    return Trace() if trace else None


def restored(trace: Any) -> bool | list[int] | Trace:
    """A wish that was checked before."""
    if not isinstance(trace, dict):
        return trace
    return Trace.model_construct(**cast("dict[str, Any]", trace))


def fault(trace: bool | list[int] | Trace, steps: int, *, batched: bool) -> str | None:
    """What is wrong with a wish for pictures of so many steps; None if nothing is."""
    wished = wish(trace)
    if wished is None:
        return None
    if not batched:
        return "this model runs whole, as its pipeline came, and its steps are not seen"
    if wished.steps and max(wished.steps) >= 2 * steps + 2:
        return f"there is no step {max(wished.steps)}: with {steps} steps they go from 0"
    return None
