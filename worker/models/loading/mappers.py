"""From files to what makes maps of pictures for ControlNets: depth by transformers' models."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from worker.engine.request import Picture
from worker.models.catalogue import Catalogue
from worker.models.files.errors import SourceError
from worker.models.files.steering.mappers import mapper_folder
from worker.models.loading.pretrained import load_pretrained, one_at_a_time
from worker.models.tables import MapTask, PreprocessorEntry

log = logging.getLogger(__name__)

# None of these is typed in full.
Processors: Any = AutoImageProcessor
DepthModels: Any = AutoModelForDepthEstimation

FLAT = 0.1
"""How far the near part of a surface reaches towards whoever looks at it: with less, more of a map
of normals looks straight out of the picture."""


class Mapper:
    """A model of depth, in float32 on the CPU: the GPU is the engine's."""

    def __init__(self, model: Any, processor: Any, task: MapTask) -> None:
        self._model, self._processor, self._task = model, processor, task

    def map(self, picture: Picture) -> Picture:
        """What a ControlNet reads of a picture (H, W, 3), in its size: for `depth` the near is
        light, for `normal` colours say which way a surface looks."""
        depth = self._depth(picture)
        if self._task == "normal":
            return _normals(depth)
        return np.dstack([(depth * 255).round().astype(np.uint8)] * 3)

    def _depth(self, picture: Picture) -> np.ndarray[Any, np.dtype[np.float32]]:
        """How near each place is, 0 to 1."""
        pixels = self._processor(images=picture, return_tensors="pt")
        with torch.inference_mode():
            found = self._model(**pixels).predicted_depth[None].float()
            found = functional.interpolate(
                found, size=picture.shape[:2], mode="bicubic", align_corners=False
            )[0, 0]
        span = (found.max() - found.min()).clamp_min(1e-6)
        return ((found - found.min()) / span).numpy()


def _normals(depth: np.ndarray[Any, np.dtype[np.float32]]) -> Picture:
    down, across = np.gradient(depth) if min(depth.shape) > 1 else (depth * 0, depth * 0)
    side = max(depth.shape)
    towards = np.full_like(depth, FLAT)
    normals = np.dstack([-across * side / 10, down * side / 10, towards])
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return ((normals + 1) / 2 * 255).round().clip(0, 255).astype(np.uint8)


class Mappers:
    """The preprocessors of a catalogue, each loaded when it is first asked for and kept."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._entries = catalogue.preprocessors
        self._loaded: dict[str, tuple[PreprocessorEntry, Mapper]] = {}
        self._lock = threading.Lock()

    def follow(self, catalogue: Catalogue) -> None:
        """Another catalogue takes the place of the one that was."""
        with self._lock:
            self._entries = catalogue.preprocessors
            self._loaded = {
                name: kept
                for name, kept in self._loaded.items()
                if self._entries.get(name) == kept[0]
            }

    def map(self, name: str, picture: Picture) -> Picture:
        """What a preprocessor makes of a picture. Raises SourceError with a sentence where it
        cannot be used, or is not there any more."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                raise SourceError(f"The preprocessor {name!r} was removed from this server.")
            if name not in self._loaded:
                self._loaded[name] = entry, load_mapper(entry)
            mapper = self._loaded[name][1]
        return mapper.map(picture)


@one_at_a_time
def load_mapper(entry: PreprocessorEntry) -> Mapper:
    """Load a preprocessor of models.toml. Raises SourceError with a sentence."""
    started = time.monotonic()
    folder = mapper_folder(entry)
    try:
        model = load_pretrained(DepthModels, folder, f"{entry.where}.source: ", dtype=torch.float32)
        processor = Processors.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(f"{entry.where} does not load: {reason}") from error
    log.info("Loaded %s in %.1f s.", entry.where, time.monotonic() - started)
    return Mapper(model.eval().requires_grad_(False), processor, entry.task)
