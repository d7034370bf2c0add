"""Whether a model fits a machine: the ways in which it can lie there, and what each takes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.sentences import Wording

Offload = Literal["always", "model", "group"]
Quantize = Literal["int8", "nf4"]


class Way(BaseModel):
    """One way in which a model can lie on a machine, in the words of models.toml."""

    model_config = ConfigDict(frozen=True)

    dtype: Literal["float32", "float16", "bfloat16"]
    quantize: Quantize | None
    offload: Offload | None = Field(description="Null where all of it lies on the device.")
    bytes: int = Field(description="Weights on the device at most at once.")
    host_bytes: int = Field(description="Weights in main memory beside them.")
    fits: bool = Field(description="Whether these have room, and the work itself beside them.")
    package: str | None = Field(description="A package that it needs and that is not installed.")


class Fit(BaseModel):
    """What a model takes of the machine that would have it, and how it is best kept there."""

    device: str = Field(examples=["cuda:0"])
    memory_bytes: int = Field(description="What there is for models, with nothing else loaded.")
    work_bytes: int = Field(description="How much of it is left for the work itself.")
    parameters: int = Field(description="How many numbers its weights are.")
    ways: list[Way]
    recommended: Way | None = Field(
        description="The way that changes least of those that fit; null where none does."
    )
    summary: str = Field(description="The same as a sentence.")
    wording: Wording | None = Field(None, description="What the sentence says, for programs.")
