"""The options of `darkroom generate`: one for each field of a request, with the field's name."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from typing import Any, cast

from darkroom_client import FieldError, Fields, Note

from jobs.request.request import GenerationRequest

SHORT = {"negative_prompt": "--negative", "guidance_scale": "--guidance"}
"""Names that are typed often, beside the whole ones."""

SINGULAR = {
    "loras": "lora",
    "controls": "control",
    "ip_adapters": "ip-adapter",
    "references": "reference",
    "regions": "region",
    "styles": "style",
}
"""What is given once for each."""

MORE = {
    "image": " Here a file, or the id of a picture.",
    "mask": " Here a file, or the id of a picture.",
    "references": " Here a file, or the id of a picture, once for each.",
    "loras": " Here NAME or NAME:WEIGHT, once for each.",
    "styles": " Once for each.",
    "wordings": " Here JSON, as that has it.",
    "controls": " Here MODEL=FILE, and after commas weight=, start=, end=, preprocessor= or more; "
    "once for each.",
    "ip_adapters": " Here MODEL=FILE or MODEL=FILE+FILE, and after commas weight=, start=, end= or "
    "mask=; once for each.",
    "reference_only": " Here image=FILE, and after commas weight=, style_fidelity=, start= or "
    "end=.",
    "regions": " Here prompt=red apple,left=0,top=0,width=0.5,height=1 or prompt=red apple,"
    "mask=FILE, and perhaps weight=; once for each.",
    "expand": " Here left=64,top=64,right=64,bottom=64, or some of them.",
    "hires": " Here scale=2,steps=10,strength=0.5,upscaler=NAME, or some of them.",
    "restore_faces": " Here model=NAME, strength=0.8, or both.",
    "freeu": " Here b1=1.5,b2=1.6,s1=0.9,s2=0.2, or some of them.",
    "dynamic_thresholding": " Here mimic_scale=7,percentile=0.995, or one of them.",
    "drawn": " Here width=512,height=512.",
    "walk": " Here over=prompts,prompt=green apple,frames=8, over=seeds,seed=8, over=words, "
    "over=steps,steps=1+4+16 or over=samplers,samplers=ddim+euler; seconds= is how long each "
    "picture stands in the animation.",
    "metadata": " Here KEY=VALUE, once for each.",
    "webhook": " Here its URL.",
    "kind": " If left out, it follows from what is given.",
}
"""What the command line says of a field beside what the API says."""

KINDS = (
    ("walk", "walk"),
    ("expand", "outpaint"),
    ("mask", "inpaint"),
    ("references", "edit"),
    ("scale", "upscale"),
    ("upscaler", "upscale"),
    ("image", "image-to-image"),
)
"""The kind that is meant where a field is given and none is named; the first one counts."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add what `fields_of` reads."""
    document = GenerationRequest.model_json_schema()
    given = parser.add_argument_group("fields of the request, as the API has them")
    for name, schema in document["properties"].items():
        if name == "prompt":
            continue
        flags = [option(name), *([SHORT[name]] if name in SHORT else [])]
        said = (schema.get("description", "") + MORE.get(name, "")).replace("%", "%%")
        plain = _plain(schema)
        if plain.get("type") == "boolean":
            given.add_argument(*flags, action="store_true", default=None, dest=name, help=said)
            continue
        given.add_argument(
            *flags,
            dest=name,
            action="append" if name in SINGULAR or name == "metadata" else "store",
            type=_reader(name, plain, document["$defs"]),
            choices=plain.get("enum"),
            metavar=None if "enum" in plain else _placeholder(name, plain),
            help=said,
        )
    given.add_argument(
        "--edit",
        action="append",
        metavar="FILE",
        help="The same as --kind edit --image FILE; again for each more picture.",
    )


def fields_of(parsed: argparse.Namespace) -> Fields:
    """The fields that were given, of the kind that they mean."""
    given = {
        name: value
        for name in GenerationRequest.model_fields
        if name != "prompt" and (value := getattr(parsed, name)) is not None
    }
    if "metadata" in given:
        given["metadata"] = dict(given["metadata"])
    if parsed.edit:
        given["image"], *more = parsed.edit
        given |= {"kind": "edit", "references": [*more, *given.get("references", [])]}
    meant = next((kind for name, kind in KINDS if name in given), None)
    if meant and "kind" not in given:
        given["kind"] = meant
    return cast("Fields", given)


def option(name: str) -> str:
    """The option of a field."""
    return "--" + SINGULAR.get(name, name).replace("_", "-")


def said_of(told: FieldError | Note) -> str:
    """What is wrong, or done otherwise, by the option that it was given with."""
    name, _, below = told.pointer.strip("/").partition("/")
    where = "the prompt" if name == "prompt" else option(name)
    part = below.rpartition("/")[2]
    return f"{where}{f' ({part})' if part and not part.isdigit() else ''}: {told.detail}"


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that is there."""
    ways = schema.get("anyOf", [schema])
    return next(each for each in ways if each.get("type") != "null")


def _placeholder(name: str, schema: dict[str, Any]) -> str:
    if name in ("image", "mask", "references"):
        return "FILE"
    return {"integer": "N", "number": "X", "string": "TEXT"}.get(schema.get("type", ""), "...")


def _reader(name: str, schema: dict[str, Any], parts: dict[str, Any]) -> Callable[[str], Any]:
    """What makes a field's value of an option's text."""
    match name:
        case "loras":
            return _lora
        case "controls":
            return lambda text: _control(text, parts["Control"]["properties"])
        case "ip_adapters":
            return lambda text: _ip_adapter(text, parts["IPAdapter"]["properties"])
        case "regions":
            return lambda text: _region(text, parts)
        case "metadata":
            return _pair
        case "wordings":
            return _json
        case "webhook":
            return lambda text: {"url": text}
        case "references" | "styles":
            return str
        case _ if "$ref" in schema:
            values = parts[schema["$ref"].rpartition("/")[2]]["properties"]
            return lambda text: _values(text, values)
        case _:
            return {"integer": int, "number": float}.get(schema["type"], str)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is not JSON: {error}") from error


def _lora(text: str) -> dict[str, Any]:
    name, colon, weight = text.rpartition(":")
    if not colon:
        return {"name": text}
    try:
        return {"name": name, "weight": float(weight)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{weight!r} in {text!r} is no weight") from None


def _control(text: str, values: dict[str, Any]) -> dict[str, Any]:
    first, _, rest = text.partition(",")
    model, equals, file = first.partition("=")
    if not (model and equals and file):
        raise argparse.ArgumentTypeError(f"{first!r} is not MODEL=FILE")
    return {"model": model, "image": file} | (_values(rest, values) if rest else {})


def _ip_adapter(text: str, values: dict[str, Any]) -> dict[str, Any]:
    found = _control(text, values)
    return {**found, "images": found.pop("image").split("+")}


def _region(text: str, parts: dict[str, Any]) -> dict[str, Any]:
    box = parts["Box"]["properties"]
    known = {name: parts["Region"]["properties"][name] for name in ("prompt", "mask", "weight")}
    given = _values(text, known | box)
    where = {name: given.pop(name) for name in list(given) if name in box}
    return given | ({"box": where} if where else {})


def _values(text: str, known: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # A comma in a prompt is followed by no name.
    for each in re.split(rf",(?=\s*(?:{'|'.join(known)})\s*=)", text):
        name, equals, value = each.strip().partition("=")
        if not equals or name not in known:
            raise argparse.ArgumentTypeError(
                f"{each!r} is none of {', '.join(f'{known_name}=' for known_name in known)}"
            )
        schema = _plain(known[name])
        kind = schema.get("type")
        try:
            if kind == "array":
                several = {"integer": int}.get(str(schema["items"].get("type")), str)
                found[name] = [several(each) for each in value.split("+")]
                continue
            found[name] = {"integer": int, "number": float}.get(str(kind), str)(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{name}: {value!r} is no {kind}") from None
    return found


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
