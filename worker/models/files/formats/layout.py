"""The diffusers layout: a model's parts, their configuration, and their weights. No torch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

from worker.models.files.errors import SourceError
from worker.models.files.formats.places import Patterns
from worker.models.tables import PICKLED

WITHOUT_WEIGHTS = ("tokenizer", "scheduler", "feature_extractor", "processor")
"""What the components of a pipeline that are configuration only have in their names."""

UNUSED = ("safety_checker", "image_encoder")
"""Components with weights that Darkroom never runs."""

CONFIGURATION = (
    "model_index.json",
    "*/*.json",
    "*tokenizer*/*",
    "*processor/*",
    "README.md",
)
"""What of a hub repository describes a model: its configuration and its tokenizers."""


def read_json(file: Path) -> dict[str, Any]:
    """A configuration file. Raises SourceError where it is missing or broken."""
    try:
        loaded: object = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"There is no file {file}.") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} cannot be read: {error}.") from error
    if not isinstance(loaded, dict):
        raise SourceError(f"{file} is not a JSON object.")
    return cast(dict[str, Any], loaded)


def class_of(index: dict[str, Any], part: str) -> str | None:
    """The class of a part by model_index.json; None for one that the model does not have."""
    found: object = index.get(part)
    if not isinstance(found, list) or len(cast("list[object]", found)) < 2:
        return None
    return cast("list[str | None]", found)[1]


def is_part(value: object) -> bool:
    """Whether what a model_index.json says under a name is a part: where its class is, and the
    class. Other lists are options of the pipeline."""
    return isinstance(value, list) and all(
        each is None or isinstance(each, str) for each in cast("list[object]", value)
    )


def text_parts(index: dict[str, Any]) -> list[str]:
    """The text encoders of a model_index.json, in the order in which they are read."""
    return [part for part in ("text_encoder", "text_encoder_2") if class_of(index, part)]


def weighty_parts(index: dict[str, Any]) -> list[str]:
    """The components of a model_index.json that have weights and are run."""
    return [
        name
        for name, value in index.items()
        if is_part(value)
        and any(cast("list[object]", value))
        and not any(word in name for word in WITHOUT_WEIGHTS)
        and name not in UNUSED
    ]


def wanted_files(variant: str | None, *, weights: bool) -> Patterns:
    """Of a hub repository one set of weights, if wanted at all, with what describes it."""
    unused = [f"{part}/*" for part in UNUSED]
    if not weights:
        return Patterns([*CONFIGURATION], unused)
    files = [f"*.{variant}*.safetensors"] if variant else ["*.safetensors"]
    # The slash leaves out the single files that many repositories have beside their folders.
    wanted = [f"*/{each}" for each in (*files, "*.safetensors.index*.json")]
    # A second dot is another variant, such as diffusion_pytorch_model.fp16.safetensors.
    others = [] if variant else ["*.*.safetensors"]
    return Patterns([*CONFIGURATION, *wanted], [*unused, *others])


def weights_in(folder: Path, variant: str | None = None) -> list[Path]:
    """The weights in a part's folder: those of the variant, or without one the plain ones."""
    if variant:
        return sorted(folder.glob(f"*.{variant}*.safetensors"))
    return sorted(file for file in folder.glob("*.safetensors") if "." not in file.stem)


def only_variant(folder: Path, parts: list[str]) -> str | None:
    """The variant that a model's weights are of, where no part has plain ones; None otherwise.

    Of several `fp16` is taken, else the first by name.
    """
    if any(weights_in(folder / part) for part in parts):
        return None
    each = [{_variant_of(file) for file in (folder / part).glob("*.safetensors")} for part in parts]
    common = set[str].intersection(*each) - {""} if each else set[str]()
    return "fp16" if "fp16" in common else min(common, default=None)


def _variant_of(file: Path) -> str:
    """What stands between a file's name and the number of its shard: `fp16`, or nothing."""
    found = re.fullmatch(r"[^.]+\.([A-Za-z0-9_]+?)(-\d+-of-\d+)?", file.stem)
    return found[1] if found else ""


def check_weights(where: str, folder: Path, variant: str | None = None) -> None:
    """Raises SourceError, naming the key `where`, for a folder without all its weights."""
    weights = weights_in(folder, variant)
    if weights:
        missing = _shards(folder, variant) - {file.name for file in weights}
        if missing:
            raise SourceError(f"{where}: {folder} lacks {', '.join(sorted(missing))}.")
        return
    raise SourceError(f"{where}: {no_weights(folder, variant)}")


def no_weights(folder: Path, variant: str | None = None) -> str:
    """What is said of a folder in which there are none that Darkroom loads."""
    named = f" of the variant {variant}" if variant else ""
    present = sorted(file.name for file in folder.glob("*") if file.is_file())
    if any(name.endswith(PICKLED) for name in present):
        return (
            f"{folder} has pickled weights only, which can run any code when they are opened;"
            f" Darkroom loads .safetensors{named} only."
        )
    return f"{folder} has no .safetensors weights{named}; it has {', '.join(present) or 'nothing'}."


def _shards(folder: Path, variant: str | None) -> set[str]:
    """The files that a part's weights are divided into, where they are."""
    named: set[str] = set()
    for index in folder.glob(f"*.safetensors.index.{variant}.json" if variant else "*.index.json"):
        table: object = read_json(index).get("weight_map")
        if isinstance(table, dict):
            named |= set(cast("dict[str, str]", table).values())
    return {file for file in named if file.endswith(".safetensors")}
