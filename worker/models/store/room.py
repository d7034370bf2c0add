"""What is said where something can never have room."""

from __future__ import annotations

import torch

from worker.engine.errors import ModelUnavailable
from worker.models.store.known import WHERE
from worker.models.store.shelf import Key, Shelf


def check_fits(shelf: Shelf, key: Key, needed: int, device: torch.device) -> None:
    """Raises ModelUnavailable, with the sizes, where `needed` bytes have no room on a device even
    without anything left for the work."""
    if shelf.fits(needed, 0):
        return
    beside = f" beside {shelf}" if str(shelf) else ""
    raise ModelUnavailable(
        f"{WHERE[key.kind]}: {key.name} needs {needed / 1e9:.2f} GB of memory for its weights"
        f" on {device}, and {shelf.room() / 1e9:.2f} GB are there for models{beside}."
    )
