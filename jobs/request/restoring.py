"""The parts of a request that was checked before, without checking them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from jobs.request.fields.parts import (
    Control,
    Drawn,
    DynamicThresholding,
    Expand,
    FreeU,
    Hires,
    IPAdapter,
    Lora,
    PictureWords,
    ReferenceOnly,
    RestoreFaces,
)
from jobs.request.fields.regions import Box, Region
from jobs.request.fields.trace import restored
from jobs.request.walk.part import Walk


def restored_parts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record's fields has fields of its own."""
    return {
        "trace": restored(fields.get("trace", False)),
        "loras": [Lora.model_construct(**each) for each in fields.get("loras", [])],
        "controls": [Control.model_construct(**each) for each in fields.get("controls", [])],
        "ip_adapters": [
            IPAdapter.model_construct(**each) for each in fields.get("ip_adapters", [])
        ],
        "reference_only": _one(ReferenceOnly, fields.get("reference_only")),
        "regions": [_region(each) for each in fields.get("regions", [])],
        "expand": Expand.model_construct(**fields.get("expand", {})),
        "hires": _one(Hires, fields.get("hires")),
        "drawn": _one(Drawn, fields.get("drawn")),
        "restore_faces": _one(RestoreFaces, fields.get("restore_faces")),
        "freeu": _one(FreeU, fields.get("freeu")),
        "dynamic_thresholding": _one(DynamicThresholding, fields.get("dynamic_thresholding")),
        "wordings": [_wording(each) for each in fields.get("wordings", [])],
        "walk": _one(Walk, fields.get("walk")),
    }


def _one(part: type[BaseModel], fields: Mapping[str, Any] | None) -> BaseModel | None:
    return part.model_construct(None, **fields) if fields else None


def _region(fields: dict[str, Any]) -> Region:
    return Region.model_construct(None, **fields | {"box": _one(Box, fields.get("box"))})


def _wording(fields: dict[str, Any]) -> PictureWords:
    loras = [Lora.model_construct(**each) for each in fields.get("loras", [])]
    return PictureWords.model_construct(None, **fields | {"loras": loras})
