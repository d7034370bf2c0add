"""Jobs, pictures, events and devices as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from flask import request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from jobs.devices import Device, Kind, Role
from jobs.lists.looks import Looks
from jobs.lists.standing import Standing
from jobs.pictures import walks
from jobs.records.events import (
    ENDED,
    DoneEvent,
    Error,
    LastingEvent,
    Output,
    OutputEvent,
    Progress,
    Status,
    StatusEvent,
)
from jobs.records.record import JobRecord
from jobs.request.fields.trace import wish
from jobs.request.notes import Note
from jobs.request.pictures import named_pictures
from jobs.request.request import GenerationRequest, ResolvedRequest
from jobs.settings import settings
from server.door.signing import Signer, current_signer
from server.looks import current_looks
from server.openapi import PREFIX


class OutputView(Output):
    """One picture of a job and where to get it."""

    url: str = Field(description="Signed, so that it can be shown without a header for a while.")
    own: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="Of a walk: the fields that this picture has otherwise than `input`, which "
        "with these, the kind `text-to-image` and no `walk` makes it again alone.",
    )


class OutputEventView(BaseModel):
    """One picture of the job is in the store, and where to get it."""

    job: str
    event: Literal["output"] = "output"
    output: OutputView


class InputView(BaseModel):
    """One picture that a job starts from and where to get it."""

    pointer: str = Field(description="The field of `input` that names it, as a JSON pointer.")
    id: str
    url: str = Field(description="Signed, as those of the outputs are.")


class TracedView(BaseModel):
    """What was kept of one picture's steps."""

    index: int = Field(description="Which picture of the job, from 0.")
    image: str = Field(description="The id of the picture.")
    url: str = Field(description="Where it is.")


class FileView(BaseModel):
    """A file that shows all pictures of a job."""

    name: walks.Name = Field(
        description="`strip`: side by side; `animation`: one after another, at most 512 pixels "
        "wide and high."
    )
    id: str
    content_type: str
    url: str = Field(description="Signed, as those of the outputs are.")


class Urls(BaseModel):
    """Where to go on from a job."""

    model_config = ConfigDict(serialize_by_alias=True)

    itself: str = Field(alias="self")
    events: str
    cancel: str


class JobView(BaseModel):
    """A job as callers see it."""

    id: str
    owner: str = Field(description="Whose it is: the machine's own are `local`.")
    kind: str
    status: Status
    queue_position: int | None = Field(
        description="Jobs that go before this one, callers taking turns; null if it does not wait."
    )
    eta_s: float | None = Field(
        description="Seconds until it should be done, as measured; null where nothing was measured."
    )
    progress: Progress | None = Field(description="How far a running job is.")
    attempts: int = Field(description="How often a worker has begun it.")
    input: ResolvedRequest = Field(
        description="The request with every choice made; sent again it makes the same pictures."
    )
    pictures: list[InputView] = Field(description="The pictures that it starts from.")
    width: int = Field(
        description="Of each picture that it makes: of what is drawn of a part (`input.width`) and "
        "laid back into a picture that of the whole."
    )
    height: int = Field(description="As `width`.")
    outputs: list[OutputView] = Field(
        description="The pictures that are stored. A job that was canceled, or failed, keeps those "
        "it had; one that was refused has none."
    )
    traces: list[TracedView] = Field(
        description="What was kept of the steps of its pictures, where that was asked for."
    )
    files: list[FileView] = Field(
        description="Of a walk that has all its pictures: what shows them together."
    )
    error: Error | None = Field(description="Why it failed.")
    notes: list[Note] = Field(
        description="What is done otherwise than asked, such as a sampler's nearest schedule."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    urls: Urls


class DoneEventView(DoneEvent):
    """The job ended; nothing follows."""

    result: JobView | None = Field(description="The whole job; null if it was deleted since.")


class JobList(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobView]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page.")


class DeviceView(BaseModel):
    """A device that may come in."""

    id: str
    name: str
    role: Role
    owner: str = Field(description="Whose jobs and pictures it sees; its own id if it is alone.")
    kind: Kind = Field(
        description="How it came in: a `token` made by hand, an app that was `paired`, a `browser`."
    )
    created_at: datetime
    last_seen: datetime | None = Field(description="To the minute; null if never.")


class Views:
    """Shows records: with signed URLs, and the place in the queue of what waits."""

    def __init__(self, looks: Looks, signer: Signer) -> None:
        self._looks = looks
        self._signer = signer

    def jobs(self, records: Sequence[JobRecord]) -> list[JobView]:
        """Jobs as `job` shows them, by one look at the queue."""
        unended = [record for record in records if record.status not in ENDED]
        stands = self._looks.now(unended) if unended else None
        return [self._job(record, stands) for record in records]

    def job(self, record: JobRecord, *, placed: bool = True) -> JobView:
        """A job with the URLs of its pictures, and its place in the queue if `placed`."""
        return self.jobs([record])[0] if placed else self._job(record, None)

    def _job(self, record: JobRecord, stands: Standing | None) -> JobView:
        url = job_url(record.id)
        return JobView(
            id=record.id,
            owner=record.owner,
            kind=record.request.kind,
            status=record.status,
            queue_position=stands.position(record) if stands else None,
            eta_s=stands.eta(record) if stands else None,
            progress=record.progress,
            attempts=record.attempts,
            input=record.request,
            pictures=self.inputs(record.request),
            width=record.extent.width,
            height=record.extent.height,
            outputs=[self.output(output, record) for output in record.outputs],
            traces=self._traces(record),
            files=self._files(record),
            error=record.error,
            notes=record.notes,
            created_at=record.created_at,
            started_at=record.started_at,
            finished_at=record.ended_at,
            urls=Urls(self=url, events=f"{url}/events", cancel=f"{url}/cancel"),
        )

    def inputs(self, request: GenerationRequest | ResolvedRequest) -> list[InputView]:
        """The pictures that a request names by their ids, with their signed URLs."""
        return [
            InputView(pointer=pointer, id=image, url=self.image_url(image))
            for pointer, image in named_pictures(request).items()
        ]

    def _traces(self, record: JobRecord) -> list[TracedView]:
        if wish(record.request.trace) is None:
            return []
        numbers = [(int(each.id.rpartition("-")[2]), each.id) for each in record.outputs]
        return [
            TracedView(index=number, image=image, url=f"{job_url(record.id)}/traces/{number}")
            for number, image in numbers
        ]

    def _files(self, record: JobRecord) -> list[FileView]:
        whole = record.status == "succeeded" and len(record.outputs) == record.request.count
        return [
            FileView(name=name, id=file, content_type=content_type, url=self.image_url(file))
            for name, content_type in walks.TYPES.items()
            if whole and record.request.walk is not None
            for file in [walks.file_id(record.id, name)]
        ]

    def output(self, output: Output, record: JobRecord | None = None) -> OutputView:
        """A picture with its signed URL, and where its job is known, what is its own."""
        own = record.request.own(int(output.id.rpartition("-")[2])) if record else {}
        return OutputView.model_construct(**dict(output), url=self.image_url(output.id), own=own)

    def event(
        self, event: LastingEvent, record: JobRecord | None
    ) -> StatusEvent | OutputEventView | DoneEventView:
        """What a client is told: an output has its URL, the end has the whole job."""
        if isinstance(event, OutputEvent):
            return OutputEventView(job=event.job, output=self.output(event.output, record))
        if not isinstance(event, DoneEvent):
            return event
        if record is None:
            return DoneEventView(**event.model_dump(), result=None)
        shown = self.job(record)
        return DoneEventView(job=shown.id, status=shown.status, error=shown.error, result=shown)

    def image_url(self, image: str) -> str:
        """Where a stored file is, signed."""
        return f"{PREFIX}/images/{image}?{self._signer.query(image)}"


def current_views() -> Views:
    """The views of the application that serves this request."""
    return Views(current_looks(), current_signer())


def device_view(device: Device) -> DeviceView:
    """A device as callers see it."""
    return DeviceView(**asdict(device))


def public_base() -> str:
    """Where callers reach the server, without a slash at the end: what a whole URL begins with."""
    return (settings().public_url or request.url_root).rstrip("/")


def job_url(job_id: str) -> str:
    """Where a job is."""
    return f"{PREFIX}/jobs/{job_id}"
