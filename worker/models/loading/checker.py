"""From files to a classifier of finished pictures, for the safety hook of models.toml."""

from __future__ import annotations

import logging
import time
from typing import Any, Protocol, cast

import torch
from diffusers.pipelines.stable_diffusion import safety_checker
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification, CLIPImageProcessor

from worker.engine.request import Picture
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import no_weights, read_json
from worker.models.files.formats.places import Patterns, find_folder
from worker.models.files.formats.safetensors_file import problem_of
from worker.models.loading.pretrained import check_nothing_is_missing, one_at_a_time
from worker.models.tables import SafetyEntry

log = logging.getLogger(__name__)

WANTED = Patterns(["config.json", "preprocessor_config.json", "*.safetensors"], ["*.*.safetensors"])
PROCESSOR = "preprocessor_config.json"

UNSAFE = "unsafe"
"""The one label of StableDiffusionSafetyChecker: its concepts have no names."""

# None of these is typed in full.
Processors: Any = AutoImageProcessor
Classifiers: Any = AutoModelForImageClassification
CLIPProcessor: Any = CLIPImageProcessor
ConceptChecker: Any = safety_checker.StableDiffusionSafetyChecker
cosine_distance: Any = cast(Any, safety_checker).cosine_distance


class Checker(Protocol):
    """Scores a finished picture."""

    labels: tuple[str, ...]
    default_threshold: float

    def scores(self, picture: Picture) -> dict[str, float]:
        """The score of each label for a picture (height, width, 3)."""
        ...


class Classifier:
    """Any image classifier of transformers: probabilities of its own labels, from 0 to 1."""

    default_threshold = 0.5

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor
        names: dict[int, str] = model.config.id2label
        self.labels = tuple(names[index] for index in sorted(names))
        self._several = model.config.problem_type == "multi_label_classification"

    def scores(self, picture: Picture) -> dict[str, float]:
        """The probability of each label."""
        pixels = self._processor(images=Image.fromarray(picture), return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**pixels).logits[0].float()
        found = torch.sigmoid(logits) if self._several else torch.softmax(logits, -1)
        chances = cast("list[float]", found.tolist())
        return dict(zip(self.labels, chances, strict=True))


class Concepts:
    """Stable Diffusion's own checker: how near the picture is to what CLIP calls unsafe.

    The score is the largest cosine similarity less the concept's own threshold, so 0 is its limit.
    """

    labels: tuple[str, ...] = (UNSAFE,)
    default_threshold = 0.0

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor

    def scores(self, picture: Picture) -> dict[str, float]:
        """How far the picture is past the limit of the concept that it is nearest to."""
        pixels = self._processor(images=Image.fromarray(picture), return_tensors="pt").pixel_values
        model = self._model
        with torch.inference_mode():
            found = model.visual_projection(model.vision_model(pixels)[1])
            special = cosine_distance(found, model.special_care_embeds)[0]
            near = cosine_distance(found, model.concept_embeds)[0]
            # Three decimals and this bonus are its own: see its forward in diffusers.
            careful = ((special - model.special_care_embeds_weights).round(decimals=3) > 0).any()
            margins = near - model.concept_embeds_weights + (0.01 if careful else 0.0)
            return {UNSAFE: float(margins.round(decimals=3).max())}


@one_at_a_time
def load_checker(entry: SafetyEntry) -> Checker:
    """Load the classifier of models.toml, in float32 on the CPU: the GPU is the engine's.

    Raises SourceError with a sentence where it cannot be used.
    """
    started = time.monotonic()
    where = "safety.source"
    fetch = f"hf download {entry.source}"
    folder = find_folder(
        entry.source, entry.base, where, WANTED, revision=entry.revision, fetch=fetch
    )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise SourceError(f"{where}: {no_weights(folder)}")
    for file in weights:
        if (problem := problem_of(file)) is not None:
            raise SourceError(f"{where}: {problem}")
    names = read_json(folder / "config.json").get("architectures")
    own = names == [ConceptChecker.__name__]
    try:
        model, info = (ConceptChecker if own else Classifiers).from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
        has_processor = (folder / PROCESSOR).is_file()
        if own and not has_processor:
            processor = CLIPProcessor()
        else:
            processor = Processors.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(f"{where}: {folder} holds no image classifier: {reason}") from error
    check_nothing_is_missing(f"{where}: {folder}", info)
    model.eval().requires_grad_(False)
    checker: Checker = Concepts(model, processor) if own else Classifier(model, processor)
    _check_labels(entry, checker)
    log.info("Loaded the safety checker in %.1f s.", time.monotonic() - started)
    return checker


def _check_labels(entry: SafetyEntry, checker: Checker) -> None:
    there = ", ".join(checker.labels[:20])
    if not entry.labels and len(checker.labels) > 1:
        raise SourceError(f"safety.labels: name those that are acted on; there are {there}.")
    for label in entry.labels:
        if label not in checker.labels:
            raise SourceError(f"safety.labels: there is no label {label!r}; there are {there}.")
