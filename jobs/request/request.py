"""What a caller may ask for: the fields of a generation request and every limit on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from jobs.request.masks import MaskGrey
from jobs.request.model_card import Kind
from jobs.request.samplers import SAMPLERS, canonical_sampler
from jobs.request.trace import TraceField, restored
from jobs.settings import settings

LIMITS = settings()

SEEDS = 2**32
"""Seeds are below this, as in AUTOMATIC1111, whose users carry them over."""

MAX_METADATA_BYTES = 4096
"""Metadata travels with the job's record in Redis, so it stays small."""

MAX_LORAS = 8
MAX_CONTROLS = 4
"""Each is one more network in every forward."""

MAX_REFERENCES = 9
"""Each is as many tokens in every forward as a picture more; no model is known that takes more."""

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that steer a terminal or end a line where nobody sees it; not newline and tab."""

Priority = Literal["low", "normal", "high"]
Resize = Literal["stretch", "crop", "pad"]
Fill = Literal["fill", "original", "noise", "nothing"]
Area = Literal["whole", "masked"]
WebhookEvent = Literal["status", "output", "done"]
Preprocessor = Literal["none", "canny", "scribble", "blur", "grayscale", "invert"]


class FieldError(BaseModel):
    """One thing that is wrong with a request: where (a JSON pointer, RFC 6901) and what."""

    pointer: str
    detail: str


class InvalidRequest(Exception):
    """The caller gets 422 with each field that is wrong and the limit it broke."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))
        self.errors = errors


OWN_SAMPLER = "default"
"""The sampler of the model's own choice; the only one of a pipeline that runs whole."""


def _known_sampler(name: str) -> str:
    known = OWN_SAMPLER if name == OWN_SAMPLER else canonical_sampler(name)
    if known is None:
        raise ValueError(f"no sampler is named {name[:60]!r}; there are {', '.join(SAMPLERS)}")
    return known


def _plain_text(text: str) -> str:
    """The text with a space for each control character, and every line ended by a newline."""
    return CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def _small(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    size = len(_METADATA.model_construct(metadata=metadata).model_dump_json().encode())
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes of JSON; it has {size}")
    return metadata


class _METADATA(BaseModel):
    metadata: dict[str, JsonValue]


Prompt = Annotated[str, Field(max_length=LIMITS.max_prompt), AfterValidator(_plain_text)]
Size = Annotated[int, Field(ge=8, le=LIMITS.max_size)]
Steps = Annotated[int, Field(ge=1, le=LIMITS.max_steps)]
GuidanceScale = Annotated[float, Field(ge=0, le=50)]
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
Strength = Annotated[float, Field(ge=0, le=1)]
Sampler = Annotated[str, Field(max_length=64), AfterValidator(_known_sampler)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Picture = Annotated[str, Field(min_length=1, max_length=LIMITS.max_body)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_small)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        # An error that ends up in a log must not take the prompt there.
        hide_input_in_errors=True,
    )


class Lora(_Part):
    """A LoRA (arXiv 2106.09685) and how strongly it acts."""

    name: Name = Field(description="Name of a LoRA; see /models.")
    weight: float = Field(default=1.0, ge=-4, le=4, description="How strongly it acts.")


class Control(_Part):
    """A ControlNet (arXiv 2302.05543) and the picture that it follows."""

    model: Name = Field(description="Name of a ControlNet; see /models.")
    image: Picture = Field(description="The picture that it follows; sent like `image`.")
    preprocessor: Preprocessor = Field(
        default="none",
        description="What makes the picture into the kind that the ControlNet reads.",
    )
    weight: float = Field(default=1.0, ge=0, le=4, description="How strongly it acts.")
    start: float = Field(
        default=0.0, ge=0, le=1, description="Share of the steps before it begins to act."
    )
    end: float = Field(
        default=1.0, ge=0, le=1, description="Share of the steps after which it no longer acts."
    )


class Expand(_Part):
    """Pixels to add on each side."""

    left: int = Field(default=0, ge=0, le=LIMITS.max_size)
    top: int = Field(default=0, ge=0, le=LIMITS.max_size)
    right: int = Field(default=0, ge=0, le=LIMITS.max_size)
    bottom: int = Field(default=0, ge=0, le=LIMITS.max_size)


class Hires(_Part):
    """A second pass at a larger size, from what the first one made."""

    scale: float = Field(default=2.0, ge=1, le=8, description="Times the first pass's size.")
    steps: Steps | None = Field(default=None, description="Denoising steps; the first's if null.")
    strength: Strength = Field(
        default=0.6, description="How far the second pass may go from what was enlarged."
    )
    upscaler: Name = Field(
        default="lanczos", description="`latent`, `lanczos`, `nearest`, or an upscaler of /models."
    )


class Drawn(_Part):
    """The size that a model draws at, where that is another than the picture's."""

    width: Size = Field(description="Width in pixels.")
    height: Size = Field(description="Height in pixels.")
    upscaler: Name = Field(
        default="lanczos",
        description="What brings the picture to its own size: `lanczos`, or the name of an "
        "upscaler that the model lists.",
    )


class Webhook(_Part):
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


class CommonFields(_Part):
    """What a request has in common as it is sent and with every choice made."""

    kind: Kind = Field(default="text-to-image", description="What to do.")
    prompt: Prompt = Field(
        default="",
        description="What to draw. `(word:1.3)` weighs, `<lora:name:0.8>` adds a LoRA, `BREAK` "
        "begins a new window of the text encoder.",
        examples=["red apple, 3d"],
    )
    negative_prompt: Prompt = Field(default="", description="What to keep out of the picture.")
    count: int = Field(
        default=1,
        ge=1,
        le=LIMITS.max_count,
        description="How many pictures; picture i of the job has the seed `seed + i`.",
    )
    schedule: str = Field(
        default="automatic",
        max_length=64,
        description="How the sampler's steps are spaced; see /samplers.",
    )
    guidance_rescale: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="How much guidance keeps the contrast of the unguided prediction "
        "(arXiv 2305.08891, section 3.4).",
    )
    true_cfg_scale: GuidanceScale = Field(
        default=1.0,
        description="Classifier-free guidance beside a guidance scale that the model was distilled "
        "with (`distilled_guidance` of /models): above 1 each step takes a second row, with the "
        "negative prompt.",
    )
    image_guidance_scale: GuidanceScale | None = Field(
        default=None,
        description="Edit, where the model takes it (`image_guidance` of /models): how much the "
        "result keeps to the picture, as `guidance_scale` says how much it keeps to the prompt "
        "(arXiv 2211.09800); 1.5 if left out.",
    )
    clip_skip: int = Field(
        default=1,
        ge=1,
        le=12,
        description="Which layer of the text encoder counts, from the last: 1 is the last, 2 the "
        "one before it.",
    )
    as_written: bool = Field(
        default=False,
        description="Take the prompt as it is written. Otherwise a model that has a table of words "
        "(`reads_words` of /models) reads in it what it was never taught, such as a mistyped word, "
        "and each picture says in `read_as` what it was read as.",
    )
    loras: list[Lora] = Field(
        default_factory=list[Lora], max_length=MAX_LORAS, description="LoRAs to add; see /models."
    )
    controls: list[Control] = Field(
        default_factory=list[Control],
        max_length=MAX_CONTROLS,
        description="ControlNets, each with the picture that it follows.",
    )
    vae: Name | None = Field(
        default=None,
        description="Name of an autoencoder to take instead of the model's own; see /models.",
    )
    variation_seed: Seed | None = Field(
        default=None, description="Seed of a second noise, towards which the first is turned."
    )
    variation_strength: Strength = Field(
        default=0.0, description="How far towards the second noise; 0 is the first alone."
    )
    resize: Resize = Field(
        default="crop", description="How a picture is brought to another shape of width and height."
    )
    mask_blur: int = Field(
        default=4, ge=0, le=64, description="Pixels over which the mask's edge is softened."
    )
    mask_invert: bool = Field(default=False, description="Repaint the black of the mask instead.")
    mask_grey: MaskGrey = Field(
        default="mix",
        description="What grey in the mask means: `mix` shows the result over the picture as much "
        "as the mask is light, `strength` repaints with so much of the strength (differential "
        "diffusion, arXiv 2306.00950), `cut` makes it black or white at one half.",
    )
    inpaint_area: Area = Field(
        default="whole",
        description="`masked` works on the masked area alone, at the full size asked for.",
    )
    mask_padding: int = Field(
        default=32, ge=0, le=512, description="Pixels round the masked area that it gets to see."
    )
    fill: Fill = Field(
        default="original",
        description="What is under the mask to begin with: the surroundings' colours, the "
        "original, noise, or nothing.",
    )
    expand: Expand = Field(default_factory=Expand, description="Outpaint: pixels to add.")
    hires: Hires | None = Field(default=None, description="A second pass at a larger size.")
    drawn: Drawn | None = Field(
        default=None,
        description="The size to draw at where that is to be another than the picture's. Without "
        "it that is so where the model is good at some sizes only (`sizes` of /models), and the "
        "picture's `note` says so.",
    )
    preview_interval: float = Field(
        default=0.4, ge=0, le=60, description="Seconds between two previews; 0 is none."
    )
    exact: bool = Field(
        default=False,
        description="Equal to the pixel whatever else is running, by padding every forward to the "
        "same number of rows. Slower.",
    )
    trace: TraceField = False
    priority: Priority = Field(default="normal", description="Which of the waiting jobs go first.")
    metadata: Metadata = Field(
        default_factory=dict[str, JsonValue],
        description="Anything of the caller's own, given back with the job.",
    )


class GenerationRequest(CommonFields):
    """A request as a caller sends it; what is left out follows the model and the picture."""

    model: str | None = Field(
        default=None, max_length=200, description="Name of a model; see /models."
    )
    image: Picture | None = Field(
        default=None,
        description="The picture to start from: the id of a picture of yours, a data URI, or in a "
        "multipart body a file. PNG, JPEG, WebP or HEIC.",
    )
    mask: Picture | None = Field(
        default=None, description="Inpaint: white is repainted. Sent like `image`."
    )
    references: list[Picture] = Field(
        default_factory=list[str],
        max_length=MAX_REFERENCES,
        description="Edit: more pictures that the prompt may speak of, after the one in `image`, "
        "where the model takes several (`edit_pictures` of /models). Each sent like `image`.",
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
    strength: Strength | None = Field(
        default=None,
        description="How far the result may go from the picture: 0 is the picture, 1 forgets it.",
    )
    scale: float | None = Field(
        default=None, ge=1, le=8, description="Upscale: times the picture's size; 2 if left out."
    )
    upscaler: Name | None = Field(
        default=None,
        description="Upscale: `latent`, `lanczos`, `nearest`, or an upscaler of /models.",
    )
    webhook: Webhook | None = Field(
        default=None,
        description="Where to tell of the job. Kept apart from it: no answer and no picture "
        "shows it.",
    )


class ResolvedRequest(CommonFields):
    """A request with every choice made: with its seed, all that a picture depends on."""

    model: str
    image: str | None = None
    mask: str | None = None
    references: list[str] = Field(default_factory=list[str])
    width: int
    height: int
    steps: Steps
    guidance_scale: GuidanceScale
    seed: Seed
    sampler: Sampler
    strength: Strength = 1.0
    scale: float | None = None
    upscaler: str | None = None

    def image_seed(self, index: int) -> int:
        """Seed of picture `index` (from 0), which makes that picture again alone."""
        return (self.seed + index) % SEEDS

    @classmethod
    def restored(cls, fields: dict[str, Any]) -> Self:
        """A request that was checked before, without checking it again.

        A limit that was lowered since must not make the record of an old job unreadable.
        """
        hires: dict[str, Any] | None = fields.get("hires")
        drawn: dict[str, Any] | None = fields.get("drawn")
        parts: dict[str, Any] = {
            "trace": restored(fields.get("trace", False)),
            "loras": [Lora.model_construct(**each) for each in fields.get("loras", [])],
            "controls": [Control.model_construct(**each) for each in fields.get("controls", [])],
            "expand": Expand.model_construct(**fields.get("expand", {})),
            "hires": Hires.model_construct(**hires) if hires else None,
            "drawn": Drawn.model_construct(**drawn) if drawn else None,
        }
        return cls.model_construct(None, **fields | parts)


def named_pictures(request: GenerationRequest | ResolvedRequest) -> dict[str, str]:
    """Each picture that a request starts from, by the JSON pointer of the field that names it."""
    named = {"/image": request.image, "/mask": request.mask}
    named |= {f"/references/{index}": each for index, each in enumerate(request.references)}
    named |= {
        f"/controls/{index}/image": control.image for index, control in enumerate(request.controls)
    }
    return {pointer: picture for pointer, picture in named.items() if picture is not None}


@dataclass(frozen=True)
class InputPicture:
    """A picture that came with a request: its id in the store and its size in pixels.

    `prompt` and `negative_prompt` are those of its own recipe, where it carries one; `levels` are
    the darkest and the lightest of a mask.
    """

    id: str
    width: int
    height: int
    prompt: str = ""
    negative_prompt: str = ""
    levels: tuple[int, int] | None = None


Pictures = Mapping[str, InputPicture]
"""The pictures of a request by the JSON pointer of the field that named them."""
