"""The card of this machine, or a pretended one in its place, and what a result says of it."""

from __future__ import annotations

import gc
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch

from benchmarks import machine
from tests.pretended.accelerator.cuda import pretended_cuda

PRETENDED = "pretended"


@dataclass(frozen=True)
class Card:
    """Its name; how often the host waited for it so far; and what raises where a pretended one was
    given tensors that a card would refuse."""

    name: str
    waits: Callable[[], int]
    check: Callable[[], None]

    @property
    def real(self) -> bool:
        """Whether its figures say anything."""
        return self.name != PRETENDED

    def described(self) -> dict[str, Any]:
        """The card, the versions, the machine round it and the time, as a result has them."""
        return {
            "card": self.name,
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "driver": driver(),
            "date": time.strftime("%Y-%m-%d %H:%M"),
            **machine(),
        }


def there() -> bool:
    """Whether this machine has a card."""
    return torch.cuda.is_available()


@contextmanager
def card(*, warned: bool = True) -> Iterator[Card]:
    """The card, for as long as the block lasts; with `warned` each wait of the host is noticed,
    which costs it some time."""
    if not there():
        with pretended_cuda() as device:

            def check() -> None:
                if device.record.mixes:
                    raise RuntimeError("; ".join(map(str, device.record.mixes[:3])))

            yield Card(PRETENDED, lambda: len(device.record.waits), check)
        return
    cuda: Any = torch.cuda
    if not warned:
        yield Card(cuda.get_device_name(), lambda: 0, lambda: None)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cuda.set_sync_debug_mode("warn")
        try:
            yield Card(
                cuda.get_device_name(),
                lambda: sum("synchronizing CUDA" in str(each.message) for each in caught),
                lambda: None,
            )
        finally:
            cuda.set_sync_debug_mode("default")


def driver() -> str | None:
    """The driver's version; None where nobody says it."""
    asked = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return said.split("\n")[0].strip() or None


def give_back() -> None:
    """The memory of what nobody holds any more."""
    gc.collect()
    cast(Any, torch.cuda).empty_cache()


def gigabytes(size: int) -> float:
    """As a result says it."""
    return round(size / 1e9, 2)
