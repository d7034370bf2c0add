"""Jobs and pictures that a request names, as far as they are for its caller to see."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from jobs.logs import note_job
from jobs.pictures.image_store import job_of
from jobs.records.record import JobRecord, read
from jobs.request.pictures import named_pictures
from jobs.sentences import say
from server.door.auth import caller
from server.errors import ApiError
from server.resources import resources


class JobPath(BaseModel):
    """A job in the path."""

    job_id: str = Field(description="Id of the job.")


def find_job(job_id: str) -> JobRecord:
    """The job of this id. Raises a 404 where there is none for the caller to see."""
    record = _seen(job_id)
    if record is None:
        raise no_such_job(job_id)
    note_job(record.id)
    return record


def no_such_job(job_id: str) -> ApiError:
    """The caller gets 404: there is no such job, or it is somebody else's."""
    detail = say("no-job", "there is no job {id}", id=repr(job_id[:64]))
    return ApiError(404, "not-found", detail)


def is_of_own_job(image: str) -> bool:
    """Whether this is an id of a job's pictures, and the job is for the caller to see."""
    job_id = job_of(image)
    return job_id is not None and _seen(job_id) is not None


def is_own_picture(image: str) -> bool:
    """Whether the caller may see the picture of this id: a job has made it, or started from it."""
    return not strangers([image])


def strangers(images: Sequence[str]) -> list[str]:
    """Those of these ids that are of no picture that the caller may see; each job is read once."""
    own = {job: _pictures_of(job) for job in {job_of(image) for image in images}}
    return [image for image in images if image not in own[job_of(image)]]


def _pictures_of(job_id: str | None) -> set[str]:
    job = _seen(job_id) if job_id else None
    if job is None:
        return set()
    return {output.id for output in job.outputs} | {*named_pictures(job.request).values()}


def _seen(job_id: str) -> JobRecord | None:
    record = read(resources().redis, job_id)
    return record if record is not None and caller().sees(record.owner) else None
