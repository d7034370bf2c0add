"""The ControlNet extension's own endpoints: what a unit may name, and preprocessors to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from jobs.request.request import InvalidRequest
from jobs.request.values import MAX_CONTROLS
from server.compat.a1111.base64 import decode_picture, encode_base64
from server.compat.a1111.control_maps import HIGH, LOW, MODULES, NoOpenCV, control_map
from server.compat.a1111.errors import invalid
from server.compat.a1111.generation.units import Text, module_named
from server.requests.submission import known_models
from server.requests.validation import field_errors

VERSION = 2
"""Of the extension's API: a unit has its picture and mask apart."""

TYPES: Mapping[str, tuple[str, ...]] = {
    "All": tuple(MODULES),
    "Canny": ("none", "canny"),
    "Depth": ("none",),
    "IP-Adapter": ("none",),
    "Inpaint": ("none",),
    "Instant-ID": ("none",),
    "InstructP2P": ("none",),
    "Lineart": ("none", "invert"),
    "MLSD": ("none",),
    "NormalMap": ("none",),
    "OpenPose": ("none",),
    "Recolor": ("none", "grayscale"),
    "Reference": ("none",),
    "Revision": ("none",),
    "Scribble": ("none", "scribble_xdog"),
    "Segmentation": ("none",),
    "Shuffle": ("none",),
    "SoftEdge": ("none",),
    "SparseCtrl": ("none",),
    "T2I-Adapter": ("none",),
    "Tile": ("none", "blur_gaussian"),
}
"""The extension's headings, and those of our modules that stand under each."""

RESOLUTION = {"name": "Resolution", "value": 512, "min": 64, "max": 2048, "step": 8}
SLIDERS: Mapping[str, list[dict[str, Any]]] = {
    "canny": [
        RESOLUTION,
        {"name": "Low Threshold", "value": LOW, "min": 1, "max": 255, "step": 1},
        {"name": "High Threshold", "value": HIGH, "min": 1, "max": 255, "step": 1},
    ]
}
"""What a module may be tuned by, as the extension describes it."""

blueprint = Blueprint("a1111_controlnet", __name__, url_prefix="/controlnet")


class Detect(BaseModel):
    """What to make of pictures, to look at it before it is used."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    controlnet_module: Text = "none"
    controlnet_images: list[str] = Field(
        default_factory=list[str],
        validation_alias=AliasChoices("controlnet_input_images", "controlnet_images"),
    )
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1


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
    """The preprocessors that a unit may name, and their sliders."""
    detail = {name: {"model_free": False, "sliders": SLIDERS.get(name, [])} for name in MODULES}
    return jsonify(module_list=list(MODULES), module_detail=detail)


@blueprint.get("/control_types")
def list_control_types() -> Response:
    """The preprocessors and ControlNets under each heading: by their names, as the extension
    sorts them."""
    return jsonify(control_types={name: _type(name, modules) for name, modules in TYPES.items()})


def _type(name: str, modules: Sequence[str]) -> dict[str, Any]:
    models = [each for each in model_list() if name == "All" or name.lower() in each.lower()]
    return {
        "module_list": list(modules),
        "model_list": ["None", *models],
        "default_option": "none" if name == "All" else modules[-1],
        "default_model": models[0] if len(models) == 1 else "None",
    }


@blueprint.get("/settings")
def show_settings() -> Response:
    """How many units a request may have."""
    return jsonify(control_net_unit_count=MAX_CONTROLS)


@blueprint.post("/detect")
def detect() -> Response:
    """What a preprocessor makes of pictures, each at its own size."""
    try:
        wanted = Detect.model_validate(request.get_json(force=True))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error
    module = module_named(wanted.controlnet_module, "controlnet_module")
    if not wanted.controlnet_images:
        raise invalid("controlnet_images", "must have at least one picture; it is empty")
    made: list[str] = []
    for index, text in enumerate(wanted.controlnet_images):
        field = f"controlnet_images/{index}"
        decoded = decode_picture(text, field)
        try:
            made.append(encode_base64(control_map(module, decoded.png, None, _thresholds(wanted))))
        except NoOpenCV:
            detail = f"{module} needs OpenCV, which the workers have and this server has not"
            raise invalid("controlnet_module", detail) from None
    return jsonify(images=made, info="Success")


def _thresholds(wanted: Detect) -> tuple[int, int]:
    """Canny's; what is no threshold stands for the usual one, as in the extension."""
    low, high = wanted.controlnet_threshold_a, wanted.controlnet_threshold_b
    return int(low) if 1 <= low <= 255 else LOW, int(high) if 1 <= high <= 255 else HIGH
