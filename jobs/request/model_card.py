"""What a worker says of each model it offers."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.request.samplers import EVERY

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


UNETS = ("sd1", "sd2", "sdxl", "sdxl-refiner", "kolors")
"""Families whose networks are UNets."""


class AddOn(BaseModel):
    """Something that can be added to a model: a LoRA, an embedding, a ControlNet, an IP-Adapter, an
    upscaler."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The name to send.")
    title: str = ""
    description: str = ""
    licence: str = ""
    triggers: list[str] = Field(
        default_factory=list[str], description="Words that a prompt should have with it."
    )
    control_types: list[str] = Field(
        default_factory=list[str],
        description="Of a ControlNet for several kinds of pictures, the kinds that it tells apart: "
        "`control_type` of a request says one of them.",
    )
    task: str = Field(
        default="",
        description="What a preprocessor makes of a picture: `depth`, `normal`, `segmentation` or "
        "`pose`; what a segmenter goes by: `words` or `points`; empty for what is neither.",
    )
    family: str = Field(
        default="",
        description="The family of the models that it fits: sd1, sd2, sdxl; empty where it fits "
        "any, or one of another shape.",
    )
    bytes: int = Field(default=0, description="What its files take on the disk.")
    preview_url: str | None = Field(
        default=None,
        description="A picture of what it makes: signed, so that it can be shown without a header "
        "for a while; `&width=` makes it smaller. Null where there is none.",
    )


class ModelCard(BaseModel):
    """A model as callers see it: its name, its defaults and what fits it."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    name: str = Field(description="The name to send as `model`.")
    title: str
    description: str = ""
    default: bool = Field(
        default=False, description="Whether a request that names no model gets this one."
    )
    family: str = Field(
        description="The architecture: sd1, sd2, sdxl, sdxl-refiner, sd3, flux and so on, or the "
        "name of a diffusers pipeline that runs whole."
    )
    batched: bool = Field(
        default=True,
        description="Whether its pictures share forwards; false for a pipeline that runs whole, "
        "one picture at a time.",
    )
    width: int = Field(description="Default width in pixels.")
    height: int = Field(description="Default height in pixels.")
    sizes: list[str] = Field(
        default_factory=list[str],
        description="The sizes at which it draws well, such as 512x768, where it is bound to some: "
        "a picture of another size is drawn at the nearest of them and brought to its own.",
    )
    factor: int = Field(description="Width and height must be multiples of this many pixels.")
    steps: int = Field(description="Default number of denoising steps.")
    guidance_scale: float = Field(description="Default scale of classifier-free guidance.")
    sampler: str = Field(description="Default sampler.")
    schedule: str = Field(default="automatic", description="Default schedule of the sampler.")
    reads_words: bool = Field(
        default=False,
        description="Whether it has a table of words, by which it reads what it was never taught: "
        "names in another language, mistyped words. Pictures say what was read in `read_as`.",
    )
    window: int = Field(description="Prompt tokens the text encoder reads at once.")
    clip_layers: int = Field(
        default=12,
        description="The most that `clip_skip` may be: layers of the text encoder to take from.",
    )
    licence: str = ""
    sha256: str | None = Field(default=None, description="Hash of the weights, once it is known.")
    bytes: int = Field(default=0, description="What its weights take on the disk.")
    preview_url: str | None = Field(
        default=None,
        description="A picture of what it makes: signed, so that it can be shown without a header "
        "for a while; `&width=` makes it smaller. Null where there is none.",
    )
    kinds: list[Kind] = Field(
        default_factory=lambda: list[Kind](["text-to-image"]), description="What it can do."
    )
    edit_pictures: int = Field(
        default=0,
        description="How many pictures an edit may be given, the one in `image` included; 0 where "
        "it does none.",
    )
    image_guidance: bool = Field(
        default=False,
        description="Whether its edits take an `image_guidance_scale` (InstructPix2Pix).",
    )
    classes: int = Field(
        default=0,
        description="How many classes of pictures it was taught, of which `class_label` names one.",
    )
    lora_blocks: list[str] = Field(
        default_factory=list[str],
        description="The blocks that a LoRA's `block_weights` may name, beside BASE; empty where "
        "its network is no U-Net.",
    )
    samplers: list[str] = Field(default_factory=list[str])
    schedules: list[str] = Field(
        default_factory=lambda: list(EVERY),
        description="The schedules that its samplers may go by, as far as each takes them.",
    )
    distilled_guidance: bool = Field(
        default=False,
        description="Whether `guidance_scale` is the one that it was distilled with, which takes "
        "no second row; `true_cfg_scale` then guides away from the negative prompt.",
    )
    loras: list[AddOn] = Field(default_factory=list[AddOn])
    embeddings: list[AddOn] = Field(default_factory=list[AddOn])
    controlnets: list[AddOn] = Field(default_factory=list[AddOn])
    ip_adapters: list[AddOn] = Field(
        default_factory=list[AddOn], description="What has a picture be like others."
    )
    preprocessors: list[AddOn] = Field(
        default_factory=list[AddOn],
        description="Models that make maps of pictures for ControlNets, such as of depth.",
    )
    segmenters: list[AddOn] = Field(
        default_factory=list[AddOn],
        description="Models that find what of a picture is meant, for `POST /masks`.",
    )
    upscalers: list[AddOn] = Field(default_factory=list[AddOn])
    face_restorers: list[AddOn] = Field(
        default_factory=list[AddOn], description="What restores faces, as `restore_faces`."
    )
    vaes: list[AddOn] = Field(
        default_factory=list[AddOn],
        description="Autoencoders that a picture may take instead of the model's own, as `vae`.",
    )

    @property
    def unet(self) -> bool:
        """Whether its network is a U-Net whose rows share forwards."""
        return self.batched and self.family in UNETS


ENDING = re.compile(r"\.(safetensors|sft|gguf|ckpt|pth|pt|bin)$", re.IGNORECASE)
"""Of the files of weights that other programs name."""


def name_of_file(text: str) -> str:
    """What a file is called here that another program names: with its folders and its ending, or
    without them, in whatever letters."""
    last = re.split(r"[/\\]", text.strip())[-1]
    return name_from(ENDING.sub("", last))


def name_from(text: str) -> str:
    """A name made of what names of models and add-ons may have, from a file's or any other text;
    empty where nothing of it may be in a name."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:64]
