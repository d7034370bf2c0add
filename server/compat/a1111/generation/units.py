"""The units of AUTOMATIC1111's ControlNet extension in a request, as our ControlNets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, cast

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jobs.request.notes import Note
from jobs.request.parts import Control
from jobs.request.request import InvalidRequest
from jobs.request.values import MAX_CONTROLS, Resize
from server.compat.a1111.base64 import decode_base64
from server.compat.a1111.checkpoints import IN_BRACKETS
from server.compat.a1111.control_maps import HIGH, LOW, MODULES
from server.compat.a1111.errors import invalid
from server.errors import ApiError
from server.requests.validation import field_errors

SCRIPT = "ControlNet"

ALIASES: Mapping[str, str] = {
    "": "none",
    "scribble": "scribble_xdog",
    "blur": "blur_gaussian",
    "invert (from white bg & black line)": "invert",
}

RESIZE_MODES: Mapping[str, Resize] = {
    "0": "stretch",
    "just resize": "stretch",
    "1": "crop",
    "crop and resize": "crop",
    "scale to fit (inner fit)": "crop",
    "2": "pad",
    "resize and fill": "pad",
    "envelope (outer fit)": "pad",
}
"""By number, by name, and by the name that older clients have."""

BALANCED = ("0", "balanced")
BOTH_PASSES = ("0", "both")


def _none_is_empty(value: object) -> object:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
Base64 = Annotated[str, BeforeValidator(_none_is_empty)]


class Unit(BaseModel):
    """One ControlNet of a request. What only tunes the extension's own machinery is passed over:
    low_vram, pixel_perfect, processor_res."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)

    enabled: bool = True
    image: Base64 = Field(default="", validation_alias=AliasChoices("image", "input_image"))
    mask: Base64 = Field(
        default="",
        validation_alias=AliasChoices("mask", "mask_image", "effective_region_mask"),
    )
    module: Text = "none"
    model: Text = "None"
    weight: float = Field(default=1.0, ge=0, le=4)
    guidance_start: float = Field(default=0.0, ge=0, le=1)
    guidance_end: float = Field(default=1.0, ge=0, le=1)
    resize_mode: Text = "1"
    control_mode: Text = "0"
    hr_option: Text = "both"
    threshold_a: float = -1
    threshold_b: float = -1
    save_detected_map: bool = True


class Controls(NamedTuple):
    """The ControlNets of a request, the pictures that they follow by the JSON pointer of their
    field, and how these are brought to the size of the result; None if no unit is in use. `maps`
    are the modules whose maps the client wants to see, by those pointers."""

    controls: list[Control]
    parts: dict[str, bytes]
    resize: Resize | None
    maps: dict[str, str]
    notes: list[Note]


def controls_of(scripts: Mapping[str, Any] | None, source: bytes | None = None) -> Controls:
    """The ControlNets in a request's `alwayson_scripts`.

    A unit without a picture follows `source`, the one that the request starts from. Raises a 422
    that names the unit's field.
    """
    controls: list[Control] = []
    parts: dict[str, bytes] = {}
    resizes: set[Resize] = set()
    maps: dict[str, str] = {}
    notes: list[Note] = []
    for where, unit in _units(scripts or {}):
        module = module_named(unit.module, f"{where}/module")
        name, pointer = MODULES[module], f"/controls/{len(controls)}/image"
        parts[pointer] = _picture(unit, where, source)
        if unit.save_detected_map:
            maps[pointer] = module
        if module == "canny" and not _usual(unit):
            detail = f"Canny's thresholds are {LOW} and {HIGH} in a picture here"
            notes.append(Note(pointer=f"/{where}/threshold_a", detail=detail))
        resizes.add(_checked(unit, where))
        if len(resizes) > 1:
            raise invalid(f"{where}/resize_mode", "must be the same for every unit")
        controls.append(
            Control(
                model=_model(unit, where),
                image="image",
                preprocessor=name,
                weight=unit.weight,
                start=unit.guidance_start,
                end=unit.guidance_end,
            )
        )
        if len(controls) > MAX_CONTROLS:
            raise invalid(where, f"at most {MAX_CONTROLS} units may be enabled at once")
    return Controls(controls, parts, resizes.pop() if resizes else None, maps, notes)


def _usual(unit: Unit) -> bool:
    """Whether thresholds are the usual ones, or such as stand for them: below 1."""
    low, high = unit.threshold_a, unit.threshold_b
    return (low < 1 or low == LOW) and (high < 1 or high == HIGH)


def _units(scripts: Mapping[str, Any]) -> list[tuple[str, Unit]]:
    """The units that are in use, each with where it stands in the request."""
    units: list[tuple[str, Unit]] = []
    for script, given in scripts.items():
        if script.strip().lower() != SCRIPT.lower():
            continue
        args = cast("dict[str, Any]", given).get("args") if isinstance(given, dict) else given
        if args is None:
            continue
        if not isinstance(args, list):
            raise invalid(f"alwayson_scripts/{script}/args", "must be an array of units")
        for index, each in enumerate(cast("list[object]", args)):
            where = f"alwayson_scripts/{script}/args/{index}"
            unit = _unit(each, where)
            if unit is not None and unit.enabled:
                units.append((where, unit))
    return units


def _unit(given: object, where: str) -> Unit | None:
    """A unit as it was sent; the extension passes over what is none, such as `false`."""
    if given is None or isinstance(given, bool):
        return None
    if not isinstance(given, dict):
        raise invalid(where, "must be an object: a unit")
    fields = dict(cast("dict[str, Any]", given))
    for name in ("image", "input_image"):
        if isinstance(nested := fields.get(name), dict):
            # As the extension's page has it, where a mask is painted over the picture.
            fields[name] = cast("dict[str, Any]", nested).get("image")
            fields.setdefault("mask", cast("dict[str, Any]", nested).get("mask"))
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return Unit.model_validate(given)
    except ValidationError as error:
        errors = field_errors(error)
        for each in errors:
            each.pointer = f"/{where}{each.pointer}"
        raise InvalidRequest(errors) from error


def module_named(text: str, field: str) -> str:
    """The extension's name of one of our preprocessors. Raises a 422."""
    name = text.strip().lower()
    name = ALIASES.get(name, name)
    if name not in MODULES:
        raise invalid(field, f"no module is named {text[:60]!r}; there are {', '.join(MODULES)}")
    return name


def _model(unit: Unit, where: str) -> str:
    """The ControlNet's name, without the hash that clients have seen elsewhere behind it."""
    name = IN_BRACKETS.sub("", unit.model).strip()
    if name.lower() in ("", "none"):
        detail = "must name a ControlNet; modules that need none, such as reference, are not here"
        raise invalid(f"{where}/model", detail)
    if len(name) > 200:
        raise invalid(f"{where}/model", "must be at most 200 characters")
    return name


def _picture(unit: Unit, where: str, source: bytes | None) -> bytes:
    if unit.image:
        return decode_base64(unit.image, f"{where}/image")
    if source is None:
        raise invalid(f"{where}/image", "is required: a ControlNet follows a picture")
    return source


def _checked(unit: Unit, where: str) -> Resize:
    """How the unit's picture is brought to size. Refuses what would make another picture."""
    wrong: ApiError | None = None
    if unit.mask:
        wrong = invalid(f"{where}/mask", "a unit acts on the whole picture here; leave it out")
    elif unit.control_mode.strip().lower() not in BALANCED:
        detail = f"there is Balanced only; it is {unit.control_mode[:60]!r}"
        wrong = invalid(f"{where}/control_mode", detail)
    elif unit.hr_option.strip().lower() not in BOTH_PASSES:
        detail = f"a unit acts in both passes here: Both; it is {unit.hr_option[:60]!r}"
        wrong = invalid(f"{where}/hr_option", detail)
    if wrong:
        raise wrong
    resize = RESIZE_MODES.get(unit.resize_mode.strip().lower())
    if resize is None:
        detail = "must be Just Resize, Crop and Resize or Resize and Fill (0, 1 or 2)"
        raise invalid(f"{where}/resize_mode", detail)
    return resize
