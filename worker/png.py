"""PNG bytes that carry their own recipe, for people's tools and for ours."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jobs.request import ResolvedRequest
from jobs.samplers import SAMPLERS

COMPRESS_LEVEL = 1
"""zlib's fastest: level 6 takes three times as long for pictures a few per cent smaller."""

RECORD = "darkroom"
"""Name of the text chunk with our JSON; `prompt`, `workflow` and `Comment` are ComfyUI's."""

Picture = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Maker:
    """What made a picture: this program's version and the sha256 of the model, if it is known."""

    version: str
    model_hash: str | None


def encode(picture: Picture, request: ResolvedRequest, index: int, maker: Maker) -> bytes:
    """A picture (height, width, 3) as PNG with its recipe in the chunks `parameters` and RECORD."""
    text = PngInfo()
    add_text(text, "parameters", infotext(request, index, maker))
    add_text(text, RECORD, json.dumps(record(request, index, maker), ensure_ascii=False))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", pnginfo=text, compress_level=COMPRESS_LEVEL)
    return file.getvalue()


def add_text(text: PngInfo, name: str, value: str) -> None:
    """Add a chunk: tEXt where Latin-1 can say it, else iTXt, as AUTOMATIC1111's readers expect."""
    clean = value.replace("\0", " ")
    try:
        clean.encode("latin-1")
    except UnicodeEncodeError:
        text.add_itxt(name, clean)
    else:
        text.add_text(name, clean)


def infotext(request: ResolvedRequest, index: int, maker: Maker) -> str:
    """The recipe in AUTOMATIC1111's format, which the field's tools read."""
    sampler = SAMPLERS[request.sampler]
    fields = {
        "Steps": request.steps,
        "Sampler": sampler.title,
        "Schedule type": sampler.schedule,
        "CFG scale": request.guidance_scale,
        "Seed": request.image_seed(index),
        "Size": f"{request.width}x{request.height}",
        "Model hash": maker.model_hash and maker.model_hash[:10],
        "Model": request.model,
        "Version": f"Darkroom {maker.version}",
    }
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    known = {name: value for name, value in fields.items() if value is not None}
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in known.items()))
    return "\n".join(lines)


def record(request: ResolvedRequest, index: int, maker: Maker) -> dict[str, Any]:
    """The request that makes this one picture again: send it to POST /jobs."""
    recipe = request.model_dump(mode="json", exclude={"count", "priority", "metadata"})
    return {
        "version": maker.version,
        "model_hash": maker.model_hash,
        "request": recipe | {"seed": request.image_seed(index)},
    }


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(c in text for c in ",:\n") else text
