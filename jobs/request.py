"""What a caller may ask for: the fields of a generation request and every limit on them."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from jobs.models import ModelCard
from jobs.samplers import SAMPLERS, canonical_sampler
from jobs.settings import settings

LIMITS = settings()

SEEDS = 2**32
"""Seeds are below this, as in AUTOMATIC1111, whose users carry them over."""

MAX_METADATA_BYTES = 4096
"""Metadata travels with the job's record in Redis, so it stays small."""

Kind = Literal["text-to-image"]
Priority = Literal["low", "normal", "high"]


class FieldError(BaseModel):
    """One thing that is wrong with a request: where (a JSON pointer, RFC 6901) and what."""

    pointer: str
    detail: str


class InvalidRequest(Exception):
    """The caller gets 422 with each field that is wrong and the limit it broke."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))
        self.errors = errors


def _not_blank(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("must say what to draw; it is empty")
    return prompt


def _known_sampler(name: str) -> str:
    known = canonical_sampler(name)
    if known is None:
        raise ValueError(f"no sampler is named {name[:60]!r}; there are {', '.join(SAMPLERS)}")
    return known


def _small(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    size = len(_METADATA.model_construct(metadata=metadata).model_dump_json().encode())
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes of JSON; it has {size}")
    return metadata


class _METADATA(BaseModel):
    metadata: dict[str, JsonValue]


Prompt = Annotated[
    str, Field(max_length=LIMITS.max_prompt, examples=["red apple, 3d"]), AfterValidator(_not_blank)
]
Size = Annotated[int, Field(ge=8, le=LIMITS.max_size)]
Steps = Annotated[int, Field(ge=1, le=LIMITS.max_steps)]
GuidanceScale = Annotated[float, Field(ge=0, le=50)]
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
Sampler = Annotated[str, Field(max_length=64), AfterValidator(_known_sampler)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_small)]


class _Common(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    kind: Kind = Field(default="text-to-image", description="What to do.")
    prompt: Prompt = Field(description="What to draw.")
    negative_prompt: str = Field(
        default="", max_length=LIMITS.max_prompt, description="What to keep out of the picture."
    )
    count: int = Field(
        default=1,
        ge=1,
        le=LIMITS.max_count,
        description="How many pictures; picture i of the job has the seed `seed + i`.",
    )
    priority: Priority = Field(default="normal", description="Which of the waiting jobs go first.")
    metadata: Metadata = Field(
        default_factory=dict[str, JsonValue],
        description="Anything of the caller's own, given back with the job.",
    )


class GenerationRequest(_Common):
    """A request as a caller sends it; what is left out follows the model's own defaults."""

    model: str | None = Field(
        default=None, max_length=200, description="Name of a model; see /models."
    )
    width: Size | None = Field(default=None, description="Width in pixels.")
    height: Size | None = Field(default=None, description="Height in pixels.")
    steps: Steps | None = Field(default=None, description="Denoising steps.")
    guidance_scale: GuidanceScale | None = Field(
        default=None, description="Scale of classifier-free guidance; 1 or less turns it off."
    )
    seed: Seed | None = Field(
        default=None, description="Seed of the first picture; drawn if left out."
    )
    sampler: Sampler | None = Field(default=None, description="Name of a sampler; see /samplers.")


class ResolvedRequest(_Common):
    """A request with every choice made: with its seed, all that a picture depends on."""

    model: str
    width: Size
    height: Size
    steps: Steps
    guidance_scale: GuidanceScale
    seed: Seed
    sampler: Sampler

    def image_seed(self, index: int) -> int:
        """Seed of picture `index` (from 0), which makes that picture again alone."""
        return (self.seed + index) % SEEDS


def resolve(request: GenerationRequest, cards: list[ModelCard]) -> ResolvedRequest:
    """Fill in what was left out from the model's defaults, and draw a missing seed.

    Raises InvalidRequest where the model is unknown or a field does not fit it.
    """
    card = _card(request.model, cards)
    width, height = request.width or card.width, request.height or card.height
    errors = [
        error
        for field, value in (("width", width), ("height", height))
        if (error := _size_error(field, value, card))
    ]
    if width * height > LIMITS.max_pixels:
        detail = f"width times height must be at most {LIMITS.max_pixels}; it is {width * height}"
        errors.append(FieldError(pointer="/width", detail=detail))
    if request.kind not in card.kinds:
        detail = f"the model {card.name} does {', '.join(card.kinds)}"
        errors.append(FieldError(pointer="/kind", detail=detail))
    if errors:
        raise InvalidRequest(errors)
    return ResolvedRequest(
        kind=request.kind,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        count=request.count,
        priority=request.priority,
        metadata=request.metadata,
        model=card.name,
        width=width,
        height=height,
        steps=request.steps or card.steps,
        guidance_scale=(
            card.guidance_scale if request.guidance_scale is None else request.guidance_scale
        ),
        seed=secrets.randbelow(SEEDS) if request.seed is None else request.seed,
        sampler=request.sampler or card.sampler,
    )


def _card(name: str | None, cards: list[ModelCard]) -> ModelCard:
    for card in cards:
        if card.name == name or (name is None and card.default):
            return card
    if name is None and cards:
        return cards[0]
    there_are = ", ".join(card.name for card in cards) or "none"
    detail = f"no model is named {(name or '')[:60]!r}; there are: {there_are}"
    raise InvalidRequest([FieldError(pointer="/model", detail=detail)])


def _size_error(field: str, value: int, card: ModelCard) -> FieldError | None:
    if value % card.factor == 0:
        return None
    nearest = max(card.factor, round(value / card.factor) * card.factor)
    if nearest > LIMITS.max_size:
        nearest -= card.factor
    detail = (
        f"must be a multiple of {card.factor} for the model {card.name}; the nearest is {nearest}"
    )
    return FieldError(pointer=f"/{field}", detail=detail)
