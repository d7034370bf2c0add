"""The units of AUTOMATIC1111's ControlNet extension in a request, as our ControlNets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, cast

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jobs.records.workers import offered_models
from jobs.request.fields.parts import Control, IPAdapter, ReferenceOnly
from jobs.request.fields.values import MAX_CONTROLS, MAX_IP_ADAPTERS, ControlMode, Resize
from jobs.request.model_card import name_of_file
from jobs.request.notes import Note
from jobs.request.request import InvalidRequest
from server.compat.a1111.base64 import decode_base64
from server.compat.a1111.checkpoints import IN_BRACKETS
from server.compat.a1111.control_maps import MODULES, TASKS, Tuned, tuned
from server.compat.a1111.errors import invalid
from server.compat.unread import not_read
from server.requests.validation import field_errors
from server.resources import resources

SCRIPT = "ControlNet"

ALIASES: Mapping[str, str] = {
    "": "none",
    "scribble": "scribble_xdog",
    "blur": "blur_gaussian",
    "invert (from white bg & black line)": "invert",
    "lineart": "lineart_standard",
    "lineart_standard (from white bg & black line)": "lineart_standard",
}

IP_MODULES = ("ip-adapter-auto", "ip-adapter_clip_h", "ip-adapter_clip_g", "ip-adapter_clip_sd15")
IP_MODULE = re.compile(r"ip-adapter[-_](auto|clip)")
"""Modules of the extension that read a picture for an IP-Adapter. Here the adapter's own encoder
does, whichever is named."""

REFERENCE_ONLY = "reference_only"
"""The module that has the network itself look at a picture. It has no model."""

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

CONTROL_MODES: Mapping[str, ControlMode] = {
    "0": "balanced",
    "balanced": "balanced",
    "1": "prompt",
    "my prompt is more important": "prompt",
    "2": "control",
    "controlnet is more important": "control",
}
BOTH_PASSES = ("0", "both")


def _none_is_empty(value: object) -> object:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
Base64 = Annotated[str, BeforeValidator(_none_is_empty)]


PASSED_OVER = (
    *(
        "low_vram",
        "lowvram",
        "pixel_perfect",
        "processor_res",
        "is_ui",
        "input_mode",
        "batch_images",
    ),
    *("output_dir", "loopback", "use_preview_as_input", "generated_image", "batch_image_files"),
    *("batch_mask_dir", "animatediff_batch", "batch_modifiers", "inpaint_crop_input_image"),
    *("pulid_mode", "batch_mask_gallery", "batch_input_gallery", "batch_image_dir"),
)
"""What only tunes the extension's own machinery."""

ALIASED = ("image", "input_image", "mask", "mask_image", "effective_region_mask")
"""Names of one field, of which the first that is sent counts."""

SAYS_NOTHING: tuple[object, ...] = ({}, [], "", False, "Unknown", "Balanced", 0)
"""Values by which a field asks for nothing."""


class Unit(BaseModel):
    """One ControlNet of a request. What it has besides is said in a note, if it asks for anything
    and is not one of PASSED_OVER."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, hide_input_in_errors=True)

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
    """The ControlNets and IP-Adapters of a request, their pictures by the JSON pointer of their
    field, and how these are brought to the size of the result; None if no unit is in use. `maps`
    are the modules whose maps the client wants to see, by those pointers, and `notes` name what was
    not read."""

    controls: list[Control]
    ip_adapters: list[IPAdapter]
    reference_only: ReferenceOnly | None
    parts: dict[str, bytes]
    resize: Resize | None
    maps: dict[str, Tuned]
    notes: list[Note]


def controls_of(scripts: Mapping[str, Any] | None, source: bytes | None = None) -> Controls:
    """The ControlNets in a request's `alwayson_scripts`.

    A unit without a picture follows `source`, the one that the request starts from. Raises a 422
    that names the unit's field.
    """
    controls: list[Control] = []
    ip_adapters: list[IPAdapter] = []
    parts: dict[str, bytes] = {}
    resizes: set[Resize] = set()
    maps: dict[str, Tuned] = {}
    notes: list[Note] = []
    reference: ReferenceOnly | None = None
    for where, unit in _units(scripts or {}):
        notes += _unread(unit, where)
        if (module := unit.module.strip().lower()).startswith("reference"):
            if module != REFERENCE_ONLY:
                raise invalid(f"{where}/module", f"{module[:60]} is not here; {REFERENCE_ONLY} is")
            if reference is not None:
                raise invalid(where, f"one unit of {REFERENCE_ONLY} may be enabled at once")
            reference = _reference(unit, where)
            parts["/reference_only/image"] = _picture(unit, where, source)
            resizes.add(_resize(unit, where))
            continue
        refers = IP_MODULE.match(unit.module.strip().lower()) is not None
        how = tuned(
            "none" if refers else module_named(unit.module, f"{where}/module"),
            unit.threshold_a,
            unit.threshold_b,
        )
        picture = _picture(unit, where, source)
        mask = decode_base64(unit.mask, f"{where}/mask") if unit.mask else None
        name = _model(unit, where)
        if refers:
            pointer = f"/ip_adapters/{len(ip_adapters)}"
            parts[f"{pointer}/images/0"] = picture
            ip_adapters.append(_ip_adapter(unit, name, mask))
        else:
            pointer = f"/controls/{len(controls)}"
            parts[f"{pointer}/image"] = picture
            # What a model makes of it is made by a worker.
            if unit.save_detected_map and how.module in MODULES:
                maps[f"{pointer}/image"] = how
            resizes.add(_resize(unit, where))
            controls.append(_control(unit, where, name, how, mask))
        if mask is not None:
            parts[f"{pointer}/mask"] = mask
        if len(resizes) > 1:
            raise invalid(f"{where}/resize_mode", "must be the same for every unit")
        if len(controls) > MAX_CONTROLS or len(ip_adapters) > MAX_IP_ADAPTERS:
            raise invalid(where, f"at most {MAX_CONTROLS} units may be enabled at once")
    if len(resizes) > 1:
        raise invalid("alwayson_scripts", "resize_mode must be the same for every unit")
    resize = resizes.pop() if resizes else None
    return Controls(controls, ip_adapters, reference, parts, resize, maps, notes)


def _unread(unit: Unit, where: str) -> list[Note]:
    """Notes of what a unit says and nothing here reads."""
    extra = unit.model_extra or {}
    names = [
        name
        for name, value in extra.items()
        if name not in PASSED_OVER and name not in ALIASED and value not in SAYS_NOTHING
    ]
    return not_read(*(f"{where}/{name[:60]}" for name in names))


def _control(unit: Unit, where: str, name: str, how: Tuned, mask: bytes | None) -> Control:
    return Control(
        model=name,
        image="image",
        preprocessor=MODULES.get(how.module, how.module),
        threshold_a=how.threshold_a,
        threshold_b=how.threshold_b,
        weight=unit.weight,
        start=unit.guidance_start,
        end=unit.guidance_end,
        control_mode=_mode(unit, where),
        mask=None if mask is None else "mask",
    )


def _reference(unit: Unit, where: str) -> ReferenceOnly:
    """Where prompt or picture is to count more, its mode is that and the threshold nothing, as in
    the extension."""
    if unit.mask:
        raise invalid(f"{where}/mask", f"{REFERENCE_ONLY} acts on all of a picture; leave it out")
    fidelity = 0.5 if unit.threshold_a < 0 else min(1.0, unit.threshold_a)
    fidelity = {"prompt": 0.0, "control": 1.0}.get(_mode(unit, where), fidelity)
    return ReferenceOnly(
        image="image",
        weight=min(1.0, unit.weight),
        style_fidelity=fidelity,
        start=unit.guidance_start,
        end=unit.guidance_end,
    )


def _mode(unit: Unit, where: str) -> ControlMode:
    mode = CONTROL_MODES.get(unit.control_mode.strip().lower())
    if mode is None:
        detail = "must be Balanced, My prompt is more important or ControlNet is more important"
        raise invalid(f"{where}/control_mode", f"{detail} (0, 1 or 2)")
    return mode


def _ip_adapter(unit: Unit, name: str, mask: bytes | None) -> IPAdapter:
    return IPAdapter(
        model=name,
        images=["image"],
        weight=unit.weight,
        start=unit.guidance_start,
        end=unit.guidance_end,
        mask=None if mask is None else "mask",
    )


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
    """The extension's name of one of our preprocessors; one with weights goes by its own, and
    stands in for the extension's that make the same. Raises a 422."""
    name = text.strip().lower()
    name = ALIASES.get(name, name)
    if name in MODULES or name in (by_model := modules_by_model()):
        return name
    task = TASKS.get(name)
    stands_in = next((model for model, does in by_model.items() if does == task), None)
    if stands_in is None:
        there_are = ", ".join((*MODULES, *by_model))
        why = f"no module is named {text[:60]!r}"
        if task is not None:
            why = f"{name} is a model, and this server's owner has configured none for {task}"
        raise invalid(field, f"{why}; there are {there_are}")
    return stands_in


def modules_by_model() -> dict[str, str]:
    """The preprocessors with weights of their own and what each makes; none before a worker has
    started."""
    cards = offered_models(resources().redis)
    return {each.name: each.task for card in cards for each in card.preprocessors}


def _model(unit: Unit, where: str) -> str:
    """The ControlNet's name, without the hash that clients have seen elsewhere behind it."""
    name = IN_BRACKETS.sub("", unit.model).strip()
    if name.lower() in ("", "none"):
        detail = "must name a ControlNet; the module reference_only alone needs none"
        raise invalid(f"{where}/model", detail)
    if len(name) > 200:
        raise invalid(f"{where}/model", "must be at most 200 characters")
    plain = name_of_file(name)
    cards = offered_models(resources().redis)
    known = {each.name for card in cards for each in (*card.controlnets, *card.ip_adapters)}
    return plain if name not in known and plain in known else name


def _picture(unit: Unit, where: str, source: bytes | None) -> bytes:
    if unit.image:
        return decode_base64(unit.image, f"{where}/image")
    if source is None:
        raise invalid(f"{where}/image", "is required: a ControlNet follows a picture")
    return source


def _resize(unit: Unit, where: str) -> Resize:
    """How the unit's picture is brought to size. Refuses what would make another picture."""
    if unit.hr_option.strip().lower() not in BOTH_PASSES:
        detail = f"a unit acts in both passes here: Both; it is {unit.hr_option[:60]!r}"
        raise invalid(f"{where}/hr_option", detail)
    resize = RESIZE_MODES.get(unit.resize_mode.strip().lower())
    if resize is None:
        detail = "must be Just Resize, Crop and Resize or Resize and Fill (0, 1 or 2)"
        raise invalid(f"{where}/resize_mode", detail)
    return resize
