"""What people paste: hub ids, links to the hub and to Civitai, other links, and uploads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from jobs.outbound.fetching import origin_of
from jobs.sentences import say
from worker.models.adding.plan import NotAddable
from worker.models.files.formats.places import is_hub_id

HUB_HOSTS = ("huggingface.co", "hf.co", "www.huggingface.co")
CIVITAI_HOSTS = ("civitai.com", "www.civitai.com", "civitai.green", "civitai.red")


@dataclass(frozen=True)
class FromHub:
    """A repository of the hub, or one file of it."""

    hub_id: str
    revision: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class FromCivitai:
    """A version of a model of Civitai; without one the latest."""

    model: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class FromLink:
    """A file behind any link."""

    url: str


@dataclass(frozen=True)
class FromUpload:
    """A file that a client has sent."""

    id: str


Source = FromHub | FromCivitai | FromLink | FromUpload


def read_source(text: str, *, hub: str, civitai: str) -> Source:
    """What somebody means; `hub` and `civitai` are where these are. Raises NotAddable."""
    text = text.strip()
    if text.startswith("upload:"):
        return FromUpload(text.removeprefix("upload:"))
    if re.match(r"[a-z][a-z0-9+.-]*:", text, re.IGNORECASE):
        return _link(text, hub, civitai)
    return _hub_path(text)


def shown(source: str) -> str:
    """A source without what opens it: a query of a link may be a secret."""
    if not re.match(r"https?://", source, re.IGNORECASE):
        return source[:300]
    parts = urlsplit(source)
    kept = re.search(r"(?:^|&)(modelVersionId=\d+)(?:&|$)", parts.query)
    query = f"?{kept[1]}" if kept else ""
    host = (parts.netloc.rpartition("@")[2])[:200]
    return f"{parts.scheme}://{host}{parts.path}{query}"[:500]


def _link(text: str, hub: str, civitai: str) -> Source:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").lower()
    except ValueError as error:
        raise NotAddable(f"it is not a URL: {error}") from None
    if host in HUB_HOSTS or origin_of(text) == origin_of(hub):
        return _hub_link(unquote(parts.path), text)
    if host in CIVITAI_HOSTS or origin_of(text) == origin_of(civitai):
        return _civitai_link(parts.path, parts.query, text)
    if parts.scheme not in ("http", "https"):
        raise NotAddable(say("not-https", "a link must begin with https://"))
    return FromLink(text)


def _hub_link(path: str, text: str) -> Source:
    parts = [each for each in path.split("/") if each]
    if len(parts) < 2 or parts[0] in ("datasets", "spaces", "api"):
        raise NotAddable(say("no-hub-model", "{link} is no model of the hub", link=shown(text)))
    hub_id, rest = "/".join(parts[:2]), parts[2:]
    if not is_hub_id(hub_id):
        raise NotAddable(f"{hub_id[:80]} is no hub id such as stabilityai/sd-turbo")
    if len(rest) >= 2 and rest[0] in ("tree", "blob", "resolve"):
        return FromHub(hub_id, rest[1], "/".join(rest[2:]) or None)
    return FromHub(hub_id)


def _civitai_link(path: str, query: str, text: str) -> Source:
    asked = parse_qs(query)
    version = asked.get("modelVersionId", [""])[0]
    if found := re.match(r"/(?:api/)?(?:v1/)?models/(\d{1,12})(?:/|$)", path):
        return FromCivitai(int(found[1]), int(version) if version.isdigit() else None)
    if found := re.match(r"/api/(?:download/models|v1/model-versions)/(\d{1,12})(?:/|$)", path):
        return FromCivitai(version=int(found[1]))
    raise NotAddable(
        say(
            "no-civitai-page",
            "{link} is no page of a model at Civitai, nor a link to download one",
            link=shown(text),
        )
    )


def _hub_path(text: str) -> Source:
    named, _, revision = text.partition("@")
    parts = named.split("/")
    hub_id = "/".join(parts[:2])
    if len(parts) < 2 or not is_hub_id(hub_id):
        raise NotAddable(
            say(
                "no-source",
                "{text!r} is neither a hub id such as stabilityai/sd-turbo nor a link that begins"
                " with https://",
                text=text[:80],
            )
        )
    return FromHub(hub_id, revision or None, "/".join(parts[2:]) or None)
