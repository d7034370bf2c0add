"""Searching the hub and Civitai by their public JSON APIs."""

from __future__ import annotations

import re
from typing import Any, Literal, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from jobs.additions.found import Kind, SearchPage, SearchResult
from worker.models.adding.elsewhere import civitai
from worker.models.adding.elsewhere.hub import family_of
from worker.models.adding.elsewhere.remote import Places, json_from
from worker.models.adding.plan import NotAddable

PAGE = 20
"""Results of a page."""

Where = Literal["hub", "civitai"]

FILTERS: dict[Kind, dict[str, str]] = {
    "model": {"pipeline_tag": "text-to-image", "filter": "diffusers"},
    "lora": {"filter": "lora"},
    "embedding": {"filter": "textual_inversion"},
    "controlnet": {"filter": "controlnet"},
    "vae": {"filter": "vae"},
    "upscaler": {"pipeline_tag": "image-to-image"},
}
"""How the hub is asked for each kind: it has tags, and people set them."""


def search(
    words: str, where: Where, kind: Kind | None, cursor: str | None, places: Places
) -> SearchPage:
    """What hub or Civitai find, the most fetched first. Raises NotAddable."""
    if where == "civitai":
        return _civitai(words, kind, cursor, places)
    return _hub(words, kind, cursor, places)


def _hub(words: str, kind: Kind | None, cursor: str | None, places: Places) -> SearchPage:
    asked: dict[str, Any] = {
        "search": words,
        "limit": PAGE,
        "sort": "downloads",
        "direction": -1,
        "full": "true",
        **(FILTERS[kind] if kind else {}),
        **({"cursor": cursor} if cursor else {}),
    }
    found, answer = json_from(f"{places.hub}/api/models?{urlencode(asked)}", places)
    results = [_of_hub(each, kind) for each in _list(found) if each.get("id")]
    return SearchPage(results=results, next=_next(answer.header("Link")))


def _of_hub(each: dict[str, Any], kind: Kind | None) -> SearchResult:
    tags = [str(tag) for tag in cast("list[object]", each.get("tags") or [])]
    licence = next((t.partition(":")[2] for t in tags if t.startswith("license:")), "")
    return SearchResult(
        source=str(each["id"]),
        title=str(each["id"]),
        kind=kind or _kind(tags, str(each.get("pipeline_tag") or "")),
        family=family_of(tags),
        licence=licence,
        downloads=each.get("downloads"),
        bytes=None,
        preview_url=None,
        triggers=[],
    )


def _kind(tags: list[str], pipeline: str) -> Kind | None:
    for tag, kind in (
        ("lora", "lora"),
        ("textual_inversion", "embedding"),
        ("controlnet", "controlnet"),
        ("vae", "vae"),
    ):
        if tag in tags:
            return cast(Kind, kind)
    return "model" if pipeline in ("text-to-image", "image-to-image") else None


def _next(link: str | None) -> str | None:
    """The cursor of the next page, of a Link field."""
    found = re.search(r'<([^>]+)>;\s*rel="next"', link or "")
    return parse_qs(urlsplit(found[1]).query).get("cursor", [None])[0] if found else None


def _civitai(words: str, kind: Kind | None, cursor: str | None, places: Places) -> SearchPage:
    asked: list[tuple[str, Any]] = [
        ("query", words),
        ("limit", PAGE),
        ("nsfw", "false"),
        ("sort", "Most Downloaded"),
    ]
    wanted = [name for name, each in civitai.TYPES.items() if kind in (None, each)]
    asked += [("types", name) for name in wanted]
    if cursor:
        asked.append(("cursor", cursor))
    found, _ = json_from(f"{places.civitai}/api/v1/models?{urlencode(asked)}", places)
    if not isinstance(found, dict):
        raise NotAddable("Civitai sent something that is no JSON object", away=True)
    page = cast("dict[str, Any]", found)
    after: object = cast("dict[str, Any]", page.get("metadata") or {}).get("nextCursor")
    results = [made for each in _list(page.get("items")) if (made := _of_civitai(each, places))]
    return SearchPage(results=results, next=None if after is None else str(after))


def _of_civitai(each: dict[str, Any], places: Places) -> SearchResult | None:
    versions = _list(each.get("modelVersions"))
    if not versions or each.get("type") not in civitai.TYPES:
        return None
    version = versions[0]
    files = [f for f in _list(version.get("files")) if str(f.get("name")).endswith(".safetensors")]
    size = files[0].get("sizeKB") if files else None
    stats: Any = each.get("stats") or {}
    return SearchResult(
        source=f"{places.civitai}/models/{each.get('id')}?modelVersionId={version.get('id')}",
        title=civitai.title_of(each, version),
        kind=civitai.kind_of(each),
        family=civitai.family_of(str(version.get("baseModel") or "")),
        licence=civitai.licence_of(each),
        downloads=stats.get("downloadCount"),
        bytes=round(size * 1024) if isinstance(size, int | float) else None,
        preview_url=civitai.preview_of(version),
        triggers=civitai.triggers_of(version),
    )


def _list(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    each = cast("list[object]", value)
    return [cast("dict[str, Any]", one) for one in each if isinstance(one, dict)]
