"""The recipe that a picture carries, read for AUTOMATIC1111's clients."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, ConfigDict

from jobs.pictures.pictures import INFOTEXT
from jobs.recipes import infotext
from jobs.recipes.recipes import MAX_RECIPE
from server.compat.a1111.base64 import decode_picture
from server.compat.a1111.body import json_object, read
from server.compat.a1111.errors import invalid

SIZE = re.compile(r"(\d{1,9})x(\d{1,9})")

LEFT_OUT: dict[str, Any] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "Schedule type": "Automatic",
}
"""What AUTOMATIC1111 answers of settings that a recipe leaves out because they are the usual."""

blueprint = Blueprint("a1111_png_info", __name__, url_prefix="/sdapi/v1")


class PngInfo(BaseModel):
    """The picture to look into."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    image: str


@blueprint.post("/png-info")
def png_info() -> Response:
    """The recipe as text and by its names, and all other texts of the picture. Empty if none."""
    sent = read(PngInfo, json_object())
    texts = decode_picture(sent.image, "image", "texts").texts or {}
    text = texts.pop(INFOTEXT, "")
    if len(text) > MAX_RECIPE:
        detail = f"carries a recipe that is longer than {MAX_RECIPE} characters"
        raise invalid("image", detail)
    return jsonify(info=text, items=texts, parameters=parameters_of(text))


def parameters_of(text: str) -> dict[str, Any]:
    """A recipe's settings by name, with each size in two halves, as AUTOMATIC1111 has them."""
    found = infotext.split(text)
    parameters: dict[str, Any] = {
        "Prompt": found.prompt,
        "Negative prompt": found.negative_prompt,
    }
    for name, value in found.settings.items():
        if size := SIZE.fullmatch(value):
            parameters |= {f"{name}-1": size[1], f"{name}-2": size[2]}
        else:
            parameters[name] = value
    return LEFT_OUT | parameters
