"""What a caller may ask for: the fields of a generation request and every limit on them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, JsonValue

from jobs.request.fields.masks import MaskGrey
from jobs.request.fields.parts import (
    Control,
    Drawn,
    DynamicThresholding,
    Expand,
    FreeU,
    Hires,
    IPAdapter,
    Lora,
    Part,
    PictureWords,
    ReferenceOnly,
    RestoreFaces,
    Webhook,
)
from jobs.request.fields.regions import MAX_REGIONS, Region
from jobs.request.fields.said import Said
from jobs.request.fields.trace import TraceField
from jobs.request.fields.values import (
    LEAST_PADDING,
    LIMITS,
    MAX_CONTROLS,
    MAX_IP_ADAPTERS,
    MAX_LORAS,
    MAX_REFERENCES,
    MAX_STYLES,
    SEEDS,
    Area,
    Fill,
    GuidanceScale,
    Metadata,
    Name,
    Padding,
    Picture,
    Priority,
    Prompt,
    Resize,
    Sampler,
    Seed,
    Size,
    Steps,
    Strength,
    Tiling,
)
from jobs.request.model_card import Kind
from jobs.request.restoring import restored_parts
from jobs.request.walk import frames
from jobs.request.walk.part import Walk


class FieldError(Said):
    """One thing that is wrong with a request: where (a JSON pointer, RFC 6901) and what."""


class InvalidRequest(Exception):
    """The caller gets 422 with each field that is wrong and the limit it broke."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))
        self.errors = errors


class CommonFields(Part):
    """What a request has in common as it is sent and with every choice made."""

    kind: Kind = Field(default="text-to-image", description="What to do.")
    prompt: Prompt = Field(
        default="",
        description="What to draw. `(word:1.3)` weighs, `<lora:name:0.8>` adds a LoRA, `BREAK` "
        "begins a new window of the text encoder, `[cat:dog:0.5]` changes half way, `AND` joins "
        "prompts, `{red|green}` and `__animal__` pick words by the picture's seed.",
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
        description="Take the prompt as it is written. Otherwise choices and wildcards are picked "
        "in it (`{red|green}`, `__animal__`), and a model that has a table of words (`reads_words` "
        "of /models) reads in it what it was never taught, such as a mistyped word, and each "
        "picture says in `read_as` what it was read as.",
    )
    loras: list[Lora] = Field(
        default_factory=list[Lora], max_length=MAX_LORAS, description="LoRAs to add; see /models."
    )
    controls: list[Control] = Field(
        default_factory=list[Control],
        max_length=MAX_CONTROLS,
        description="ControlNets, each with the picture that it follows.",
    )
    ip_adapters: list[IPAdapter] = Field(
        default_factory=list[IPAdapter],
        max_length=MAX_IP_ADAPTERS,
        description="IP-Adapters, each with the pictures that the result is to be like.",
    )
    reference_only: ReferenceOnly | None = Field(
        default=None,
        description="A picture that the result is to be like, without an adapter. Up to two rows "
        "more.",
    )
    regions: list[Region] = Field(
        default_factory=list[Region],
        max_length=MAX_REGIONS,
        description="Prompts for parts of the picture. Where none says all, its own prompt does.",
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
    blend_prompt: Prompt | None = Field(
        default=None, description="A second prompt, towards whose vectors the first's are moved."
    )
    blend: Strength = Field(
        default=0.0,
        description="How far towards the second prompt; 0 is the first alone, 1 the second.",
    )
    walk: Walk | None = Field(
        default=None,
        description="Walk: what changes from picture to picture. How many there are follows from "
        "it; beside them the job has a strip and an animation of all of them, in `files`.",
    )
    wordings: list[PictureWords] = Field(
        default_factory=list[PictureWords],
        max_length=LIMITS.max_count,
        # Without them what was resolved is a request again.
        exclude_if=lambda wordings: not wordings,
        description="Where the prompts are templates, what they became for each picture. A request "
        "that has it, as a job's `input` does, gets these words again, and none are picked.",
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
    restore_faces: RestoreFaces | None = Field(
        default=None,
        description="Face restoration (`face_restorers` of /models). A picture without a face stays"
        " as it is, and its `faces` is 0.",
    )
    class_label: int | None = Field(
        default=None,
        ge=0,
        description="Which of the model's classes the picture is of, from 0 (`classes` of "
        "/models); none if left out.",
    )
    freeu: FreeU | None = Field(
        default=None, description="FreeU: more of a U-Net's backbone, less of what skips it."
    )
    dynamic_thresholding: DynamicThresholding | None = Field(
        default=None, description="A high guidance scale with the range of colours of a lower one."
    )
    pag_scale: float = Field(
        default=0.0,
        ge=0,
        le=20,
        description="Perturbed-attention guidance (arXiv 2403.17377) of a U-Net: how far away from "
        "what it draws that does not look about itself. One row more.",
    )
    cfg_plus_plus: bool = Field(
        default=False,
        description="CFG++ (arXiv 2406.08070): a guidance scale of about 0.2 to 1 acts on the "
        "picture, and the noise is that without the prompt. Samplers ddim and euler.",
    )
    tiling: Tiling = Field(
        default="none",
        description="Which edges meet, so that the picture can be laid beside itself: left and "
        "right (`x`), top and bottom (`y`), `both`.",
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
    inpaint_area: Area | None = Field(
        default=None,
        description="`whole` works on all of the picture; `masked` on the masked area alone, at "
        "`width` x `height` (left out, the model's own size), and lays it back into the picture at "
        "the picture's size. Left out, it is `masked` for a picture of more than twice the model's "
        "pixels without `width` and `height`, else `whole`.",
    )
    mask_padding: Padding | None = Field(
        default=None,
        description="Pixels round the masked area that it gets to see; left out, a sixteenth of "
        "the picture's longest side, but from 32 to 512.",
    )
    scale: float | None = Field(
        default=None, ge=1, le=8, description="Upscale: times the picture's size; 2 if left out."
    )
    upscaler: Name | None = Field(
        default=None,
        description="Upscale: `latent`, `lanczos`, `nearest`, or an upscaler of /models.",
    )
    styles: list[Name] = Field(
        default_factory=list[str],
        max_length=MAX_STYLES,
        description="Names of styles, whose texts are put to prompt and negative prompt one after "
        "another; see /styles. The job has the prompts that come of it.",
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
    inpaint_area: Area = "whole"
    mask_padding: Padding = LEAST_PADDING
    scale: float | None = None
    upscaler: str | None = None

    def image_seed(self, index: int) -> int:
        """Seed of picture `index` (from 0), which makes that picture again alone."""
        return self.alone(index).seed

    def alone(self, index: int) -> Self:
        """The request that makes picture `index` (from 0) again, and no other."""
        if self.walk is None:
            words = self._words(index) if self.wordings else {}
            seed = {"seed": (self.seed + index) % SEEDS, "count": 1}
            return self.model_copy(update=seed | words)
        plain = {"kind": "text-to-image", "walk": None, "count": 1}
        return self.model_copy(update=plain | self.own(index))

    def _words(self, index: int) -> dict[str, Any]:
        """What a template became for picture `index`."""
        own = self.wordings[index]
        words = {"prompt": own.prompt, "negative_prompt": own.negative_prompt, "loras": own.loras}
        return words | {"wordings": []}

    def own(self, index: int) -> dict[str, Any]:
        """What picture `index` of a walk has otherwise than the request."""
        if self.walk is None:
            return {}
        return frames.frame(self.walk, index, self.count, self.prompt)

    def picture_steps(self, index: int) -> int:
        """Denoising steps of picture `index`."""
        varied = self.walk.steps if self.walk else None
        return varied[index] if varied else self.steps

    @property
    def all_steps(self) -> int:
        """Denoising steps of all pictures together."""
        return sum(self.picture_steps(index) for index in range(self.count))

    @classmethod
    def restored(cls, fields: dict[str, Any]) -> Self:
        """A request that was checked before, without checking it again.

        A limit that was lowered since must not make the record of an old job unreadable.
        """
        return cls.model_construct(None, **fields | restored_parts(fields))
