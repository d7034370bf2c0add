"""The story of a model's training, where its folder has one: the curve, and pictures by age."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

FOLDER = "training"
STORY = "story.json"

MOST_BYTES = 2_000_000
"""Of the story's file and of each picture: an answer travels through Redis."""

GRIDS = 12
"""Pictures that are read."""


def read(folder: Path) -> dict[str, Any] | None:
    """What the recipe wrote beside a model (`models/recipe/story.py`), pictures as data URIs; None
    where there is nothing, or nothing that can be read."""
    here = folder / FOLDER
    try:
        story = json.loads(_bytes(here / STORY))
        grids = [
            {"step": int(each["step"]), "picture": _uri(here / Path(each["file"]).name)}
            for each in story["grids"][:GRIDS]
        ]
        curve = [
            {
                "step": int(each["step"]),
                "seconds": float(each["seconds"]),
                "loss": float(each["loss"]),
                "rate": float(each["rate"]),
            }
            for each in story["curve"]
        ]
        prompts = [str(each) for each in story["prompts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    continued = bool(story.get("continued"))
    return {"continued": continued, "curve": curve, "prompts": prompts, "grids": grids}


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path.name} is larger than {MOST_BYTES} bytes")
    return data


def _uri(path: Path) -> str:
    return f"data:image/webp;base64,{base64.b64encode(_bytes(path)).decode()}"
