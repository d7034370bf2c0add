"""What a source has: its plan, and what is shown of it before anything is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.additions.fit import Fit
from jobs.additions.found import KINDS, SECTIONS, Found, FoundFile, Kind
from jobs.request.model_card import name_from
from jobs.sentences import say, wording_of
from worker.models.adding.elsewhere.civitai import plan_from_civitai
from worker.models.adding.elsewhere.hub import plan_from_hub
from worker.models.adding.elsewhere.measure import measured
from worker.models.adding.elsewhere.remote import Places, start_of
from worker.models.adding.elsewhere.sources import (
    FromCivitai,
    FromHub,
    FromLink,
    FromUpload,
    read_source,
    shown,
)
from worker.models.adding.examine import MOST, Examined, Read, examine, laid_out
from worker.models.adding.place import Place
from worker.models.adding.plan import (
    NotAddable,
    Plan,
    PlannedFile,
    Said,
    refuse_pickle,
    safe_name,
)
from worker.models.catalogue import NAME
from worker.models.inventory.fitting import Machine, Weights, fit

FIRST = 64 * 1024
"""Bytes that are asked for first: the header of a LoRA, and how long that of a model is."""


@dataclass(frozen=True)
class SentFile:
    """A file that a client sends: how it is named, how much of it is here, and its beginning."""

    filename: str
    length: int
    offset: int
    sha256: str | None
    read: Read


Sent = Callable[[str], SentFile | None]
"""Finds a file that a client sends by its id."""


def look_up(
    text: str,
    place: Place,
    places: Places,
    sent: Sent,
    *,
    kind: Kind | None = None,
    name: str | None = None,
    to_add: bool = False,
    machine: Machine | None = None,
) -> tuple[Plan, Found]:
    """What a source has. `kind` is what somebody takes it for, `name` how it is to be called.

    Of an upload its header is enough, unless it is `to_add`. Whether a model fits is said of the
    `machine`. Raises NotAddable where there is
    nothing that could be added.
    """
    if name is not None and not NAME.fullmatch(name):
        raise NotAddable("a name is up to 64 of a-z, 0-9, dot, dash and underscore")
    source = read_source(text, hub=places.hub, civitai=places.civitai)
    match source:
        case FromHub():
            plan = plan_from_hub(source, places)
        case FromCivitai():
            plan = plan_from_civitai(source, places)
        case FromLink():
            plan = _plan_of_link(source, places)
        case FromUpload():
            plan = _plan_of_upload(source, sent, to_add=to_add)
    reason: str | None = None
    weights: Weights | None = None
    if not plan.folder:
        plan, weights, reason = _examined(plan, place, places, sent, kind)
    elif machine is not None:
        weights = measured(plan, places)
    if kind is not None and plan.section not in (None, SECTIONS[kind]):
        reason = reason or say(
            "other-kind",
            "it is a {kind}, not a {wanted}",
            kind=KINDS[str(plan.section)],
            wanted=kind,
        )
    if name is not None:
        plan = plan.model_copy(update={"name": name})
    free = place.free
    if reason is None and plan.total is not None and plan.total > free:
        reason = say(
            "too-large",
            "it has {bytes} bytes, and {free} are free on the disk",
            bytes=plan.total,
            free=free,
        )
    fitting = None if machine is None or weights is None else fit(weights, machine)
    return plan, _found(plan, free, reason, fitting)


def _found(plan: Plan, free: int, reason: str | None, fitting: Fit | None) -> Found:
    return Found(
        source=shown(plan.source),
        name=plan.name,
        title=plan.said.title or plan.name,
        kind=KINDS[plan.section] if plan.section else None,
        family=plan.family,
        licence=plan.said.licence,
        description=plan.said.description,
        triggers=plan.said.triggers,
        bytes=plan.total,
        free_bytes=free,
        files=[
            FoundFile(name=each.name, bytes=each.bytes, sha256=each.sha256) for each in plan.files
        ],
        preview_url=plan.preview,
        usable=reason is None,
        reason=reason,
        wording=wording_of(reason),
        fit=fitting,
    )


def _plan_of_link(source: FromLink, places: Places) -> Plan:
    _, total, sent_as = start_of(source.url, places, 1)
    name = sent_as or "model.safetensors"
    refuse_pickle(name)
    named = name_from(name.removesuffix(".safetensors")) or "model"
    file = PlannedFile(name=f"{named}.safetensors", url=source.url, bytes=total)
    return Plan(source=source.url, name=named, files=[file])


def _plan_of_upload(source: FromUpload, sent: Sent, *, to_add: bool) -> Plan:
    file = sent(source.id)
    if file is None:
        raise NotAddable(say("no-upload", "there is no upload {id!r}", id=source.id[:64]))
    if file.offset < (file.length if to_add else min(file.length, _header_end(file))):
        raise NotAddable(
            say(
                "upload-not-whole",
                "of that upload {here} of {bytes} bytes are here",
                here=file.offset,
                bytes=file.length,
            )
        )
    refuse_pickle(file.filename)
    named = name_from(file.filename.removesuffix(".safetensors")) or "model"
    planned = PlannedFile(
        name=f"{named}.safetensors", url="", bytes=file.length, sha256=file.sha256
    )
    return Plan(source=f"upload:{source.id}", name=named, files=[planned], upload=source.id)


def _header_end(file: SentFile) -> int:
    """How many of a file's bytes say what it is; what is no header shows in its first bytes."""
    start = file.read(8)
    length = int.from_bytes(start, "little")
    return 9 if len(start) == 8 and length > min(MOST, file.length) else 8 + length


def _examined(
    plan: Plan, place: Place, places: Places, sent: Sent, kind: Kind | None
) -> tuple[Plan, Weights | None, str | None]:
    """The plan of one file with what its header says, and its weights where it is a model; or why
    it cannot be used."""
    [file] = plan.files
    safe_name(file.name)
    read, size = _reader(plan, file, places, sent)
    if size is None:
        raise NotAddable(
            say("no-length", "it does not say how many bytes it has, so it cannot be looked at")
        )
    plan = plan.model_copy(update={"files": [file.model_copy(update={"bytes": size})]})
    with laid_out(place.peeks, file.name, size, read) as laid:
        try:
            seen = examine(laid, _hint(plan, kind))
        except NotAddable as error:
            return plan, None, str(error)
    return _with(plan, seen), seen.weights, None


def _with(plan: Plan, seen: Examined) -> Plan:
    said = plan.said
    both = Said(
        title=said.title or seen.said.title,
        description=said.description or seen.said.description,
        licence=said.licence or seen.said.licence,
        triggers=said.triggers or seen.said.triggers,
    )
    return plan.model_copy(
        update={"section": seen.section, "family": seen.family or plan.family, "said": both}
    )


def _hint(plan: Plan, kind: Kind | None) -> str:
    """The networks that enlarge are known by who says so."""
    is_upscaler = kind == "upscaler" or plan.section == "upscalers"
    return "upscalers" if is_upscaler else ""


def _reader(plan: Plan, file: PlannedFile, places: Places, sent: Sent) -> tuple[Read, int | None]:
    if plan.upload is not None:
        uploaded = sent(plan.upload)
        if uploaded is None:
            raise NotAddable("its upload is gone")
        return uploaded.read, uploaded.length
    start, total, _ = start_of(file.url, places, FIRST)

    def read(size: int) -> bytes:
        nonlocal start
        if size > len(start) and (total is None or len(start) < total):
            start, _, _ = start_of(file.url, places, size)
        return start[:size]

    return read, file.bytes if total is None else total
