"""Giving files that are all here their place in the folder of models: all at once, or none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jobs.additions.found import KINDS, Kind
from jobs.sentences import say
from worker.models.adding.elsewhere.sources import shown
from worker.models.adding.examine import examine
from worker.models.adding.place import Place
from worker.models.adding.plan import NotAddable, Plan
from worker.models.folders.about import About, about_file, read_about, write_about

FOLDERS = {
    "models": "",
    "loras": "loras",
    "embeddings": "embeddings",
    "controlnets": "controlnets",
    "ip_adapters": "ip_adapters",
    "vaes": "vae",
    "upscalers": "upscalers",
    "face_restorers": "face_restorers",
}
"""Where each kind lies, as people know it."""


def target_of(place: Place, section: str, name: str, *, folder: bool) -> Path:
    """Where something of this kind and name lies."""
    return place.folder / FOLDERS[section] / (name if folder else f"{name}.safetensors")


def is_here(place: Place, addition: str, section: str | None, name: str) -> bool:
    """Whether an addition was given its place by a run that told nobody any more."""
    sections = [section] if section else list(FOLDERS)
    return any(
        read_about(place.folder, each, name).addition == addition
        and any(target_of(place, each, name, folder=f).exists() for f in (True, False))
        for each in sections
    )


def settle(plan: Plan, brought: Path, place: Place, addition: str, kind: Kind | None) -> Kind:
    """Offer what was brought; returns what it is. Raises NotAddable, and removes what is no use."""
    hint = "upscalers" if kind == "upscaler" or plan.section == "upscalers" else ""
    staging = place.staging(addition)
    try:
        section = examine(brought, hint).section
    except NotAddable:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    if kind is not None and KINDS[section] != kind:
        shutil.rmtree(staging, ignore_errors=True)
        raise NotAddable(f"it is a {KINDS[section]}, not a {kind}")
    target = target_of(place, section, plan.name, folder=plan.folder)
    said = {key: value for key, value in plan.said.model_dump().items() if value}
    about = About(said=said, source=shown(plan.source), addition=addition)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            raise FileExistsError(target)
        # First what is said of it, so that it is offered under its own title.
        write_about(place.folder, section, plan.name, about)
        try:
            _move(brought, target)
        except OSError:
            about_file(place.folder, section, plan.name).unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise NotAddable(
            say("lies-there", "{name} lies there already; give it another name", name=target.name)
        ) from None
    except OSError as error:
        raise NotAddable(f"it cannot be written: {error.strerror or error}", away=True) from None
    shutil.rmtree(staging, ignore_errors=True)
    return KINDS[section]


def _move(brought: Path, target: Path) -> None:
    """Raises FileExistsError where something is there."""
    if brought.is_dir():
        # Onto a folder that is not empty none is renamed.
        brought.rename(target)
    else:
        # Unlike a rename it never takes the place of what is there.
        os.link(brought, target)
        brought.unlink()
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
