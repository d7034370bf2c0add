"""models.toml: which models there are, where each lies, and its defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from jobs.samplers import SAMPLERS, canonical_sampler

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Names travel in URLs, lanes and file names, so they are kept plain."""


class CatalogueError(Exception):
    """models.toml does not say what it must: the worker does not start, and prints the message."""


class ModelTable(BaseModel):
    """One `[models.NAME]` table of models.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

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


@dataclass(frozen=True)
class Catalogue:
    """The models of one models.toml, in the file's order."""

    entries: dict[str, ModelEntry]
    default: str

    def __getitem__(self, name: str) -> ModelEntry:
        return self.entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self.entries


def read_catalogue(path: Path) -> Catalogue:
    """Read and check a models.toml.

    Raises CatalogueError with one sentence that names the file, the key and what fits there.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"{path}: there is no such file; MODELS names it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: is not TOML: {error}.") from error

    tables: object = document.pop("models", None)
    default: object = document.pop("default", None)
    for key in document:
        raise CatalogueError(f"{path}: {_unknown(key, ['default', 'models'])}")
    if not isinstance(tables, dict) or not tables:
        raise CatalogueError(f"{path}: names no model; each has a table such as [models.emoji].")
    named = cast(dict[str, object], tables)
    entries = {name: _entry(path, name, table) for name, table in named.items()}
    default = default if default is not None else next(iter(entries))
    if not isinstance(default, str) or default not in entries:
        raise CatalogueError(
            f"{path}: default: {default!r} is no model; there are {', '.join(entries)}."
        )
    return Catalogue(entries, default)


def _entry(path: Path, name: str, table: object) -> ModelEntry:
    where = f"{path}: models.{name}"
    if not NAME.fullmatch(name):
        raise CatalogueError(
            f"{where}: a model's name is up to 64 of a-z, 0-9, dot, dash and underscore."
        )
    if not isinstance(table, dict):
        raise CatalogueError(f"{where}: must be a table, [models.{name}].")
    try:
        checked = ModelTable.model_validate(table)
    except ValidationError as error:
        raise CatalogueError(f"{where}.{_sentence(error.errors()[0])}") from error
    if checked.source.endswith(".safetensors") and checked.config is None:
        raise CatalogueError(
            f"{where}.config: a single file holds weights only; name the folder or hub id of a"
            " model of the same shape, such as stable-diffusion-v1-5/stable-diffusion-v1-5."
        )
    return ModelEntry(
        name=name, base=path.resolve().parent, **checked.model_dump(exclude_unset=True)
    )


def _sentence(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(key, list(ModelTable.model_fields))
    if error["type"] == "missing":
        return f"{key}: is missing."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: {message}, not {error['input']!r}."


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}."
    return f"{key}: is no key; {hint}"
