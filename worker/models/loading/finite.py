"""Whether the numbers of a file are numbers: those of a broken one would make black pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from worker.models.files.errors import SourceError


def check_finite(where: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises SourceError, naming the key `where`, for a file that holds NaN or infinity."""
    for name, tensor in tensors.items():
        # Formats of eight bits cannot be asked themselves.
        if not bool(tensor.float().isfinite().all()):
            raise SourceError(f"{where}: its {name} has NaN or infinity; fetch the file again.")
