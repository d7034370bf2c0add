"""Loads what restores faces: GFPGAN and RestoreFormer, with what finds the faces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from worker.engine.errors import ModelUnavailable
from worker.engine.faces.finder import FaceFinder
from worker.engine.faces.restorer import FaceRestorer
from worker.models.files.add_ons import weights
from worker.models.files.face_restorers import finder_for
from worker.models.loading.add_ons.by_spandrel import FACES, read_network
from worker.models.tables import FaceRestorerEntry

WHAT = "restore_faces"


def load_face_restorer(entry: FaceRestorerEntry, device: torch.device) -> FaceRestorer:
    """The restorer of a table of models.toml or of a file in a folder of models, in float32: what
    these networks take apart, half as many digits do not tell.

    Raises SourceError where a file is missing, ModelUnavailable where spandrel is, or the file
    holds no network that restores faces.
    """
    file = weights(entry)
    try:
        finder = FaceFinder(finder_for(entry, file))
    except ValueError as error:
        raise ModelUnavailable(f"{WHAT}: {error}.") from error
    found = read_network(file, entry.name, WHAT)
    if found.purpose != FACES:
        raise ModelUnavailable(
            f"{WHAT}: {file.name} is a {found.architecture.name}, which restores no faces."
        )
    found.to(device, torch.float32).eval()
    network: Callable[[torch.Tensor], torch.Tensor] = (
        _gfpgan(found.model) if found.architecture.id == "GFPGAN" else found
    )
    return FaceRestorer(entry.name, network, finder, device, torch.float32)


def _gfpgan(model: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """GFPGAN as it was trained: colours from -1 to 1, which spandrel's own call leaves at 0 to 1,
    and the noise that its file has in place of another at each call."""

    def restore(face: torch.Tensor) -> torch.Tensor:
        return (model(face * 2 - 1, return_rgb=False, randomize_noise=False)[0] + 1) / 2

    return restore
