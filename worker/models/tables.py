"""What models.toml may say: a class for each kind of table, and for each entry made of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jobs.records.events import SafetyAction
from jobs.request.samplers import SAMPLERS, canonical_sampler

PICKLED = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
"""Formats that run code when they are opened."""


Revision = Annotated[
    str | None,
    Field(description="Branch, tag or commit of a hub id; without it the branch main."),
]
Variant = Annotated[
    str | None, Field(description="Which of several sets of weights to take, such as fp16.")
]
Title = Annotated[str, Field(description="Name for people; the table's own name without it.")]
Licence = Annotated[str, Field(description="Licence of the weights.")]


class Table(BaseModel):
    """A table with no keys but its own, and no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelTable(Table):
    """One `[models.NAME]` table of models.toml."""

    source: str = Field(
        min_length=1,
        description="A folder in the diffusers layout, a .safetensors or .gguf file, relative to "
        "models.toml, or a hub id such as stabilityai/sd-turbo.",
    )
    revision: Revision = None
    variant: Variant = None
    config: str | None = Field(
        None,
        description="For a single file of an unusual shape: the folder or hub id of a model of the "
        "same shape, whose configuration and tokenizer it takes.",
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="Number format; auto is float16 on CUDA and float32 elsewhere."
    )
    title: Title = ""
    description: str = Field("", description="One or two sentences for whoever chooses a model.")
    licence: Licence = ""
    steps: int = Field(50, ge=1, le=1000, description="Default number of denoising steps.")
    guidance_scale: float = Field(
        7.5, ge=0, le=50, description="Default scale of classifier-free guidance; 1 is off."
    )
    sampler: str = Field("pndm", description="Default sampler.")
    schedule: str = Field("automatic", description="Default schedule of the default sampler.")
    prediction: Literal["epsilon", "v_prediction"] | None = Field(
        None,
        description="What its UNet predicts, noise or velocity; without it what its files say.",
    )
    zero_snr: bool | None = Field(
        None,
        description="Whether its last step is noise alone (zero terminal SNR); without it what its "
        "files say.",
    )
    text_encoder: str | list[str] | None = Field(
        None,
        description="For a transformer in one file: the .safetensors files of its text encoders.",
    )
    quantize: Literal["int8", "fp8", "nf4", "int4"] | None = Field(
        None,
        description="The number format of a transformer's weights in memory: int8 and fp8 by "
        "torchao, nf4 by bitsandbytes and int4 by torchao on a CUDA card.",
    )
    vae: str | None = Field(
        None,
        description="An autoencoder instead of its own: the name of a table [vaes.NAME] or of a "
        "file in a folder of models, or a .safetensors file, a folder, or a hub id.",
    )
    tiny_vae: str | None = Field(
        None,
        description="Folder or hub id of an AutoencoderTiny for this model's latents; it makes the "
        "previews, and with tiny_decode the pictures too.",
    )
    tiny_decode: bool = Field(
        False, description="Decode pictures with tiny_vae as well: faster, less fine."
    )
    offload: Literal["auto", "never", "always", "model", "group"] = Field(
        "auto",
        description="always keeps the text encoders and the autoencoder in main memory and brings "
        "each to the GPU for its own stage; model has one part at a time on the GPU, the UNet or "
        "transformer too; group brings even that layer by layer; auto is the first of these that "
        "leaves room for the work. Without a GPU nothing is another way.",
    )
    drop_text_encoders: bool = Field(
        False,
        description="Have the text encoders in memory only while they read a prompt that is new, "
        "and keep what they made on disk (EMBEDDINGS_MB).",
    )
    width: int | None = Field(
        None, ge=8, description="Default width in pixels; without it what the model was trained at."
    )
    height: int | None = Field(None, ge=8, description="Default height in pixels.")
    sizes: list[Annotated[str, Field(pattern=r"^[1-9]\d{0,4}x[1-9]\d{0,4}$")]] = Field(
        default_factory=list[str],
        description="The sizes at which it draws well, such as 512x768, where it is bound to some: "
        "a picture of another size is drawn at the nearest of them and brought to its own.",
    )

    @field_validator("sampler")
    @classmethod
    def _known_sampler(cls, value: str) -> str:
        name = canonical_sampler(value)
        if name is None:
            raise ValueError(f"{value!r} is no sampler; there are {', '.join(SAMPLERS)}")
        return name


class ModelEntry(ModelTable):
    """A model of the catalogue: its table, the name it goes by and where paths start from."""

    name: str
    base: Path

    @property
    def section(self) -> str:
        """Which tables of models.toml it is one of."""
        return "models"

    @property
    def where(self) -> str:
        """Its table in models.toml, for a sentence about it."""
        return f"{self.section}.{self.name}"


class AddOnTable(Table):
    """One `[embeddings.NAME]`, `[segmenters.NAME]` or `[upscalers.NAME]` table of models.toml."""

    source: str = Field(
        min_length=1,
        description="A .safetensors file or a folder with one, relative to models.toml, or a hub "
        "id.",
    )
    file: str | None = Field(
        None, description="Which .safetensors file of a folder or hub id, where it has several."
    )
    revision: Revision = None
    title: Title = ""
    description: str = Field("", description="One or two sentences for whoever chooses it.")
    licence: Licence = ""

    @field_validator("source", "file")
    @classmethod
    def _no_pickle(cls, value: str | None) -> str | None:
        if value is not None and value.endswith(PICKLED):
            raise ValueError(
                "a pickle can run any code when it is opened; Darkroom loads .safetensors only"
            )
        return value


class LoraTable(AddOnTable):
    """One `[loras.NAME]` table of models.toml."""

    triggers: list[str] = Field(
        default_factory=list[str], description="Words that a prompt should have with it."
    )


class ControlNetTable(AddOnTable):
    """One `[controlnets.NAME]` table of models.toml."""

    config: str | None = Field(
        None,
        description="For a single file of an unusual shape: the folder or hub id of a ControlNet "
        "of the same shape, whose config.json it takes.",
    )
    variant: Variant = None
    mode: int | None = Field(
        None,
        ge=0,
        description="Of one that was trained for several kinds of pictures, which is meant, as its "
        "makers count them.",
    )


class IPAdapterTable(AddOnTable):
    """One `[ip_adapters.NAME]` table of models.toml."""

    image_encoder: str | None = Field(
        None,
        description="The CLIP image encoder that reads pictures for it: a folder or a .safetensors "
        "file, relative to models.toml or to the adapter's own folder, or a hub id; without it one "
        "that lies beside it or in a folder of models and fits.",
    )


MapTask = Literal["depth", "normal", "segmentation", "pose"]
"""What is made of a picture: how near each place is, or which way it looks; what stands where, in
ADE20K's colours; how people stand, as OpenPose draws them."""


class PreprocessorTable(AddOnTable):
    """One `[preprocessors.NAME]` table of models.toml."""

    task: MapTask = Field(
        "depth",
        description="What it makes of a picture for a ControlNet: `depth`, or `normal` (the way "
        "that surfaces look, worked out from their depth), `segmentation` (in ADE20K's colours) or "
        "`pose` (as OpenPose draws people).",
    )
    detector: str | None = Field(
        None,
        min_length=1,
        description="Of a `pose`, what finds the people: a model of transformers for object "
        "detection, as `source`; without it the whole picture is one person.",
    )


class FaceRestorerTable(AddOnTable):
    """One `[face_restorers.NAME]` table of models.toml."""

    detector: str | None = Field(
        None,
        min_length=1,
        description="What finds the faces: the ONNX file of OpenCV's YuNet, relative to "
        "models.toml; without it the one that lies beside the restorer's own file.",
    )


class VaeTable(AddOnTable):
    """One `[vaes.NAME]` table of models.toml."""

    config: str | None = Field(
        None,
        description="For a single file of an unusual shape: the folder or hub id whose config.json "
        "it takes.",
    )
    variant: Variant = None


class AddOnEntry(AddOnTable):
    """An add-on of the catalogue: its table, its name and where paths start from."""

    name: str
    base: Path
    section: str

    @property
    def where(self) -> str:
        """Its table in models.toml, for a sentence about it."""
        return f"{self.section}.{self.name}"


class LoraEntry(LoraTable, AddOnEntry):
    """A LoRA of the catalogue."""


class ControlNetEntry(ControlNetTable, AddOnEntry):
    """A ControlNet of the catalogue."""


class IPAdapterEntry(IPAdapterTable, AddOnEntry):
    """An IP-Adapter of the catalogue."""


class PreprocessorEntry(PreprocessorTable, AddOnEntry):
    """A preprocessor of the catalogue: a model that makes maps of pictures."""


class SegmenterEntry(AddOnEntry):
    """A segmenter of the catalogue: a model that finds what of a picture is meant."""


class FaceRestorerEntry(FaceRestorerTable, AddOnEntry):
    """A face restorer of the catalogue."""


class VaeEntry(VaeTable, AddOnEntry):
    """An autoencoder of the catalogue, which models may take instead of their own."""


class SafetyTable(Table):
    """The `[safety]` table of models.toml."""

    source: str = Field(
        min_length=1,
        description="A folder, relative to models.toml, or a hub id, of an image classifier of "
        "transformers or diffusers' StableDiffusionSafetyChecker, in safetensors.",
    )
    revision: Revision = None
    labels: list[str] = Field(
        default_factory=list[str],
        description="Those of the classifier's labels that are acted on; it may be left out where "
        "there is one label only.",
    )
    threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Score from which a label is acted on: 0.5 for a classifier, 0 for "
        "StableDiffusionSafetyChecker, whose own limits are 0.",
    )
    action: SafetyAction = Field(
        "mark",
        description="mark says so in the job, blur makes a blot of the picture, refuse fails the "
        "job with the code `refused`.",
    )


class SafetyEntry(SafetyTable):
    """The safety table and where paths start from."""

    base: Path


Entry = ModelEntry | AddOnEntry
"""A model or an add-on of the catalogue."""
