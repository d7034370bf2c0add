"""The ControlNet extension's own endpoints: what a unit may name, and preprocessors to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from jobs.additions import studies
from jobs.request.fields.values import MAX_CONTROLS
from jobs.request.request import InvalidRequest
from server.compat.a1111.base64 import decode_picture, encode_base64
from server.compat.a1111.control_maps import MODULES, SLIDERS, NoOpenCV, control_map, tuned
from server.compat.a1111.errors import invalid
from server.compat.a1111.generation.units import (
    IP_MODULES,
    REFERENCE_ONLY,
    Text,
    module_named,
    modules_by_model,
)
from server.requests.asking import ask
from server.requests.submission import known_models
from server.requests.validation import field_errors

VERSION = 2
"""Of the extension's API: a unit has its picture and mask apart."""

TYPES: Mapping[str, tuple[str, ...]] = {
    "All": (*MODULES, *IP_MODULES, REFERENCE_ONLY),
    "Canny": ("none", "canny"),
    "Depth": ("none",),
    "IP-Adapter": ("none", *IP_MODULES[::-1]),
    "Inpaint": ("none",),
    "Instant-ID": ("none",),
    "InstructP2P": ("none",),
    "Lineart": ("none", "lineart_standard", "invert"),
    "MLSD": ("none",),
    "NormalMap": ("none",),
    "OpenPose": ("none",),
    "Recolor": ("none", "recolor_luminance", "recolor_intensity", "grayscale"),
    "Reference": ("none", REFERENCE_ONLY),
    "Revision": ("none",),
    "Scribble": ("none", "scribble_xdog"),
    "Segmentation": ("none",),
    "Shuffle": ("none",),
    "SoftEdge": ("none",),
    "SparseCtrl": ("none",),
    "T2I-Adapter": ("none", "t2ia_color_grid"),
    "Tile": ("none", "tile_resample", "blur_gaussian"),
}
"""The extension's headings, and those of our modules that stand under each."""

TASK_TYPES: Mapping[str, str] = {
    "Depth": "depth",
    "NormalMap": "normal",
    "OpenPose": "pose",
    "Segmentation": "segmentation",
}
"""Under which heading a model stands, by what it makes."""

RESOLUTION = {"name": "Resolution", "value": 512, "min": 64, "max": 2048, "step": 8}

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
    """The ControlNets and IP-Adapters of all models, each once."""
    cards = known_models()
    found = [each.name for card in cards for each in (*card.controlnets, *card.ip_adapters)]
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
    modules = [*MODULES, *IP_MODULES, REFERENCE_ONLY, *modules_by_model()]
    detail = {
        name: {"model_free": name == REFERENCE_ONLY, "sliders": _sliders(name)} for name in modules
    }
    return jsonify(module_list=modules, module_detail=detail)


def _sliders(module: str) -> list[dict[str, Any]]:
    """What a module may be tuned by, as the extension describes it."""
    found = [
        {"name": each.name, "value": each.value, "min": each.least, "max": each.most}
        | {"step": each.step}
        for each in SLIDERS.get(module, ())
    ]
    return [RESOLUTION, *found] if found else []


@blueprint.get("/control_types")
def list_control_types() -> Response:
    """The preprocessors and ControlNets under each heading: by their names, as the extension
    sorts them."""
    more = modules_by_model()
    types = {name: _type(name, modules) for name, modules in TYPES.items()}
    types["All"]["module_list"] += more
    for name, task in TASK_TYPES.items():
        types[name]["module_list"] += [module for module, does in more.items() if does == task]
    return jsonify(control_types=types)


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
    how = tuned(module, wanted.controlnet_threshold_a, wanted.controlnet_threshold_b)
    made: list[str] = []
    for index, text in enumerate(wanted.controlnet_images):
        field = f"controlnet_images/{index}"
        decoded = decode_picture(text, field)
        if module not in MODULES:
            made.append(_mapped(module, decoded.png, field))
            continue
        try:
            made.append(encode_base64(control_map(how, decoded.png)))
        except NoOpenCV:
            detail = f"{module} needs OpenCV, which the workers have and this server has not"
            raise invalid("controlnet_module", detail) from None
    return jsonify(images=made, info="Success")


def _mapped(name: str, png: bytes, field: str) -> str:
    """What a preprocessor with weights of its own makes of a picture: a worker has it."""
    if len(png) > studies.MAPPED_BYTES:
        most = studies.MAPPED_BYTES // 1024**2
        raise invalid(field, f"must be at most {most} MB as a PNG for a model to look at")
    card = next(card for card in known_models() if name in [p.name for p in card.preprocessors])
    fields = {"picture": encode_base64(png)}
    answer = ask(card.name, "map", {"preprocessor": name}, fields)
    return answer["picture"].partition(",")[2]
