"""Recipes of other programs than AUTOMATIC1111: ComfyUI, InvokeAI, NovelAI, Fooocus, SwarmUI and
Civitai keep them as JSON.

`sd_parsers` knows where each has what; SwarmUI and Civitai, which it does not know, are read here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, cast

from sd_parsers.data import Generators, PromptInfo
from sd_parsers.parsers import (
    ComfyUIParser,
    FooocusParser,
    InvokeAIParser,
    NovelAIParser,
    Parser,
)

from jobs.pictures.pictures import INFOTEXT
from jobs.recipes.infotext import BadInfotext, Recipe
from jobs.recipes.lacking import lacking
from jobs.recipes.written import number
from jobs.request.samplers import canonical_schedule, split_sampler

Texts = Mapping[str, str]
"""The texts that a picture carries, by name."""

PARSERS: tuple[tuple[frozenset[str], type[Parser]], ...] = (
    (frozenset({"invokeai_metadata"}), InvokeAIParser),
    (frozenset({"sd-metadata"}), InvokeAIParser),
    (frozenset({"Dream"}), InvokeAIParser),
    (frozenset({"prompt", "workflow"}), ComfyUIParser),
    (frozenset({"Comment", "Description", "Source"}), NovelAIParser),
    (frozenset({INFOTEXT}), FooocusParser),
)
"""Whose recipe it is, by the names of the texts that it consists of."""

TEXTS = sorted({name for names, _ in PARSERS for name in names})
"""All that is read."""

NAMES = {
    "steps": ("steps",),
    "guidance_scale": ("cfg_scale", "cfgscale", "cfgScale", "scale"),
    "seed": ("seed", "noise_seed"),
    "width": ("width",),
    "height": ("height",),
    "clip_skip": ("clip_skip", "clipSkip"),
}
"""Numbers that mean the same in a request, and what they are called elsewhere."""

SPELLINGS = (("_ancestral", "_a"), ("_gpu", ""), ("dpm_2", "dpm2"), ("uni_pc", "unipc"))
"""How a sampler's name is written elsewhere, and here."""

KARRAS = "_k"
"""What a name in InvokeAI ends with whose schedule is that of Karras."""

WHOLE = 0.999
"""Below it ComfyUI's `denoise` says that a picture was begun with."""

UNREADABLE = "the picture was made by {}, whose recipe in it cannot be read"


def read(texts: Texts) -> Recipe | None:
    """The recipe in a picture's texts; None where they hold none of these programs'.

    What no field of ours means is passed over. Raises BadInfotext where a program's texts are
    there and not as it writes them.
    """
    # An object is no infotext, whatever it says inside.
    stated = _object(texts.get(INFOTEXT, ""))
    if stated is not None:
        for reader in (_swarm, _civitai):
            if recipe := reader(stated):
                return recipe
    for names, parser in PARSERS:
        if names <= texts.keys() and (INFOTEXT not in names or stated is not None):
            return _parsed(parser(), texts)
    return None


def _parsed(parser: Parser, texts: Texts) -> Recipe:
    try:
        info = parser.parse(dict(texts))
        samplers = [each for each in info.samplers if each.prompts] or info.samplers
        sampler = samplers[0]
        values = _flat(info, sampler.parameters)
        prompt = ", ".join(each.value for each in sampler.prompts)
        negative = ", ".join(each.value for each in sampler.negative_prompts)
        model = sampler.model
    except Exception as error:
        # The library trips over what it does not expect in many ways, and files say anything.
        raise BadInfotext(UNREADABLE.format(parser.generator.value)) from error
    fields = {"prompt": prompt, "negative_prompt": negative, **_numbers(values)}
    fields |= _sampler(sampler.name, values.get("scheduler"))
    shown: dict[str, str] = {}
    denoise = values.get("denoise")
    begun = isinstance(denoise, int | float) and denoise < WHOLE
    if begun and info.generator == Generators.COMFYUI:
        fields["strength"] = denoise
        shown["denoise"] = str(denoise)
    return Recipe(fields, model and _stem(model.name), model and model.hash, lacking(shown))


def _flat(info: PromptInfo, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of one sampler, and of the picture as a whole."""
    values: dict[str, Any] = {}
    # A graph says the picture's size in the node that makes its latents.
    for nodes in info.metadata.values():
        if isinstance(nodes, list):
            for node in cast("list[Any]", nodes):
                if isinstance(node, dict) and {"width", "height"} <= node.keys():
                    values |= {side: node[side] for side in ("width", "height")}
    scalars = {k: v for k, v in info.metadata.items() if isinstance(v, int | float | str)}
    if match := re.fullmatch(r"\(?(\d+), ?(\d+)\)?", str(scalars.get("resolution", ""))):
        values |= {"width": match[1], "height": match[2]}
    return values | scalars | dict(parameters)


def _swarm(stated: Mapping[str, Any]) -> Recipe | None:
    values = stated.get("sui_image_params")
    return _simple(cast("dict[str, Any]", values)) if isinstance(values, dict) else None


def _civitai(stated: Mapping[str, Any]) -> Recipe | None:
    more = stated.get("extraMetadata")
    values = _object(more) if isinstance(more, str) else None
    return _simple(values) if values else None


def _simple(values: Mapping[str, Any]) -> Recipe:
    """A recipe that is a table already."""

    def first(*names: str) -> str:
        return next((str(values[name]) for name in names if values.get(name)), "")

    fields = {
        "prompt": first("prompt"),
        "negative_prompt": first("negativeprompt", "negativePrompt"),
        **_numbers(values),
    }
    if name := first("sampler"):
        fields |= _sampler(name, values.get("scheduler"))
    return Recipe(fields, _stem(first("model")), None)


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for ours, theirs in NAMES.items():
        value = next((values[name] for name in theirs if name in values), None)
        if value is not None:
            # Fooocus writes numbers as texts. What is none stays, for the request's own check.
            found[ours] = number(value) if isinstance(value, str) else value
    return found


def _sampler(name: str, schedule: object) -> dict[str, Any]:
    """Our sampler and schedule; an unknown one goes on as it is, for the request's own check."""
    wanted = name.strip().lower()
    label = schedule if isinstance(schedule, str) else ""
    if wanted.endswith(KARRAS):
        wanted, label = wanted.removesuffix(KARRAS), "karras"
    for theirs, ours in SPELLINGS:
        wanted = wanted.replace(theirs, ours)
    sampler, ending = split_sampler(wanted) or split_sampler(name) or (name, None)
    known = ending or canonical_schedule(label)
    return {"sampler": sampler} | ({"schedule": known} if known else {})


def _stem(name: str | None) -> str | None:
    """A model's name without folder and suffix."""
    if not name:
        return None
    path = PureWindowsPath(name) if "\\" in name else PurePosixPath(name)
    return path.name.removesuffix(".safetensors").removesuffix(".ckpt")


def _object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
