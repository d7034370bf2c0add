"""A job as everybody but RQ sees it: read from the RQ job's hash, which is its only copy."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from redis import Redis
from redis.typing import EncodableT, FieldT
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.pictures import traces, walks
from jobs.pictures.image_store import image_id
from jobs.records.events import ENDED, STORING, Error, Output, Progress, Status
from jobs.request.extent import Extent
from jobs.request.fields.trace import wish
from jobs.request.notes import Note
from jobs.request.pictures import named_pictures
from jobs.request.request import ResolvedRequest

STATUSES: dict[str, Status] = {
    "queued": "queued",
    "started": "running",
    "finished": "succeeded",
    "failed": "failed",
    "stopped": "canceled",
    "canceled": "canceled",
}
"""RQ's statuses in the words of the API."""

UNEXPLAINED = Error(code="lost", detail="The job ended without saying why; send it again.")
"""What a failed job says whose failure something other than Darkroom recorded."""


class Field:
    """Names of the fields that Darkroom adds to an RQ job's hash; RQ leaves them alone."""

    ATTEMPTS = "attempts"
    CRASHES = "crashes"
    CANCEL = "cancel"
    PROGRESS = "progress"
    OUTPUTS = "outputs"
    ERROR = "error"
    NOTES = "notes"
    EXTENT = "extent"


@dataclass(frozen=True)
class JobRecord:
    """One job: what was asked, by whom, and how it stands.

    `storing` are the seconds until those of its pictures should be stored that are made."""

    id: str
    owner: str
    lane: str
    status: Status
    request: ResolvedRequest
    attempts: int
    crashes: int
    cancel_requested: bool
    progress: Progress | None
    seconds_per_step: float | None
    storing: float | None
    outputs: list[Output]
    error: Error | None
    notes: list[Note]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    worker: str | None
    extent: Extent

    @property
    def all_made(self) -> bool:
        """Whether it runs and what is left of it is to store its pictures."""
        return (
            self.status == "running"
            and self.progress is not None
            and self.progress.detail == STORING
        )

    def stored_pictures(self) -> list[str]:
        """Ids of all that may be in the image store for this job: it goes with the record."""
        made = [image_id(self.id, index) for index in range(self.request.count)]
        if wish(self.request.trace) is not None:
            made += [each for i in range(self.request.count) for each in traces.all_ids(self.id, i)]
        if self.request.walk is not None:
            made += walks.all_ids(self.id)
        return [*made, *named_pictures(self.request).values()]


def read(connection: Redis, job_id: str) -> JobRecord | None:
    """The job of this id; None where there is none."""
    return _record(job_id, cast("Values", connection.hmget(Job.key_for(job_id), SHOWN)))


def read_many(connection: Redis, job_ids: Sequence[str]) -> list[JobRecord | None]:
    """The jobs of these ids in one round trip, None for each that is gone."""
    with connection.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hmget(Job.key_for(job_id), SHOWN)
        every = cast("list[Values]", pipe.execute())
    return [_record(job_id, values) for job_id, values in zip(job_ids, every, strict=True)]


SHOWN = (
    *("data", "status", "origin", "worker_name", "created_at", "started_at", "ended_at"),
    *(Field.ATTEMPTS, Field.CRASHES, Field.CANCEL, Field.PROGRESS, Field.OUTPUTS, Field.ERROR),
    *(Field.NOTES, Field.EXTENT),
)
"""The fields of the hash that a record is made of."""

Values = Sequence[bytes | None]
"""Of a job, the values of these fields."""

KEPT = 500
"""Records that a process keeps: pages ask for the same ones again and again, most have ended, and
making one of its hash takes most of what a page takes."""

SMALL = 8_000
"""Bytes of a hash; the record of a larger one is made anew each time."""


def get_shown() -> list[str]:
    """What SORT is to GET of each job, for `from_row`."""
    return ["#", *(f"{Job.key_for('*')}->{field}" for field in SHOWN)]


def from_row(row: Sequence[bytes | None]) -> JobRecord | None:
    """The record in what SORT got; None where the job is gone."""
    return _record((row[0] or b"").decode(), row[1:])


def fetch(connection: Redis, job_id: str) -> Job:
    """The RQ job itself. Raises rq.exceptions.NoSuchJobError."""
    return Job.fetch(job_id, connection=connection, serializer=JSONSerializer)


def from_job(job: Job, fields: Mapping[FieldT, EncodableT]) -> JobRecord | None:
    """The record of a job that was just written with these fields."""
    raw = {
        str(key).encode(): value if isinstance(value, bytes) else str(value).encode()
        for key, value in fields.items()
    }
    return from_hash(job.id, raw)


def from_hash(job_id: str, raw: Mapping[bytes, bytes]) -> JobRecord | None:
    """The record in an RQ job's hash; None where it is empty or not one of ours."""
    return _record(job_id, [raw.get(field.encode()) for field in SHOWN])


def _record(job_id: str, values: Values) -> JobRecord | None:
    """The record of these values, the same one for as long as they are the same."""
    small = sum(map(len, filter(None, values))) <= SMALL
    return _kept(job_id, tuple(values)) if small else _made(job_id, values)


@lru_cache(KEPT)
def _kept(job_id: str, values: Values) -> JobRecord | None:
    return _made(job_id, values)


def _made(job_id: str, values: Values) -> JobRecord | None:
    """Read as RQ writes it and without its Job, whose making takes longer than all else."""
    fields = zip(SHOWN, values, strict=True)
    raw = {field.encode(): value for field, value in fields if value is not None}
    if b"data" not in raw:
        return None
    kwargs = _kwargs(raw[b"data"])
    if "request" not in kwargs:
        return None
    status = STATUSES.get(_text(raw, "status"), "queued")
    error = _json(raw, Field.ERROR)
    request = ResolvedRequest.restored(kwargs["request"])
    reported = _json(raw, Field.PROGRESS)
    progress = Progress.model_construct(**reported["progress"]) if reported else None
    if status == "succeeded":
        # The last report is of before the last picture was stored.
        steps = request.all_steps
        progress = Progress(step=steps, steps=steps, fraction=1.0)
    pictures: list[dict[str, Any]] = _json(raw, Field.OUTPUTS) or []
    notes: list[dict[str, Any]] = _json(raw, Field.NOTES) or []
    extent = _json(raw, Field.EXTENT)
    return JobRecord(
        id=job_id,
        owner=str(kwargs["owner"]),
        lane=_text(raw, "origin"),
        status=status,
        request=request,
        attempts=int(raw.get(Field.ATTEMPTS.encode(), 0)),
        crashes=int(raw.get(Field.CRASHES.encode(), 0)),
        cancel_requested=Field.CANCEL.encode() in raw,
        progress=progress,
        seconds_per_step=reported["seconds_per_step"] if reported else None,
        storing=reported.get("storing") if reported else None,
        outputs=[Output.model_validate(each) for each in pictures],
        error=(Error(**error) if error else UNEXPLAINED) if status == "failed" else None,
        notes=[Note.model_validate(each) for each in notes],
        created_at=_time(raw, "created_at") or datetime.now(UTC),
        started_at=_time(raw, "started_at") if status != "queued" else None,
        ended_at=_time(raw, "ended_at") if status in ENDED else None,
        worker=_text(raw, "worker_name") or None,
        extent=Extent.model_construct(**extent) if extent else Extent.of(request, {}),
    )


def _kwargs(data: bytes) -> dict[str, Any]:
    """What RQ calls a job's function with: compressed or, by earlier versions of it, not."""
    with suppress(zlib.error):
        data = zlib.decompress(data)
    *_, kwargs = json.loads(data)
    return kwargs


def _text(raw: Mapping[bytes, bytes], field: str) -> str:
    return raw.get(field.encode(), b"").decode()


def _time(raw: Mapping[bytes, bytes], field: str) -> datetime | None:
    value = _text(raw, field)
    return datetime.fromisoformat(value) if value else None


def _json(raw: Mapping[bytes, bytes], field: str) -> Any:
    value = raw.get(field.encode())
    return json.loads(value) if value else None


def progress_json(
    progress: Progress,
    seconds_per_step: float | None,
    storing: float | None = None,
    *,
    made: int = 0,
    reading: float | None = None,
) -> str:
    """What a worker writes into the PROGRESS field, for `from_hash` to read: `made` are pictures,
    `reading` the seconds until what the job starts from should be read."""
    said = {"progress": progress.model_dump(), "seconds_per_step": seconds_per_step}
    more = {"storing": storing, "made": made, "reading": reading}
    return json.dumps(said | {name: each for name, each in more.items() if each})
