"""What a worker says of each model it offers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ModelCard(BaseModel):
    """A model as callers see it: its name, its defaults and what fits it."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    name: str = Field(description="The name to send as `model`.")
    title: str
    description: str = ""
    default: bool = Field(
        default=False, description="Whether a request that names no model gets this one."
    )
    family: str = Field(description="The architecture, such as `stable-diffusion`.")
    width: int = Field(description="Default width in pixels.")
    height: int = Field(description="Default height in pixels.")
    factor: int = Field(description="Width and height must be multiples of this many pixels.")
    steps: int = Field(description="Default number of denoising steps.")
    guidance_scale: float = Field(description="Default scale of classifier-free guidance.")
    sampler: str = Field(description="Default sampler.")
    window: int = Field(description="Prompt tokens the text encoder reads at once.")
    licence: str = ""
    sha256: str | None = Field(default=None, description="Hash of the weights, once it is known.")
    kinds: list[str] = Field(default_factory=lambda: ["text-to-image"])
    samplers: list[str] = Field(default_factory=list[str])
