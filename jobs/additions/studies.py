"""What may be asked of a model to see how it works, and where such questions wait."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.request.fields.values import Picture, Prompt, Seed

SIDE = 512
"""Pixels a side past which a picture is made smaller before it is looked into."""

DROWNED_SIDE = 192
"""The same for a picture that is drowned in noise: a thousand steps of it are drawn."""

MAPPED_BYTES = 8 * 1024 * 1024
"""Of a PNG that a worker is to make a map of: it lies in Redis meanwhile."""

TIMESTEPS = 12
"""Timesteps of one question: each is up to three pictures of the answer."""

WAITING = 32
"""Questions on one model that may wait; their pictures lie in Redis meanwhile."""

NoiseSchedule = Literal["model", "linear", "scaled_linear", "squaredcos_cap_v2", "flow"]


class _Asked(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    model: str | None = Field(
        default=None, max_length=200, description="Name of a model; the default one if left out."
    )


class TokenizeRequest(_Asked):
    """A prompt to be taken apart."""

    prompt: Prompt = Field(description="The prompt, with weights and BREAK as in a job.")


class ForwardRequest(_Asked):
    """A picture to be drowned in noise."""

    image: Picture = Field(description="The picture, sent like that of a job.")
    schedule: NoiseSchedule = Field(
        default="model",
        description="How noise grows: `linear` (arXiv 2006.11239), `scaled_linear` (2112.10752), "
        "`squaredcos_cap_v2` (2102.09672), `flow` (2210.02747), or the model's own.",
    )
    timesteps: list[int] = Field(
        default=[0, 100, 250, 500, 750, 999],
        min_length=1,
        max_length=TIMESTEPS,
        description="At which of the thousand steps of training to look.",
    )
    space: Literal["pixels", "latents"] = Field(
        default="pixels", description="What noise is added to."
    )
    way: Literal["closed", "stepwise", "both"] = Field(
        default="closed",
        description="`closed`: by q(x_t | x_0), at once; `stepwise`: by q(x_t | x_t-1), one after "
        "another.",
    )
    seed: Seed = Field(default=0, description="Seed of the noise.")
    prompt: Prompt | None = Field(
        default=None,
        description="With latents: have the network say which noise it sees, as in a step of its "
        "training, with these words.",
    )


class AutoencodeRequest(_Asked):
    """A picture to go through the autoencoder and back."""

    image: Picture = Field(description="The picture, sent like that of a job.")
    zero: list[int] = Field(
        default_factory=list[int],
        max_length=64,
        description="Channels of the latents that are set to 0 before they are decoded.",
    )
    mix: Picture | None = Field(
        default=None, description="Another picture, whose latents are mixed in before decoding."
    )
    amount: float = Field(
        default=0.5, ge=0, le=1, description="How much of the other picture's latents."
    )


def place_of(model: str) -> str:
    """Where questions on a model wait (`errands`)."""
    return f"model/{model}"
