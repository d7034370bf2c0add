"""What a machine has for models: its device's memory, its own, and what it can quantize with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, cast

import psutil
import torch

from jobs.additions.fit import Quantize
from worker.models.inventory.fitting import Machine
from worker.models.inventory.sizes import HEADROOM
from worker.models.loading.networks.quantize import NEEDS

QUANTIZE: tuple[Quantize, ...] = ("int8", "nf4")


class NoDevice(Exception):
    """This machine has no such device: the worker does not start, and prints the message."""


def pick_device(wanted: str) -> str:
    """The device to use: the one asked for, or with `auto` the fastest there is.

    Raises NoDevice where torch can put nothing on the one that is asked for.
    """
    if wanted != "auto":
        try:
            torch.empty(1, device=wanted)
        # Without CUDA torch raises AssertionError, for a card that is not there an error of CUDA.
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise NoDevice(f"DEVICE={wanted} cannot be used here: {reason}.") from None
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def machine_of(device: torch.device, limit_bytes: int | None = None) -> Machine:
    """What `device` and its machine have in all; `limit_bytes` caps what models may take of it."""
    main = psutil.virtual_memory().total
    is_card = device.type == "cuda"
    total = total_memory(device)
    return Machine(
        device=str(device),
        is_card=is_card,
        memory=total if limit_bytes is None else min(limit_bytes, total),
        main_memory=main,
        # A limit is of weights alone.
        headroom=HEADROOM if limit_bytes is None else 0,
        packages={each: (NEEDS[each], find_spec(NEEDS[each]) is not None) for each in QUANTIZE},
    )


def this_machine(wanted: str, limit_bytes: int | None) -> Machine:
    """What a worker that is told this device would have."""
    return machine_of(torch.device(pick_device(wanted)), limit_bytes)


def total_memory(device: torch.device) -> int:
    """All the memory that a device has, whoever uses it just now."""
    if device.type != "cuda":
        return psutil.virtual_memory().total
    return cast(Any, torch.cuda).get_device_properties(device).total_memory
