"""What a single file says of itself beside its shapes: marker keys, metadata, and at last its name.

The metadata are those of the field: `modelspec.*` (Stability's model metadata standard) and `ss_*`
(kohya's trainers).
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from worker.models.files.formats.safetensors_file import Header, Shapes, read_numbers

V_PREDICTION, ZERO_SNR = "v_pred", "ztsnr"
"""Tensors without a meaning of their own by which trainers mark how a model was trained."""

PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction", "v_prediction": "v_prediction"}

LAST_NORM = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
SPREAD = 0.09
"""Stable Diffusion 2 has the same shapes for noise and for velocity. Here their weights differ:
this bias spreads wider where velocity was learned."""

FEW = re.compile(r"(?<![a-z])(lcm|turbo|lightning|hyper|dmd)2?(?![a-z])")
"""Ways of distilling, as files are named after them."""

STEPS = re.compile(r"(?<!\d)(\d{1,2})[ _-]*steps?(?![a-z])")

FEW_STEPS = {"lcm": 4, "turbo": 4, "lightning": 4, "hyper": 8, "dmd": 4}

TRIGGERS = 8
"""The most tags of a training that are taken for words to prompt with."""


@dataclass(frozen=True)
class Distilled:
    """How a model was made to need few steps, how many, and whether only its name says so."""

    how: str
    steps: int
    by_name: bool


@dataclass(frozen=True)
class Claims:
    """What a file says; None and empty where it does not.

    `triggers` are words to prompt with, `base` is the model that an add-on was trained on.
    """

    prediction: str | None = None
    zero_snr: bool | None = None
    distilled: Distilled | None = None
    width: int | None = None
    height: int | None = None
    title: str = ""
    description: str = ""
    licence: str = ""
    base: str = ""
    triggers: list[str] = field(default_factory=list[str])


def read_claims(file: Path, header: Header) -> Claims:
    """What a file says of itself. Never fails: metadata are what anybody wrote."""
    said = {key: value.strip() for key, value in header.metadata.items() if _is_text(value)}
    width, height = _resolution(said)
    zero_snr = ZERO_SNR in header.shapes or said.get("ss_zero_terminal_snr") == "True"
    return Claims(
        prediction=_prediction(file, header.shapes, said),
        zero_snr=True if zero_snr else None,
        distilled=_distilled(file, said),
        width=width,
        height=height,
        title=said.get("modelspec.title", "")[:200],
        description=said.get("modelspec.description", "")[:1000],
        licence=said.get("modelspec.license", "")[:200],
        base=said.get("ss_base_model_version") or said.get("modelspec.architecture", ""),
        triggers=_triggers(said),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _prediction(file: Path, shapes: Shapes, said: Mapping[str, str]) -> str | None:
    if V_PREDICTION in shapes:
        return "v_prediction"
    told = said.get("modelspec.prediction_type", "").lower()
    if told in PREDICTIONS:
        return PREDICTIONS[told]
    if said.get("ss_v_parameterization") == "True":
        return "v_prediction"
    return _spread_prediction(file, shapes)


def _spread_prediction(file: Path, shapes: Shapes) -> str | None:
    first = shapes.get("model.diffusion_model.input_blocks.0.0.weight", (0, 0))
    is_sd2 = "cond_stage_model.model.positional_embedding" in shapes
    if not is_sd2 or first[1] != 4 or LAST_NORM not in shapes:
        return None
    numbers = read_numbers(file, LAST_NORM)
    return "v_prediction" if numbers and statistics.pstdev(numbers) > SPREAD else None


def _distilled(file: Path, said: Mapping[str, str]) -> Distilled | None:
    told = " ".join(said.get(f"modelspec.{key}", "") for key in ("title", "architecture", "tags"))
    for text, by_name in ((told, False), (file.stem, True)):
        words = _lower_words(text)
        if found := FEW.search(words):
            steps = STEPS.search(words)
            asked = int(steps[1]) if steps else 0
            return Distilled(found[1], asked or FEW_STEPS[found[1]], by_name)
    return None


def _lower_words(text: str) -> str:
    """A name in lower case, with a space where its capitals begin a word: v21TurboDPM."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text).lower()


def _resolution(said: Mapping[str, str]) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"(\d{2,4})(?:\s*[x,]\s*(\d{2,4}))?", said.get("modelspec.resolution", ""))
    if not found:
        return None, None
    return int(found[1]), int(found[2] or found[1])


def _triggers(said: Mapping[str, str]) -> list[str]:
    """Words that a model was trained with: those its author names, else its most frequent tags."""
    for key in ("modelspec.trigger_phrase", "modelspec.trigger_words"):
        if words := [each.strip() for each in said.get(key, "").split(",") if each.strip()]:
            return words[:TRIGGERS]
    try:
        folders: object = json.loads(said.get("ss_tag_frequency", "{}"))
    except ValueError:
        return []
    counts: dict[str, int] = {}
    for tags in cast("dict[str, Any]", folders).values() if isinstance(folders, dict) else ():
        for tag, count in cast("dict[str, Any]", tags).items() if isinstance(tags, dict) else ():
            if isinstance(count, int):
                counts[tag.strip()] = counts.get(tag.strip(), 0) + count
    return sorted(counts, key=lambda tag: -counts[tag])[:TRIGGERS]
