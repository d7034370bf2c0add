"""The ControlNet extension's own endpoints: what a unit may name, and preprocessors to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.pictures.pictures import open_picture, png
from jobs.request.request import MAX_CONTROLS, InvalidRequest
from server.compat.a1111.base64 import decode_picture, encode_base64
from server.compat.a1111.errors import invalid
from server.compat.a1111.generation.units import MODULES, Text, module_named
from server.requests.submission import known_models
from server.requests.validation import field_errors

VERSION = 2
"""Of the extension's API: a unit has its picture and mask apart."""

HERE: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda picture: picture,
    "grayscale": lambda picture: picture.convert("L").convert("RGB"),
    "invert": ImageOps.invert,
}
"""Modules that need no worker. The others need OpenCV, which only workers have."""

blueprint = Blueprint("a1111_controlnet", __name__, url_prefix="/controlnet")


class Detect(BaseModel):
    """What to make of pictures, to look at it before it is used."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    controlnet_module: Text = "none"
    controlnet_images: list[str] = Field(default_factory=list[str])


def model_list() -> list[str]:
    """The ControlNets of all models, each once."""
    found = [each.name for card in known_models() for each in card.controlnets]
    return list(dict.fromkeys(found))


@blueprint.get("/version")
def version() -> Response:
    """The version of the extension's API."""
    return jsonify(version=VERSION)


@blueprint.get("/model_list")
def list_models() -> Response:
    """The ControlNets that a unit may name."""
    return jsonify(model_list=model_list())


@blueprint.get("/module_list")
def list_modules() -> Response:
    """The preprocessors that a unit may name; none of them has settings."""
    plain: dict[str, Any] = {"model_free": False, "sliders": []}
    return jsonify(module_list=list(MODULES), module_detail=dict.fromkeys(MODULES, plain))


@blueprint.get("/control_types")
def list_control_types() -> Response:
    """Everything under one heading: nothing says which ControlNet goes with which preprocessor."""
    models = ["None", *model_list()]
    every = {
        "module_list": list(MODULES),
        "model_list": models,
        "default_option": "none",
        "default_model": models[-1] if len(models) == 2 else "None",
    }
    return jsonify(control_types={"All": every})


@blueprint.get("/settings")
def show_settings() -> Response:
    """How many units a request may have."""
    return jsonify(control_net_unit_count=MAX_CONTROLS)


@blueprint.post("/detect")
def detect() -> Response:
    """What a preprocessor makes of pictures, for those that the server itself has."""
    try:
        wanted = Detect.model_validate(request.get_json(force=True))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error
    module = module_named(wanted.controlnet_module, "controlnet_module")
    if module not in HERE:
        detail = (
            f"{module} runs on a worker, as part of a job with a ControlNet, and cannot be seen "
            f"alone; {', '.join(HERE)} can"
        )
        raise invalid("controlnet_module", detail)
    if not wanted.controlnet_images:
        raise invalid("controlnet_images", "must have at least one picture; it is empty")
    made: list[str] = []
    for index, text in enumerate(wanted.controlnet_images):
        field = f"controlnet_images/{index}"
        decoded = decode_picture(text, field)
        # What the decoder wrote is a plain PNG of its own.
        made.append(encode_base64(png(HERE[module](open_picture(decoded.png)))))
    return jsonify(images=made, info="Success")
