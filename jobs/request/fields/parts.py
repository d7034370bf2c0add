"""The parts of a request that have fields of their own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.request.fields.values import (
    LIMITS,
    MAX_IP_PICTURES,
    MAX_LORAS,
    PREPROCESSORS,
    Block,
    BlockWeight,
    ControlMode,
    ControlType,
    Name,
    Picture,
    Prompt,
    Size,
    Steps,
    Strength,
    WebhookEvent,
)


class Part(BaseModel):
    """What a request is made of: unknown fields, other types and NaN are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        # An error that ends up in a log must not take the prompt there.
        hide_input_in_errors=True,
    )


class Lora(Part):
    """A LoRA (arXiv 2106.09685) and how strongly it acts."""

    name: Name = Field(description="Name of a LoRA; see /models.")
    weight: float = Field(default=1.0, ge=-4, le=4, description="How strongly it acts.")
    text_encoder_weight: float | None = Field(
        default=None,
        ge=-4,
        le=4,
        description="How strongly it acts on the text encoders, where that is another number.",
    )
    block_weights: dict[Block, BlockWeight] = Field(
        default_factory=dict[Block, BlockWeight],
        description="How much of its weight acts in which blocks of a U-Net, by their names as the "
        "Block Weight extension for AUTOMATIC1111 has them (`BASE` are the text encoders); 1 in "
        "those left out.",
        examples=[{"BASE": 0.5, "MID": 0.0, "OUT03": 1.5}],
    )


class PictureWords(Part):
    """What a template became for one picture."""

    prompt: Prompt
    negative_prompt: Prompt = ""
    loras: list[Lora] = Field(default_factory=list[Lora], max_length=MAX_LORAS)


class Control(Part):
    """A ControlNet (arXiv 2302.05543) or a T2I-Adapter (arXiv 2302.08453), and the picture that it
    follows."""

    model: Name = Field(description="Name of one of the `controlnets` of /models.")
    image: Picture = Field(description="The picture that it follows; sent like `image`.")
    preprocessor: Name = Field(
        default="none",
        description="What makes the picture into the kind that the ControlNet reads: "
        f"{', '.join(PREPROCESSORS)}, or one of the `preprocessors` of /models.",
    )
    weight: float = Field(default=1.0, ge=0, le=4, description="How strongly it acts.")
    start: float = Field(
        default=0.0, ge=0, le=1, description="Share of the steps before it begins to act."
    )
    end: float = Field(
        default=1.0, ge=0, le=1, description="Share of the steps after which it no longer acts."
    )
    threshold_a: float | None = Field(
        default=None,
        ge=0,
        le=255,
        description="What tunes the preprocessor: canny's lower threshold (100), scribble's "
        "threshold (32), threshold's own (127), by how much tile is coarser (1), the exponent of "
        "luminance and intensity (1), the deviation of blur in pixels (9).",
    )
    threshold_b: float | None = Field(
        default=None, ge=0, le=255, description="Canny's upper threshold (200)."
    )
    control_mode: ControlMode = Field(
        default="balanced",
        description="What counts more: `prompt` has the upper levels of the network steered less, "
        "`control` does so too and leaves the row without the prompt alone, as in AUTOMATIC1111; "
        "`guess` is diffusers' guess mode.",
    )
    control_type: ControlType | None = Field(
        default=None,
        description="Of which kind the picture is, for a ControlNet that tells several apart "
        "(`control_types`); that of the preprocessor if left out.",
    )
    mask: Picture | None = Field(
        default=None,
        description="Where in the result it acts: as much as this is light there; everywhere "
        "without it. Sent like `image`.",
    )


class IPAdapter(Part):
    """An IP-Adapter (arXiv 2308.06721) and the pictures that the result is to be like."""

    model: Name = Field(description="Name of an IP-Adapter; see `ip_adapters` of /models.")
    images: list[Picture] = Field(
        min_length=1,
        max_length=MAX_IP_PICTURES,
        description="The pictures that it looks at, all together; each sent like `image`.",
    )
    weight: float = Field(default=1.0, ge=-1, le=4, description="How strongly it acts.")
    start: float = Field(
        default=0.0, ge=0, le=1, description="Share of the steps before it begins to act."
    )
    end: float = Field(
        default=1.0, ge=0, le=1, description="Share of the steps after which it no longer acts."
    )
    mask: Picture | None = Field(
        default=None,
        description="Where in the result it acts: as much as this is light there; everywhere "
        "without it. Sent like `image`.",
    )


class ReferenceOnly(Part):
    """Reference-only: a picture that the result is to be like, which the network itself looks at,
    without an adapter."""

    image: Picture = Field(description="The picture that it looks at; sent like `image`.")
    weight: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="In which share of the network's attentions it is seen, the widest first.",
    )
    style_fidelity: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="How much of the row without the prompt does not look at it, so that guidance "
        "leads towards it: 0 is the prompt's picture, 1 the reference's style.",
    )
    start: float = Field(
        default=0.0, ge=0, le=1, description="Share of the steps before it begins to act."
    )
    end: float = Field(
        default=1.0, ge=0, le=1, description="Share of the steps after which it no longer acts."
    )


class FreeU(Part):
    """FreeU (arXiv 2309.11497), with the numbers that suit Stable Diffusion 1.5."""

    b1: float = Field(default=1.5, gt=0, le=4, description="Times the backbone, first stage.")
    b2: float = Field(default=1.6, gt=0, le=4, description="Times the backbone, second stage.")
    s1: float = Field(default=0.9, gt=0, le=4, description="Times the skips, first stage.")
    s2: float = Field(default=0.2, gt=0, le=4, description="Times the skips, second stage.")


class DynamicThresholding(Part):
    """Dynamic thresholding: a high guidance scale with the range of colours of a lower one."""

    mimic_scale: float = Field(
        default=7.0, ge=0, le=50, description="The guidance scale whose range it is brought to."
    )
    percentile: float = Field(
        default=1.0,
        ge=0.5,
        le=1,
        description="Share of the places that its own range is taken from; what lies beyond is cut "
        "off (Imagen has 0.995).",
    )


class RestoreFaces(Part):
    """Faces of the finished picture, drawn again by a network that was made for them."""

    model: Name | None = Field(
        default=None, description="Name of a face restorer of /models; the first if left out."
    )
    strength: Strength = Field(
        default=1.0, description="How much of a face is the restored one; 0 is none of it."
    )


class Expand(Part):
    """Pixels to add on each side."""

    left: int = Field(default=0, ge=0, le=LIMITS.max_size)
    top: int = Field(default=0, ge=0, le=LIMITS.max_size)
    right: int = Field(default=0, ge=0, le=LIMITS.max_size)
    bottom: int = Field(default=0, ge=0, le=LIMITS.max_size)


class Hires(Part):
    """A second pass at a larger size, from what the first one made."""

    scale: float = Field(default=2.0, ge=1, le=8, description="Times the first pass's size.")
    steps: Steps | None = Field(default=None, description="Denoising steps; the first's if null.")
    strength: Strength = Field(
        default=0.6, description="How far the second pass may go from what was enlarged."
    )
    upscaler: Name = Field(
        default="lanczos", description="`latent`, `lanczos`, `nearest`, or an upscaler of /models."
    )
    prompt: Prompt | None = Field(
        default=None, description="What the second pass draws, where that is something else."
    )
    negative_prompt: Prompt | None = Field(
        default=None, description="What it keeps out, where that is something else."
    )


class Drawn(Part):
    """The size that a model draws at, where that is another than the picture's."""

    width: Size = Field(description="Width in pixels.")
    height: Size = Field(description="Height in pixels.")
    upscaler: Name = Field(
        default="lanczos",
        description="What brings the picture to its own size: `lanczos`, or the name of an "
        "upscaler that the model lists.",
    )


class Webhook(Part):
    """Where to tell of a job, of what, and in which shape."""

    url: str = Field(
        min_length=1,
        max_length=2000,
        description="http or https, on the public internet or allowed by the server's operator.",
        examples=["https://example.org/hook"],
    )
    events: list[WebhookEvent] = Field(
        default=["done"],
        min_length=1,
        max_length=3,
        description="`status`: queued, running; `output`: a picture is stored; `done`: the end.",
    )
    format: Literal["json", "ntfy"] = Field(
        default="json",
        description="`json`: the job, signed after Standard Webhooks; `ntfy`: a message for a "
        "phone, with the topic in the URL.",
    )
