"""What the hub has: a repository's files, its licence, and which of them would be fetched."""

from __future__ import annotations

import fnmatch
import re
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import quote

import huggingface_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from jobs.request.model_card import name_from
from jobs.sentences import say
from worker.models.adding.elsewhere.remote import Places, json_from
from worker.models.adding.elsewhere.sources import FromHub
from worker.models.adding.plan import NotAddable, Plan, PlannedFile, Said, safe_name
from worker.models.files.add_ons import FAMILIES_BY_TEXT
from worker.models.files.formats.layout import UNUSED, weighty_parts
from worker.models.files.formats.layout import wanted_files as wanted_of_model
from worker.models.files.formats.places import Patterns
from worker.models.folders.kinds import PARTS
from worker.models.tables import PICKLED

PATIENCE = 15.0
"""Seconds that the hub may take to answer."""

BASES = (("xl", "sdxl"), ("stable-diffusion-2", "sd2"), ("stable-diffusion", "sd1"))
"""What of the name of the model that a LoRA was trained on says its family."""


def plan_from_hub(source: FromHub, places: Places) -> Plan:
    """What a repository has that can be added. Raises NotAddable."""
    info = _info(source, places)
    siblings = cast("list[Any]", info.siblings or [])
    files: dict[str, Any] = {str(each.rfilename): each for each in siblings}
    commit = str(info.sha or source.revision or "main")
    repository = _Repository(places.hub, source.hub_id, commit, files)
    said = _said(info)
    told = f"{source.hub_id}@{source.revision}" if source.revision else source.hub_id
    common: dict[str, Any] = {"said": said, "preview": repository.preview()}
    family = family_of(list(info.tags or []))
    if source.file:
        return _one_file(repository, source.file, f"{told}/{source.file}", common, family)
    if "model_index.json" in files:
        return _pipeline(repository, told, common, places)
    if "config.json" in files and any(_is_part(name) for name in files):
        return _part(repository, told, common, places)
    weights = [name for name in files if name.endswith(".safetensors") and "/" not in name]
    if len(weights) == 1:
        return _one_file(repository, weights[0], told, common, family)
    if weights:
        names = ", ".join(sorted(weights)[:8])
        raise NotAddable(
            say(
                "several-files",
                "{id} has several files of weights; name one, such as {one}. It has {names}",
                id=source.hub_id,
                one=f"{source.hub_id}/{sorted(weights)[0]}",
                names=names,
            )
        )
    if any(name.endswith(PICKLED) for name in files):
        raise NotAddable(
            say(
                "pickles-only",
                "{id} has pickled weights only, which can run any code when they are opened;"
                " Darkroom loads .safetensors only",
                id=source.hub_id,
            )
        )
    raise NotAddable(say("no-weights", "{id} has no .safetensors weights", id=source.hub_id))


def family_of(tags: list[str]) -> str:
    """The family by the base model that a repository's tags name; empty where they do not."""
    for tag in tags:
        base = tag.rpartition(":")[2].lower() if tag.startswith("base_model:") else ""
        for part, family in BASES:
            if part in base:
                return family
    return ""


class _Repository:
    """A repository's files, and where each is."""

    def __init__(self, hub: str, hub_id: str, commit: str, files: dict[str, Any]) -> None:
        self.hub_id = hub_id
        self._at = f"{hub}/{hub_id}/resolve/{quote(commit, safe='')}"
        self._files = files

    def url(self, name: str) -> str:
        return f"{self._at}/{quote(name)}"

    def planned(self, name: str, under: str | None = None) -> PlannedFile:
        file = self._files[name]
        lfs: Any = getattr(file, "lfs", None)
        sha256 = getattr(lfs, "sha256", None) if lfs else None
        return PlannedFile(
            name=safe_name(under or name), url=self.url(name), bytes=file.size, sha256=sha256
        )

    def chosen(self, wanted: Patterns) -> list[PlannedFile]:
        return [
            self.planned(name)
            for name in sorted(self._files)
            if _matches(name, wanted.allow) and not _matches(name, wanted.ignore)
        ]

    def names(self) -> list[str]:
        return sorted(self._files)

    def has(self, name: str) -> bool:
        return name in self._files

    def preview(self) -> str | None:
        pictures = [n for n in self.names() if n.lower().endswith((".png", ".jpg", ".webp"))]
        return self.url(pictures[0]) if pictures else None


def _info(source: FromHub, places: Places) -> Any:
    if not places.switched_on:
        raise NotAddable(
            say("switched-off", "adding from elsewhere is switched off on this server"), away=True
        )
    try:
        return (
            cast(Any, huggingface_hub)
            .HfApi(endpoint=places.hub)
            .model_info(
                source.hub_id, revision=source.revision, files_metadata=True, timeout=PATIENCE
            )
        )
    except GatedRepoError:
        raise NotAddable(
            say(
                "hub-terms",
                "{id} is shown only to those who accepted its terms: accept them on the hub, and"
                " put an access token into HF_TOKEN",
                id=source.hub_id,
            )
        ) from None
    except RevisionNotFoundError:
        raise NotAddable(f"{source.hub_id} has no revision {source.revision}") from None
    except RepositoryNotFoundError:
        raise NotAddable(
            say("not-on-hub", "the hub has no {id}, or HF_TOKEN may not see it", id=source.hub_id)
        ) from None
    except OfflineModeIsEnabled:
        raise NotAddable(
            say("hub-offline", "HF_HUB_OFFLINE keeps this server from the hub"), away=True
        ) from None
    except HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", "an error")
        raise NotAddable(
            say("answers", "{host} answers {status}", host="the hub", status=str(status)),
            away=True,
        ) from None
    # Whatever else its HTTP client raises: no name, no route, no answer.
    except Exception as error:
        kind = type(error).__name__
        raise NotAddable(
            say("hub-unreachable", "the hub cannot be reached ({why})", why=kind), away=True
        ) from None


def _pipeline(repository: _Repository, told: str, common: dict[str, Any], places: Places) -> Plan:
    index, _ = json_from(repository.url("model_index.json"), places)
    if not isinstance(index, dict):
        raise NotAddable("its model_index.json is not a JSON object")
    parts = weighty_parts(cast("dict[str, Any]", index))
    variant = None if _has_plain(repository, parts) else _variant(repository, parts)
    files = repository.chosen(wanted_of_model(variant, weights=True))
    files = [each for each in files if each.name.split("/")[0] not in UNUSED]
    weights = [each for each in files if each.name.endswith(".safetensors")]
    missing = sorted(set(parts) - {each.name.split("/")[0] for each in weights})
    if missing:
        pickles = any(name.endswith(PICKLED) for name in repository.names())
        why = ": it is shared as pickles, which can run any code when opened" if pickles else ""
        raise NotAddable(f"it has no .safetensors weights of {', '.join(missing)}{why}")
    return Plan(
        source=told,
        name=_name(repository.hub_id),
        files=files,
        section="models",
        folder=True,
        family=_pipeline_family(cast("dict[str, Any]", index)),
        **common,
    )


def _part(repository: _Repository, told: str, common: dict[str, Any], places: Places) -> Plan:
    said, _ = json_from(repository.url("config.json"), places)
    config = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    kind = str(config.get("_class_name"))
    if kind not in PARTS:
        raise NotAddable(f"it is a {kind}, which is nothing that is offered")
    plain = [n for n in repository.names() if _is_part(n) and n.count(".") == 1]
    files = plain or [n for n in repository.names() if n.endswith(".fp16.safetensors")]
    if not files:
        raise NotAddable("it has no .safetensors weights")
    names = ["config.json", *files, *(["README.md"] if repository.has("README.md") else [])]
    width: object = config.get("cross_attention_dim")
    family = FAMILIES_BY_TEXT.get(width, "") if isinstance(width, int) else ""
    return Plan(
        source=told,
        name=_name(repository.hub_id),
        files=[repository.planned(name) for name in names],
        section=PARTS[kind],
        folder=True,
        family=family,
        **common,
    )


def _one_file(
    repository: _Repository, name: str, told: str, common: dict[str, Any], family: str
) -> Plan:
    if not repository.has(name):
        raise NotAddable(f"{repository.hub_id} has no file {name[:100]}")
    if not name.endswith(".safetensors"):
        raise NotAddable(f"{name[:100]} is no .safetensors file, and Darkroom loads no other")
    stem = PurePosixPath(name).stem
    unsaid = {"pytorch_lora_weights", "model", "lora", "learned_embeds"}
    shared = stem.startswith("diffusion_pytorch_model") or stem in unsaid
    named = _name(repository.hub_id) if shared else name_from(stem) or _name(repository.hub_id)
    file = repository.planned(name, under=f"{named}.safetensors")
    return Plan(source=told, name=named, files=[file], family=family, **common)


def _said(info: Any) -> Said:
    data: Any = getattr(info, "card_data", None)
    said: dict[str, Any] = data.to_dict() if data is not None else {}
    licence: object = said.get("license")
    if licence == "other":
        licence = said.get("license_name") or licence
    if not licence:
        tags = [str(tag) for tag in cast("list[object]", info.tags or [])]
        licence = next((t.partition(":")[2] for t in tags if t.startswith("license:")), "")
    prompt = said.get("instance_prompt")
    words = [each.strip() for each in prompt.split(",")] if isinstance(prompt, str) else []
    return Said(
        title=str(info.id).rpartition("/")[2].replace("-", " ").replace("_", " ")[:200],
        licence=_joined(licence)[:200],
        triggers=[word[:100] for word in words if word and word != "null"][:8],
    )


def _joined(licence: object) -> str:
    if isinstance(licence, list):
        return ", ".join(map(str, cast("list[object]", licence)))
    return str(licence)


def _pipeline_family(index: dict[str, Any]) -> str:
    name = str(index.get("_class_name", ""))
    if name.startswith("StableDiffusionXL"):
        return "sdxl"
    return "" if name.startswith("StableDiffusion") else name


def _has_plain(repository: _Repository, parts: list[str]) -> bool:
    return any(
        re.fullmatch(rf"{re.escape(part)}/[^./]+\.safetensors", name)
        for name in repository.names()
        for part in parts
    )


def _variant(repository: _Repository, parts: list[str]) -> str | None:
    names = repository.names()
    return "fp16" if any(".fp16" in n for n in names if n.split("/")[0] in parts) else None


def _is_part(name: str) -> bool:
    return bool(re.fullmatch(r"diffusion_pytorch_model[^/]*\.safetensors", name))


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _name(hub_id: str) -> str:
    return name_from(hub_id.rpartition("/")[2]) or "model"
