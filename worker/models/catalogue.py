"""models.toml: which models and add-ons there are, where each lies, and its defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from jobs.queue.events import SafetyAction
from jobs.request.samplers import SAMPLERS, canonical_sampler

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Names travel in URLs, lanes and file names, so they are kept plain."""


class CatalogueError(Exception):
    """models.toml does not say what it must: the worker does not start, and prints the message."""


PICKLED = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
"""Formats that run code when they are opened."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelTable(_Table):
    """One `[models.NAME]` table of models.toml."""

    source: str = Field(
        min_length=1,
        description="A folder in the diffusers layout or a .safetensors file, relative to "
        "models.toml, or a hub id such as stabilityai/sd-turbo.",
    )
    revision: str | None = Field(
        None, description="Branch, tag or commit of a hub id; without it the branch main."
    )
    variant: str | None = Field(
        None, description="Which of several sets of weights to take, such as fp16."
    )
    config: str | None = Field(
        None,
        description="For a single file: the folder or hub id of a model of the same shape, "
        "whose configuration and tokenizer it takes.",
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="Number format; auto is float16 on CUDA and float32 elsewhere."
    )
    title: str = Field("", description="Name for people; the table's own name without it.")
    description: str = Field("", description="One or two sentences for whoever chooses a model.")
    licence: str = Field("", description="Licence of the weights.")
    steps: int = Field(50, ge=1, le=1000, description="Default number of denoising steps.")
    guidance_scale: float = Field(
        7.5, ge=0, le=50, description="Default scale of classifier-free guidance; 1 is off."
    )
    sampler: str = Field("pndm", description="Default sampler.")
    schedule: str = Field("automatic", description="Default schedule of the default sampler.")
    tiny_vae: str | None = Field(
        None,
        description="Folder or hub id of an AutoencoderTiny for this model's latents; it makes the "
        "previews, and with tiny_decode the pictures too.",
    )
    tiny_decode: bool = Field(
        False, description="Decode pictures with tiny_vae as well: faster, less fine."
    )
    offload: Literal["auto", "never", "always"] = Field(
        "auto",
        description="Keep the text encoders and the autoencoder in main memory and bring each to "
        "the GPU for its own stage; auto does so where they would not fit beside the UNet.",
    )
    width: int | None = Field(
        None, ge=8, description="Default width in pixels; without it what the model was trained at."
    )
    height: int | None = Field(None, ge=8, description="Default height in pixels.")

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


class AddOnTable(_Table):
    """One `[embeddings.NAME]` or `[upscalers.NAME]` table of models.toml."""

    source: str = Field(
        min_length=1,
        description="A .safetensors file or a folder with one, relative to models.toml, or a hub "
        "id.",
    )
    file: str | None = Field(
        None, description="Which .safetensors file of a folder or hub id, where it has several."
    )
    revision: str | None = Field(
        None, description="Branch, tag or commit of a hub id; without it the branch main."
    )
    title: str = Field("", description="Name for people; the table's own name without it.")
    description: str = Field("", description="One or two sentences for whoever chooses it.")
    licence: str = Field("", description="Licence of the weights.")

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
        description="For a single file: the folder or hub id of a ControlNet of the same shape, "
        "whose config.json it takes.",
    )
    variant: str | None = Field(
        None, description="Which of several sets of weights to take, such as fp16."
    )


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


class SafetyTable(_Table):
    """The `[safety]` table of models.toml."""

    source: str = Field(
        min_length=1,
        description="A folder, relative to models.toml, or a hub id, of an image classifier of "
        "transformers or diffusers' StableDiffusionSafetyChecker, in safetensors.",
    )
    revision: str | None = Field(
        None, description="Branch, tag or commit of a hub id; without it the branch main."
    )
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


@dataclass(frozen=True)
class Catalogue:
    """The models and add-ons of one models.toml, in the file's order."""

    entries: dict[str, ModelEntry]
    default: str
    loras: dict[str, LoraEntry] = field(default_factory=dict[str, LoraEntry])
    embeddings: dict[str, AddOnEntry] = field(default_factory=dict[str, AddOnEntry])
    controlnets: dict[str, ControlNetEntry] = field(default_factory=dict[str, ControlNetEntry])
    upscalers: dict[str, AddOnEntry] = field(default_factory=dict[str, AddOnEntry])
    safety: SafetyEntry | None = None

    def __getitem__(self, name: str) -> ModelEntry:
        return self.entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self.entries


SECTIONS = {
    "models": "a model",
    "loras": "a LoRA",
    "embeddings": "an embedding",
    "controlnets": "a ControlNet",
    "upscalers": "an upscaler",
}
"""What each table of tables in models.toml names."""

MODEL_LIKE = "a model of the same shape, such as stable-diffusion-v1-5/stable-diffusion-v1-5"
CONTROLNET_LIKE = "a ControlNet of the same shape, such as lllyasviel/control_v11p_sd15_canny"


def read_catalogue(path: Path) -> Catalogue:
    """Read and check a models.toml.

    Raises CatalogueError with one sentence that names the file, the key and what fits there.
    """
    document = _document(path)
    default: object = document.pop("default", None)
    safety: object = document.pop("safety", None)
    for key in document:
        if key not in SECTIONS:
            raise CatalogueError(f"{path}: {_unknown(key, ['default', 'safety', *SECTIONS])}")
    tables = document.get("models")
    if not isinstance(tables, dict) or not tables:
        raise CatalogueError(f"{path}: names no model; each has a table such as [models.emoji].")
    entries = _section(path, document, "models", ModelTable, ModelEntry)
    for entry in entries.values():
        _check_config(path, f"models.{entry.name}", entry.source, entry.config, MODEL_LIKE)
    default = default if default is not None else next(iter(entries))
    if not isinstance(default, str) or default not in entries:
        raise CatalogueError(
            f"{path}: default: {default!r} is no model; there are {', '.join(entries)}."
        )
    controlnets = _section(path, document, "controlnets", ControlNetTable, ControlNetEntry)
    for net in controlnets.values():
        _check_config(path, net.where, net.source, net.config, CONTROLNET_LIKE)
    return Catalogue(
        entries,
        default,
        loras=_section(path, document, "loras", LoraTable, LoraEntry),
        embeddings=_section(path, document, "embeddings", AddOnTable, AddOnEntry),
        controlnets=controlnets,
        upscalers=_section(path, document, "upscalers", AddOnTable, AddOnEntry),
        safety=_safety(path, safety) if safety is not None else None,
    )


def _safety(path: Path, table: object) -> SafetyEntry:
    if not isinstance(table, dict):
        raise CatalogueError(f"{path}: safety: must be a table, [safety].")
    try:
        checked = SafetyTable.model_validate(table)
    except ValidationError as error:
        sentence = _sentence(error.errors()[0], SafetyTable)
        raise CatalogueError(f"{path}: safety.{sentence}") from error
    return SafetyEntry(base=path.resolve().parent, **checked.model_dump())


def _document(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"{path}: there is no such file; MODELS names it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: is not TOML: {error}.") from error


E = TypeVar("E", ModelEntry, AddOnEntry, LoraEntry, ControlNetEntry)


def _section(
    path: Path,
    document: Mapping[str, object],
    section: str,
    table_class: type[_Table],
    entry_class: type[E],
) -> dict[str, E]:
    """The tables `[section.NAME]`, checked."""
    tables = document.get(section, {})
    if not isinstance(tables, dict):
        raise CatalogueError(f"{path}: {section}: must hold tables such as [{section}.NAME].")
    entries: dict[str, E] = {}
    for name, table in cast(dict[str, object], tables).items():
        where = f"{path}: {section}.{name}"
        if not NAME.fullmatch(name):
            raise CatalogueError(
                f"{where}: {SECTIONS[section]}'s name is up to 64 of a-z, 0-9, dot, dash and"
                " underscore."
            )
        if not isinstance(table, dict):
            raise CatalogueError(f"{where}: must be a table, [{section}.{name}].")
        try:
            checked = table_class.model_validate(table)
        except ValidationError as error:
            sentence = _sentence(error.errors()[0], table_class)
            raise CatalogueError(f"{where}.{sentence}") from error
        own: dict[str, Any] = {"name": name, "base": path.resolve().parent}
        if issubclass(entry_class, AddOnEntry):
            own["section"] = section
        entries[name] = entry_class(**own, **checked.model_dump(exclude_unset=True))
    return entries


def _check_config(path: Path, where: str, source: str, config: str | None, like: str) -> None:
    if source.endswith(".safetensors") and config is None:
        raise CatalogueError(
            f"{path}: {where}.config: a single file holds weights only; name the folder or hub id"
            f" of {like}."
        )


def _sentence(error: ErrorDetails, table_class: type[_Table]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(key, list(table_class.model_fields))
    if error["type"] == "missing":
        return f"{key}: is missing."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: {message}, not {error['input']!r}."


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}."
    return f"{key}: is no key; {hint}"
