"""What Civitai has: a version of a model, its file, its terms, its trigger words."""

from __future__ import annotations

import html
import re
from typing import Any, cast

from jobs.additions.found import SECTIONS, Kind
from jobs.request.model_card import name_from
from jobs.sentences import say
from worker.models.adding.elsewhere.remote import Places, json_from
from worker.models.adding.elsewhere.sources import FromCivitai
from worker.models.adding.plan import NotAddable, Plan, PlannedFile, Said

TYPES: dict[str, Kind] = {
    "Checkpoint": "model",
    "LORA": "lora",
    "LoCon": "lora",
    "DoRA": "lora",
    "TextualInversion": "embedding",
    "Controlnet": "controlnet",
    "VAE": "vae",
    "Upscaler": "upscaler",
}
"""Civitai's words for what it has; of others nothing can be added."""

BASES = (
    (r"^(SDXL|Pony|Illustrious|NoobAI)", "sdxl"),
    (r"^SD 2", "sd2"),
    (r"^SD 1", "sd1"),
)
"""Its names of base models, and the families that they are of."""

DESCRIBED = 600
"""Characters of a description that are kept: some have a page."""

SAFE = 1
"""The level of its pictures that may be shown to anybody."""


def plan_from_civitai(source: FromCivitai, places: Places) -> Plan:
    """What a version has that can be added. Raises NotAddable."""
    version, model = _version(source, places)
    kind = kind_of(model)
    file = _file(version)
    name = name_from(re.sub(r"\.safetensors$", "", str(file.get("name", "")))) or "model"
    told = f"{places.civitai}/models/{model.get('id') or version.get('modelId')}"
    url = str(file.get("downloadUrl") or "")
    if not url:
        raise NotAddable("Civitai does not say where its file is")
    return Plan(
        source=f"{told}?modelVersionId={version.get('id')}",
        name=name,
        files=[PlannedFile(name=f"{name}.safetensors", url=url, bytes=None, sha256=_sha256(file))],
        said=Said(
            title=title_of(model, version),
            description=_text(str(model.get("description") or "")),
            licence=licence_of(model),
            triggers=triggers_of(version),
        ),
        section=SECTIONS[kind] if kind else None,
        family=family_of(str(version.get("baseModel") or "")),
        preview=preview_of(version),
    )


def kind_of(model: dict[str, Any]) -> Kind | None:
    """What a model of Civitai is here. Raises NotAddable for what cannot be added."""
    said = str(model.get("type") or "")
    if said and said not in TYPES:
        raise NotAddable(f"it is a {said[:40]}, which is nothing that is offered")
    return TYPES.get(said)


def family_of(base: str) -> str:
    """The family of what was made for one of Civitai's base models."""
    return next((family for pattern, family in BASES if re.search(pattern, base)), base)


def title_of(model: dict[str, Any], version: dict[str, Any]) -> str:
    """What people call it: the model's name, and the version's where it says more."""
    names = [str(model.get("name") or ""), str(version.get("name") or "")]
    return " ".join(name for name in names if name)[:200]


def licence_of(model: dict[str, Any]) -> str:
    """Its terms in a line; empty where Civitai does not say."""
    if "allowCommercialUse" not in model and "allowNoCredit" not in model:
        return ""
    use: object = model.get("allowCommercialUse")
    uses = cast("list[object]", use) if isinstance(use, list) else [use]
    named = [str(each) for each in uses if each and each != "None"]
    commercial = f"commercial use: {', '.join(named)}" if named else "no commercial use"
    credit = "no credit needed" if model.get("allowNoCredit") else "credit the author"
    return f"Civitai: {commercial}; {credit}"[:200]


def triggers_of(version: dict[str, Any]) -> list[str]:
    """The words that a prompt should have."""
    words: object = version.get("trainedWords")
    if not isinstance(words, list):
        return []
    split = (each for word in cast("list[object]", words) for each in str(word).split(","))
    return list(dict.fromkeys(each.strip()[:100] for each in split if each.strip()))[:12]


def preview_of(version: dict[str, Any]) -> str | None:
    """A picture that may be shown to anybody; None where there is none."""
    for each in cast("list[dict[str, Any]]", version.get("images") or []):
        level: object = each.get("nsfwLevel", SAFE)
        # Older answers have a word, or a yes or no.
        shown = level <= SAFE if isinstance(level, int) else False
        if shown and each.get("nsfw") in (None, False, "None") and each.get("type") != "video":
            return str(each.get("url") or "") or None
    return None


def _version(source: FromCivitai, places: Places) -> tuple[dict[str, Any], dict[str, Any]]:
    """A version and its model, as far as Civitai tells of it."""
    api = f"{places.civitai}/api/v1"
    if source.version is not None:
        version = _object(json_from(f"{api}/model-versions/{source.version}", places)[0])
        model_id = version.get("modelId") or source.model
        model = _object(json_from(f"{api}/models/{int(model_id)}", places)[0]) if model_id else {}
        return version, model or cast("dict[str, Any]", version.get("model") or {})
    model = _object(json_from(f"{api}/models/{source.model}", places)[0])
    versions = cast("list[dict[str, Any]]", model.get("modelVersions") or [])
    if not versions:
        raise NotAddable("Civitai has no version of it that can be fetched")
    return versions[0], model


def _file(version: dict[str, Any]) -> dict[str, Any]:
    files = cast("list[dict[str, Any]]", version.get("files") or [])
    usable = [each for each in files if str(each.get("name", "")).endswith(".safetensors")]
    if not usable:
        raise NotAddable(
            say(
                "civitai-pickle",
                "Civitai has it as a pickle only, which can run any code when it is opened;"
                " Darkroom loads .safetensors only",
            )
            if files
            else say("civitai-nothing", "Civitai has no file of it")
        )
    return next((each for each in usable if each.get("primary")), usable[0])


def _sha256(file: dict[str, Any]) -> str | None:
    hashes = cast("dict[str, Any]", file.get("hashes") or {})
    said = str(hashes.get("SHA256") or "").lower()
    return said if re.fullmatch(r"[0-9a-f]{64}", said) else None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotAddable("Civitai sent something that is no JSON object", away=True)
    return cast("dict[str, Any]", value)


def _text(markup: str) -> str:
    """The words of a description that is written in HTML."""
    plain = html.unescape(re.sub(r"<[^>]*>", " ", markup))
    plain = re.sub(r"\s+", " ", plain).strip()
    return plain if len(plain) <= DESCRIBED else f"{plain[:DESCRIBED].rstrip()}…"
