"""How many numbers the parts of a model elsewhere have, by the headers of their files."""

from __future__ import annotations

import json
from collections import defaultdict
from math import prod
from typing import Any

from worker.models.adding.elsewhere.remote import Places, start_of
from worker.models.adding.examine import MOST
from worker.models.adding.plan import NotAddable, Plan, PlannedFile
from worker.models.files.formats.safetensors_file import BROKEN
from worker.models.files.transformers import TRANSFORMERS
from worker.models.inventory.fitting import Weights

FIRST = 64 * 1024
"""Bytes of a file that are asked for first: most headers are shorter."""


def measured(plan: Plan, places: Places) -> Weights | None:
    """The weights of a model that is a folder of parts; None where its files do not say.

    Of a part in several files one is asked how many bytes a number has.
    """
    parts: defaultdict[str, list[PlannedFile]] = defaultdict(list)
    for file in plan.files:
        if file.name.endswith(".safetensors"):
            parts[file.name.split("/")[0]].append(file)
    if plan.section != "models" or not parts:
        return None
    try:
        numbers = {
            part: int(sum(each.bytes or 0 for each in files) * _density(files[0], places))
            for part, files in parts.items()
        }
    except (NotAddable, *BROKEN, ZeroDivisionError):
        # Only an estimate is lost by it: whatever is wrong with the files shows as they come.
        return None
    return Weights(numbers, quantizes=plan.family in TRANSFORMERS and "transformer" in numbers)


def _density(file: PlannedFile, places: Places) -> float:
    """How many numbers a byte of a file is."""
    start, total, _ = start_of(file.url, places, FIRST)
    end = 8 + int.from_bytes(start[:8], "little")
    if len(start) < end <= MOST:
        start, total, _ = start_of(file.url, places, end)
    header: dict[str, Any] = json.loads(start[8:end])
    header.pop("__metadata__", None)
    return sum(prod(each["shape"]) for each in header.values()) / (total or file.bytes or 0)
