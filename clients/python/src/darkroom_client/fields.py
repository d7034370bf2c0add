"""The fields of a request. The server's `/api/v1/docs` says what each does and its limits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Literal, NotRequired, TypedDict

from darkroom_client.records import Picture

Kind = Literal[
    "text-to-image",
    "image-to-image",
    "edit",
    "inpaint",
    "outpaint",
    "upscale",
    "variations",
    "walk",
]

PictureInput = str | os.PathLike[str] | bytes | BinaryIO | Picture
"""A picture to start from: a path, the bytes, an open file, an earlier picture or its id."""


class Lora(TypedDict):
    """A LoRA and how strongly it acts."""

    name: str
    weight: NotRequired[float]
    text_encoder_weight: NotRequired[float | None]
    block_weights: NotRequired[Mapping[str, float]]


class Control(TypedDict):
    """A ControlNet or a T2I-Adapter, and the picture that it follows."""

    model: str
    image: PictureInput
    preprocessor: NotRequired[str]
    weight: NotRequired[float]
    start: NotRequired[float]
    end: NotRequired[float]
    threshold_a: NotRequired[float | None]
    threshold_b: NotRequired[float | None]
    control_mode: NotRequired[Literal["balanced", "prompt", "control", "guess"]]
    control_type: NotRequired[
        Literal["openpose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint"]
        | None
    ]
    mask: NotRequired[PictureInput | None]


class IPAdapter(TypedDict):
    """An IP-Adapter and the pictures that the result is to be like."""

    model: str
    images: Sequence[PictureInput]
    weight: NotRequired[float]
    start: NotRequired[float]
    end: NotRequired[float]
    mask: NotRequired[PictureInput | None]


class Box(TypedDict, total=False):
    """A part of a picture, in shares of its width and height."""

    left: float
    top: float
    width: float
    height: float


class Region(TypedDict):
    """A prompt for a part of the picture: a box, or the white of a mask."""

    prompt: str
    box: NotRequired[Box | None]
    mask: NotRequired[PictureInput | None]
    weight: NotRequired[float]


class ReferenceOnly(TypedDict):
    """A picture that the network itself looks at, so that the result is like it."""

    image: PictureInput
    weight: NotRequired[float]
    style_fidelity: NotRequired[float]
    start: NotRequired[float]
    end: NotRequired[float]


class FreeU(TypedDict, total=False):
    """FreeU: more of a U-Net's backbone, less of what skips it."""

    b1: float
    b2: float
    s1: float
    s2: float


class DynamicThresholding(TypedDict, total=False):
    """Dynamic thresholding: a high guidance scale with the range of colours of a lower one."""

    mimic_scale: float
    percentile: float


class RestoreFaces(TypedDict, total=False):
    """Faces of the finished picture, drawn again by a network that was made for them."""

    model: str | None
    strength: float


class Expand(TypedDict, total=False):
    """Pixels to add on each side."""

    left: int
    top: int
    right: int
    bottom: int


class Hires(TypedDict, total=False):
    """A second pass at a larger size."""

    scale: float
    steps: int | None
    strength: float
    upscaler: str
    prompt: str | None
    negative_prompt: str | None


class Drawn(TypedDict):
    """The size that a model draws at, where that is another than the picture's."""

    width: int
    height: int
    upscaler: NotRequired[str]


class Trace(TypedDict, total=False):
    """What to keep of the pictures: of which steps, and where words were looked at."""

    steps: list[int]
    attention: Literal["none", "words", "layers"]


class Walk(TypedDict):
    """What changes from picture to picture of a walk, and how far."""

    over: Literal["prompts", "seeds", "words", "steps", "samplers", "schedules"]
    prompt: NotRequired[str | None]
    seed: NotRequired[int | None]
    frames: NotRequired[int | None]
    steps: NotRequired[Sequence[int] | None]
    samplers: NotRequired[Sequence[str] | None]
    schedules: NotRequired[Sequence[str] | None]
    seconds: NotRequired[float]


class Webhook(TypedDict):
    """Where to tell of the job, of what, and in which shape."""

    url: str
    events: NotRequired[Sequence[Literal["status", "output", "done"]]]
    format: NotRequired[Literal["json", "ntfy"]]


class PictureWords(TypedDict):
    """What a template became for one picture, as a job's `input` has it."""

    prompt: str
    negative_prompt: NotRequired[str]
    loras: NotRequired[Sequence[Lora]]


class Fields(TypedDict, total=False):
    """All that a request may say besides its prompt; what is left out follows the model."""

    kind: Kind
    negative_prompt: str
    model: str | None
    width: int | None
    height: int | None
    steps: int | None
    guidance_scale: float | None
    guidance_rescale: float
    true_cfg_scale: float
    image_guidance_scale: float | None
    sampler: str | None
    schedule: str
    seed: int | None
    variation_seed: int | None
    variation_strength: float
    blend_prompt: str | None
    blend: float
    walk: Walk | None
    count: int
    clip_skip: int
    as_written: bool
    styles: Sequence[str]
    wordings: Sequence[PictureWords]
    vae: str | None
    loras: Sequence[Lora]
    controls: Sequence[Control]
    ip_adapters: Sequence[IPAdapter]
    reference_only: ReferenceOnly | None
    regions: Sequence[Region]
    hires: Hires | None
    drawn: Drawn | None
    image: PictureInput | None
    references: Sequence[PictureInput]
    strength: float | None
    resize: Literal["stretch", "crop", "pad"]
    mask: PictureInput | None
    mask_blur: int
    mask_invert: bool
    mask_grey: Literal["mix", "strength", "cut"]
    mask_padding: int | None
    inpaint_area: Literal["whole", "masked"] | None
    fill: Literal["fill", "original", "noise", "nothing"]
    expand: Expand
    class_label: int | None
    restore_faces: RestoreFaces | None
    freeu: FreeU | None
    dynamic_thresholding: DynamicThresholding | None
    pag_scale: float
    cfg_plus_plus: bool
    tiling: Literal["none", "x", "y", "both"]
    scale: float | None
    upscaler: str | None
    exact: bool
    trace: bool | list[int] | Trace
    preview_interval: float
    priority: Literal["low", "normal", "high"]
    metadata: dict[str, Any]
    webhook: Webhook | None
