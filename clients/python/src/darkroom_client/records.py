"""What the server says: jobs, pictures, models, and the events of a job."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from darkroom_client.formats import file_format
from darkroom_client.wording import Wording, wording_of

Json = dict[str, Any]

State = Literal["queued", "running", "succeeded", "failed", "canceled"]
ENDED: frozenset[State] = frozenset(("succeeded", "failed", "canceled"))


@dataclass(frozen=True)
class Safety:
    """What the server's safety classifier found in a picture, and what was done about it."""

    label: str
    score: float
    action: Literal["mark", "blur", "refuse"]


@dataclass(frozen=True)
class Picture:
    """One picture of a job. `url`, a path on the server, opens it for a while without a token."""

    id: str
    width: int
    height: int
    seed: int
    content_type: str
    safety: Safety | None
    url: str
    strangers: tuple[str, ...] = field(default=(), kw_only=True)
    """Words of the prompt that the model was never taught."""


@dataclass(frozen=True)
class LoadedPicture(Picture):
    """A picture with its bytes: a PNG that carries its own recipe."""

    data: bytes

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file; returns the file's path.

        Raises ValueError for the name of another format than PNG: `Darkroom.save` asks the
        server for it.
        """
        path = Path(path)
        if file_format(path) != "png":
            raise ValueError(f"{path}: these bytes are a PNG. Darkroom.save brings a JPEG or WebP.")
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True)
class File:
    """A file that shows all pictures of a walk: its `strip` or its `animation`."""

    name: str
    id: str
    content_type: str
    url: str


@dataclass(frozen=True)
class Error:
    """Why a job failed: a code for programs and a sentence for people."""

    code: str
    detail: str
    wording: Wording | None = None


@dataclass(frozen=True)
class Note:
    """What is done otherwise than asked: the field, as a JSON pointer, and what instead."""

    pointer: str
    detail: str
    wording: Wording | None = None


@dataclass(frozen=True)
class Status:
    """The job is `queued` or `running` now."""

    job: str
    status: State
    id: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a job is, over all its pictures."""

    job: str
    step: int
    steps: int
    fraction: float
    stage: Literal["loading", "encoding", "denoising", "decoding"] | None = None
    detail: str | None = None
    id: str = ""


@dataclass(frozen=True)
class Preview:
    """What picture `index` of the job looks like by now: a small JPEG."""

    job: str
    index: int
    image: bytes
    id: str = ""


@dataclass(frozen=True)
class Output:
    """One picture of the job can be had."""

    job: str
    picture: Picture
    id: str = ""


@dataclass(frozen=True)
class Done:
    """The job ended. `result` is the whole job; None if it was deleted."""

    job: str
    status: State
    error: Error | None
    result: Job | None
    id: str = ""


Event = Status | Progress | Preview | Output | Done
"""What happens to a job. Its `id` says where to go on: `events(after=event.id)`."""


@dataclass(frozen=True)
class Job:
    """A job as it was when it was asked for.

    `input` is the request with every choice made: `submit(**job.input)` makes the same pictures.
    """

    id: str
    owner: str
    kind: str
    status: State
    queue_position: int | None
    eta_s: float | None
    progress: Progress | None
    attempts: int
    input: Json
    outputs: tuple[Picture, ...]
    error: Error | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    notes: tuple[Note, ...] = ()
    width: int = 0
    height: int = 0
    """Of each picture that it makes."""
    files: tuple[File, ...] = ()
    """Of a walk: what shows all of its pictures."""

    @property
    def ended(self) -> bool:
        """Whether it succeeded, failed or was canceled."""
        return self.status in ENDED


@dataclass(frozen=True)
class AddOn:
    """Something that can be added to a model, and the words that a prompt should have with it."""

    name: str
    title: str
    description: str
    triggers: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """A model, its defaults, what fits it, and how soon it can begin."""

    name: str
    title: str
    description: str
    default: bool
    family: str
    licence: str
    kinds: tuple[str, ...]
    width: int
    height: int
    factor: int
    steps: int
    guidance_scale: float
    sampler: str
    schedule: str
    samplers: tuple[str, ...]
    loras: tuple[AddOn, ...]
    embeddings: tuple[AddOn, ...]
    controlnets: tuple[AddOn, ...]
    upscalers: tuple[AddOn, ...]
    live: bool
    state: Literal["warm", "loading", "cold"]
    loaded: float
    edit_pictures: int = 0
    """How many pictures an edit may be given; 0 where it does none."""


def strangers(job: Job) -> str | None:
    """What of a job's prompts its model was never taught, in a sentence; None where it was all."""
    words = dict.fromkeys(word for picture in job.outputs for word in picture.strangers)
    return f"{job.input['model']} was never taught: {', '.join(words)}." if words else None


def picture(data: Json) -> Picture:
    """A picture of an answer."""
    found = data["safety"]
    safety = Safety(found["label"], found["score"], found["action"]) if found else None
    values: Json = {name: data[name] for name in Picture.__dataclass_fields__ if name in data}
    values |= {"safety": safety, "strangers": tuple(data.get("strangers", ()))}
    return Picture(**values)


def file(data: Json) -> File:
    """A file of an answer."""
    return File(**{name: data[name] for name in File.__dataclass_fields__})


def job(data: Json) -> Job:
    """A job of an answer."""
    # A server of before there were notes, walks or sizes sends none.
    later = ("notes", "files", "width", "height")
    values: Json = {name: data[name] for name in Job.__dataclass_fields__ if name not in later}
    values |= {name: data[name] for name in ("width", "height") if name in data}
    values["notes"] = tuple(
        Note(each["pointer"], each["detail"], wording_of(each)) for each in data.get("notes", [])
    )
    values["files"] = tuple(map(file, data.get("files", [])))
    values["progress"] = data["progress"] and progress(data["id"], data["progress"])
    values["outputs"] = tuple(map(picture, data["outputs"]))
    values["error"] = error(data["error"])
    for name in ("created_at", "started_at", "finished_at"):
        values[name] = _time(data[name])
    return Job(**values)


def error(data: Json | None) -> Error | None:
    """Why a job failed, if it did."""
    return Error(data["code"], data["detail"], wording_of(data)) if data else None


def progress(job_id: str, data: Json, event_id: str = "") -> Progress:
    """How far a job is."""
    known = ("step", "steps", "fraction", "stage", "detail")
    return Progress(job_id, **{name: data[name] for name in known if name in data}, id=event_id)


def model(data: Json) -> Model:
    """A model of an answer."""
    # A server of before there were edits says nothing of them.
    values: Json = {name: data[name] for name in Model.__dataclass_fields__ if name in data}
    for name in ("kinds", "samplers"):
        values[name] = tuple(data[name])
    for name in ("loras", "embeddings", "controlnets", "upscalers"):
        values[name] = tuple(map(_add_on, data[name]))
    return Model(**values)


def event(name: str, data: Json, event_id: str) -> Event | None:
    """An event of a stream; None for a kind that a newer server may send."""
    read = _EVENTS.get(name)
    return read(data, event_id) if read else None


def _done(data: Json, event_id: str) -> Done:
    result = job(data["result"]) if data["result"] else None
    return Done(data["job"], data["status"], error(data["error"]), result, event_id)


_EVENTS: dict[str, Callable[[Json, str], Event]] = {
    "status": lambda data, at: Status(data["job"], data["status"], at),
    "progress": lambda data, at: progress(data["job"], data["progress"], at),
    "preview": lambda data, at: Preview(data["job"], data["index"], _bytes(data["image"]), at),
    "output": lambda data, at: Output(data["job"], picture(data["output"]), at),
    "done": _done,
}


def _add_on(data: Json) -> AddOn:
    return AddOn(data["name"], data["title"], data["description"], tuple(data["triggers"]))


def _bytes(uri: str) -> bytes:
    """What a data URI (RFC 2397) holds."""
    head, _, payload = uri.partition(",")
    return base64.b64decode(payload) if head.endswith(";base64") else unquote_to_bytes(payload)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
